// Cuts the power of a recorded disk at one request after another, and mounts what each cut leaves.
//
//   explore BASE_IMAGE RECORDING FILE_SYSTEM MOUNT_POINT STATES SEED
//
// For each state it mounts, it writes a line to standard output (number, request, unflushed requests, kind, text of the last
// mark before the cut) and waits for a line on standard input, whatever it says, before it goes on; a state that cannot be
// mounted is told with "unmountable" as its kind, and not waited for. Where standard input ends, or a signal comes, it unmounts
// and ends. Which states there are depends on recording and seed alone. Needs root.
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "crash_image.h"

namespace power_cut {
namespace {

constexpr int kLoopTries = 50;
constexpr useconds_t kLoopPauseUs = 2000;
constexpr uint32_t kSectorBytes = 512;

// A loop device over a descriptor, as long as it lives.
class LoopDevice {
 public:
  explicit LoopDevice(int descriptor) {
    const int all = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    // Others take free devices as well.
    for (int tries = 0; all >= 0 && tries < kLoopTries && device_ < 0; tries++) {
      const int number = ioctl(all, LOOP_CTL_GET_FREE);
      path_ = "/dev/loop" + std::to_string(number);
      device_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
      loop_config config;
      std::memset(&config, 0, sizeof(config));
      config.fd = static_cast<uint32_t>(descriptor);
      config.block_size = kSectorBytes;
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
      if (device_ >= 0 && ioctl(device_, LOOP_CONFIGURE, &config) == 0) break;
      if (device_ >= 0) close(device_);
      device_ = -1;
      usleep(kLoopPauseUs);
    }
    if (all >= 0) close(all);
  }
  // Detaches itself when nobody has it open any more.
  ~LoopDevice() {
    if (device_ >= 0) close(device_);
  }
  bool ok() const { return device_ >= 0; }
  const char* path() const { return path_.c_str(); }

 private:
  int device_ = -1;
  std::string path_;
};

const char* OptionsOf(const std::string& file_system) {
  // The recorded file system may still be known by its identity.
  if (file_system == "xfs") return "nouuid";
  return file_system == "ext4" ? "errors=continue" : "";
}

const char* NameOf(Survival survival) {
  return survival == Survival::kPrefix ? "prefix" : survival == Survival::kSubset ? "subset" : "pieces";
}

Survival DrawSurvival(std::mt19937_64* dice) {
  const uint64_t choice = (*dice)() % 8;
  return choice < 2 ? Survival::kPrefix : choice < 5 ? Survival::kSubset : Survival::kPieces;
}

// Anywhere behind the first mark, and as often right behind one: there the most is promised and the least is flushed. In order,
// as the disk is only ever moved forward.
std::vector<size_t> DrawCuts(const std::vector<Request>& requests, size_t first_mark, size_t count, std::mt19937_64* dice) {
  std::vector<size_t> behind_marks;
  for (size_t i = first_mark; i < requests.size(); i++) {
    if (requests[i].kind == REQUEST_MARK) behind_marks.push_back(i + 1);
  }
  std::vector<size_t> cuts(count);
  for (size_t i = 0; i < count; i++) {
    const uint64_t choice = (*dice)();
    cuts[i] = i % 2 == 0 ? behind_marks[choice % behind_marks.size()] : first_mark + 1 + choice % (requests.size() - first_mark);
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

volatile std::sig_atomic_t is_stopped = 0;
void Stop(int) { is_stopped = 1; }

// False when there is none any more, or a signal came.
bool AwaitLine() {
  for (char byte = 0; byte != '\n';) {
    if (is_stopped != 0 || read(STDIN_FILENO, &byte, 1) != 1) return false;
  }
  return true;
}

void Unmount(const char* mount_point) {
  // A descriptor that is about to be closed may still keep it.
  for (int tries = 0; tries < kLoopTries && umount(mount_point) != 0 && errno == EBUSY; tries++) usleep(kLoopPauseUs);
  umount2(mount_point, MNT_DETACH);
}

int Explore(char** arguments) {
  const Recording recording(arguments[1]);
  CrashImage image(arguments[0], &recording);
  const std::string file_system = arguments[2];
  const char* const mount_point = arguments[3];
  std::mt19937_64 dice(std::strtoull(arguments[5], nullptr, 10));
  const size_t first = recording.FirstMark();
  const size_t count = recording.requests().size();
  if (first >= count) {
    std::fprintf(stderr, "the recording has no mark\n");
    return 3;
  }
  const std::vector<size_t> cuts = DrawCuts(recording.requests(), first, std::strtoull(arguments[4], nullptr, 10), &dice);
  for (size_t state = 0; state < cuts.size() && is_stopped == 0; state++) {
    const Survival survival = DrawSurvival(&dice);
    const size_t unflushed = image.CutBefore(cuts[state], survival, &dice);
    const LoopDevice loop(image.descriptor());
    if (!loop.ok()) {
      std::fprintf(stderr, "no loop device is to be had\n");
      return 3;
    }
    const bool is_mounted = mount(loop.path(), mount_point, file_system.c_str(), 0, OptionsOf(file_system)) == 0;
    std::printf("%zu %zu %zu %s %s\n", state, cuts[state], unflushed, is_mounted ? NameOf(survival) : "unmountable",
                recording.MarkBefore(cuts[state]).c_str());
    std::fflush(stdout);
    if (!is_mounted) continue;
    const bool goes_on = AwaitLine();
    Unmount(mount_point);
    if (!goes_on) return 2;
  }
  return 0;
}

}  // namespace
}  // namespace power_cut

int main(int count, char** arguments) {
  if (count != 7) {
    std::fprintf(stderr, "usage: explore BASE_IMAGE RECORDING FILE_SYSTEM MOUNT_POINT STATES SEED\n");
    return 2;
  }
  struct sigaction action;
  std::memset(&action, 0, sizeof(action));
  action.sa_handler = power_cut::Stop;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // Whoever started it may be killed.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  return power_cut::Explore(arguments + 1);
}
