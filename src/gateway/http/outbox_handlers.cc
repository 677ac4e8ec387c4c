// Outbox sources: how they stand, and the rows that are set aside.
#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "gateway/http/handlers.h"
#include "gateway/http/outbox_calls.h"

namespace postroad::gateway {
namespace {

constexpr size_t kPage = 100, kMostRows = 1000;

Status CheckCaller(const Call& call) {
  POSTROAD_TRY(call.caller.CheckServerAdmin());
  if (call.outbox.list) return {};
  return Fail(ErrorCode::kNotFound, "this server has no outbox sources");
}

Result<HttpAnswer> ChangePoison(const Call& call, const char* done,
                                const OutboxCalls::Change& change,
                                const std::optional<std::string>& row) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_TRY(CheckCaller(call));
  POSTROAD_ASSIGN(const uint64_t count, change(call.request.PathValue("source"), row));
  return JsonAnswer(boost::json::object{{done, count}});
}

}  // namespace

Result<HttpAnswer> ListOutbox(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_TRY(CheckCaller(call));
  return JsonAnswer(call.outbox.list());
}

Result<HttpAnswer> ListOutboxPoison(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"page_size"}));
  POSTROAD_TRY(CheckCaller(call));
  POSTROAD_ASSIGN(const auto size, call.request.QueryNumber("page_size"));
  if (size.value_or(1) > kMostRows) return Invalid("page_size", "at most 1000");
  const size_t limit = size.value_or(0) == 0 ? kPage : *size;
  POSTROAD_ASSIGN(const auto rows,
                  call.outbox.list_poison(call.request.PathValue("source"), limit));
  return JsonAnswer(rows);
}

Result<HttpAnswer> RetryOutboxPoison(const Call& call) {
  return ChangePoison(call, "retried", call.outbox.retry_poison, std::nullopt);
}
Result<HttpAnswer> RetryOutboxRow(const Call& call) {
  return ChangePoison(call, "retried", call.outbox.retry_poison, call.request.PathValue("row"));
}
Result<HttpAnswer> DropOutboxPoison(const Call& call) {
  return ChangePoison(call, "dropped", call.outbox.drop_poison, std::nullopt);
}
Result<HttpAnswer> DropOutboxRow(const Call& call) {
  return ChangePoison(call, "dropped", call.outbox.drop_poison, call.request.PathValue("row"));
}

}  // namespace postroad::gateway
