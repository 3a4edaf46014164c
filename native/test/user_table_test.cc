// Proves that a table of users gives each user one number, that it knows the id of each, that it begins anew when it is
// full, and that ids which were made to collide cost no more than a number too many.
#include "user_table.h"

#include <string>

#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

uint32_t NumberOf(UserTable* table, const std::string& id) { return table->NumberOf(Bytes(id.data(), id.size())); }

std::string IdOf(const UserTable& table, uint32_t number) {
  const Bytes id = table.IdOf(number);
  return std::string(reinterpret_cast<const char*>(id.data), id.size);
}

TEST(UserTable, NumbersUsersAsTheyAreMet) {
  UserTable table;
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < 5000; i++) EXPECT_EQ(NumberOf(&table, "user-" + std::to_string(i)), i);
    for (uint32_t i = 5000; i-- > 0;) EXPECT_EQ(NumberOf(&table, "user-" + std::to_string(i)), i);
  }
  EXPECT_EQ(table.size(), 5000u);
  for (uint32_t i = 0; i < 5000; i++) EXPECT_EQ(IdOf(table, i), "user-" + std::to_string(i));
}

TEST(UserTable, TellsIdsApartByEveryByteAndByLength) {
  UserTable table;
  const std::string zeros(40, '\0');
  for (size_t length = 0; length <= 40; length++) {
    EXPECT_EQ(NumberOf(&table, zeros.substr(0, length)), static_cast<uint32_t>(length));
  }
  for (size_t at = 0; at < 40; at++) {
    std::string other = zeros;
    other[at] = 1;
    EXPECT_EQ(NumberOf(&table, other), static_cast<uint32_t>(41 + at));
  }
  EXPECT_EQ(NumberOf(&table, zeros.substr(0, 7)), 7u);
  EXPECT_EQ(IdOf(table, 0), std::string());
}

TEST(UserTable, KnowsAUserByItsNumberInTheSegmentUntilTheNextOne) {
  UserTable table;
  const auto number_of = [&](uint32_t segment_number, const std::string& id) {
    return table.NumberOf(segment_number, Bytes(id.data(), id.size()));
  };
  for (int round = 0; round < 2; round++) {
    EXPECT_EQ(number_of(7, "a"), 0u);
    EXPECT_EQ(number_of(3, "b"), 1u);
  }
  EXPECT_EQ(NumberOf(&table, "b"), 1u);
  table.BeginSegment();
  EXPECT_EQ(number_of(7, "b"), 1u);
  EXPECT_EQ(number_of(3, "c"), 2u);
  table.Clear();
  EXPECT_EQ(number_of(3, "b"), 0u);
  EXPECT_EQ(IdOf(table, 0), std::string("b"));
}

TEST(UserTable, IsFullByCountOrByBytesAndBeginsAnew) {
  UserTable table;
  for (uint32_t i = 0; i < UserTable::kMaxUsers; i++) NumberOf(&table, std::to_string(i));
  EXPECT_FALSE(table.full());
  NumberOf(&table, "one more");
  EXPECT_TRUE(table.full());
  table.Clear();
  EXPECT_FALSE(table.full());
  EXPECT_EQ(NumberOf(&table, "one more"), 0u);
  EXPECT_EQ(NumberOf(&table, "5"), 1u);
  for (int i = 0; i < 256; i++) NumberOf(&table, std::string(65'536, static_cast<char>(i)));
  EXPECT_TRUE(table.full());
}

// Whatever an attacker puts into a file, a reader's time stays linear in its size: the steps of the hash are undone one by one,
// to make ids of 8 bytes that all have the same.
TEST(UserTable, TakesAnyNumberOfIdsThatCollide) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
  uint64_t inverse = kFactor;
  for (int i = 0; i < 6; i++) inverse *= 2 - kFactor * inverse;
  EXPECT_EQ(inverse * kFactor, uint64_t{1});
  const auto fold = [](uint64_t hash) { return hash ^ hash >> 32; };
  const auto unmix = [&](uint64_t hash) { return fold(hash) * inverse; };
  const uint64_t begun = fold(sizeof(uint64_t) * kFactor);
  const auto id_of = [&](uint64_t high) {
    // The table takes the low half of this.
    const uint64_t hash = high << 32 | 0x12345678;
    const uint64_t word = unmix(unmix(unmix(hash))) ^ begun;
    return std::string(reinterpret_cast<const char*>(&word), sizeof(word));
  };
  UserTable table;
  constexpr uint32_t kIds = 50'000;
  for (uint32_t i = 0; i < kIds; i++) EXPECT_EQ(NumberOf(&table, id_of(i)), i);
  for (uint32_t i = 0; i < kIds; i += 1000) EXPECT_EQ(IdOf(table, i), id_of(i));
  // The first of them have kept their places; the others are taken for new ones.
  EXPECT_EQ(NumberOf(&table, id_of(5)), 5u);
  EXPECT_LE(kIds, NumberOf(&table, id_of(kIds - 2)));
}

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
