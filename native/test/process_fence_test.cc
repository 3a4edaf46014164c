// Proves that the fence orders what the two threads of a log rely on: of one that stores and then looks, without a fence of
// its own, and one that stores, passes the fence, and then looks, at least one sees the other's store. And that it is not
// offered where the system refuses it.
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "platform/process_fence.h"
#include "testing.h"

namespace ingest_wal {
namespace testing {
namespace {

constexpr uint32_t kLooks = 2'000'000;
constexpr uint32_t kLeastRounds = 100;

// Each on lines of its own, as head and "wake at" are.
struct Shared {
  alignas(128) std::atomic<uint32_t> head{0};
  alignas(128) std::atomic<uint32_t> wake_at{0};
  alignas(128) std::atomic<bool> appended{false};
};

// Moves head, and looks at "wake at" each time: `seen` gets what was there when head was moved to its index.
void Append(Shared* shared, std::vector<uint32_t>* seen) {
  for (uint32_t head = 1; head < kLooks; head++) {
    shared->head.store(head, std::memory_order_relaxed);
    // What keeps the compiler, and not the processor, from changing the order: as in JavaScript.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    (*seen)[head] = shared->wake_at.load(std::memory_order_relaxed);
  }
  shared->appended.store(true);
}

TEST(ProcessFence, OfTwoWhoStoreAndThenLookOneSeesTheOther) {
  ProcessFence* const fence = SystemProcessFence();
  if (fence == nullptr || !fence->Prepare()) return;  // then every appender orders its stores itself
  Shared shared;
  std::vector<uint32_t> seen(kLooks);
  std::vector<uint32_t> heads{0};  // what was seen of head when "wake at" had been set to the index
  std::thread appending([&] { Append(&shared, &seen); });
  bool all_passed = true;
  while (!shared.appended.load() || heads.size() < kLeastRounds) {
    shared.wake_at.store(static_cast<uint32_t>(heads.size()), std::memory_order_seq_cst);
    all_passed = fence->Pass() && all_passed;
    heads.push_back(shared.head.load(std::memory_order_relaxed));
  }
  appending.join();
  EXPECT_TRUE(all_passed);
  uint64_t slept_over = 0;
  for (uint32_t wake_at = 1; wake_at < heads.size(); wake_at++) {
    const uint32_t first_unseen = heads[wake_at] + 1;
    if (first_unseen < kLooks && seen[first_unseen] < wake_at) slept_over++;
  }
  EXPECT_EQ(slept_over, uint64_t{0});
}

#if defined(__linux__)
// As containers do: the call fails with EPERM.
bool RefuseMembarrier() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{4, rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(ProcessFence, IsNotOfferedWhereTheSystemRefusesIt) {
  const pid_t child = fork();
  const auto is_offered = [] { return SystemProcessFence() != nullptr && SystemProcessFence()->Prepare(); };
  if (child == 0) _exit(!RefuseMembarrier() ? 2 : is_offered() ? 1 : 0);
  ASSERT_NE(child, -1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif

}  // namespace
}  // namespace testing
}  // namespace ingest_wal
