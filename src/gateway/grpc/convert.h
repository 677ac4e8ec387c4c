// Between postroad.v1 messages and Postroad's own values. Errors name the message's field.
#ifndef POSTROAD_GATEWAY_GRPC_CONVERT_H_
#define POSTROAD_GATEWAY_GRPC_CONVERT_H_

#include <string>
#include <string_view>

#include "broker/broker.h"
#include "core/cursor.h"
#include "core/error.h"
#include "core/event.h"
#include "core/filter.h"
#include "core/time.h"
#include "core/types.h"
#include "delivery/delivery.h"
#include "postroad/v1/admin.pb.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::gateway {

// Times from 1970 to 2200.
Result<Timestamp> FromProto(const google::protobuf::Timestamp& time, std::string_view field);
// Durations from 0 to 100 years.
Result<Duration> FromProto(const google::protobuf::Duration& duration, std::string_view field);
google::protobuf::Timestamp ToProto(Timestamp time);
google::protobuf::Duration ToProto(Duration duration);

// Times are checked; the rest is CheckEvent's.
Result<Event> FromProto(const v1::Event& event, std::string_view field);
// The stored record as a message, with its topic.
Result<v1::Event> RecordToProto(std::string_view record, std::string_view topic);

EventFilter FromProto(const v1::Filter& filter);
Result<delivery::SubscriptionSettings> FromProto(const v1::SubscriptionSettings& settings,
                                                 std::string_view field);
v1::SubscriptionSettings ToProto(const delivery::SubscriptionSettings& settings);
v1::Subscription ToProto(const delivery::SubscriptionInfo& info);
Result<delivery::Start> FromProto(v1::StartPosition start, std::string_view field);

Result<broker::StreamSpec> FromProto(const v1::ReadRequest& request);

v1::Receipt ToProto(const broker::EventReceipt& receipt);
v1::Connection ToProto(const broker::ConnectionInfo& connection);
v1::Durability ToProto(journal::Durability durability);
v1::Topic ToProto(const broker::TopicView& topic);
Result<v1::ScheduledEvent> ToProto(const journal::Scheduled& scheduled);
Result<v1::DeadLetter> ToProto(const delivery::DeadLetter& letter);
v1::Stats ToProto(const broker::BrokerStats& stats);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_CONVERT_H_
