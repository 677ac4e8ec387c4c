#include "cli/receipt_text.h"

#include <boost/json.hpp>

#include "cli/text.h"
#include "gateway/json/event_json.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

json::object SubscriptionObject(const SubscriptionReceipt& receipt) {
  json::object object;
  object["subscription"] = receipt.subscription;
  object["state"] = View(ReceiptStateName(receipt.state));
  object["attempts"] = receipt.attempts;
  if (receipt.settled_at) object["settled_at"] = FormatTime(*receipt.settled_at);
  if (!receipt.reason.empty()) object["reason"] = receipt.reason;
  if (!receipt.reply.empty()) gateway::AddBytes(object, "reply", receipt.reply);
  return object;
}

json::object ConnectionObject(const ConnectionReceipt& receipt) {
  json::object object;
  object["connection"] = receipt.connection;
  object["user"] = receipt.user;
  object["state"] = View(ConnectionStateName(receipt.state));
  if (receipt.at) object["at"] = FormatTime(*receipt.at);
  if (!receipt.reason.empty()) object["reason"] = receipt.reason;
  if (!receipt.reply.empty()) gateway::AddBytes(object, "reply", receipt.reply);
  return object;
}

std::string Ago(const std::optional<Timestamp>& at, Timestamp now) {
  if (!at) return "-";
  const std::string age = HumanAge(*at, now);
  return age == "now" ? age : age + " ago";
}

std::string ConnectionsText(const Receipt& receipt, Timestamp now) {
  if (receipt.connections.empty()) return {};
  Table table({{"USER"}, {"CONNECTION"}, {"STATE"}, {"SAID"}, {"REASON"}, {"REPLY"}});
  for (const auto& each : receipt.connections) {
    table.Row({Printable(each.user), each.connection, std::string(ConnectionStateName(each.state)),
               Ago(each.at, now), Shortened(each.reason, 60), Shortened(each.reply, 60)});
  }
  return table.Render();
}

}  // namespace

json::object ReceiptObject(const Receipt& receipt) {
  json::array subscriptions;
  for (const auto& each : receipt.subscriptions) subscriptions.push_back(SubscriptionObject(each));
  json::object object;
  object["topic"] = receipt.topic;
  if (!receipt.event_id.empty()) object["event_id"] = receipt.event_id;
  object["offset"] = receipt.offset.value();
  object["settled"] = receipt.settled;
  object["subscriptions"] = std::move(subscriptions);
  if (receipt.connections.empty()) return object;
  json::array connections;
  for (const auto& each : receipt.connections) connections.push_back(ConnectionObject(each));
  object["connections"] = std::move(connections);
  return object;
}

std::string ReceiptText(const Receipt& receipt) {
  std::string text = Printable(receipt.topic) + "@" + std::to_string(receipt.offset.value());
  if (!receipt.event_id.empty()) text += "  " + Printable(receipt.event_id);
  text += receipt.settled ? "  settled\n" : "  not settled\n";
  const Timestamp now = std::chrono::system_clock::now();
  const std::string connections = ConnectionsText(receipt, now);
  if (receipt.subscriptions.empty()) return text + "no subscription covers it\n" + connections;
  Table table({{"SUBSCRIPTION"},
               {"STATE"},
               {"ATTEMPTS", Table::Align::kRight},
               {"SETTLED"},
               {"REASON"},
               {"REPLY"}});
  for (const auto& each : receipt.subscriptions) {
    table.Row({Printable(each.subscription), std::string(ReceiptStateName(each.state)),
               std::to_string(each.attempts), Ago(each.settled_at, now), Shortened(each.reason, 60),
               Shortened(each.reply, 60)});
  }
  return text + table.Render() + connections;
}

Error NobodyToAck(std::string_view before, std::string_view topic) {
  return {ErrorCode::kFailedPrecondition,
          std::string(before) + "no subscription covers the event, so that nobody is to ack it; " +
              "`postroad subscriptions create` makes one for '" + Printable(topic) + "'",
          {},
          "NO_SUBSCRIPTION"};
}

}  // namespace postroad::cli
