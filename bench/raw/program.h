// What the C++ programs of the benchmark share: clocks, what a run cost, and the JSON that run.mjs reads.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace bench {

constexpr size_t kBatchBytes = 1'000'000;

inline double NowSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// User and system time of all threads.
inline double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

[[noreturn]] inline void Fail(const std::string& what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

/// Bytes that this process gave to the block layer so far, less those that were dropped again; -1 where nobody tells.
inline long long WrittenBytes() {
  FILE* file = std::fopen("/proc/self/io", "r");
  if (file == nullptr) return -1;
  long long written = -1;
  long long cancelled = 0;
  char line[128];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    std::sscanf(line, "write_bytes: %lld", &written);
    std::sscanf(line, "cancelled_write_bytes: %lld", &cancelled);
  }
  std::fclose(file);
  return written < 0 ? written : written - cancelled;
}

/// The members of a JSON object, in the order they were added.
class Json {
 public:
  void Add(const std::string& key, const std::string& raw) {
    text_ += (text_.empty() ? "\"" : ",\"") + key + "\":" + raw;
  }
  void Add(const std::string& key, double value) { Add(key, Shown(value)); }
  void Add(const std::string& key, size_t value) { Add(key, std::to_string(value)); }
  static std::string Shown(double value) {
    char shown[64];
    std::snprintf(shown, sizeof shown, "%.9g", value);
    return shown;
  }
  std::string text() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

/// Percentiles of `latencies` in microseconds and the curve of harness/statistics.mjs, which has the same shares.
inline void AddDistribution(Json& json, std::vector<double> latencies) {
  constexpr double kShares[] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999};
  std::sort(latencies.begin(), latencies.end());
  const auto at = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(latencies.size()));
    return latencies[rank < 1 ? 0 : static_cast<size_t>(rank) - 1];
  };
  json.Add("p50Us", at(0.5));
  json.Add("p99Us", at(0.99));
  json.Add("p999Us", at(0.999));
  json.Add("maxUs", latencies.back());
  std::string curve;
  for (const double share : kShares) {
    curve += (curve.empty() ? "[" : ",") + ("[" + Json::Shown(share) + "," + Json::Shown(at(share)) + "]");
  }
  json.Add("curve", curve + "]");
}

/// From its making to Print(): one measured stretch of work.
class Measurement {
 public:
  /// Prints `json` with what the stretch and the process cost.
  void Print(Json json) const {
    json.Add("seconds", NowSeconds() - started_);
    json.Add("cpuSeconds", CpuSeconds() - cpu_);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    json.Add("peakMemoryBytes", static_cast<size_t>(usage.ru_maxrss) * 1024);
    const long long written = WrittenBytes();
    if (written >= 0) json.Add("writtenBytes", static_cast<size_t>(written));
    std::printf("%s\n", json.text().c_str());
  }

 private:
  double cpu_ = CpuSeconds();
  double started_ = NowSeconds();
};

}  // namespace bench
