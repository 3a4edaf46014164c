// Proves that a value is counted in the bucket whose bound is the first not below it, also at the bounds and above all of
// them, that the sum is that of all values, and that nothing is lost to a thread that looks meanwhile.
#include "histogram.h"

#include <atomic>
#include <string>
#include <thread>

#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

using Small = Histogram<10, 3>;  // 10, 20, 40

std::string Counts(const Small& histogram) {
  std::string text;
  for (size_t bucket = 0; bucket < Small::kBuckets; bucket++) {
    text += (bucket == 0 ? "" : " ") + std::to_string(histogram.count(bucket));
  }
  return text;
}

TEST(Histogram, BoundsDouble) {
  EXPECT_EQ(Small::Bound(0), 10u);
  EXPECT_EQ(Small::Bound(1), 20u);
  EXPECT_EQ(Small::Bound(2), 40u);
  EXPECT_EQ(Small::kBuckets, 4u);
}

TEST(Histogram, AValueBelongsToTheFirstBoundThatIsNotBelowIt) {
  Small histogram;
  for (const uint64_t value : {0, 1, 10}) histogram.Record(value);
  EXPECT_EQ(Counts(histogram), "3 0 0 0");
  for (const uint64_t value : {11, 20}) histogram.Record(value);
  EXPECT_EQ(Counts(histogram), "3 2 0 0");
  for (const uint64_t value : {21, 40}) histogram.Record(value);
  EXPECT_EQ(Counts(histogram), "3 2 2 0");
  histogram.Record(41);
  histogram.Record(uint64_t{1} << 62);
  EXPECT_EQ(Counts(histogram), "3 2 2 2");
  EXPECT_EQ(histogram.sum(), 0u + 1 + 10 + 11 + 20 + 21 + 40 + 41 + (uint64_t{1} << 62));
}

TEST(Histogram, AnotherThreadSeesCountsThatOnlyGrowAndAllOfThemInTheEnd) {
  Small histogram;
  constexpr uint64_t kValues = 100'000;
  std::atomic<bool> done{false};
  bool shrank = false;
  std::thread looking([&] {
    uint64_t seen = 0;
    while (!done.load()) {
      const uint64_t now = histogram.count(0);
      if (now < seen) shrank = true;
      seen = now;
    }
  });
  for (uint64_t i = 0; i < kValues; i++) histogram.Record(3);
  done.store(true);
  looking.join();
  EXPECT_FALSE(shrank);
  EXPECT_EQ(histogram.count(0), kValues);
  EXPECT_EQ(histogram.sum(), 3 * kValues);
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
