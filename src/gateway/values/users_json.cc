// See users_json.h.
#include "gateway/values/users_json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "core/time.h"
#include "gateway/json/event_json.h"
#include "gateway/values/json_fields.h"
#include "gateway/values/values_json.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

constexpr size_t kMaxAcks = 1'000;

json::object ToJson(const broker::ConnectionReceipt& receipt) {
  json::object object;
  object["connection"] = broker::IdText(receipt.connection.value());
  if (!receipt.user.empty()) object["user"] = receipt.user;
  object["state"] = broker::ConnectionStateName(receipt.state);
  if (receipt.at) object["at"] = FormatTime(*receipt.at);
  if (!receipt.reason.empty()) object["reason"] = receipt.reason;
  if (receipt.state == broker::ConnectionState::kReplied) {
    AddJsonOrBytes(object, "reply", receipt.reply);
  }
  return object;
}

Result<broker::ConnectionAck> ReadAck(const json::value& value, std::string_view field) {
  POSTROAD_ASSIGN(const JsonFields fields,
                  JsonFields::Of(value, field, {"topic", "offset", "reply", "failed"}));
  broker::ConnectionAck ack;
  POSTROAD_ASSIGN(auto topic, fields.Text("topic"));
  if (!topic) return Invalid(fields.Path("topic"), "must be given");
  ack.topic = *std::move(topic);
  POSTROAD_ASSIGN(const auto offset, fields.Number("offset"));
  if (!offset) return Invalid(fields.Path("offset"), "must be given");
  ack.offset = Offset(*offset);
  POSTROAD_ASSIGN(auto failed, fields.Text("failed"));
  const json::value* reply = value.get_object().if_contains("reply");
  if (failed && reply != nullptr) {
    return Invalid(fields.Path("failed"), "a reply and a failure exclude each other");
  }
  if (failed) {
    ack.state = broker::ConnectionState::kFailed;
    ack.text = *std::move(failed);
  } else if (reply != nullptr) {
    ack.state = broker::ConnectionState::kReplied;
    ack.text = json::serialize(*reply);
  }
  return ack;
}

}  // namespace

json::object ConnectionJson(const broker::ConnectionInfo& info) {
  json::object object;
  object["connection"] = broker::IdText(info.id.value());
  object["user"] = info.user;
  object["transport"] = info.transport;
  object["peer"] = info.peer;
  object["since"] = FormatTime(info.since);
  if (info.suspended) object["suspended"] = true;
  return object;
}

json::array ConnectionsJson(const std::vector<broker::ConnectionInfo>& infos) {
  json::array connections;
  for (const auto& info : infos) connections.push_back(ConnectionJson(info));
  return connections;
}

json::object ReceiptJson(const broker::EventReceipt& receipt) {
  json::object object = ReceiptJson(static_cast<const delivery::Receipt&>(receipt));
  json::array connections;
  for (const auto& one : receipt.connections) connections.push_back(ToJson(one));
  object["connections"] = std::move(connections);
  return object;
}

json::object OutcomeJson(const broker::QuestionOutcome& outcome) {
  json::array answers;
  for (const broker::Answer& one : outcome.answers) {
    json::object answer;
    answer["connection"] = broker::IdText(one.connection.value());
    answer["state"] = broker::AnswerStateName(one.state);
    if (one.state == broker::AnswerState::kAnswered) AddJsonOrBytes(answer, "answer", one.text);
    if (one.state == broker::AnswerState::kFailed) answer["reason"] = one.text;
    answers.push_back(std::move(answer));
  }
  json::object object;
  object["question"] = broker::IdText(outcome.id.value());
  object["answers"] = std::move(answers);
  return object;
}

json::object QuestionJson(const broker::Question& question) {
  json::object object;
  object["question"] = broker::IdText(question.id.value());
  object["route"] = question.route;
  object["timeout_ms"] =
      std::chrono::duration_cast<std::chrono::milliseconds>(question.timeout).count();
  AddJsonOrBytes(object, "payload", *question.payload);
  return object;
}

void AddJsonOrBytes(json::object& object, std::string_view name, std::string_view bytes) {
  boost::system::error_code error;
  json::value value = json::parse({bytes.data(), bytes.size()}, error);
  if (error) return AddBytes(object, name, bytes);
  object[json::string_view(name.data(), name.size())] = std::move(value);
}

Result<std::vector<broker::ConnectionAck>> ReadAcks(const json::value& value,
                                                    std::string_view field) {
  std::vector<broker::ConnectionAck> acks;
  const json::array* list = value.if_array();
  if (list == nullptr) {
    POSTROAD_ASSIGN(broker::ConnectionAck ack, ReadAck(value, field));
    acks.push_back(std::move(ack));
    return acks;
  }
  if (list->size() > kMaxAcks) return Invalid(std::string(field), "at most 1,000 at once");
  for (const json::value& item : *list) {
    const std::string path = std::string(field) + "[" + std::to_string(acks.size()) + "]";
    POSTROAD_ASSIGN(broker::ConnectionAck ack, ReadAck(item, path));
    acks.push_back(std::move(ack));
  }
  return acks;
}

}  // namespace postroad::gateway
