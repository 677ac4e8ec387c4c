// Reading a topic's runs.
#include "store/rocks/rocks_store_impl.h"
#include "store/rocks/topic_runs.h"

namespace postroad::store {

Result<std::vector<RunPtr>> RocksStore::ReadRuns(TopicId topic, Offset from, size_t max_bytes) {
  std::vector<RunPtr> out;
  TopicRuns runs(*engine_, topic);
  bool there = runs.AtOrBefore(from);
  POSTROAD_TRY(runs.status());
  if (there && runs.end() <= from) {
    there = runs.Next();
  } else if (!there) {
    there = runs.AtOrAfter(from);
  }
  for (size_t bytes = 0; there; there = runs.Next()) {
    bytes += runs.body_bytes();
    if (!out.empty() && bytes > max_bytes) return out;
    auto run = runs.Read();
    // What comes before a damage is read; the next call meets the damage itself.
    if (!run && !out.empty()) return out;
    if (!run) return Fail(run.error());
    out.push_back(*std::move(run));
  }
  if (out.empty()) POSTROAD_TRY(runs.status());
  return out;
}

Result<RunPtr> RocksStore::ReadRunAt(TopicId topic, Offset offset) {
  TopicRuns runs(*engine_, topic);
  if (runs.AtOrBefore(offset)) return runs.Read();
  POSTROAD_TRY(runs.status());
  return Fail(ErrorCode::kNotFound, "nothing is kept at or before offset " +
                                        std::to_string(offset.value()) + " of topic id " +
                                        std::to_string(topic.value()));
}

Result<Offset> RocksStore::OffsetAtTime(TopicId topic, Timestamp time) {
  TopicRuns runs(*engine_);
  POSTROAD_ASSIGN(const TopicState state, LoadState({.id = topic}, runs));
  Offset low = state.next;
  if (runs.First()) low = runs.first();
  // Times never fall along a topic: halve the offsets until they meet at the border of two runs.
  for (Offset high = state.next; low < high;) {
    if (!runs.AtOrBefore(low + (high - low) / 2)) break;
    if (runs.header().stored_at < time) {
      low = runs.end();
    } else {
      high = runs.first();
    }
  }
  POSTROAD_TRY(runs.status());
  return low;
}

}  // namespace postroad::store
