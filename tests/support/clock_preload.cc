// Stands before libc in a program of SettableClock's. libfaketime does the same and more, but
// allocates when it is first asked, and jemalloc asks for the time when it first allocates: the two
// wait for each other. This allocates nothing, and asks nothing of the dynamic linker.
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

std::atomic<const std::atomic<int64_t>*> g_ahead = nullptr;

__attribute__((constructor)) void Map() {
  const char* file = getenv("POSTROAD_TEST_CLOCK");
  if (file == nullptr) return;
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) _exit(127);
  const void* at = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (at == MAP_FAILED) _exit(127);
  g_ahead = static_cast<const std::atomic<int64_t>*>(at);
}

time_t Ahead() {
  const std::atomic<int64_t>* ahead = g_ahead;
  return ahead == nullptr ? 0 : ahead->load();
}

int Now(clockid_t clock, timespec* now) {
  const auto failed = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += Ahead();
  return failed;
}

// A condition does not tell its clock. A machine is not up for thirty years, so what is beyond them
// is a time of day.
int WaitUntil(pthread_cond_t* condition, pthread_mutex_t* mutex, timespec until) {
  constexpr time_t kLongestUp = 1'000'000'000;
  if (until.tv_sec < kLongestUp)
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &until);
  until.tv_sec -= Ahead();
  return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &until);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept { return Now(clock, now); }

int gettimeofday(timeval* now, void* /*zone*/) noexcept {
  timespec precise;
  if (const int failed = Now(CLOCK_REALTIME, &precise)) return failed;
  *now = {.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* now) noexcept {
  timespec precise;
  if (Now(CLOCK_REALTIME, &precise) != 0) return -1;
  if (now != nullptr) *now = precise.tv_sec;
  return precise.tv_sec;
}

int timespec_get(timespec* now, int base) noexcept {
  return base == TIME_UTC && Now(CLOCK_REALTIME, now) == 0 ? base : 0;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  return WaitUntil(condition, mutex, *until);
}

// glibc's own are these types by other names.
int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  const int error = WaitUntil(reinterpret_cast<pthread_cond_t*>(condition),
                              reinterpret_cast<pthread_mutex_t*>(mutex), *until);
  if (error == 0) return thrd_success;
  return error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

}  // extern "C"
