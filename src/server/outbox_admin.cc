// See outbox_admin.h.
#include "server/outbox_admin.h"

#include <optional>
#include <string>

#include "outbox/sources/sources.h"
#include "outbox/state_json.h"

namespace postroad::server {
namespace {

using Relays = std::vector<std::unique_ptr<outbox::Relay>>;

// A connected source, for one call.
class Connected {
 public:
  Status Open(const Relays& relays, const std::string& name) {
    for (const auto& relay : relays) {
      if (relay->options().name != name) continue;
      source_ = outbox::NewSource(relay->options(), waker_);
      return source_->Connect();
    }
    return Fail(ErrorCode::kNotFound, "there is no outbox source \"" + name + "\"", "source");
  }
  outbox::Source* operator->() { return source_.get(); }

 private:
  outbox::Waker waker_;
  std::unique_ptr<outbox::Source> source_;
};

Result<boost::json::value> ListPoison(const Relays& relays, const std::string& name, size_t limit) {
  Connected source;
  POSTROAD_TRY(source.Open(relays, name));
  POSTROAD_ASSIGN(const auto rows, source->ListPoison(limit));
  return outbox::ToJson(rows);
}

Result<uint64_t> ChangePoison(const Relays& relays, bool retry, const std::string& name,
                              const std::optional<std::string>& row) {
  Connected source;
  POSTROAD_TRY(source.Open(relays, name));
  POSTROAD_ASSIGN(const uint64_t count, retry ? source->RetryPoison(row) : source->DropPoison(row));
  if (count > 0 || !row) return count;
  return Fail(ErrorCode::kNotFound, "no row \"" + *row + "\" is set aside", "row");
}

}  // namespace

gateway::OutboxCalls MakeOutboxCalls(const Relays& relays) {
  const auto change = [&relays](bool retry) -> gateway::OutboxCalls::Change {
    return [&relays, retry](const std::string& source, const std::optional<std::string>& row) {
      return ChangePoison(relays, retry, source, row);
    };
  };
  return {.list = [&relays] { return outbox::ToJson(relays); },
          .list_poison = [&relays](const std::string& source,
                                   size_t limit) { return ListPoison(relays, source, limit); },
          .retry_poison = change(true),
          .drop_poison = change(false)};
}

}  // namespace postroad::server
