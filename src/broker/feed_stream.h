// A stream along the feed, for several topics and patterns.
#ifndef POSTROAD_BROKER_FEED_STREAM_H_
#define POSTROAD_BROKER_FEED_STREAM_H_

#include <memory>
#include <string>

#include "broker/stream_base.h"
#include "store/store.h"

namespace postroad::broker {

class FeedStream final : public StreamBase {
 public:
  // `client` as in StreamRegistry.
  static Result<std::unique_ptr<EventStream>> Open(StreamContext context, store::Store& store,
                                                   StreamSpec spec, std::string client);

 private:
  using StreamBase::StreamBase;

  Result<Begin> FindBegin(store::Store& store);
  Result<Begin> FromCursorText(const std::string& text, const store::FeedBounds& bounds);

  Status Read(StreamBatch& batch) override;
  journal::WaitPtr Wait(Executor& executor, Task task) override;
  void Again(journal::Wait& wait) override;
  postroad::Cursor CursorAt(uint64_t next) const override;
  // False when the batch is full.
  Result<bool> AddRun(const journal::FeedRun& run, size_t& budget, StreamBatch& batch);
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_FEED_STREAM_H_
