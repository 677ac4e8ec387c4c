// What streams over one topic and over the feed have in common: their end from outside, the notice
// of being caught up, counting what was delivered.
#ifndef POSTROAD_BROKER_STREAM_BASE_H_
#define POSTROAD_BROKER_STREAM_BASE_H_

#include <memory>
#include <string>

#include "broker/event_stream.h"
#include "broker/stream_registry.h"
#include "core/error.h"
#include "journal/journal.h"
#include "runtime/metrics.h"

namespace postroad::broker {

struct StreamMetrics {
  Counter& events;
  Counter& bytes;
  Counter& gaps;
};

// What a stream works with; all of it outlives the stream.
struct StreamContext {
  journal::Journal& journal;
  StreamRegistry& registry;
  StreamMetrics& metrics;
};

class StreamBase : public EventStream {
 public:
  ~StreamBase() override;

  Result<StreamBatch> Next() final;
  journal::WaitPtr WaitForMore(Executor& executor, Task task) final;
  void WaitAgain(journal::Wait& wait) final;
  void OnEnded(Executor& executor, Task task) final {
    control_->OnEnded(executor, std::move(task));
  }
  postroad::Cursor Cursor() const final;

 protected:
  // Where a stream begins, and what is to be said first.
  struct Begin {
    uint64_t next = 0;    // offset or position
    uint64_t target = 0;  // where the topics end now
    std::optional<EpochChange> epoch_changed;
  };

  StreamBase(StreamContext context, StreamSpec spec);
  // Registers; `client` as in StreamRegistry. Call once, first.
  Status Register(std::string client);
  void Start(Begin begin);

  // Reads from next() into `batch` and calls set_next.
  virtual Status Read(StreamBatch& batch) = 0;
  virtual journal::WaitPtr Wait(Executor& executor, Task task) = 0;
  virtual void Again(journal::Wait& wait) = 0;  // of Wait
  virtual postroad::Cursor CursorAt(uint64_t next) const = 0;

  journal::Journal& journal() const { return context_.journal; }
  const StreamSpec& spec() const { return spec_; }
  uint64_t next() const { return next_; }
  void set_next(uint64_t next) { next_ = next; }
  // Where reading stops: with stop_at_end, where the topics ended at first.
  uint64_t limit() const;

 private:
  void FinishBatch(StreamBatch& batch);

  StreamContext context_;
  const StreamSpec spec_;
  std::shared_ptr<StreamControl> control_;
  std::string client_;
  uint64_t next_ = 0;
  uint64_t target_ = 0;
  bool said_caught_up_ = false;
  std::optional<EpochChange> epoch_changed_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_STREAM_BASE_H_
