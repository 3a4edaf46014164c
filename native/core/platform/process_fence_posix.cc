#include "platform/never_destroyed.h"
#include "platform/process_fence.h"

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ingest_wal {

#if defined(__linux__) && defined(__x86_64__) && defined(SYS_membarrier)
namespace {

// Of linux/membarrier.h, which older systems lack.
constexpr int kPrivateExpedited = 1 << 3;
constexpr int kRegisterPrivateExpedited = 1 << 4;

bool CallMembarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

class MembarrierFence : public ProcessFence {
 public:
  bool Pass() override { return CallMembarrier(kPrivateExpedited); }
};

}  // namespace

ProcessFence* SystemProcessFence() {
  // Once more does no harm, and the child of a fork has to.
  const bool is_registered = CallMembarrier(kRegisterPrivateExpedited);
  return is_registered ? NeverDestroyed<MembarrierFence>() : nullptr;
}
#else
ProcessFence* SystemProcessFence() { return nullptr; }
#endif

}  // namespace ingest_wal
