#include "cli/line_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace postroad::cli {
namespace {

constexpr size_t kChunk = 64 << 10;

void CloseFile(FILE* file) { (void)std::fclose(file); }
void LeaveOpen(FILE*) {}

Error CannotRead(const std::string& path, int number) {
  ErrorCode code = ErrorCode::kFailedPrecondition;
  if (number == ENOENT) code = ErrorCode::kNotFound;
  if (number == EACCES) code = ErrorCode::kPermissionDenied;
  return {code, "cannot read " + path + ": " + std::generic_category().message(number)};
}

}  // namespace

LineReader::LineReader(FILE* file, bool owned, std::optional<uint64_t> total)
    : file_(file, owned ? CloseFile : LeaveOpen), total_(total) {}

Result<LineReader> LineReader::Open(const std::string& path) {
  FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return Fail(CannotRead(path, errno));
  struct stat status{};
  fstat(fileno(file), &status);
  LineReader reader(
      file, path != "-",
      S_ISREG(status.st_mode) ? std::optional<uint64_t>(status.st_size) : std::nullopt);
  if (S_ISDIR(status.st_mode)) return Fail(CannotRead(path, EISDIR));
  return reader;
}

// By read(2): what a pipe or terminal has is taken at once.
bool LineReader::Fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t before = buffer_.size();
  buffer_.resize(before + kChunk);
  ssize_t got = -1;
  do {
    got = read(fileno(file_.get()), buffer_.data() + before, kChunk);
  } while (got < 0 && errno == EINTR);
  failed_ = got < 0;
  buffer_.resize(before + (got > 0 ? static_cast<size_t>(got) : 0));
  return got > 0;
}

Result<std::optional<std::string_view>> LineReader::Next() {
  size_t searched = at_;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string_view line(buffer_.data() + at_, end - at_);
      consumed_ += line.size() + 1;
      at_ = end + 1;
      ++line_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      return line;
    }
    const size_t have = buffer_.size() - at_;
    if (have > kMaxLineBytes) {
      return Invalid("line " + std::to_string(line_ + 1), "is longer than 96 MiB");
    }
    searched = have;
    if (Fill()) continue;
    if (failed_) return Fail(CannotRead("the input", errno));
    if (buffer_.empty()) return std::nullopt;
    const std::string_view line(buffer_);  // the last, without an end
    consumed_ += line.size();
    at_ = buffer_.size();
    ++line_;
    return line;
  }
}

}  // namespace postroad::cli
