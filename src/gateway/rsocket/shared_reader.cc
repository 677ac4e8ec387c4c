// See shared_reader.h.
#include "gateway/rsocket/shared_reader.h"

#include <utility>

#include "gateway/rsocket/error_map.h"

namespace postroad::rsocket_gateway {

namespace {

constexpr size_t kBatchBytes = 64 << 10;

}  // namespace

SharedReader::SharedReader(Gateway& gateway, size_t core, rsocket::Stream& stream, PayloadForm form)
    : gateway_(gateway),
      core_(core),
      stream_(stream),
      form_(form),
      self_(std::make_shared<SharedReader*>(this)) {
  gateway_.streams_open.Add(1);
}

SharedReader::~SharedReader() {
  gateway_.streams_open.Add(-1);
  if (place_ && reading_) place_->GiveBack(reading_->Unsettled());
}

Status SharedReader::OpenAt(broker::StreamStart start) {
  wait_.reset();
  runs_.clear();
  POSTROAD_ASSIGN(TopicSelector topics, TopicSelector::Parse({topic_}, "topic"));
  broker::StreamSpec spec{.topics = std::move(topics), .start = std::move(start)};
  spec.max_batch_bytes = kBatchBytes;
  POSTROAD_ASSIGN(events_, gateway_.broker.OpenStream(*principal_, std::move(spec)));
  events_->OnEnded(gateway_.cores.at(core_), [weak = std::weak_ptr(self_)] {
    const auto self = weak.lock();
    if (!self) return;
    (*self)->broker_ended_ = true;
    (*self)->Pump();
  });
  position_ = TopicCursorOf(events_->Cursor()).next;
  return {};
}

Status SharedReader::Open(const auth::Principal& principal, broker::UserConnection& connection,
                          ReadRequest request, broker::TurnOrder order) {
  principal_ = &principal;
  topic_ = std::move(request.topic);
  POSTROAD_TRY(OpenAt(std::move(request.start)));
  reading_ = connection.Read(
      topic_, {.start = position_, .shares = true, .acks = form_ != PayloadForm::kPlain});
  place_ = connection.Share(topic_, order, position_, gateway_.cores.at(core_),
                            [weak = std::weak_ptr(self_)] {
                              if (const auto self = weak.lock()) (*self)->Pump();
                            });
  if (form_ == PayloadForm::kLine) {
    notices_.push_back(OpenedLine(connection.name(), EncodeCursor(events_->Cursor())));
  }
  return {};
}

void SharedReader::Pump() {
  while (!ended_) {
    if (std::exchange(broker_ended_, false)) {
      auto last = events_->Next();
      if (!last) return Fail(last.error());
      if (auto loaded = Load(*std::move(last)); !loaded) return Fail(loaded.error());
    }
    const bool ready = SendNotices() && stream_.Room() > 0;
    if (ended_) return;
    place_->SetReady(ready);
    const auto next = ready ? place_->Turn() : std::nullopt;
    if (!next) return wait_.reset();
    const auto taken = Take(*next);
    if (!taken) return Fail(taken.error());
    if (!*taken) return Wait();
  }
}

bool SharedReader::SendNotices() {
  while (!notices_.empty() && stream_.Room() > 0) {
    ended_ = !stream_.Send(notices_.front());
    if (ended_) return false;
    notices_.pop_front();
  }
  return notices_.empty();
}

bool SharedReader::Loaded(Offset offset) const {
  return !runs_.empty() && offset >= runs_.front().first && offset < position_;
}

Result<bool> SharedReader::Take(const broker::Turns::Next& next) {
  if (!Loaded(next.offset)) {
    if (position_ != next.offset) POSTROAD_TRY(OpenAt(broker::FromOffset{next.offset}));
    POSTROAD_ASSIGN(auto batch, events_->Next());
    const bool nothing = batch.runs.empty() && batch.gaps.empty() && !batch.epoch_changed;
    const std::vector<broker::StreamGap> gaps = batch.gaps;
    POSTROAD_TRY(Load(std::move(batch)));
    if (nothing) return SayCaughtUp();
    if (!gaps.empty()) {
      place_->Took(next, Offset(gaps.back().end));
      return true;
    }
  }
  for (const ReadRun& run : runs_) {
    const size_t size = run.payloads->size();
    if (run.first + size <= next.offset) continue;
    if (!notices_.empty()) return true;  // first
    const rsocket::EncodedPayload& payload = (*run.payloads)[next.offset - run.first];
    ended_ = !stream_.Send(payload);
    if (ended_) return true;
    gateway_.delivered_events.Add();
    gateway_.delivered_bytes.Add(static_cast<double>(payload.bytes().size()));
    reading_->Given(next.offset);
    place_->Took(next, next.offset + 1);
    return true;
  }
  place_->Took(next, position_);  // nothing of it is left
  return true;
}

Status SharedReader::Load(broker::StreamBatch batch) {
  const TopicCursor cursor = TopicCursorOf(batch.cursor);
  runs_.clear();
  position_ = cursor.next;
  if (form_ == PayloadForm::kPlain) {
    TopicCursor behind = cursor;
    if (!batch.runs.empty()) behind.next = batch.runs.front().first;
    if (auto untold = UntoldNotice(batch, behind)) return postroad::Fail(*std::move(untold));
  }
  if (form_ != PayloadForm::kPlain) {
    for (auto& notice : NoticesBefore(batch, form_)) notices_.push_back(std::move(notice));
  }
  for (const broker::StreamRun& run : batch.runs) {
    POSTROAD_ASSIGN(EncodedRun encoded, gateway_.caches[core_].Get(run, cursor.epoch, form_));
    runs_.push_back({std::move(encoded), run.first});
  }
  return {};
}

// Behind what was there: whether there is something to be sent.
bool SharedReader::SayCaughtUp() {
  if (form_ != PayloadForm::kLine || std::exchange(said_caught_up_, true)) return false;
  broker::StreamBatch batch;
  batch.caught_up = true;
  batch.cursor = events_->Cursor();
  for (auto& notice : NoticesAfter(batch, form_)) notices_.push_back(std::move(notice));
  return true;
}

void SharedReader::Wait() {
  wait_ = events_->WaitForMore(gateway_.cores.at(core_), [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) (*self)->Pump();
  });
}

void SharedReader::Fail(const Error& error) {
  ended_ = true;
  wait_.reset();
  stream_.Fail(ToErrorCode(error.code), ErrorText(error));
}

}  // namespace postroad::rsocket_gateway
