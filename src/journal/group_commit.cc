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
  size_t fingerprints = 0, chunks = 0;
  for (const Posted& posted : posts) {
    chunks += posted.batch.chunks.size();
    for (const Chunk& chunk : posted.batch.chunks) fingerprints += chunk.fingerprints.size();
  }
  chunks_.reserve(chunks);
  ticketed_.reserve(chunks);
  builder_.Expect(chunks);
  POSTROAD_TRY(dedup_.BeginGroup(fingerprints, base, stored_at));
  batches_.reserve(posts.size());
  for (Posted& posted : posts) {
    for (const Chunk& chunk : posted.batch.chunks) dedup_.Expect(chunk.fingerprints);
    POSTROAD_TRY(PlanBatch(posted.batch));
  }
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
    POSTROAD_ASSIGN(const PlannedFuture future, PlanFuture(event));
    planned.future.push_back(future);
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
  if (!chunk.fingerprints.empty()) {
    // Those that came due are internal. An id that waits is known whatever the window.
    if (!internal) POSTROAD_TRY(DropWaiting(chunk, planned));
    if (settings.dedup_window > Duration::zero()) {
      POSTROAD_TRY(DropDuplicates(chunk, settings, planned));
    }
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
  const auto is_same = [&](uint32_t index, const DedupCandidate& candidate) -> Result<bool> {
    DuplicateOf duplicate{index, candidate, Offset()};
    POSTROAD_ASSIGN(const bool same, IsSame(chunk, planned, index, duplicate, stored_after));
    if (same) planned.duplicates.push_back(duplicate);
    return same;
  };
  // By reference, so that no chunk costs an allocation.
  POSTROAD_ASSIGN(const std::vector<uint32_t> duplicates,
                  dedup_.Claim(chunk.fingerprints, std::ref(is_same)));
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

Result<GroupCommit::PlannedFuture> GroupCommit::PlanFuture(FutureEvent& event) {
  PlannedFuture planned;
  const TopicSettings settings = rules_.For(event.topic);
  if (settings.dedup_window > Duration::zero()) {
    POSTROAD_ASSIGN(planned.first,
                    lookup_.FindRecent(event.topic, event.id, stored_at_ - settings.dedup_window));
    if (!planned.first) {
      POSTROAD_ASSIGN(planned.ticket, TicketOf(event.topic, event.id));
    }
    planned.duplicate = planned.first || planned.ticket;
  }
  if (!planned.duplicate) {
    POSTROAD_ASSIGN(const bool added, schedule_.Add(std::move(event), mutations_));
    planned.duplicate = !added;
  }
  if (planned.duplicate) ++totals_.duplicates;
  return planned;
}

Result<std::optional<uint32_t>> GroupCommit::TicketOf(std::string_view topic, std::string_view id) {
  std::optional<uint32_t> ticket;
  const auto is_it = [&](uint32_t, const DedupCandidate& candidate) -> Result<bool> {
    if (!candidate.in_group) return false;
    const PlannedChunk& chunk = ChunkOfTicket(candidate.ticket);
    const uint32_t index = candidate.ticket - *chunk.ticket;
    if (chunk.topic != topic || RecordId(builder_.RecordAt(chunk.place, index)) != id) return false;
    ticket = candidate.ticket;
    return true;
  };
  POSTROAD_ASSIGN([[maybe_unused]] const bool known,
                  dedup_.Knows(EventFingerprint(topic, id), is_it));
  return ticket;
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

Offset GroupCommit::OffsetOfTicket(uint32_t ticket,
                                   std::span<const store::Placement> placements) const {
  const PlannedChunk& chunk = ChunkOfTicket(ticket);
  return OffsetOf(chunk, placements) + (ticket - *chunk.ticket);
}

Result<ChunkResult> GroupCommit::ResultOf(const PlannedChunk& chunk,
                                          std::span<const store::Placement> placements) {
  ChunkResult result{.stored = chunk.place.count, .durability = chunk.durability};
  for (const DuplicateOf& duplicate : chunk.duplicates) {
    const Offset first = duplicate.event.in_group
                             ? OffsetOfTicket(duplicate.event.ticket, placements)
                             : duplicate.offset;
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
  BatchResult result;
  result.future.reserve(batch.future.size());
  for (const PlannedFuture& future : batch.future) {
    FutureResult& out = result.future.emplace_back(future.duplicate, future.first);
    if (future.ticket) out.first = OffsetOfTicket(*future.ticket, placements);
  }
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
