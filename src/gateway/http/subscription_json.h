// Subscriptions as JSON, both ways.
#ifndef POSTROAD_GATEWAY_HTTP_SUBSCRIPTION_JSON_H_
#define POSTROAD_GATEWAY_HTTP_SUBSCRIPTION_JSON_H_

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "delivery/delivery.h"

namespace postroad::gateway {

// Settings over `base`: what is absent stays. Without a base, `topics` is needed. Errors name the
// member.
Result<delivery::SubscriptionSettings> ReadSettings(
    const boost::json::value& value, Timestamp now,
    const delivery::SubscriptionSettings* base = nullptr);
boost::json::object SubscriptionJson(const delivery::SubscriptionInfo& info);

struct SeekTarget {
  delivery::Start start = delivery::Start::kEnd;
  Timestamp time{};
  Offset offset;
};
// {"start":"beginning"}, {"start":"time","time":"-1h"}, {"start":"offset","offset":7}
Result<SeekTarget> ReadSeek(const boost::json::value& value, Timestamp now);

// {"acks":["1"],"ack_up_to":"9","nacks":[{"delivery_id":"2","delay":"5s","reason":"…"}],
//  "extends":[{"delivery_id":"3","by":"1m"}],"terminates":[{"delivery_id":"4","reason":"…"}],
//  "replies":[{"delivery_id":"5","payload":…}]}
Result<std::vector<delivery::Settlement>> ReadSettlements(const boost::json::value& value);

boost::json::object DeliveryJson(const delivery::Delivery& delivery);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_SUBSCRIPTION_JSON_H_
