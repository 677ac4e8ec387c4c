#include "journal/group_commit.h"

#include <algorithm>

#include "core/event.h"

namespace postroad::journal {
namespace {

// The duplicates are by rising index, so that before each of them are its index less its rank kept
// events; finds the index of the `kept`th event that is none of them.
template <typename Duplicates>
uint32_t IndexOfKept(const Duplicates& duplicates, uint32_t kept) {
  size_t low = 0;
  for (size_t high = duplicates.size(); low < high;) {
    const size_t middle = low + (high - low) / 2;
    if (duplicates[middle].index - middle <= kept) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return kept + static_cast<uint32_t>(low);
}

// Takes these events, by rising index, out of the chunk's body.
void LeaveOut(Chunk& chunk, std::span<const uint32_t> indexes) {
  if (indexes.empty()) return;
  std::string kept;
  BodyReader reader(chunk.body);
  size_t begin = 0;
  for (uint32_t i = 0, next = 0; reader.Next(); ++i) {
    const size_t end = chunk.body.size() - reader.rest().size();
    if (next < indexes.size() && indexes[next] == i) {
      ++next;
    } else {
      kept.append(chunk.body, begin, end - begin);
    }
    begin = end;
  }
  chunk.body = std::move(kept);
  chunk.count -= static_cast<uint32_t>(indexes.size());
}

}  // namespace

Status GroupCommit::Plan(std::span<Posted> posts, FeedPosition base, Timestamp stored_at) {
  base_ = base;
  stored_at_ = stored_at;
  size_t fingerprints = 0;
  for (const Posted& posted : posts) {
    for (const Chunk& chunk : posted.batch.chunks) fingerprints += chunk.fingerprints.size();
  }
  POSTROAD_TRY(dedup_.BeginGroup(fingerprints, base, stored_at));
  batches_.reserve(posts.size());
  for (Posted& posted : posts) POSTROAD_TRY(PlanBatch(posted.batch));
  return {};
}

Status GroupCommit::PlanBatch(Batch& batch) {
  PlannedBatch planned{.first_chunk = chunks_.size(), .chunks = batch.chunks.size()};
  if (!batch.future.empty() && !batch.internal) {
    if (auto room = schedule_.CheckRoom(batch.future.size()); !room) {
      planned.error = std::move(room).error();
      planned.chunks = 0;
      batches_.push_back(std::move(planned));
      return {};
    }
  }
  for (Chunk& chunk : batch.chunks) POSTROAD_TRY(PlanChunk(chunk, batch.internal));
  for (FutureEvent& event : batch.future) {
    POSTROAD_ASSIGN(const bool is_new, PlanFuture(event));
    planned.future_duplicate.push_back(!is_new);
    wants_sync_ = true;
  }
  if (batch.chunks.empty()) wants_sync_ = true;
  std::ranges::move(batch.mutations, std::back_inserter(mutations_));
  batches_.push_back(std::move(planned));
  return {};
}

Status GroupCommit::PlanChunk(Chunk& chunk, bool internal) {
  const TopicSettings settings = rules_.For(chunk.topic);
  PlannedChunk planned{.topic = chunk.topic, .durability = settings.durability};
  if (settings.dedup_window > Duration::zero() && !chunk.fingerprints.empty()) {
    // Those that came due are internal.
    if (!internal) POSTROAD_TRY(DropWaiting(chunk, planned));
    POSTROAD_TRY(DropDuplicates(chunk, settings, planned));
  }
  totals_.duplicates += planned.duplicates.size() + planned.waiting.size();
  const auto kind = static_cast<size_t>(settings.durability);
  totals_.events[kind] += chunk.count;
  totals_.bytes[kind] += chunk.body.size();
  if (chunk.count > 0) {
    POSTROAD_ASSIGN(planned.place, builder_.Add(chunk.topic, chunk.count, std::move(chunk.body)));
  }
  if (planned.ticket && chunk.count > 0) ticketed_.push_back(chunks_.size());
  chunks_.push_back(std::move(planned));
  return {};
}

Status GroupCommit::DropDuplicates(Chunk& chunk, const TopicSettings& settings,
                                   PlannedChunk& planned) {
  planned.ticket = dedup_.next_ticket();
  records_.clear();
  const Timestamp stored_after = stored_at_ - settings.dedup_window;
  POSTROAD_ASSIGN(
      const std::vector<uint32_t> duplicates,
      dedup_.Claim(chunk.fingerprints,
                   [&](uint32_t index, const DedupCandidate& candidate) -> Result<bool> {
                     DuplicateOf duplicate{index, candidate, Offset()};
                     POSTROAD_ASSIGN(const bool same,
                                     IsSame(chunk, planned, index, duplicate, stored_after));
                     if (same) planned.duplicates.push_back(duplicate);
                     return same;
                   }));
  LeaveOut(chunk, duplicates);
  return {};
}

Status GroupCommit::DropWaiting(Chunk& chunk, PlannedChunk& planned) {
  POSTROAD_ASSIGN(const bool any, schedule_.WaitsIn(chunk.topic));
  if (!any) return {};
  std::vector<uint32_t> waiting;
  std::vector<uint64_t> fingerprints;
  BodyReader reader(chunk.body);
  for (uint32_t i = 0; const auto record = reader.Next(); ++i) {
    bool waits = false;
    if (chunk.fingerprints[i] != 0) {
      POSTROAD_ASSIGN(waits, schedule_.Waits(chunk.topic, RecordId(*record)));
    }
    if (waits) {
      waiting.push_back(i);
      planned.waiting.push_back({.index = i, .waits = true});
    } else {
      fingerprints.push_back(chunk.fingerprints[i]);
    }
  }
  LeaveOut(chunk, waiting);
  chunk.fingerprints = std::move(fingerprints);
  return {};
}

Result<bool> GroupCommit::IsSame(const Chunk& chunk, const PlannedChunk& planned, uint32_t index,
                                 DuplicateOf& duplicate, Timestamp stored_after) {
  const std::string_view id = RecordId(RecordOf(chunk, index));
  if (duplicate.event.in_group) {
    const uint32_t ticket = duplicate.event.ticket;
    const bool here = ticket >= *planned.ticket;
    return (here || ChunkOfTicket(ticket).topic == chunk.topic) &&
           IdOfTicket(ticket, chunk, planned) == id;
  }
  POSTROAD_ASSIGN(const std::optional<Offset> offset,
                  lookup_.Same(chunk.topic, id, duplicate.event.position, stored_after));
  if (offset) duplicate.offset = *offset;
  return offset.has_value();
}

std::string_view GroupCommit::IdOfTicket(uint32_t ticket, const Chunk& chunk,
                                         const PlannedChunk& planned) {
  if (ticket < *planned.ticket) {
    const PlannedChunk& earlier = ChunkOfTicket(ticket);
    return RecordId(builder_.RecordAt(earlier.place, ticket - *earlier.ticket));
  }
  // Tickets of this chunk count its events but for the duplicates met so far.
  return RecordId(RecordOf(chunk, IndexOfKept(planned.duplicates, ticket - *planned.ticket)));
}

std::string_view GroupCommit::RecordOf(const Chunk& chunk, uint32_t index) {
  if (records_.empty()) {
    BodyReader reader(chunk.body);
    while (const auto record = reader.Next()) records_.push_back(*record);
  }
  return index < records_.size() ? records_[index] : std::string_view();
}

const GroupCommit::PlannedChunk& GroupCommit::ChunkOfTicket(uint32_t ticket) const {
  const auto it = std::ranges::upper_bound(ticketed_, ticket, {},
                                           [&](size_t chunk) { return *chunks_[chunk].ticket; });
  return chunks_[*(it - 1)];
}

Result<bool> GroupCommit::PlanFuture(FutureEvent& event) {
  const TopicSettings settings = rules_.For(event.topic);
  if (settings.dedup_window > Duration::zero()) {
    POSTROAD_ASSIGN(const auto stored,
                    lookup_.FindRecent(event.topic, event.id, stored_at_ - settings.dedup_window));
    bool known = stored.has_value();
    if (!known) {
      POSTROAD_ASSIGN(known, IsInGroup(event.topic, event.id));
    }
    if (known) {
      ++totals_.duplicates;
      return false;
    }
  }
  POSTROAD_ASSIGN(const bool added, schedule_.Add(std::move(event), mutations_));
  if (!added) ++totals_.duplicates;
  return added;
}

Result<bool> GroupCommit::IsInGroup(std::string_view topic, std::string_view id) {
  return dedup_.Knows(
      EventFingerprint(topic, id), [&](uint32_t, const DedupCandidate& candidate) -> Result<bool> {
        if (!candidate.in_group) return false;
        const PlannedChunk& chunk = ChunkOfTicket(candidate.ticket);
        const uint32_t index = candidate.ticket - *chunk.ticket;
        return chunk.topic == topic && RecordId(builder_.RecordAt(chunk.place, index)) == id;
      });
}

GroupCommit::Write GroupCommit::Finish() {
  Write write{.runs = builder_.Finish(stored_at_), .sync = wants_sync_};
  for (const PlannedChunk& chunk : chunks_) {
    const bool disk = chunk.durability == Durability::kDisk;
    write.sync = write.sync || disk;
    write.unsynced = write.unsynced || !disk;
    if (!chunk.ticket || chunk.place.count == 0) continue;
    const uint64_t before = builder_.events_before(chunk.place.run) + chunk.place.index;
    dedup_.Place(*chunk.ticket, chunk.place.count, base_ + before);
  }
  if (auto mutation = dedup_.TakeMutation()) mutations_.push_back(std::move(*mutation));
  schedule_.FinishGroup(mutations_);
  // A group that is synced leaves nothing to lose.
  write.unsynced = write.unsynced && !write.sync;
  return write;
}

Offset GroupCommit::OffsetOf(const PlannedChunk& chunk,
                             std::span<const store::Placement> placements) const {
  return placements[chunk.place.run].first + chunk.place.index;
}

Result<ChunkResult> GroupCommit::ResultOf(const PlannedChunk& chunk,
                                          std::span<const store::Placement> placements) {
  ChunkResult result{.stored = chunk.place.count, .durability = chunk.durability};
  for (const DuplicateOf& duplicate : chunk.duplicates) {
    Offset first = duplicate.offset;
    if (duplicate.event.in_group) {
      const PlannedChunk& of = ChunkOfTicket(duplicate.event.ticket);
      first = OffsetOf(of, placements) + (duplicate.event.ticket - *of.ticket);
    }
    result.duplicates.push_back({IndexOfKept(chunk.waiting, duplicate.index), first});
  }
  result.duplicates.insert(result.duplicates.end(), chunk.waiting.begin(), chunk.waiting.end());
  std::ranges::sort(result.duplicates, {}, &Duplicate::index);
  if (chunk.place.count > 0) {
    result.topic = placements[chunk.place.run].topic;
    result.first = OffsetOf(chunk, placements);
    return result;
  }
  if (chunk.duplicates.empty()) return result;  // a topic may have none but waiting events yet
  POSTROAD_ASSIGN(const store::TopicInfo info, store_.FindTopic(chunk.topic));
  result.topic = info.id;
  result.first = info.next;
  return result;
}

Result<BatchResult> GroupCommit::ResultOf(PlannedBatch& batch,
                                          std::span<const store::Placement> placements) {
  if (batch.error) return Fail(std::move(*batch.error));
  BatchResult result{.future_duplicate = std::move(batch.future_duplicate)};
  result.chunks.reserve(batch.chunks);
  for (size_t i = 0; i < batch.chunks; ++i) {
    POSTROAD_ASSIGN(ChunkResult chunk, ResultOf(chunks_[batch.first_chunk + i], placements));
    result.chunks.push_back(std::move(chunk));
  }
  return result;
}

std::vector<Result<BatchResult>> GroupCommit::Results(
    std::span<const store::Placement> placements) {
  std::vector<Result<BatchResult>> results;
  results.reserve(batches_.size());
  for (PlannedBatch& batch : batches_) results.push_back(ResultOf(batch, placements));
  return results;
}

}  // namespace postroad::journal
