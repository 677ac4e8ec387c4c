// See own_routes.h.
#include "gateway/rsocket/own_routes.h"

#include <boost/json.hpp>
#include <utility>

#include "gateway/rsocket/error_map.h"
#include "gateway/values/json_fields.h"
#include "gateway/values/post_json.h"
#include "gateway/values/users_json.h"

namespace postroad::rsocket_gateway {
namespace {

namespace json = boost::json;

struct ReadPost {
  std::vector<Event> events;
  broker::PendingPost post;
};

Result<ReadPost> Read(Gateway& gateway, const auth::Principal& principal, std::string_view data) {
  POSTROAD_ASSIGN(const json::value value, gateway::ParseJson(data));
  ReadPost read;
  POSTROAD_ASSIGN(read.events, gateway::ReadEvents(value));
  broker::PostBuilder builder = gateway.broker.NewPost(principal);
  for (const Event& event : read.events) {
    EventView view = ViewOf(event);
    POSTROAD_TRY(builder.Add(view));
  }
  POSTROAD_ASSIGN(read.post, builder.Finish());
  return read;
}

}  // namespace

bool IsOwnRoute(std::string_view route) {
  return route == kAckRoute || route == kPostRoute || route == kPresenceRoute;
}

Status TakeAcks(broker::UserConnection& connection, std::string_view data) {
  POSTROAD_ASSIGN(const json::value value, gateway::ParseJson(data));
  POSTROAD_ASSIGN(auto acks, gateway::ReadAcks(value, "data"));
  Status first;
  for (broker::ConnectionAck& ack : acks) {
    Status taken = connection.Ack(std::move(ack));
    if (first) first = std::move(taken);
  }
  return first;
}

Result<std::string> PresenceText(Gateway& gateway, const auth::Principal& principal,
                                 const std::string& user, std::string_view data) {
  std::string of = user;
  if (!data.empty()) {
    POSTROAD_ASSIGN(const json::value value, gateway::ParseJson(data));
    POSTROAD_ASSIGN(const auto fields, gateway::JsonFields::Of(value, "data", {"user"}));
    POSTROAD_ASSIGN(auto named, fields.Text("user"));
    if (named) of = *std::move(named);
  }
  POSTROAD_ASSIGN(const auto connections, gateway.broker.ListConnections(principal, of));
  return json::serialize(json::object{{"connections", gateway::ConnectionsJson(connections)}});
}

Status PostAndForget(Gateway& gateway, const auth::Principal& principal, std::string_view data) {
  POSTROAD_ASSIGN(ReadPost read, Read(gateway, principal, data));
  gateway.broker.Post(std::move(read.post),
                      [&refused = gateway.forgotten](const Result<broker::PostOutcome>& outcome) {
                        if (!outcome) refused.Add();
                      });
  return {};
}

PostAnswer::PostAnswer(Gateway& gateway, size_t core, rsocket::Stream& stream)
    : gateway_(gateway), core_(core), stream_(stream), self_(std::make_shared<PostAnswer*>(this)) {}

Status PostAnswer::Begin(const auth::Principal& principal, std::string_view data) {
  POSTROAD_ASSIGN(ReadPost read, Read(gateway_, principal, data));
  auto done = [weak = std::weak_ptr(self_),
               events = std::move(read.events)](Result<broker::PostOutcome> outcome) {
    const auto self = weak.lock();
    if (!self) return;
    rsocket::Stream& stream = (*self)->stream_;
    if (!outcome) {
      return stream.Fail(ToErrorCode(outcome.error().code), ErrorText(outcome.error()));
    }
    const std::string answer = json::serialize(gateway::PostResultJson(*outcome, events));
    // It can only be that the stream has ended.
    std::ignore = stream.Send(rsocket::PayloadView{{}, answer}, true);
  };
  gateway_.broker.Post(std::move(read.post), gateway_.cores.at(core_), std::move(done));
  return {};
}

}  // namespace postroad::rsocket_gateway
