#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

struct Registered {
  std::string name;
  TestFunction function;
};

std::vector<Registered>& Tests() {
  static std::vector<Registered> tests;
  return tests;
}

int failures_of_running_test = 0;

}  // namespace

bool Register(const char* suite, const char* name, TestFunction function) {
  Tests().push_back({std::string(suite) + "." + name, function});
  return true;
}

void Fail(const char* file, int line, const std::string& message) {
  failures_of_running_test++;
  // A broken loop would print for ever; the first failures tell enough.
  if (failures_of_running_test <= 20) std::printf("  %s:%d: %s\n", file, line, message.c_str());
}

uint64_t CountFromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

uint64_t Seed() { return CountFromEnvironment("INGEST_WAL_SEED", 1); }

int RunAll(const char* filter) {
  int passed = 0;
  int failed = 0;
  for (const Registered& test : Tests()) {
    if (filter != nullptr && test.name.find(filter) == std::string::npos) continue;
    failures_of_running_test = 0;
    test.function();
    const bool ok = failures_of_running_test == 0;
    (ok ? passed : failed)++;
    std::printf("%s %s\n", ok ? "ok  " : "FAIL", test.name.c_str());
    if (!ok) std::printf("  seed %llu\n", static_cast<unsigned long long>(Seed()));
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace testing
}  // namespace ingest_wal

int main(int argc, char** argv) { return ingest_wal::testing::RunAll(argc > 1 ? argv[1] : nullptr); }
