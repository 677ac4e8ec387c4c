#include "postroad/admin.h"

#include <algorithm>
#include <utility>

#include "client/check.h"
#include "client/connection.h"
#include "client/convert.h"
#include "client/post_codec.h"
#include "client/status.h"
#include "core/uuid.h"
#include "postroad/v1/admin.grpc.pb.h"
#include "postroad/v1/postroad.grpc.pb.h"

namespace postroad {

using client::FromProto;
using client::ToProto;

std::string_view ReceiptStateName(ReceiptState state) {
  switch (state) {
    case ReceiptState::kUnknown:
      return "unknown";
    case ReceiptState::kStored:
      return "stored";
    case ReceiptState::kSent:
      return "sent";
    case ReceiptState::kRetrying:
      return "retrying";
    case ReceiptState::kAcked:
      return "acked";
    case ReceiptState::kDead:
      return "dead";
    case ReceiptState::kFiltered:
      return "filtered";
  }
  return "unknown";
}

std::string_view ConnectionStateName(ConnectionState state) {
  switch (state) {
    case ConnectionState::kUnknown:
      return "unknown";
    case ConnectionState::kPending:
      return "pending";
    case ConnectionState::kDelivered:
      return "delivered";
    case ConnectionState::kAcked:
      return "acked";
    case ConnectionState::kReplied:
      return "replied";
    case ConnectionState::kFailed:
      return "failed";
    case ConnectionState::kGone:
      return "gone";
  }
  return "unknown";
}

struct Admin::Impl {
  // One unary call: dials, calls `method` of a new stub, gives the response or the error.
  template <typename Stub, typename Request, typename Response>
  Result<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        std::unique_ptr<Stub> (*new_stub)(std::shared_ptr<grpc::Channel>),
                        const Request& request, Duration timeout) {
    if (connection->closed()) return Fail(client::ClientClosed());
    const auto deadline = std::chrono::system_clock::now() + timeout;
    const Duration dial = std::min(timeout, connection->options.connect_timeout);
    POSTROAD_ASSIGN(auto channel, connection->Dial(dial, {}));
    const auto context = connection->NewContext();
    context->set_deadline(deadline);
    Response response;
    const grpc::Status status =
        (new_stub(channel).get()->*method)(context.get(), request, &response);
    if (!status.ok()) return Fail(client::ToError(status));
    return response;
  }

  template <typename Request, typename Response>
  Result<Response> Admin(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                         const Request& request) {
    return Admin(method, request, timeout);
  }
  template <typename Request, typename Response>
  Result<Response> Admin(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                 const Request&, Response*),
                         const Request& request, Duration with_timeout) {
    const auto new_stub =
        +[](std::shared_ptr<grpc::Channel> channel) { return v1::Admin::NewStub(channel); };
    return Call(method, new_stub, request, with_timeout);
  }

  std::shared_ptr<Client::Impl> connection;
  Duration timeout;
};

namespace {

using Stub = v1::Admin::Stub;

// The server waits this long; the call has a little more.
constexpr Duration kGrace = std::chrono::seconds(10);

Status CheckWait(Duration wait) {
  if (wait >= std::chrono::milliseconds(1) && wait <= std::chrono::hours(1)) return {};
  return Invalid("wait", "must be from 1 ms to 1 h");
}

Status CheckConditions(const Admin::ScheduledQuery& query) {
  if (!query.topic.empty() || !query.id.empty() || !query.search_key.empty()) return {};
  return Invalid("query", "at least one condition is needed");
}

template <typename Request>
void SetConditions(const Admin::ScheduledQuery& query, Request& request) {
  request.set_topic(query.topic);
  request.set_id(query.id);
  request.set_search_key(query.search_key);
}

template <typename T, typename Response, typename Items>
Page<T> ToPage(const Response& response, const Items& items) {
  Page<T> page;
  page.next = response.next_page_token();
  for (const auto& item : items) page.items.push_back(FromProto(item));
  return page;
}

template <typename Response>
auto Converted(Result<Response> response) -> Result<decltype(FromProto(*response))> {
  if (!response) return Fail(std::move(response).error());
  return FromProto(*response);
}

template <typename Response>
Status Done(const Result<Response>& response) {
  if (!response) return Fail(response.error());
  return {};
}

}  // namespace

Admin::Admin(const Client& client, Duration timeout)
    : impl_(std::make_shared<Impl>(Impl{client.impl(), timeout})) {}

Result<Page<TopicInfo>> Admin::ListTopics(std::string_view pattern, std::string_view page,
                                          uint32_t page_size) {
  v1::ListTopicsRequest request;
  request.set_pattern(std::string(pattern));
  request.set_page_token(std::string(page));
  request.set_page_size(page_size);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::ListTopics, request));
  return ToPage<TopicInfo>(response, response.topics());
}

Result<TopicInfo> Admin::GetTopic(std::string_view name) {
  POSTROAD_TRY(CheckTopicName(name, "name"));
  v1::GetTopicRequest request;
  request.set_name(std::string(name));
  return Converted(impl_->Admin(&Stub::GetTopic, request));
}

Status Admin::DeleteTopic(std::string_view name) {
  POSTROAD_TRY(CheckTopicName(name, "name"));
  v1::DeleteTopicRequest request;
  request.set_name(std::string(name));
  return Done(impl_->Admin(&Stub::DeleteTopic, request));
}

Result<SubscriptionInfo> Admin::CreateSubscription(std::string_view name,
                                                   const SubscriptionSettings& settings) {
  POSTROAD_TRY(CheckName(name, "name"));
  POSTROAD_TRY(client::CheckTopics(settings.topics, "settings.topics"));
  v1::CreateSubscriptionRequest request;
  request.set_name(std::string(name));
  ToProto(settings, request.mutable_settings());
  return Converted(impl_->Admin(&Stub::CreateSubscription, request));
}

Result<SubscriptionInfo> Admin::UpdateSubscription(std::string_view name,
                                                   const SubscriptionSettings& settings) {
  POSTROAD_TRY(CheckName(name, "name"));
  v1::UpdateSubscriptionRequest request;
  request.set_name(std::string(name));
  ToProto(settings, request.mutable_settings());
  return Converted(impl_->Admin(&Stub::UpdateSubscription, request));
}

Status Admin::DeleteSubscription(std::string_view name) {
  POSTROAD_TRY(CheckName(name, "name"));
  v1::DeleteSubscriptionRequest request;
  request.set_name(std::string(name));
  return Done(impl_->Admin(&Stub::DeleteSubscription, request));
}

Result<SubscriptionInfo> Admin::GetSubscription(std::string_view name) {
  POSTROAD_TRY(CheckName(name, "name"));
  v1::GetSubscriptionRequest request;
  request.set_name(std::string(name));
  return Converted(impl_->Admin(&Stub::GetSubscription, request));
}

Result<Page<SubscriptionInfo>> Admin::ListSubscriptions(std::string_view page, uint32_t page_size) {
  v1::ListSubscriptionsRequest request;
  request.set_page_token(std::string(page));
  request.set_page_size(page_size);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::ListSubscriptions, request));
  return ToPage<SubscriptionInfo>(response, response.subscriptions());
}

Result<SubscriptionInfo> Admin::SeekSubscription(std::string_view name, SubscriptionStart start,
                                                 Timestamp time, Offset offset) {
  POSTROAD_TRY(CheckName(name, "name"));
  v1::SeekSubscriptionRequest request;
  request.set_name(std::string(name));
  request.set_start(ToProto(start));
  if (start == SubscriptionStart::kTime) ToProto(time, request.mutable_time());
  request.set_offset(offset.value());
  return Converted(impl_->Admin(&Stub::SeekSubscription, request));
}

Result<Page<Event>> Admin::ListScheduled(const ScheduledQuery& query, std::string_view page,
                                         uint32_t page_size) {
  v1::ListScheduledRequest request;
  SetConditions(query, request);
  request.set_page_token(std::string(page));
  request.set_page_size(page_size);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::ListScheduled, request));
  Page<Event> events;
  events.next = response.next_page_token();
  for (const auto& scheduled : response.events()) {
    events.items.push_back(FromProto(scheduled.event()));
  }
  return events;
}

Result<Event> Admin::ChangeScheduled(std::string_view topic, std::string_view id,
                                     std::optional<Timestamp> deliver_at,
                                     const std::optional<Event>& contents) {
  POSTROAD_TRY(CheckTopicName(topic, "topic"));
  v1::ChangeScheduledRequest request;
  request.set_topic(std::string(topic));
  request.set_id(std::string(id));
  if (deliver_at) ToProto(*deliver_at, request.mutable_deliver_at());
  if (contents) ToProto(*contents, request.mutable_event());
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::ChangeScheduled, request));
  return FromProto(response.event());
}

Result<uint64_t> Admin::Reschedule(const ScheduledQuery& query, Timestamp deliver_at) {
  POSTROAD_TRY(CheckConditions(query));
  v1::RescheduleRequest request;
  SetConditions(query, request);
  ToProto(deliver_at, request.mutable_deliver_at());
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::Reschedule, request));
  return response.changed();
}

Result<uint64_t> Admin::CancelScheduled(const ScheduledQuery& query) {
  POSTROAD_TRY(CheckConditions(query));
  v1::CancelScheduledRequest request;
  SetConditions(query, request);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::CancelScheduled, request));
  return response.cancelled();
}

Result<Page<DeadLetterInfo>> Admin::ListDeadLetters(std::string_view subscription,
                                                    std::string_view page, uint32_t page_size) {
  POSTROAD_TRY(CheckName(subscription, "subscription"));
  v1::ListDeadLettersRequest request;
  request.set_subscription(std::string(subscription));
  request.set_page_token(std::string(page));
  request.set_page_size(page_size);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::ListDeadLetters, request));
  return ToPage<DeadLetterInfo>(response, response.dead_letters());
}

Result<DeadLetterInfo> Admin::EditDeadLetter(std::string_view subscription, uint64_t id,
                                             const Event& contents) {
  POSTROAD_TRY(CheckName(subscription, "subscription"));
  v1::EditDeadLetterRequest request;
  request.set_subscription(std::string(subscription));
  request.set_id(id);
  ToProto(contents, request.mutable_event());
  return Converted(impl_->Admin(&Stub::EditDeadLetter, request));
}

Result<uint64_t> Admin::ResendDeadLetters(std::string_view subscription,
                                          std::optional<uint64_t> id) {
  POSTROAD_TRY(CheckName(subscription, "subscription"));
  v1::ResendDeadLettersRequest request;
  request.set_subscription(std::string(subscription));
  if (id) request.set_id(*id);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::ResendDeadLetters, request));
  return response.resent();
}

Result<uint64_t> Admin::DropDeadLetters(std::string_view subscription, std::optional<uint64_t> id) {
  POSTROAD_TRY(CheckName(subscription, "subscription"));
  v1::DropDeadLettersRequest request;
  request.set_subscription(std::string(subscription));
  if (id) request.set_id(*id);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::DropDeadLetters, request));
  return response.dropped();
}

Result<Page<ConnectionInfo>> Admin::ListConnections(std::string_view user, std::string_view page,
                                                    uint32_t page_size) {
  v1::ListConnectionsRequest request;
  request.set_user(std::string(user));
  request.set_page_token(std::string(page));
  request.set_page_size(page_size);
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::ListConnections, request));
  return ToPage<ConnectionInfo>(response, response.connections());
}

Result<Receipt> Admin::GetReceipt(std::string_view topic, std::string_view event_id,
                                  std::optional<Offset> offset) {
  POSTROAD_TRY(CheckTopicName(topic, "topic"));
  v1::GetReceiptRequest request;
  request.set_topic(std::string(topic));
  request.set_event_id(std::string(event_id));
  if (offset) request.set_offset(offset->value());
  return Converted(impl_->Admin(&Stub::GetReceipt, request));
}

Result<Admin::AwaitedReceipt> Admin::AwaitReceipt(std::string_view topic, std::string_view event_id,
                                                  Duration wait, std::optional<Offset> offset) {
  POSTROAD_TRY(CheckTopicName(topic, "topic"));
  POSTROAD_TRY(CheckWait(wait));
  v1::AwaitReceiptRequest request;
  request.set_topic(std::string(topic));
  request.set_event_id(std::string(event_id));
  if (offset) request.set_offset(offset->value());
  ToProto(wait, request.mutable_timeout());
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::AwaitReceipt, request, wait + kGrace));
  return AwaitedReceipt{FromProto(response.receipt()), response.timed_out()};
}

Result<Admin::AwaitedPost> Admin::PostAndAwait(std::span<const Event> events, Duration wait) {
  POSTROAD_TRY(client::CheckRange<size_t>("events", events.size(), 1, 1000));
  POSTROAD_TRY(CheckWait(wait));
  v1::PostRequest request;
  request.set_wait_for(v1::WAIT_FOR_ACKED);
  ToProto(wait, request.mutable_wait_timeout());
  const Timestamp now = std::chrono::system_clock::now();
  for (size_t i = 0; i < events.size(); ++i) {
    v1::Event* event = request.add_events();
    ToProto(events[i], event);
    if (event->id().empty()) event->set_id(NewUuidV7(now));
    const std::string field = "events[" + std::to_string(i) + "]";
    POSTROAD_TRY(client::CheckPosted(ViewOf(events[i]), field));
  }
  const auto new_stub =
      +[](std::shared_ptr<grpc::Channel> channel) { return v1::Postroad::NewStub(channel); };
  POSTROAD_ASSIGN(const auto response,
                  impl_->Call(&v1::Postroad::Stub::Post, new_stub, request, wait + kGrace));
  AwaitedPost out{.timed_out = response.wait_timed_out()};
  for (int i = 0; i < response.results_size() && i < request.events_size(); ++i) {
    const v1::PostResult& r = response.results(i);
    out.results.push_back({request.events(i).id(), Offset(r.offset()), r.duplicate(), r.scheduled(),
                           client::ToDurability(response.durability())});
  }
  for (const auto& receipt : response.receipts()) out.receipts.push_back(FromProto(receipt));
  return out;
}

Result<uint64_t> Admin::Backup(std::string_view directory, Duration timeout) {
  if (!directory.starts_with('/')) return Invalid("directory", "must be an absolute path");
  v1::BackupRequest request;
  request.set_directory(std::string(directory));
  POSTROAD_ASSIGN(const auto response, impl_->Admin(&Stub::Backup, request, timeout));
  return response.bytes();
}

Result<ServerStats> Admin::GetStats() {
  return Converted(impl_->Admin(&Stub::GetStats, v1::GetStatsRequest()));
}

}  // namespace postroad
