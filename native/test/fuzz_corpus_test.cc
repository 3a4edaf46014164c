// Replays what fuzzing has found interesting (native/test/fuzz/corpus), and mutations of it: whatever bytes are in segments,
// headers, rings, compressed files and checkpoints, nothing crashes, nothing is believed that cannot be, and work stays linear.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz_target.h"
#include "testing.h"

namespace ingest_wal {
namespace {

using fuzz::Dice;
using fuzz::FuzzTarget;
using fuzz::Input;
using fuzz::Verdict;

struct Named {
  std::string name;
  Input bytes;
};

// The corpus in the order of its names, and the target's own seeds.
std::vector<Named> InputsOf(const FuzzTarget& target) {
  std::vector<Named> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(INGEST_WAL_CORPUS_DIR) + "/" + target.name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    inputs.push_back({entry.path().filename().string(), Input(std::istreambuf_iterator<char>(file), {})});
  }
  std::sort(inputs.begin(), inputs.end(), [](const Named& a, const Named& b) { return a.name < b.name; });
  for (const Input& seed : target.seeds()) inputs.push_back({"seed " + std::to_string(inputs.size()), seed});
  return inputs;
}

bool Holds(const FuzzTarget& target, const Input& input, const std::string& name, bool* deep) {
  const Verdict verdict = target.check(Bytes(input.data(), input.size()));
  *deep = verdict.deep;
  if (!verdict.wrong.empty()) testing::Fail(__FILE__, __LINE__, std::string(target.name) + ", " + name + ": " + verdict.wrong);
  return verdict.wrong.empty();
}

void Replay(const char* name) {
  const FuzzTarget* target = fuzz::FindFuzzTarget(name);
  ASSERT_TRUE(target != nullptr);
  const std::vector<Named> inputs = InputsOf(*target);
  // A corpus that is not there proves nothing.
  EXPECT_LT(target->seeds().size(), inputs.size());
  bool deep = false;
  for (const Named& input : inputs) Holds(*target, input.bytes, input.name, &deep);

  const uint64_t mutations = testing::CountFromEnvironment("INGEST_WAL_MUTATIONS", 2000);
  uint64_t deep_mutations = 0;
  for (uint64_t i = 0; i < mutations; i++) {
    Dice dice(testing::Seed() * mutations + i);
    const Named& from = inputs[dice.Below(inputs.size())];
    Input input = from.bytes;
    fuzz::MutateAndMend(*target, &dice, &input);
    if (!Holds(*target, input, from.name + ", mutation " + std::to_string(i), &deep)) return;
    deep_mutations += deep ? 1 : 0;
  }
  std::printf("     %zu inputs, %llu mutations of them, %llu past the checksums\n", inputs.size(),
              static_cast<unsigned long long>(mutations), static_cast<unsigned long long>(deep_mutations));
  // Without mending, nearly none would be; if all were, no checksum would be looked at.
  EXPECT_LT(mutations / 40, deep_mutations);
  EXPECT_LT(deep_mutations, mutations);
}

TEST(FuzzCorpus, ScanOfASegment) { Replay("scan"); }
TEST(FuzzCorpus, OneRecord) { Replay("record"); }
TEST(FuzzCorpus, HeadersAndLogId) { Replay("header"); }
TEST(FuzzCorpus, TakeOverOfAStagingRing) { Replay("ring"); }
TEST(FuzzCorpus, CompressedSegments) { Replay("compressed"); }
TEST(FuzzCorpus, Inflate) { Replay("inflate"); }
TEST(FuzzCorpus, Checkpoints) { Replay("checkpoint"); }

}  // namespace
}  // namespace ingest_wal
