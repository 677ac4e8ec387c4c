// A stream along one topic.
#ifndef POSTROAD_BROKER_TOPIC_STREAM_H_
#define POSTROAD_BROKER_TOPIC_STREAM_H_

#include <memory>
#include <optional>
#include <string>

#include "broker/stream_base.h"
#include "store/store.h"

namespace postroad::broker {

class TopicStream final : public StreamBase {
 public:
  // The selector of `spec` names one topic. `client` as in StreamRegistry.
  static Result<std::unique_ptr<EventStream>> Open(StreamContext context, store::Store& store,
                                                   StreamSpec spec, std::string client);

 private:
  TopicStream(StreamContext context, StreamSpec spec);

  // The epoch of this topic's cursors: also another one once the topic was deleted and made anew,
  // since its offsets begin anew.
  Epoch EpochNow() const;
  // The topic's bounds; first == next == 0 if nothing was posted to it yet.
  Result<store::TopicInfo> Bounds();
  Result<Begin> FindBegin(store::Store& store);
  Result<Begin> FromCursorText(const std::string& text, const store::TopicInfo& info);

  Status Read(StreamBatch& batch) override;
  journal::WaitPtr Wait(Executor& executor, Task task) override;
  void Again(journal::Wait& wait) override;
  postroad::Cursor CursorAt(uint64_t next) const override;
  Status AddRuns(const journal::TopicRead& read, StreamBatch& batch);

  const std::shared_ptr<const std::string> topic_;
  const uint32_t topic_hash_;
  const Epoch log_epoch_;
  TopicId id_;  // 0 until the topic is there
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_TOPIC_STREAM_H_
