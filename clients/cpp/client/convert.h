// Between the library's values and postroad.v1's messages.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_CONVERT_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_CONVERT_H_

#include <span>

#include "postroad/model.h"
#include "postroad/publisher.h"
#include "postroad/reader.h"
#include "postroad/v1/admin.pb.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::client {

void ToProto(Timestamp t, google::protobuf::Timestamp* out);
void ToProto(Duration d, google::protobuf::Duration* out);
void ToProto(const EventFilter& filter, v1::Filter* out);
void ToProto(const Event& event, v1::Event* out);
void ToProto(const SubscriptionSettings& settings, v1::SubscriptionSettings* out);
v1::StartPosition ToProto(SubscriptionStart start);
void ToProto(const ReadFrom& from, v1::ReadRequest* out);

Timestamp FromProto(const google::protobuf::Timestamp& t);
Duration FromProto(const google::protobuf::Duration& d);
Event FromProto(const v1::Event& event);
SubscriptionSettings FromProto(const v1::SubscriptionSettings& settings);
SubscriptionInfo FromProto(const v1::Subscription& subscription);
TopicInfo FromProto(const v1::Topic& topic);
DeadLetterInfo FromProto(const v1::DeadLetter& letter);
Receipt FromProto(const v1::Receipt& receipt);
ConnectionInfo FromProto(const v1::Connection& connection);
ServerStats FromProto(const v1::Stats& stats);
PostDurability ToDurability(uint64_t proto_value);

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_CONVERT_H_
