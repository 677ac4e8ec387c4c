// Postroad's values as JSON.
#ifndef POSTROAD_GATEWAY_VALUES_VALUES_JSON_H_
#define POSTROAD_GATEWAY_VALUES_VALUES_JSON_H_

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "broker/broker.h"
#include "core/cursor.h"
#include "delivery/delivery.h"
#include "journal/journal.h"

namespace postroad::gateway {

const char* DurabilityName(journal::Durability durability);
boost::json::object ReceiptJson(const delivery::Receipt& receipt);
boost::json::object TopicJson(const broker::TopicView& topic);
// DATA_LOSS if the stored event is malformed.
Result<boost::json::object> ScheduledJson(const journal::Scheduled& scheduled);
Result<boost::json::object> DeadLetterJson(const delivery::DeadLetter& letter);
boost::json::object StatsJson(const broker::BrokerStats& stats, const std::string& version);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_VALUES_VALUES_JSON_H_
