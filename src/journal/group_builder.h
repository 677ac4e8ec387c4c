// Turns the chunks of one group commit into runs for the store: chunks of the same topic share runs
// of at most store::kMaxRunBytes. Bodies move or are copied, never parsed unless one must be split.
#ifndef POSTROAD_JOURNAL_GROUP_BUILDER_H_
#define POSTROAD_JOURNAL_GROUP_BUILDER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/name_index.h"
#include "store/store.h"

namespace postroad::journal {

// Where a chunk's events are in the group: event `index` of run `run` and those that follow it, in
// that run and the next ones.
struct ChunkPlace {
  size_t run = 0;
  uint32_t index = 0;
  uint32_t count = 0;
};

// For one group; not thread-safe.
class GroupBuilder {
 public:
  // Makes room for so many chunks. Before the first.
  void Expect(size_t chunks);
  // `topic` must outlive the builder. INTERNAL if a body that has to be split is malformed.
  Result<ChunkPlace> Add(std::string_view topic, uint32_t count, std::string body);

  size_t size() const { return runs_.size(); }
  bool empty() const { return runs_.empty(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t events() const { return events_; }
  // Events of the group before this run: its first event's place in the feed, from the group's.
  uint64_t events_before(size_t run) const { return runs_[run].events_before; }
  std::string_view topic(size_t run) const { return runs_[run].topic; }
  // The record of the `n`th event of a place; "" if the body is malformed.
  std::string_view RecordAt(const ChunkPlace& place, uint32_t n) const;

  // Fixes the runs' order and times. No Add after it.
  std::vector<store::RunToAppend> Finish(Timestamp stored_at);
  // Gives the runs the places the store found for them.
  std::vector<store::RunPtr> Place(std::span<const store::Placement> placements);

 private:
  struct Building {
    std::string_view topic;
    std::shared_ptr<store::Run> run;
    uint64_t events_before = 0;  // set by Finish
  };

  size_t NewRun(std::string_view topic, uint32_t count, std::string body);
  Result<ChunkPlace> Split(std::string_view topic, uint32_t count, std::string_view body);

  std::vector<Building> runs_;
  NameIndex open_;  // each topic's last run
  uint64_t bytes_ = 0;
  uint64_t events_ = 0;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_GROUP_BUILDER_H_
