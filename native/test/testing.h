// A small test framework: enough for the core, and nothing to install.
//
//   TEST(Suite, WhatItPromises) { EXPECT_EQ(1 + 1, 2); }
//
// EXPECT_* notes a failure and goes on; ASSERT_* ends the test. main() runs every test, or those whose name
// contains the first argument.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>

namespace ingest_wal {
namespace testing {

using TestFunction = void (*)();

// Called by TEST before main().
bool Register(const char* suite, const char* name, TestFunction function);
// Notes a failure of the running test.
void Fail(const char* file, int line, const std::string& message);
// The seed of this run's random choices: INGEST_WAL_SEED, or 1. Printed with every failure.
uint64_t Seed();
// A count that a longer run may raise: the environment variable `name`, or `otherwise`.
uint64_t CountFromEnvironment(const char* name, uint64_t otherwise);

template <typename Value>
std::string Show(const Value& value) {
  std::ostringstream text;
  if constexpr (std::is_enum_v<Value>) {
    text << static_cast<long long>(value);
  } else {
    text << value;
  }
  return text.str();
}

template <typename Left, typename Right>
bool Compare(const Left& left, const Right& right, bool holds, const char* operation, const char* left_text,
             const char* right_text, const char* file, int line) {
  if (holds) return true;
  Fail(file, line, std::string(left_text) + " " + operation + " " + right_text + "\n      left: " + Show(left) +
                       "\n     right: " + Show(right));
  return false;
}

}  // namespace testing
}  // namespace ingest_wal

#define TEST(suite, name)                                                                             \
  static void suite##_##name();                                                                      \
  static const bool suite##_##name##_registered =                                                    \
      ::ingest_wal::testing::Register(#suite, #name, suite##_##name);                                \
  static void suite##_##name()

#define INGEST_WAL_COMPARE(left, right, operation)                                                               \
  ([&](const auto& left_value, const auto& right_value) {                                                        \
    return ::ingest_wal::testing::Compare(left_value, right_value, left_value operation right_value, #operation, \
                                          #left, #right, __FILE__, __LINE__);                                    \
  }(left, right))

#define EXPECT_EQ(left, right) ((void)INGEST_WAL_COMPARE(left, right, ==))
#define EXPECT_NE(left, right) ((void)INGEST_WAL_COMPARE(left, right, !=))
#define EXPECT_LT(left, right) ((void)INGEST_WAL_COMPARE(left, right, <))
#define EXPECT_LE(left, right) ((void)INGEST_WAL_COMPARE(left, right, <=))
#define EXPECT_GE(left, right) ((void)INGEST_WAL_COMPARE(left, right, >=))
#define EXPECT_TRUE(condition) EXPECT_EQ(static_cast<bool>(condition), true)
#define EXPECT_FALSE(condition) EXPECT_EQ(static_cast<bool>(condition), false)

#define ASSERT_EQ(left, right)                         \
  do {                                                 \
    if (!INGEST_WAL_COMPARE(left, right, ==)) return;  \
  } while (0)
#define ASSERT_NE(left, right)                         \
  do {                                                 \
    if (!INGEST_WAL_COMPARE(left, right, !=)) return;  \
  } while (0)
#define ASSERT_TRUE(condition) ASSERT_EQ(static_cast<bool>(condition), true)
#define ASSERT_FALSE(condition) ASSERT_EQ(static_cast<bool>(condition), false)

#define EXPECT_OK(expression)                                                                       \
  do {                                                                                              \
    const ::ingest_wal::Status status_ = (expression);                                              \
    if (!status_.ok()) ::ingest_wal::testing::Fail(__FILE__, __LINE__, #expression ": " + status_.message()); \
  } while (0)
#define ASSERT_OK(expression)                                                                       \
  do {                                                                                              \
    const ::ingest_wal::Status status_ = (expression);                                              \
    if (!status_.ok()) {                                                                            \
      ::ingest_wal::testing::Fail(__FILE__, __LINE__, #expression ": " + status_.message());        \
      return;                                                                                       \
    }                                                                                               \
  } while (0)
