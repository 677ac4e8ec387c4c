// The broker: posting, streams, draining, and what its other parts share.
#include "broker/broker.h"

#include "broker/broker_impl.h"
#include "broker/feed_stream.h"
#include "broker/post_run.h"
#include "broker/topic_stream.h"

namespace postroad::broker {

Error Draining() {
  return {ErrorCode::kUnavailable, "the server is going down; connect again in a moment", "",
          "DRAINING"};
}

BrokerMetrics::BrokerMetrics(Metrics& metrics)
    : posted_events(metrics.GetCounter("postroad_posted_events_total",
                                       "Events posted and acknowledged, duplicates included.")),
      posted_bytes(metrics.GetCounter("postroad_posted_bytes_total",
                                      "Bytes of records posted and acknowledged.")),
      duplicates(metrics.GetCounter("postroad_posted_duplicates_total",
                                    "Posted events whose id was known within the dedup window.")),
      scheduled(metrics.GetCounter("postroad_posted_scheduled_total",
                                   "Posted events that were put to wait for their deliver_at.")),
      refused(metrics.GetCounter("postroad_posts_refused_total",
                                 "Batches that the journal refused (overload, no room, drain).")),
      post_seconds(metrics.GetHistogram(
          "postroad_post_seconds", "From a checked batch to its being stored.", LatencyBounds())),
      streams{
          .events = metrics.GetCounter("postroad_stream_events_total", "Events given to streams."),
          .bytes = metrics.GetCounter("postroad_stream_bytes_total",
                                      "Bytes of records given to streams."),
          .gaps = metrics.GetCounter(
              "postroad_stream_gaps_total",
              "Gaps told to streams: events lost to retention or with their topic.")} {}

Broker::Impl::Impl(journal::Journal& journal, delivery::DeliveryEngine& delivery,
                   store::Store& store, Clock& clock, Metrics& metrics,
                   const UserOptions& user_options)
    : journal(journal),
      delivery(delivery),
      store(store),
      clock(clock),
      metrics(metrics),
      registry(metrics),
      users(user_options, clock, metrics),
      started(clock.Now()) {}

Broker::Broker(journal::Journal& journal, delivery::DeliveryEngine& delivery, store::Store& store,
               Clock& clock, Metrics& metrics, const UserOptions& users)
    : impl_(std::make_unique<Impl>(journal, delivery, store, clock, metrics, users)) {}

Broker::~Broker() = default;

Status Broker::Impl::CheckRunning() const {
  if (draining.load(std::memory_order_relaxed)) return Fail(Draining());
  return {};
}

PostBuilder Broker::NewPost(const Principal& principal, PostDefaults defaults) const {
  return {impl_->journal.rules(), principal, impl_->clock.Now(), defaults};
}

journal::PostCompletion Broker::Impl::Counting(journal::PostCompletion inner, size_t events,
                                               size_t bytes) {
  return [this, inner = std::move(inner), begin = clock.Monotonic(), events,
          bytes](Result<journal::BatchResult> result) mutable {
    if (result) {
      metrics.post_seconds.Observe(
          std::chrono::duration<double>(clock.Monotonic() - begin).count());
      metrics.posted_events.Add(static_cast<double>(events));
      metrics.posted_bytes.Add(static_cast<double>(bytes));
      size_t duplicates = 0;
      for (const auto& chunk : result->chunks) duplicates += chunk.duplicates.size();
      size_t scheduled = 0;
      for (const auto& future : result->future) ++(future.duplicate ? duplicates : scheduled);
      if (duplicates > 0) metrics.duplicates.Add(static_cast<double>(duplicates));
      if (scheduled > 0) metrics.scheduled.Add(static_cast<double>(scheduled));
    } else {
      metrics.refused.Add();
    }
    inner(std::move(result));
  };
}

void Broker::Post(PendingPost post, PostCompletion done) {
  PostRun run(std::move(post));
  journal::Batch batch = run.TakeBatch();
  const size_t events = run.size(), bytes = run.bytes();
  auto counting = impl_->Counting(
      [run = std::move(run), done = std::move(done)](Result<journal::BatchResult> result) mutable {
        if (!result) return done(Fail(std::move(result).error()));
        done(run.Outcome(*result));
      },
      events, bytes);
  impl_->journal.Post(std::move(batch), std::move(counting));
}

void Broker::Post(PendingPost post, Executor& executor, PostCompletion done) {
  Post(std::move(post), [&executor, done = std::move(done)](Result<PostOutcome> outcome) mutable {
    if (executor.RunsHere()) return done(std::move(outcome));
    executor.Post([done = std::move(done), outcome = std::move(outcome)]() mutable {
      done(std::move(outcome));
    });
  });
}

Result<EndableWaitPtr> Broker::PostAndAwait(PendingPost post, Duration timeout, Executor& executor,
                                            PostCompletion done) {
  POSTROAD_TRY(CheckAwaitTimeout(timeout, "wait_timeout"));
  if (post.size() > kMaxAwaitedEvents) {
    return Invalid("events", "a batch that waits for acks has at most 1,000 events",
                   "BATCH_TOO_LARGE");
  }
  PostRun run(std::move(post));
  journal::Batch batch = run.TakeBatch();
  const size_t events = run.size(), bytes = run.bytes();
  auto wait = std::make_unique<AwaitedPost>(impl_->clock, timeout, executor, std::move(done));
  auto completion = wait->Completion(std::move(run), impl_->receipt_sources());
  impl_->journal.Post(std::move(batch), impl_->Counting(std::move(completion), events, bytes));
  return wait;
}

Result<std::unique_ptr<EventStream>> Broker::OpenStream(const Principal& principal,
                                                        StreamSpec spec) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(principal.CheckAll(auth::Right::kRead, spec.topics));
  POSTROAD_TRY(CheckFilter(spec.filter, "filter"));
  if (spec.max_batch_bytes < kMinBatchBytes || spec.max_batch_bytes > kMaxBatchBytes) {
    return Invalid("max_batch_bytes", "must be 4 KiB to 4 MiB");
  }
  if (const auto* last = std::get_if<FromLast>(&spec.start); last && last->events > kMaxLast) {
    return Invalid("last", "at most 1,000,000");
  }
  if (const auto* time = std::get_if<FromTime>(&spec.start);
      time && (time->time < kEarliestTime || time->time > kLatestTime)) {
    return Invalid("time", "must be between 1970 and 2200");
  }
  std::string client;
  if (!spec.client_id.empty()) {
    POSTROAD_TRY(CheckName(spec.client_id, "client_id"));
    client = principal.name() + '\n' + spec.client_id;
  }
  const StreamContext context{impl_->journal, impl_->registry, impl_->metrics.streams};
  return spec.topics.SingleTopic().empty()
             ? FeedStream::Open(context, impl_->store, std::move(spec), std::move(client))
             : TopicStream::Open(context, impl_->store, std::move(spec), std::move(client));
}

void Broker::Drain(Duration timeout) {
  if (impl_->draining.exchange(true)) return;
  impl_->registry.EndAll(Draining());
  impl_->journal.Drain();  // first: what settles deliveries must not make room for new posts
  impl_->delivery.Drain(timeout);
}

Result<size_t> PageSize(size_t asked, size_t otherwise, size_t most) {
  if (asked > most) return Invalid("page_size", "at most " + std::to_string(most));
  return asked == 0 ? otherwise : asked;
}

Status CheckAwaitTimeout(Duration timeout, std::string_view field) {
  if (timeout < kLeastAwait || timeout > kMaxAwait) {
    return Invalid(std::string(field), "must be 1 ms to 1 h");
  }
  return {};
}

Status CheckReplacement(Event& event, std::string_view topic, std::string_view id,
                        const journal::TopicSettings& settings, std::string_view field) {
  const std::string path(field);
  if (!event.id.empty() && event.id != id) {
    return Invalid(path + ".id", "the id of an event cannot be changed");
  }
  if (!event.topic.empty() && event.topic != topic) {
    return Invalid(path + ".topic", "the topic of an event cannot be changed");
  }
  event.id = id;
  event.topic = topic;
  POSTROAD_TRY(CheckEvent(ViewOf(event), field));
  if (EncodeRecord(ViewOf(event)).size() > settings.max_event_bytes) {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "the event is larger than its topic allows",
                      path,
                      "EVENT_TOO_LARGE",
                      {{"limit_bytes", std::to_string(settings.max_event_bytes)}}});
  }
  return {};
}

}  // namespace postroad::broker
