// Each method of Admin: from its request to the broker's call, and back.
#include "gateway/grpc/admin_service.h"

#include <charconv>

#include "gateway/grpc/admin_call.h"
#include "gateway/grpc/convert.h"
#include "gateway/grpc/message.h"

namespace postroad::gateway {

namespace {

using auth::Principal;

// --- Topics ---

Result<v1::ListTopicsResponse> ListTopics(Gateway& gateway, const Principal& caller,
                                          const v1::ListTopicsRequest& request) {
  POSTROAD_ASSIGN(auto page, gateway.broker.ListTopics(caller, request.pattern(),
                                                       request.page_token(), request.page_size()));
  v1::ListTopicsResponse response;
  for (const auto& topic : page.items) *response.add_topics() = ToProto(topic);
  response.set_next_page_token(std::move(page.next));
  return response;
}

Result<v1::Topic> GetTopic(Gateway& gateway, const Principal& caller,
                           const v1::GetTopicRequest& request) {
  POSTROAD_ASSIGN(const auto topic, gateway.broker.GetTopic(caller, request.name()));
  return ToProto(topic);
}

Result<v1::DeleteTopicResponse> DeleteTopic(Gateway& gateway, const Principal& caller,
                                            const v1::DeleteTopicRequest& request) {
  POSTROAD_TRY(gateway.broker.DeleteTopic(caller, request.name()));
  return v1::DeleteTopicResponse();
}

// --- Subscriptions ---

Result<v1::Subscription> Shown(const Result<delivery::SubscriptionInfo>& info) {
  if (!info) return Fail(info.error());
  return ToProto(*info);
}

Result<v1::Subscription> CreateSubscription(Gateway& gateway, const Principal& caller,
                                            const v1::CreateSubscriptionRequest& request) {
  POSTROAD_ASSIGN(const auto settings, FromProto(request.settings(), "settings"));
  return Shown(gateway.broker.CreateSubscription(caller, request.name(), settings));
}

Result<v1::Subscription> UpdateSubscription(Gateway& gateway, const Principal& caller,
                                            const v1::UpdateSubscriptionRequest& request) {
  POSTROAD_ASSIGN(const auto settings, FromProto(request.settings(), "settings"));
  return Shown(gateway.broker.UpdateSubscription(caller, request.name(), settings));
}

Result<v1::DeleteSubscriptionResponse> DeleteSubscription(
    Gateway& gateway, const Principal& caller, const v1::DeleteSubscriptionRequest& request) {
  POSTROAD_TRY(gateway.broker.DeleteSubscription(caller, request.name()));
  return v1::DeleteSubscriptionResponse();
}

Result<v1::Subscription> GetSubscription(Gateway& gateway, const Principal& caller,
                                         const v1::GetSubscriptionRequest& request) {
  return Shown(gateway.broker.GetSubscription(caller, request.name()));
}

Result<v1::ListSubscriptionsResponse> ListSubscriptions(
    Gateway& gateway, const Principal& caller, const v1::ListSubscriptionsRequest& request) {
  POSTROAD_ASSIGN(auto page, gateway.broker.ListSubscriptions(caller, request.page_token(),
                                                              request.page_size()));
  v1::ListSubscriptionsResponse response;
  for (const auto& info : page.items) *response.add_subscriptions() = ToProto(info);
  response.set_next_page_token(std::move(page.next));
  return response;
}

Result<v1::Subscription> SeekSubscription(Gateway& gateway, const Principal& caller,
                                          const v1::SeekSubscriptionRequest& request) {
  POSTROAD_ASSIGN(const delivery::Start start, FromProto(request.start(), "start"));
  Timestamp time{};
  if (start == delivery::Start::kTime) {
    POSTROAD_ASSIGN(time, FromProto(request.time(), "time"));
  }
  return Shown(gateway.broker.SeekSubscription(caller, request.name(), start, time,
                                               Offset(request.offset())));
}

// --- The schedule ---

Result<v1::ListScheduledResponse> ListScheduled(Gateway& gateway, const Principal& caller,
                                                const v1::ListScheduledRequest& request) {
  const journal::ScheduledQuery query{.topic = request.topic(),
                                      .id = request.id(),
                                      .search_key = request.search_key(),
                                      .after = request.page_token(),
                                      .limit = request.page_size()};
  POSTROAD_ASSIGN(auto page, gateway.broker.ListScheduled(caller, query));
  v1::ListScheduledResponse response;
  for (const auto& event : page.events) {
    POSTROAD_ASSIGN(*response.add_events(), ToProto(event));
  }
  response.set_next_page_token(std::move(page.next));
  return response;
}

Result<v1::ScheduledEvent> ChangeScheduled(Gateway& gateway, const Principal& caller,
                                           const v1::ChangeScheduledRequest& request) {
  std::optional<Timestamp> due;
  if (request.has_deliver_at()) {
    POSTROAD_ASSIGN(due, FromProto(request.deliver_at(), "deliver_at"));
  }
  std::optional<Event> event;
  if (request.has_event()) {
    POSTROAD_ASSIGN(event, FromProto(request.event(), "event"));
  }
  POSTROAD_ASSIGN(
      const auto changed,
      gateway.broker.ChangeScheduled(caller, request.topic(), request.id(), due, std::move(event)));
  return ToProto(changed);
}

Result<v1::RescheduleResponse> Reschedule(Gateway& gateway, const Principal& caller,
                                          const v1::RescheduleRequest& request) {
  if (!request.has_deliver_at()) return Invalid("deliver_at", "is needed: the new due time");
  POSTROAD_ASSIGN(const Timestamp due, FromProto(request.deliver_at(), "deliver_at"));
  const journal::ScheduledQuery query{
      .topic = request.topic(), .id = request.id(), .search_key = request.search_key()};
  v1::RescheduleResponse response;
  POSTROAD_ASSIGN(const uint64_t changed, gateway.broker.Reschedule(caller, query, due));
  response.set_changed(changed);
  return response;
}

Result<v1::CancelScheduledResponse> CancelScheduled(Gateway& gateway, const Principal& caller,
                                                    const v1::CancelScheduledRequest& request) {
  const journal::ScheduledQuery query{
      .topic = request.topic(), .id = request.id(), .search_key = request.search_key()};
  v1::CancelScheduledResponse response;
  POSTROAD_ASSIGN(const uint64_t cancelled, gateway.broker.CancelScheduled(caller, query));
  response.set_cancelled(cancelled);
  return response;
}

// --- Dead letters ---

Result<v1::ListDeadLettersResponse> ListDeadLetters(Gateway& gateway, const Principal& caller,
                                                    const v1::ListDeadLettersRequest& request) {
  uint64_t after = 0;
  const std::string& token = request.page_token();
  const auto parsed = std::from_chars(token.data(), token.data() + token.size(), after);
  if (!token.empty() && (parsed.ec != std::errc() || parsed.ptr != token.data() + token.size())) {
    return Invalid("page_token", "is not one that a page before gave");
  }
  POSTROAD_ASSIGN(auto page, gateway.broker.ListDeadLetters(caller, request.subscription(), after,
                                                            request.page_size()));
  v1::ListDeadLettersResponse response;
  for (const auto& letter : page.items) {
    POSTROAD_ASSIGN(*response.add_dead_letters(), ToProto(letter));
  }
  response.set_next_page_token(std::move(page.next));
  return response;
}

Result<v1::DeadLetter> EditDeadLetter(Gateway& gateway, const Principal& caller,
                                      const v1::EditDeadLetterRequest& request) {
  if (!request.has_event()) return Invalid("event", "is needed: the new contents");
  POSTROAD_ASSIGN(Event event, FromProto(request.event(), "event"));
  POSTROAD_ASSIGN(const auto letter, gateway.broker.EditDeadLetter(caller, request.subscription(),
                                                                   request.id(), std::move(event)));
  return ToProto(letter);
}

template <typename Request>
std::optional<uint64_t> IdOf(const Request& request) {
  return request.has_id() ? std::optional<uint64_t>(request.id()) : std::nullopt;
}

Result<v1::ResendDeadLettersResponse> ResendDeadLetters(
    Gateway& gateway, const Principal& caller, const v1::ResendDeadLettersRequest& request) {
  POSTROAD_ASSIGN(const uint64_t resent,
                  gateway.broker.ResendDeadLetters(caller, request.subscription(), IdOf(request)));
  v1::ResendDeadLettersResponse response;
  response.set_resent(resent);
  return response;
}

Result<v1::DropDeadLettersResponse> DropDeadLetters(Gateway& gateway, const Principal& caller,
                                                    const v1::DropDeadLettersRequest& request) {
  POSTROAD_ASSIGN(const uint64_t dropped,
                  gateway.broker.DropDeadLetters(caller, request.subscription(), IdOf(request)));
  v1::DropDeadLettersResponse response;
  response.set_dropped(dropped);
  return response;
}

// --- Users' connections ---

Result<v1::ListConnectionsResponse> ListConnections(Gateway& gateway, const Principal& caller,
                                                    const v1::ListConnectionsRequest& request) {
  broker::Page<broker::ConnectionInfo> page;
  if (request.user().empty()) {
    POSTROAD_ASSIGN(
        page, gateway.broker.ListAllConnections(caller, request.page_token(), request.page_size()));
  } else {
    POSTROAD_ASSIGN(page.items, gateway.broker.ListConnections(caller, request.user()));
  }
  v1::ListConnectionsResponse response;
  for (const auto& connection : page.items) *response.add_connections() = ToProto(connection);
  response.set_next_page_token(page.next);
  return response;
}

// --- Receipts and the server ---

Result<v1::Receipt> GetReceipt(Gateway& gateway, const Principal& caller,
                               const v1::GetReceiptRequest& request) {
  std::optional<Offset> offset;
  if (request.has_offset()) offset = Offset(request.offset());
  POSTROAD_ASSIGN(const auto receipt,
                  gateway.broker.GetReceipt(caller, request.topic(), request.event_id(), offset));
  return ToProto(receipt);
}

Result<v1::BackupResponse> Backup(Gateway& gateway, const Principal& caller,
                                  const v1::BackupRequest& request) {
  POSTROAD_ASSIGN(const uint64_t bytes, gateway.broker.Backup(caller, request.directory()));
  v1::BackupResponse response;
  response.set_bytes(bytes);
  return response;
}

Result<v1::Stats> GetStats(Gateway& gateway, const Principal& caller, const v1::GetStatsRequest&) {
  POSTROAD_ASSIGN(const auto stats, gateway.broker.Stats(caller));
  v1::Stats response = ToProto(stats);
  response.set_version(gateway.options.version);
  return response;
}

}  // namespace

template <typename Request, typename Response>
void AdminService::Add(const std::string& method,
                       Result<Response> (*call)(Gateway&, const Principal&, const Request&)) {
  AdminWork work = [call](Gateway& gateway, const Principal& caller,
                          std::string_view bytes) -> Result<std::string> {
    Request request;
    POSTROAD_TRY(ParseMessage(bytes, request));
    POSTROAD_ASSIGN(const Response response, call(gateway, caller, request));
    return response.SerializeAsString();
  };
  AddUnary(method, [this, work = std::move(work)](MethodMetrics& metrics, Context& context,
                                                  const Bytes& request, Bytes& response) {
    return StartCall<AdminCall>(gateway_, metrics, context, request, response, work);
  });
}

AdminService::AdminService(Gateway& gateway) : RawService(gateway, "postroad.v1.Admin") {
  Add("ListTopics", ListTopics);
  Add("GetTopic", GetTopic);
  Add("DeleteTopic", DeleteTopic);
  Add("CreateSubscription", CreateSubscription);
  Add("UpdateSubscription", UpdateSubscription);
  Add("DeleteSubscription", DeleteSubscription);
  Add("GetSubscription", GetSubscription);
  Add("ListSubscriptions", ListSubscriptions);
  Add("SeekSubscription", SeekSubscription);
  Add("ListScheduled", ListScheduled);
  Add("ChangeScheduled", ChangeScheduled);
  Add("Reschedule", Reschedule);
  Add("CancelScheduled", CancelScheduled);
  Add("ListDeadLetters", ListDeadLetters);
  Add("EditDeadLetter", EditDeadLetter);
  Add("ResendDeadLetters", ResendDeadLetters);
  Add("DropDeadLetters", DropDeadLetters);
  Add("ListConnections", ListConnections);
  Add("GetReceipt", GetReceipt);
  Add("Backup", Backup);
  Add("GetStats", GetStats);
  AddUnary("AwaitReceipt",
           [this](MethodMetrics& method, Context& context, const Bytes& request, Bytes& response) {
             return StartCall<AwaitReceiptCall>(gateway_, method, context, request, response);
           });
}

}  // namespace postroad::gateway
