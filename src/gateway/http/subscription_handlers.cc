// /v1/subscriptions: making, changing, looking, seeking.
#include <boost/json/array.hpp>

#include "gateway/http/async_calls.h"
#include "gateway/http/handlers.h"
#include "gateway/http/subscription_json.h"
#include "gateway/values/json_fields.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

using Info = delivery::SubscriptionInfo;

Result<HttpAnswer> Shown(const Result<Info>& info, unsigned status = 200) {
  if (!info) return Fail(info.error());
  return JsonAnswer(SubscriptionJson(*info), status);
}

}  // namespace

Result<HttpAnswer> ListSubscriptions(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"page_size", "page_token"}));
  POSTROAD_ASSIGN(const auto size, call.request.QueryNumber("page_size"));
  POSTROAD_ASSIGN(
      auto page, call.broker.ListSubscriptions(
                     call.caller, call.request.Query("page_token").value_or(""), size.value_or(0)));
  json::array list;
  for (const auto& info : page.items) list.push_back(SubscriptionJson(info));
  return PageAnswer("subscriptions", std::move(list), page.next);
}

Result<HttpAnswer> GetSubscription(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  return Shown(call.broker.GetSubscription(call.caller, call.request.PathValue("name")));
}

Result<HttpAnswer> CreateSubscription(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  const std::string& name = call.request.PathValue("name");
  POSTROAD_ASSIGN(const auto settings, ReadSettings(call.body, call.now));
  const bool there = call.broker.GetSubscription(call.caller, name).has_value();
  return Shown(call.broker.CreateSubscription(call.caller, name, settings), there ? 200 : 201);
}

Result<HttpAnswer> UpdateSubscription(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  const std::string& name = call.request.PathValue("name");
  POSTROAD_ASSIGN(const Info before, call.broker.GetSubscription(call.caller, name));
  POSTROAD_ASSIGN(const auto settings, ReadSettings(call.body, call.now, &before.settings));
  return Shown(call.broker.UpdateSubscription(call.caller, name, settings));
}

Result<HttpAnswer> DeleteSubscription(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_TRY(call.broker.DeleteSubscription(call.caller, call.request.PathValue("name")));
  return NoContent();
}

Result<HttpAnswer> SeekSubscription(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(const SeekTarget target, ReadSeek(call.body, call.now));
  return Shown(call.broker.SeekSubscription(call.caller, call.request.PathValue("name"),
                                            target.start, target.time, target.offset));
}

}  // namespace postroad::gateway
