// Loaded into other programs by LD_PRELOAD: their wall clock is ahead by as many seconds as the file HERMES_TEST_CLOCK says at
// that moment (shifted_clock.h). The monotonic clock stays as it is, as it does when somebody sets the time of a machine.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

const volatile std::int64_t* mapped_file() {
  const char* name = std::getenv("HERMES_TEST_CLOCK");
  const int file = name != nullptr ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return nullptr;
  void* mapped = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<const volatile std::int64_t*>(mapped);
}

std::int64_t seconds_ahead() {
  static const volatile std::int64_t* const ahead = mapped_file();
  return ahead != nullptr ? *ahead : 0;
}

bool is_wall_clock(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && is_wall_clock(clock)) time->tv_sec += seconds_ahead();
  return static_cast<int>(result);
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* result) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}

// A moment of the shifted clock, for a kernel that knows the real one.
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  timespec real = *until;
  real.tv_sec -= seconds_ahead();
  return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &real);
}
}
