// Proves that every CRC32C implementation that this processor can run computes the same as the definition,
// whatever the length and alignment, and that checksums can be continued.
#include <cstring>
#include <vector>

#include "crc32c.h"
#include "crc32c_check.h"
#include "crc32c_internal.h"
#include "testing.h"

namespace ingest_wal {
namespace {

struct Implementation {
  const char* name;
  Crc32cFunction function;
  Crc32cTwoFunction two;
};

std::vector<Implementation> Runnable() {
  std::vector<Implementation> runnable = {{"chosen", Crc32c, Crc32cTwo},
                                          {"portable", Crc32cPortable, Crc32cTwoPortable}};
#if defined(INGEST_WAL_CRC32C_SSE42)
  if (CanUseSse42()) runnable.push_back({"sse42", Crc32cSse42, Crc32cTwoSse42});
#elif defined(INGEST_WAL_CRC32C_ARM64)
  if (CanUseArm64Crc()) runnable.push_back({"arm64", Crc32cArm64, Crc32cTwoArm64});
#endif
  return runnable;
}

// The definition, a bit at a time.
uint32_t Defined(uint32_t seed, const uint8_t* data, size_t count) {
  uint32_t state = ~seed;
  for (size_t i = 0; i < count; i++) {
    state ^= data[i];
    for (int bit = 0; bit < 8; bit++) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~state;
}

std::vector<uint8_t> Noise(size_t count) {
  std::vector<uint8_t> bytes(count);
  uint64_t state = testing::Seed() * 0x9e3779b97f4a7c15;
  for (uint8_t& byte : bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return bytes;
}

TEST(Crc32c, KnownVectorsOfRfc3720) {
  uint8_t ascending[32];
  uint8_t descending[32];
  uint8_t zeros[32] = {0};
  uint8_t ones[32];
  std::memset(ones, 0xff, sizeof(ones));
  for (uint8_t i = 0; i < 32; i++) {
    ascending[i] = i;
    descending[i] = static_cast<uint8_t>(31 - i);
  }
  for (const Implementation& implementation : Runnable()) {
    EXPECT_EQ(implementation.function(0, zeros, 32), 0x8a9136aau);
    EXPECT_EQ(implementation.function(0, ones, 32), 0x62a8ab43u);
    EXPECT_EQ(implementation.function(0, ascending, 32), 0x46dd794eu);
    EXPECT_EQ(implementation.function(0, descending, 32), 0x113fdb5cu);
    EXPECT_EQ(implementation.function(0, reinterpret_cast<const uint8_t*>("123456789"), 9), 0xe3069283u);
    EXPECT_EQ(implementation.function(0, zeros, 0), 0u);
  }
}

TEST(Crc32c, EveryLengthAndAlignmentAgreesWithTheDefinition) {
  const std::vector<uint8_t> noise = Noise(7000);
  for (const Implementation& implementation : Runnable()) {
    for (size_t length = 0; length <= 300; length++) {
      for (size_t start = 0; start < 9; start++) {
        ASSERT_EQ(implementation.function(0, noise.data() + start, length), Defined(0, noise.data() + start, length));
      }
    }
    // Around the sizes at which three streams begin, short and long ones, and several rounds of them.
    for (const size_t length : {383u, 384u, 385u, 392u, 767u, 768u, 769u, 1023u, 1024u, 1153u, 2999u, 3071u, 3072u, 3073u,
                                3080u, 3455u, 3456u, 3457u, 6143u, 6144u, 6145u, 6900u}) {
      ASSERT_EQ(implementation.function(5, noise.data() + 3, length), Defined(5, noise.data() + 3, length));
    }
  }
}

TEST(Crc32c, CanBeContinuedAnywhere) {
  const std::vector<uint8_t> noise = Noise(4000);
  for (const Implementation& implementation : Runnable()) {
    const uint32_t whole = implementation.function(0, noise.data(), noise.size());
    for (size_t cut = 0; cut <= noise.size(); cut += 37) {
      const uint32_t head = implementation.function(0, noise.data(), cut);
      ASSERT_EQ(implementation.function(head, noise.data() + cut, noise.size() - cut), whole);
    }
  }
}

TEST(Crc32c, TwoAtOnceAreWhatEachIsByItself) {
  const std::vector<uint8_t> noise = Noise(400);
  const uint64_t before = 0x8899aabbccddeeff;
  const uint32_t behind = 0xf0e1d2c3;
  for (const Implementation& implementation : Runnable()) {
    for (size_t words = 0; words <= 6; words++) {
      std::vector<uint8_t> framed(8 * words + 12);
      std::memcpy(framed.data(), &before, 8);
      std::memcpy(framed.data() + 8, noise.data() + 3, 8 * words);
      std::memcpy(framed.data() + 8 + 8 * words, &behind, 4);
      for (size_t length = 0; length <= 300; length++) {
        const Crc32cPair two = implementation.two({77, before, noise.data() + 3, words, behind}, noise.data() + 5, length);
        ASSERT_EQ(two.first, Defined(77, framed.data(), framed.size()));
        ASSERT_EQ(two.second, Defined(0, noise.data() + 5, length));
      }
    }
  }
}

TEST(Crc32c, TheChoiceIsNamed) {
  const std::string name = Crc32cImplementation();
  EXPECT_EQ(name, std::string(CanUseSse42() ? "sse42" : CanUseArm64Crc() ? "arm64" : "portable"));
}

}  // namespace
}  // namespace ingest_wal
