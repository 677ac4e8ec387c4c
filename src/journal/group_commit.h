// One group commit: plans the batches that waited, drops duplicates, builds runs and mutations,
// and, once the store has them, says where each batch's events are.
#ifndef POSTROAD_JOURNAL_GROUP_COMMIT_H_
#define POSTROAD_JOURNAL_GROUP_COMMIT_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "journal/commit_queue.h"
#include "journal/dedup_index.h"
#include "journal/event_lookup.h"
#include "journal/group_builder.h"
#include "journal/schedule.h"

namespace postroad::journal {

// On the committing thread; one use.
class GroupCommit {
 public:
  GroupCommit(store::Store& store, const TopicRules& rules, DedupIndex& dedup, EventLookup& lookup,
              Schedule& schedule)
      : store_(store), rules_(rules), dedup_(dedup), lookup_(lookup), schedule_(schedule) {}

  // Plans all batches; `base` is where the feed ends. An error is the whole group's.
  Status Plan(std::span<Posted> posts, FeedPosition base, Timestamp stored_at);
  // Adds mutations to those of the batches. After Plan.
  std::vector<store::Mutation>& mutations() { return mutations_; }

  struct Write {
    std::vector<store::RunToAppend> runs;
    bool sync = false;      // some of it must be on disk
    bool unsynced = false;  // some of it is acknowledged though it may not be
  };
  // What is to be stored, with mutations(). After it, nothing is added.
  Write Finish();

  GroupBuilder& builder() { return builder_; }
  // The store's answer: each batch's result, in the order planned.
  std::vector<Result<BatchResult>> Results(std::span<const store::Placement> placements);

  struct Totals {
    uint64_t events[2] = {0, 0};  // by Durability
    uint64_t bytes[2] = {0, 0};
    uint64_t duplicates = 0;
  };
  const Totals& totals() const { return totals_; }

 private:
  struct DuplicateOf {
    uint32_t index = 0;  // in the chunk
    DedupCandidate event;
    Offset offset;  // of an event stored before this group
  };
  struct PlannedChunk {
    std::string_view topic;
    Durability durability = Durability::kDisk;
    ChunkPlace place;                // count: events stored
    std::optional<uint32_t> ticket;  // of its first event in dedup
    std::vector<DuplicateOf> duplicates;
    // Events of an id that waits in the schedule: left out before all else, so that the indexes of
    // `duplicates` do not count them.
    std::vector<Duplicate> waiting;
  };
  struct PlannedFuture {
    bool duplicate = false;
    // Where the event is that was posted before, if it does not wait as well: before this group, or
    // in it.
    std::optional<Offset> first;
    std::optional<uint32_t> ticket;
  };
  struct PlannedBatch {
    size_t first_chunk = 0;
    size_t chunks = 0;
    std::vector<PlannedFuture> future;
    std::optional<Error> error;
  };

  Status PlanBatch(Batch& batch);
  Status PlanChunk(Chunk& chunk, bool internal);
  Status DropWaiting(Chunk& chunk, PlannedChunk& planned);
  Status DropDuplicates(Chunk& chunk, const TopicSettings& settings, PlannedChunk& planned);
  Result<PlannedFuture> PlanFuture(FutureEvent& event);
  // Of the group's event with this id.
  Result<std::optional<uint32_t>> TicketOf(std::string_view topic, std::string_view id);
  Result<bool> IsSame(const Chunk& chunk, const PlannedChunk& planned, uint32_t index,
                      DuplicateOf& duplicate, Timestamp stored_after);
  // The id of the group's event with this ticket; `chunk` is the one being planned.
  std::string_view IdOfTicket(uint32_t ticket, const Chunk& chunk, const PlannedChunk& planned);
  // The record of event `index` of the chunk being planned.
  std::string_view RecordOf(const Chunk& chunk, uint32_t index);
  const PlannedChunk& ChunkOfTicket(uint32_t ticket) const;
  Offset OffsetOf(const PlannedChunk& chunk, std::span<const store::Placement> placements) const;
  Offset OffsetOfTicket(uint32_t ticket, std::span<const store::Placement> placements) const;
  Result<ChunkResult> ResultOf(const PlannedChunk& chunk,
                               std::span<const store::Placement> placements);
  Result<BatchResult> ResultOf(PlannedBatch& batch, std::span<const store::Placement> placements);

  store::Store& store_;
  const TopicRules& rules_;
  DedupIndex& dedup_;
  EventLookup& lookup_;
  Schedule& schedule_;

  FeedPosition base_;
  Timestamp stored_at_{};
  GroupBuilder builder_;
  std::vector<PlannedBatch> batches_;
  std::vector<PlannedChunk> chunks_;
  std::vector<std::string_view> records_;  // of the chunk being planned, once one was looked at
  std::vector<size_t> ticketed_;           // chunks that have tickets
  std::vector<store::Mutation> mutations_;
  bool wants_sync_ = false;  // mutations or batches with nothing else
  Totals totals_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_GROUP_COMMIT_H_
