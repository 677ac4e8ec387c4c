// Keeps a second process off a store's folder.
#ifndef POSTROAD_STORE_ROCKS_DIRECTORY_LOCK_H_
#define POSTROAD_STORE_ROCKS_DIRECTORY_LOCK_H_

#include <string>
#include <utility>

#include "core/error.h"

namespace postroad::store {

// Holds the file `postroad.lock` of a folder locked for as long as it lives; the file names the
// process that holds it. The kernel lets go of the lock however the process ends.
class DirectoryLock {
 public:
  // FAILED_PRECONDITION reason STORE_LOCKED if it is held, by this process or another.
  static Result<DirectoryLock> Take(const std::string& directory);

  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_DIRECTORY_LOCK_H_
