#include "platform/thread_priority.h"

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ingest_wal {

void LowerThreadPriority() {
#if defined(__linux__)
  constexpr int kNiceness = 10;
  // Of one thread only, which is not what POSIX says, and what Linux does.
  const int result = setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness);
  (void)result;  // it works as well without
#endif
}

}  // namespace ingest_wal
