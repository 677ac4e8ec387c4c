// See identity.h.
#include "gateway/rsocket/identity.h"

#include <boost/json.hpp>

#include "rsocket/framing/metadata.h"

namespace postroad::rsocket_gateway {
namespace {

namespace json = boost::json;

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string TextOf(const json::value& value) {
  if (value.is_string()) return std::string(Trimmed(value.get_string()));
  if (value.is_int64() || value.is_uint64()) return json::serialize(value);
  return {};
}

Result<std::string> UserOf(const rsocket::SetupInfo& setup) {
  const std::string_view text = Trimmed(setup.data);
  // Clients that declare JSON send text all the same, as Spring's own do.
  const bool looks_like_json = text.starts_with('{') || text.starts_with('"');
  if (setup.data_mime != rsocket::mime::kJson || !looks_like_json) return std::string(text);
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return Invalid("setup.data", "is declared as JSON and is none: " + error.message());
  if (const json::object* object = value.if_object()) {
    const json::value* user = object->if_contains("user");
    return user == nullptr ? std::string() : TextOf(*user);
  }
  return TextOf(value);
}

}  // namespace

Result<Identity> IdentityOf(const rsocket::SetupInfo& setup) {
  Identity identity;
  POSTROAD_ASSIGN(identity.user, UserOf(setup));
  if (!setup.metadata) return identity;
  const auto metadata = rsocket::ParseRequestMetadata(setup.metadata_mime, *setup.metadata);
  if (!metadata) return Invalid("setup.metadata", metadata.error().message, "BAD_METADATA");
  if (!metadata->authentication) return identity;
  if (const auto* bearer = std::get_if<rsocket::BearerAuthentication>(&*metadata->authentication)) {
    identity.token = bearer->token;
  }
  if (const auto* simple = std::get_if<rsocket::SimpleAuthentication>(&*metadata->authentication)) {
    identity.token = simple->password;
    if (identity.user.empty()) identity.user = Trimmed(simple->user);
  }
  return identity;
}

}  // namespace postroad::rsocket_gateway
