// Metadata of requests, after RSocket's extensions: composite metadata, routing, authentication,
// MIME types of a stream, tracing (Zipkin). Bytes only.
#ifndef POSTROAD_RSOCKET_FRAMING_METADATA_H_
#define POSTROAD_RSOCKET_FRAMING_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace postroad::rsocket {

namespace mime {
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kOctetStream = "application/octet-stream";
inline constexpr std::string_view kTextPlain = "text/plain";
inline constexpr std::string_view kComposite = "message/x.rsocket.composite-metadata.v0";
inline constexpr std::string_view kRouting = "message/x.rsocket.routing.v0";
inline constexpr std::string_view kTracingZipkin = "message/x.rsocket.tracing-zipkin.v0";
inline constexpr std::string_view kAuthentication = "message/x.rsocket.authentication.v0";
inline constexpr std::string_view kAcceptMimeTypes = "message/x.rsocket.accept-mime-types.v0";
inline constexpr std::string_view kMimeType = "message/x.rsocket.mime-type.v0";
}  // namespace mime

// The well-known MIME types by their id of seven bits; nothing for what is not in the list.
std::optional<std::string_view> WellKnownMime(uint8_t id);
std::optional<uint8_t> WellKnownMimeId(std::string_view mime);

// What is wrong with metadata: the offset into it, and the likely cause in words.
struct MetadataFault {
  size_t offset = 0;
  std::string message;  // names the offset too
};
template <typename T>
using MetadataResult = std::expected<T, MetadataFault>;

// One entry of composite metadata; views of its bytes.
struct MetadataEntry {
  std::string_view mime;  // empty for an id that is not well known
  uint8_t id = 0;         // of a well-known type; 0 and a name otherwise
  bool by_id = false;
  std::string_view body;
  size_t offset = 0;  // of the body in the whole
  bool operator==(const MetadataEntry&) const = default;
};
MetadataResult<std::vector<MetadataEntry>> ParseComposite(std::string_view metadata);
// Writes a well-known type as its id. At most 128 bytes of MIME type and 2^24−1 of body.
void AppendComposite(std::string_view mime, std::string_view body, std::string& out);

// Routing: tags of at most 255 bytes, the first of which is the route.
MetadataResult<std::vector<std::string_view>> ParseRouting(std::string_view metadata);
void AppendRoutingTag(std::string_view tag, std::string& out);

struct SimpleAuthentication {
  std::string_view user, password;
  bool operator==(const SimpleAuthentication&) const = default;
};
struct BearerAuthentication {
  std::string_view token;
  bool operator==(const BearerAuthentication&) const = default;
};
struct OtherAuthentication {
  std::string_view type;  // empty for an id that is not well known
  std::string_view payload;
  bool operator==(const OtherAuthentication&) const = default;
};
using Authentication =
    std::variant<SimpleAuthentication, BearerAuthentication, OtherAuthentication>;
MetadataResult<Authentication> ParseAuthentication(std::string_view metadata);
void AppendAuthentication(const Authentication& authentication, std::string& out);

// MIME types of a stream's data: one (mime-type), or those that are accepted, in order.
MetadataResult<std::vector<std::string_view>> ParseMimeTypes(std::string_view metadata);
void AppendMimeType(std::string_view mime, std::string& out);

struct TraceContext {
  enum class Sampling : uint8_t { kUnsaid, kNo, kYes, kDebug };
  Sampling sampling = Sampling::kUnsaid;
  bool has_ids = false;
  uint64_t trace_high = 0;  // 0 where the trace id has 64 bits
  uint64_t trace_low = 0;
  uint64_t span = 0;
  std::optional<uint64_t> parent_span;
  bool operator==(const TraceContext&) const = default;
};
MetadataResult<TraceContext> ParseTracing(std::string_view metadata);
void AppendTracing(const TraceContext& context, std::string& out);

// What a request's metadata says, whichever form the connection has for it.
struct RequestMetadata {
  std::string_view route;              // the first routing tag; empty if there is none
  std::vector<std::string_view> tags;  // all of them
  std::optional<Authentication> authentication;
  std::string_view data_mime;  // the stream's own; empty: the connection's
  std::vector<std::string_view> accepted_mimes;
  std::optional<TraceContext> trace;
  std::vector<MetadataEntry> others;  // entries of types that are none of the above
};
// `metadata_mime` is the connection's: with composite metadata all its entries are parsed; with any
// of the types above, the whole is taken as that; otherwise it is not looked at (and is the only
// one of `others`).
MetadataResult<RequestMetadata> ParseRequestMetadata(std::string_view metadata_mime,
                                                     std::string_view metadata);

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_FRAMING_METADATA_H_
