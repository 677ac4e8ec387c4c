// Looks through RocksDB's write-ahead log (its format is told in wal_scan.h).
#include "store/rocks/wal_scan.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <vector>

#include "store/rocks/crc32c.h"

namespace postroad::store {
namespace {

constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kCommitHeaderBytes = 12;
constexpr char kSyncMark = 3;  // RocksDB's tag of data that is for the log alone
enum RecordType : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

template <typename T>
T GetLittle(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

struct Record {
  uint8_t type;
  std::string_view data;
};

uint32_t Mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8; }

class FileScan {
 public:
  FileScan(const std::string& name, std::string_view contents, WalScan& scan)
      : name_(name), contents_(contents), scan_(scan) {}

  void Run() {
    size_t at = 0;
    while (at < contents_.size()) {
      const size_t block_left = kBlockBytes - at % kBlockBytes;
      if (block_left < kHeaderBytes) {  // a block's trailer
        at += block_left;
      } else if (const auto record = RecordAt(at)) {
        Take(at, *record);
        at += kHeaderBytes + record->data.size();
      } else if (RestIsZero(at)) {  // space that was reserved
        break;
      } else {
        Damage(in_commit_ ? commit_at_ : at);
        in_commit_ = false;
        ++at;  // go on wherever a whole record begins
      }
    }
    if (in_commit_) Damage(commit_at_);
  }

 private:
  std::optional<Record> RecordAt(size_t at) const {
    const size_t room = std::min(kBlockBytes - at % kBlockBytes, contents_.size() - at);
    if (room < kHeaderBytes) return std::nullopt;
    const char* p = contents_.data() + at;
    const size_t bytes = GetLittle<uint16_t>(p + 4);
    const auto type = static_cast<uint8_t>(p[6]);
    if (type < kFull || type > kLast || kHeaderBytes + bytes > room) return std::nullopt;
    const std::string_view checked = contents_.substr(at + 6, 1 + bytes);
    if (GetLittle<uint32_t>(p) != Mask(ExtendCrc32c(0, checked))) return std::nullopt;
    return Record{type, checked.substr(1)};
  }

  void Take(size_t at, const Record& record) {
    const bool begins = record.type == kFull || record.type == kFirst;
    if (begins) {
      if (in_commit_) Damage(commit_at_);
      in_commit_ = true;
      commit_at_ = at;
      head_.clear();
    } else if (!in_commit_) {
      // The rest of a commit whose begin is lost. Where nothing was lost before, it is the damage.
      Damage(at);
      return;
    }
    if (head_.size() <= kCommitHeaderBytes) head_.append(record.data.substr(0, 32));
    if (record.type == kFull || record.type == kLast) EndCommit();
  }

  void EndCommit() {
    in_commit_ = false;
    ++scan_.commits;
    const bool synced = head_.size() > kCommitHeaderBytes && head_[kCommitHeaderBytes] == kSyncMark;
    if (!scan_.damage || !synced) return;
    const uint64_t last =
        GetLittle<uint64_t>(head_.data()) + GetLittle<uint32_t>(head_.data() + 8) - 1;
    scan_.damage->last_synced_behind = std::max(scan_.damage->last_synced_behind, last);
  }

  void Damage(size_t at) {
    if (scan_.damage) return;
    scan_.damage = {.file = name_, .offset = at, .bytes = contents_.size() - at};
  }

  bool RestIsZero(size_t at) const {
    return contents_.find_first_not_of('\0', at) == std::string_view::npos;
  }

  const std::string& name_;
  const std::string_view contents_;
  WalScan& scan_;
  bool in_commit_ = false;
  size_t commit_at_ = 0;
  std::string head_;  // how the commit begins
};

struct LogFile {
  uint64_t number;
  std::string path;
};

std::vector<LogFile> LogFiles(const std::string& directory) {
  std::vector<LogFile> files;
  std::error_code ignored;
  for (const auto& file : std::filesystem::directory_iterator(directory, ignored)) {
    if (file.path().extension() != ".log") continue;
    const std::string stem = file.path().stem();
    uint64_t number = 0;
    const auto parsed = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == stem.data() + stem.size()) {
      files.push_back({number, file.path()});
    }
  }
  std::ranges::sort(files, {}, &LogFile::number);
  return files;
}

Status ScanMapped(const LogFile& file, WalScan& scan) {
  const auto fail = [&] {
    return Fail(ErrorCode::kUnavailable, "cannot read " + file.path + ": " + std::strerror(errno),
                "", "STORE_IO");
  };
  const int fd = open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail();
  struct stat about{};
  const bool known = fstat(fd, &about) == 0;
  const auto size = static_cast<size_t>(about.st_size);
  void* mapped = known && size > 0 ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0) : nullptr;
  close(fd);
  if (!known || mapped == MAP_FAILED) return fail();
  if (mapped == nullptr) return {};  // empty
  madvise(mapped, size, MADV_SEQUENTIAL);
  ScanWalFile(std::filesystem::path(file.path).filename(), {static_cast<const char*>(mapped), size},
              scan);
  munmap(mapped, size);
  return {};
}

}  // namespace

void ScanWalFile(const std::string& name, std::string_view contents, WalScan& scan) {
  if (scan.damage) scan.damage->bytes += contents.size();
  FileScan(name, contents, scan).Run();
}

Result<WalScan> ScanWal(const std::string& directory) {
  WalScan scan;
  for (const LogFile& file : LogFiles(directory)) POSTROAD_TRY(ScanMapped(file, scan));
  return scan;
}

}  // namespace postroad::store
