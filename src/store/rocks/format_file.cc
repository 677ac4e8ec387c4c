// The file FORMAT of a store's folder.
#include "store/rocks/format_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "store/rocks/engine.h"
#include "store/rocks/formats.h"

namespace postroad::store {
namespace {

constexpr char kFormatFile[] = "/FORMAT";
constexpr std::string_view kMagic = "postroad-store ";

Error FileError(const std::string& doing, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return {full ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
          doing + ": " + std::strerror(error), "", full ? "DISK_FULL" : "STORE_IO"};
}

bool HasData(const std::string& directory) {
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator(directory, ignored)) {
    if (file.path().extension() == ".sst") return true;
  }
  return false;
}

Status CheckVersion(const std::string& directory, std::string_view text) {
  uint32_t version = 0;
  if (!text.starts_with(kMagic) ||
      std::from_chars(text.data() + kMagic.size(), text.data() + text.size(), version).ec !=
          std::errc()) {
    return Fail(CorruptError(directory, directory + kFormatFile + " is malformed"));
  }
  if (version <= kFormatVersion) return {};
  return Fail(ErrorCode::kFailedPrecondition,
              directory + " has format " + std::to_string(version) + ", and this version of " +
                  "Postroad reads up to " + std::to_string(kFormatVersion) +
                  "; start the version that wrote it, or a later one",
              "", "NEWER_FORMAT");
}

}  // namespace

Result<bool> CheckFormatFile(const std::string& directory) {
  if (std::filesystem::exists(directory + "/" + kBackupFile)) {
    return Fail(ErrorCode::kFailedPrecondition,
                directory + " is a backup; restore it with `postroad store restore`", "",
                "IS_BACKUP");
  }
  std::ifstream file(directory + kFormatFile);
  std::string text;
  const bool has_format = static_cast<bool>(std::getline(file, text));
  const bool has_current = std::filesystem::exists(directory + "/CURRENT");
  if (has_format) POSTROAD_TRY(CheckVersion(directory, text));
  if (has_format && !has_current) {
    return Fail(CorruptError(directory, directory + "/CURRENT is missing"));
  }
  if (!has_format && HasData(directory)) {
    return Fail(CorruptError(directory, directory + kFormatFile + " is missing"));
  }
  return has_format;
}

Status WriteFormatFile(const std::string& directory) {
  return WriteDurably(directory + kFormatFile,
                      std::string(kMagic) + std::to_string(kFormatVersion) + "\n");
}

Status WriteDurably(const std::string& path, std::string_view contents) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Fail(FileError("cannot make " + path, errno));
  const ssize_t written = write(fd, contents.data(), contents.size());
  const bool good = written == static_cast<ssize_t>(contents.size()) && fsync(fd) == 0;
  const int error = written >= 0 && errno == 0 ? ENOSPC : errno;
  close(fd);
  if (!good) return Fail(FileError("cannot write " + path, error));
  return SyncFolder(std::filesystem::path(path).parent_path());
}

Status SyncFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Fail(FileError("cannot open " + path, errno));
  const bool good = fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!good) return Fail(FileError("cannot sync " + path, error));
  return {};
}

Status SyncFolder(const std::string& directory) { return SyncFile(directory); }

}  // namespace postroad::store
