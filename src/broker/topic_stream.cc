// Reading one topic from a cursor on.
#include "broker/topic_stream.h"

#include <algorithm>

#include "broker/run_slice.h"

namespace postroad::broker {

namespace {

// Odd and large: ids, which count up, become epochs that have nothing in common.
constexpr uint64_t kIdSpread = 0x9e3779b97f4a7c15;

std::unexpected<Error> BeyondEnd(std::string field, Offset asked, Offset next) {
  return Fail(Error{ErrorCode::kOutOfRange,
                    "offset " + std::to_string(asked.value()) +
                        " is beyond the topic's end, which is at " + std::to_string(next.value()),
                    std::move(field),
                    "BEYOND_END",
                    {{"next_offset", std::to_string(next.value())}}});
}

}  // namespace

TopicStream::TopicStream(StreamContext context, StreamSpec spec)
    : StreamBase(context, std::move(spec)),
      topic_(std::make_shared<const std::string>(this->spec().topics.SingleTopic())),
      topic_hash_(TopicCursorHash(*topic_)),
      log_epoch_(journal().TopicEpoch(*topic_)) {}

Result<std::unique_ptr<EventStream>> TopicStream::Open(StreamContext context, store::Store& store,
                                                       StreamSpec spec, std::string client) {
  std::unique_ptr<TopicStream> stream(new TopicStream(context, std::move(spec)));
  POSTROAD_ASSIGN(Begin begin, stream->FindBegin(store));
  stream->Start(begin);
  POSTROAD_TRY(stream->Register(std::move(client)));
  return stream;
}

Epoch TopicStream::EpochNow() const {
  return Epoch(log_epoch_.value() ^ (id_.value() * kIdSpread));
}

Result<store::TopicInfo> TopicStream::Bounds() {
  auto info = journal().FindTopic(*topic_);
  if (!info && info.error().code == ErrorCode::kNotFound) return store::TopicInfo{};
  return info;
}

Result<StreamBase::Begin> TopicStream::FindBegin(store::Store& store) {
  POSTROAD_ASSIGN(const store::TopicInfo info, Bounds());
  id_ = info.id;
  Begin begin{.next = info.next.value(), .target = info.next.value()};
  const StreamStart& start = spec().start;
  if (const auto* cursor = std::get_if<FromCursor>(&start)) {
    return FromCursorText(cursor->cursor, info);
  } else if (std::holds_alternative<FromBeginning>(start)) {
    begin.next = info.first.value();
  } else if (const auto* last = std::get_if<FromLast>(&start)) {
    const uint64_t kept = info.next - info.first;
    begin.next = info.next.value() - std::min(kept, last->events);
  } else if (const auto* time = std::get_if<FromTime>(&start); time && id_ != TopicId()) {
    POSTROAD_ASSIGN(const Offset offset, store.OffsetAtTime(id_, time->time));
    begin.next = std::min(offset, info.next).value();
  } else if (const auto* offset = std::get_if<FromOffset>(&start)) {
    if (offset->offset > info.next) return BeyondEnd("offset", offset->offset, info.next);
    begin.next = offset->offset.value();
  }
  return begin;
}

Result<StreamBase::Begin> TopicStream::FromCursorText(const std::string& text,
                                                      const store::TopicInfo& info) {
  POSTROAD_ASSIGN(const postroad::Cursor decoded, DecodeCursor(text, "cursor"));
  const auto* cursor = std::get_if<TopicCursor>(&decoded);
  if (cursor == nullptr) {
    return Invalid("cursor", "this cursor is of a stream over several topics", "BAD_CURSOR");
  }
  if (cursor->topic_hash != topic_hash_) {
    return Invalid("cursor", "this cursor is of another topic", "BAD_CURSOR");
  }
  Begin begin{.next = cursor->next.value(), .target = info.next.value()};
  const Epoch epoch = EpochNow();
  // A cursor from before the topic was there has the epoch of none.
  if (cursor->epoch != epoch && cursor->epoch != log_epoch_) {
    begin.next = info.first.value();
    begin.epoch_changed = EpochChange{cursor->epoch, epoch};
  } else if (cursor->next > info.next) {
    return BeyondEnd("cursor", cursor->next, info.next);
  }
  return begin;
}

Status TopicStream::Read(StreamBatch& batch) {
  if (id_ == TopicId()) {
    POSTROAD_ASSIGN(const store::TopicInfo info, Bounds());
    if (info.id == TopicId()) return {};
    id_ = info.id;
  }
  auto read = journal().ReadTopic(id_, Offset(next()), spec().max_batch_bytes);
  if (!read && read.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kAborted,
                "the topic was deleted; a new stream reads what is posted to it from now on", "",
                "TOPIC_DELETED");
  }
  if (!read) return Fail(std::move(read).error());
  if (read->gap) {
    const auto [first, end] = *read->gap;
    batch.gaps.push_back({.topic = *topic_, .first = first.value(), .end = end.value()});
    set_next(end.value());
  }
  POSTROAD_TRY(AddRuns(*read, batch));
  batch.at_end = read->at_end && next() == read->next.value();
  return {};
}

Status TopicStream::AddRuns(const journal::TopicRead& read, StreamBatch& batch) {
  size_t budget = spec().max_batch_bytes;
  for (const journal::RunPtr& run : read.runs) {
    if (run->end().value() <= next()) continue;
    if (!batch.runs.empty() && run->body.size() > budget) return {};
    POSTROAD_ASSIGN(RunSlice slice, SliceRun(run, {.from = Offset(next()),
                                                   .to = Offset(limit()),
                                                   .budget = budget,
                                                   .filter = &spec().filter}));
    set_next(slice.next.value());
    budget -= std::min(budget, slice.run.bytes);
    if (slice.run.count > 0) {
      slice.run.topic = topic_;
      batch.runs.push_back(std::move(slice.run));
    }
    if (slice.next < run->end()) return {};
  }
  return {};
}

journal::WaitPtr TopicStream::Wait(Executor& executor, Task task) {
  return journal().WaitForTopic(*topic_, id_, Offset(next()), executor, std::move(task));
}

void TopicStream::Again(journal::Wait& wait) {
  journal().WaitAgain(wait, *topic_, id_, Offset(next()));
}

postroad::Cursor TopicStream::CursorAt(uint64_t next) const {
  return TopicCursor{EpochNow(), Offset(next), topic_hash_};
}

}  // namespace postroad::broker
