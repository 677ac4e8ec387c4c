// Streams of the local engine, and the relay's target that is all of them.
#ifndef POSTROAD_EVENT_BUS_LOCAL_STREAM_H_
#define POSTROAD_EVENT_BUS_LOCAL_STREAM_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event_bus/settings.h"
#include "event_bus/stream_base.h"
#include "event_bus/stream_pump.h"
#include "outbox/target.h"
#include "outbox/topic_choice.h"

namespace postroad::event_bus {

class LocalStream;

// The events of one batch that streams have in their hands. Thread-safe.
class LocalRound {
 public:
  // `readers`: how many streams each event goes to.
  LocalRound(outbox::BatchPtr batch, std::vector<size_t> readers, outbox::SendCompletion done);
  // To be called once all is set up: events that nobody reads are done.
  void Begin();
  // A stream is through with the event, or left it.
  void Finish(size_t event, bool handled);
  const outbox::Batch& batch() const { return *batch_; }

 private:
  void CompleteIfDone(std::unique_lock<std::mutex> lock);

  const outbox::BatchPtr batch_;
  std::mutex mutex_;
  std::vector<size_t> readers_;               // guarded by mutex_
  size_t open_ = 0;                           // guarded by mutex_; readers of all events
  std::vector<outbox::EventResult> results_;  // guarded by mutex_
  outbox::SendCompletion done_;               // guarded by mutex_
};

// The streams that are open. Thread-safe.
class LocalStreams {
 public:
  // False: the group has a stream of this topic.
  bool Add(const std::shared_ptr<LocalStream>& stream);
  // Rows of its topic are read no more, unless for another stream.
  void Remove(const LocalStream& stream);
  std::vector<std::shared_ptr<LocalStream>> Of(std::string_view topic) const;
  std::vector<std::shared_ptr<LocalStream>> All() const;
  const std::shared_ptr<outbox::TopicChoice>& choice() const { return choice_; }

 private:
  void Choose();

  const std::shared_ptr<outbox::TopicChoice> choice_ = std::make_shared<outbox::TopicChoice>();
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<std::shared_ptr<LocalStream>>, std::less<>> streams_;
};

class LocalStream final : public StreamBase, private PumpOwner {
 public:
  LocalStream(const ConsumerSettings& settings, const std::string& topic, const std::string& group,
              StreamHandlers handlers, std::shared_ptr<BusMetrics> metrics,
              std::shared_ptr<LocalStreams> streams);
  ~LocalStream() override { LocalStream::Stop(); }

  void Start() { pump_.Start(); }
  void Stop() override;
  StreamStats stats() const override;

  void Give(const std::shared_ptr<LocalRound>& round, size_t event);
  // What waits is left; what the handler has at the moment goes on.
  void LeaveWaiting();

 private:
  using Held = std::pair<std::shared_ptr<LocalRound>, size_t>;

  void OnHandled(uint64_t token) override;
  void OnHandlerFailed(uint64_t token, Error error) override;
  void OnPumpEnd() override;
  void Leave();
  void Finish(uint64_t token, bool handled);
  void FailWith(Error error);

  const std::shared_ptr<LocalStreams> streams_;
  mutable std::mutex mutex_;
  bool left_ = false;              // guarded by mutex_
  std::optional<Error> failure_;   // guarded by mutex_
  uint64_t last_token_ = 0;        // guarded by mutex_
  std::map<uint64_t, Held> held_;  // guarded by mutex_; given and not finished
  StreamStats stats_;              // guarded by mutex_
  StreamPump pump_;
};

// A batch is answered once its events are handled, or nobody is there for them.
class LocalTarget final : public outbox::Target {
 public:
  explicit LocalTarget(std::shared_ptr<LocalStreams> streams) : streams_(std::move(streams)) {}
  std::string_view name() const override { return "local"; }
  void Send(outbox::BatchPtr batch, outbox::SendCompletion done) override;
  void Stop() override;

 private:
  const std::shared_ptr<LocalStreams> streams_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_LOCAL_STREAM_H_
