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
  return object;
}

std::string ReceiptText(const Receipt& receipt) {
  std::string text = Printable(receipt.topic) + "@" + std::to_string(receipt.offset.value());
  if (!receipt.event_id.empty()) text += "  " + Printable(receipt.event_id);
  text += receipt.settled ? "  settled\n" : "  not settled\n";
  if (receipt.subscriptions.empty()) return text + "no subscription covers it\n";
  Table table({{"SUBSCRIPTION"},
               {"STATE"},
               {"ATTEMPTS", Table::Align::kRight},
               {"SETTLED"},
               {"REASON"},
               {"REPLY"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const auto& each : receipt.subscriptions) {
    std::string settled = "-";
    if (each.settled_at) {
      settled = HumanAge(*each.settled_at, now);
      if (settled != "now") settled += " ago";
    }
    table.Row({Printable(each.subscription), std::string(ReceiptStateName(each.state)),
               std::to_string(each.attempts), settled, Shortened(each.reason, 60),
               Shortened(each.reply, 60)});
  }
  return text + table.Render();
}

Error NobodyToAck(std::string_view before, std::string_view topic) {
  return {ErrorCode::kFailedPrecondition,
          std::string(before) + "no subscription covers the event, so that nobody is to ack it; " +
              "`postroad subscriptions create` makes one for '" + Printable(topic) + "'",
          {},
          "NO_SUBSCRIPTION"};
}

}  // namespace postroad::cli
