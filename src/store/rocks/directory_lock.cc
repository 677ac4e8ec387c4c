// The lock file of a store's folder.
#include "store/rocks/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstring>

namespace postroad::store {
namespace {

Error LockedError(const std::string& directory, int fd) {
  char text[32] = {};
  std::string pid;
  if (pread(fd, text, sizeof text - 1, 0) > 0) pid = std::string(text, strcspn(text, "\n"));
  Error error{ErrorCode::kFailedPrecondition,
              directory + " is in use by another process" +
                  (pid.empty() ? "" : " (process id " + pid + ")") +
                  "; stop that one, or choose another data folder",
              "", "STORE_LOCKED"};
  if (!pid.empty()) error.metadata["pid"] = pid;
  return error;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::Take(const std::string& directory) {
  const std::string path = directory + "/postroad.lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return Fail(ErrorCode::kUnavailable, "cannot open " + path + ": " + std::strerror(errno));
  }
  DirectoryLock lock(fd);
  // flock, not fcntl: another descriptor closed in this process must not let go of it.
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return Fail(LockedError(directory, fd));
  const std::string pid = std::to_string(getpid()) + "\n";
  // The process id helps people only; a full disk must not keep the store from opening.
  if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, pid.data(), pid.size(), 0);
  return lock;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace postroad::store
