#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "platform/never_destroyed.h"
#include "platform/process_fence.h"

namespace ingest_wal {

#if defined(__linux__) && defined(__x86_64__) && defined(SYS_membarrier)
namespace {

// Of linux/membarrier.h, which older systems lack.
constexpr int kPrivateExpedited = 1 << 3;
constexpr int kRegisterPrivateExpedited = 1 << 4;

bool CallMembarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

class MembarrierFence : public ProcessFence {
 public:
  // Once more does no harm, and the child of a fork has to.
  bool Prepare() override { return CallMembarrier(kRegisterPrivateExpedited); }
  bool Pass() override { return CallMembarrier(kPrivateExpedited); }
};

}  // namespace

ProcessFence* SystemProcessFence() { return NeverDestroyed<MembarrierFence>(); }
#else
ProcessFence* SystemProcessFence() { return nullptr; }
#endif

}  // namespace ingest_wal
