// Gives back the disk space of large ranges that were deleted.
#include "store/rocks/space_reclaimer.h"

#include <rocksdb/convenience.h>

namespace postroad::store {
namespace {

constexpr size_t kMaxWaiting = 1000;

}  // namespace

SpaceReclaimer::~SpaceReclaimer() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SpaceReclaimer::ReclaimRuns(std::string begin, std::string end) {
  {
    std::lock_guard lock(mutex_);
    if (ranges_.size() >= kMaxWaiting) return;
    ranges_.push_back({std::move(begin), std::move(end)});
    if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  }
  changed_.notify_all();
}

void SpaceReclaimer::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !ranges_.empty(); });
    if (stop_) return;
    const Range range = std::move(ranges_.front());
    ranges_.pop_front();
    lock.unlock();
    Reclaim(range);
    lock.lock();
  }
}

void SpaceReclaimer::Reclaim(const Range& range) {
  const rocksdb::Slice begin(range.begin), end(range.end);
  const rocksdb::RangePtr files(&begin, &end);
  auto* runs = engine_.family(Family::kRuns);
  // Whole files first, which costs nothing; then those that are partly in the range are rewritten.
  // Where either fails (a full disk, a stop), only space is at stake.
  rocksdb::DeleteFilesInRanges(&engine_.db(), runs, &files, 1, false).PermitUncheckedError();
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = &stop_;
  engine_.db().CompactRange(options, runs, &begin, &end).PermitUncheckedError();
}

}  // namespace postroad::store
