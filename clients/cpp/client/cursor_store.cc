// The cursor store in a file.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "postroad/reader.h"

namespace postroad {
namespace {

std::unexpected<Error> Failed(const char* what, const std::string& path) {
  return Fail(ErrorCode::kUnavailable,
              std::string(what) + " '" + path + "': " + std::generic_category().message(errno));
}

class InFile final : public CursorStore {
 public:
  explicit InFile(std::string path) : path_(std::move(path)) {}

  Result<std::optional<std::string>> Load() override {
    if (access(path_.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
    std::ifstream file(path_, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) return Failed("cannot read cursor file", path_);
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  // A crash leaves the old file or the new one, never a half.
  Status Save(std::string_view cursor) override {
    const std::string next = path_ + ".new";
    const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return Failed("cannot write cursor file", next);
    const std::string line = std::string(cursor) + "\n";
    const bool written = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                         fdatasync(fd) == 0;
    const int error = errno;
    close(fd);
    errno = error;
    if (!written) return Failed("cannot write cursor file", next);
    if (std::rename(next.c_str(), path_.c_str()) != 0) return Failed("cannot replace", path_);
    return {};
  }

 private:
  const std::string path_;
};

}  // namespace

std::shared_ptr<CursorStore> FileCursorStore(std::string path) {
  return std::make_shared<InFile>(std::move(path));
}

}  // namespace postroad
