// See principal.h.
#include "auth/principal.h"

#include <algorithm>

namespace postroad::auth {
namespace {

std::unexpected<Error> Denied(const std::string& name, Right right, std::string_view what) {
  Error error{.code = ErrorCode::kPermissionDenied,
              .message = "`" + name + "` may not " + std::string(RightName(right)) +
                         (right == Right::kPost ? " to " : " ") + std::string(what),
              .reason = "NOT_ALLOWED"};
  error.metadata = {{"principal", name}, {"right", std::string(RightName(right))}};
  return Fail(std::move(error));
}

}  // namespace

std::string_view RightName(Right right) {
  switch (right) {
    case Right::kPost:
      return "post";
    case Right::kRead:
      return "read";
    case Right::kAdminister:
      return "administer";
  }
  return "";
}

Principal Principal::Anyone() {
  Principal anyone;
  anyone.name_ = "anyone";
  anyone.anything_ = true;
  return anyone;
}

const std::vector<TopicPattern>& Principal::Granted(Right right) const {
  switch (right) {
    case Right::kPost:
      return post_;
    case Right::kRead:
      return read_;
    case Right::kAdminister:
      break;
  }
  return administer_;
}

bool Principal::May(Right right, std::string_view topic) const {
  if (anything_) return true;
  return std::ranges::any_of(Granted(right),
                             [&](const TopicPattern& granted) { return granted.Matches(topic); });
}

bool Principal::MayAll(Right right, const TopicPattern& pattern) const {
  // No granted text holds a '*', so one in `pattern` can only be matched by a granted '*': which is
  // so exactly if whatever it stands for is matched too.
  return May(right, pattern.text());
}

Status Principal::Check(Right right, std::string_view topic) const {
  if (May(right, topic)) return {};
  return Denied(name_, right, "topic `" + std::string(topic) + "`");
}

Status Principal::CheckAll(Right right, const TopicSelector& topics) const {
  for (const TopicPattern& pattern : topics.patterns()) {
    if (MayAll(right, pattern)) continue;
    return Denied(name_, right,
                  pattern.IsLiteral() ? "topic `" + pattern.text() + "`"
                                      : "all topics of `" + pattern.text() + "`");
  }
  return {};
}

Status Principal::CheckServerAdmin() const {
  const auto is_all = [](const TopicPattern& granted) { return granted.text() == "*"; };
  if (anything_ || std::ranges::any_of(administer_, is_all)) return {};
  return Denied(name_, Right::kAdminister, "the server (that needs administer on `*`)");
}

}  // namespace postroad::auth
