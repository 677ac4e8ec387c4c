// What concerns users' connections, as JSON: who is connected, what they say, what they answer.
#ifndef POSTROAD_GATEWAY_VALUES_USERS_JSON_H_
#define POSTROAD_GATEWAY_VALUES_USERS_JSON_H_

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "core/error.h"

namespace postroad::gateway {

boost::json::object ConnectionJson(const broker::ConnectionInfo& info);
boost::json::array ConnectionsJson(const std::vector<broker::ConnectionInfo>& infos);
// A receipt with what connections did.
boost::json::object ReceiptJson(const broker::EventReceipt& receipt);
boost::json::object OutcomeJson(const broker::QuestionOutcome& outcome);
// A question as streams tell it.
boost::json::object QuestionJson(const broker::Question& question);

// Adds bytes as JSON where they are JSON, else as AddBytes has them.
void AddJsonOrBytes(boost::json::object& object, std::string_view name, std::string_view bytes);

// {"topic":…,"offset":…} with "reply" (any JSON) or "failed" (text), or an array of them, at most
// 1,000. INVALID_ARGUMENT naming the field, with `field` before it.
Result<std::vector<broker::ConnectionAck>> ReadAcks(const boost::json::value& value,
                                                    std::string_view field);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_VALUES_USERS_JSON_H_
