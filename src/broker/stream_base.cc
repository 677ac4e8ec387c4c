// The common part of all streams.
#include "broker/stream_base.h"

#include <limits>

namespace postroad::broker {

namespace {

// One wait of a stream: for more to read, or for its end.
struct StreamWait : journal::Wait {
  explicit StreamWait(Executor& executor, Task task)
      : executor(executor), one_shot(std::make_shared<StreamControl::OneShot>(std::move(task))) {}
  Executor& executor;
  const std::shared_ptr<StreamControl::OneShot> one_shot;
  journal::WaitPtr journal_wait;
};

}  // namespace

StreamBase::StreamBase(StreamContext context, StreamSpec spec)
    : context_(context),
      spec_(std::move(spec)),
      control_(std::make_shared<StreamControl>(std::string(spec_.topics.SingleTopic()))) {}

StreamBase::~StreamBase() { context_.registry.Remove(client_, control_); }

Status StreamBase::Register(std::string client) {
  client_ = std::move(client);
  return context_.registry.Add(client_, control_);
}

void StreamBase::Start(Begin begin) {
  next_ = begin.next;
  target_ = begin.target;
  epoch_changed_ = begin.epoch_changed;
}

uint64_t StreamBase::limit() const {
  return spec_.stop_at_end ? target_ : std::numeric_limits<uint64_t>::max();
}

Result<StreamBatch> StreamBase::Next() {
  if (auto reason = control_->ended()) return Fail(*std::move(reason));
  StreamBatch batch;
  if (next_ < limit()) POSTROAD_TRY(Read(batch));
  FinishBatch(batch);
  return batch;
}

void StreamBase::FinishBatch(StreamBatch& batch) {
  batch.epoch_changed = std::exchange(epoch_changed_, std::nullopt);
  if (next_ >= target_ && !said_caught_up_) {
    said_caught_up_ = batch.caught_up = true;
  }
  batch.end = spec_.stop_at_end && next_ >= target_;
  batch.cursor = Cursor();
  uint64_t events = 0, bytes = 0;
  for (const StreamRun& run : batch.runs) {
    events += run.count;
    bytes += run.bytes;
  }
  if (events > 0) {
    context_.metrics.events.Add(static_cast<double>(events));
    context_.metrics.bytes.Add(static_cast<double>(bytes));
  }
  if (!batch.gaps.empty()) context_.metrics.gaps.Add(static_cast<double>(batch.gaps.size()));
}

journal::WaitPtr StreamBase::WaitForMore(Executor& executor, Task task) {
  auto wait = std::make_unique<StreamWait>(executor, std::move(task));
  std::weak_ptr<StreamControl::OneShot> weak = wait->one_shot;
  wait->journal_wait = Wait(executor, [weak] {
    if (auto one_shot = weak.lock()) one_shot->Run();
  });
  control_->SetWaiter(executor, weak);
  return wait;
}

void StreamBase::WaitAgain(journal::Wait& wait) {
  auto& again = static_cast<StreamWait&>(wait);
  again.one_shot->set = true;
  Again(*again.journal_wait);
  control_->SetWaiter(again.executor, again.one_shot);
}

postroad::Cursor StreamBase::Cursor() const { return CursorAt(next_); }

}  // namespace postroad::broker
