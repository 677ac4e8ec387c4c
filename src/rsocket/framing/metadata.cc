// See metadata.h. Every fault names its offset and what usually leads there.
#include "rsocket/framing/metadata.h"

#include <algorithm>
#include <cassert>

#include "core/bytes.h"
#include "rsocket/framing/byte_reader.h"

namespace postroad::rsocket {
namespace {

constexpr uint8_t kWellKnown = 0x80;
constexpr size_t kMaxShownBytes = 32;

std::unexpected<MetadataFault> Fault(std::string_view what, const ByteReader& in) {
  return std::unexpected(MetadataFault{
      in.fault_offset(),
      std::string(what) + ", byte " + std::to_string(in.fault_offset()) + ": " + in.fault()});
}

bool Printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

// What is there in place of a length byte, if that looks like text.
std::string Shown(std::string_view text) {
  std::string shown = "\"" + std::string(text.substr(0, kMaxShownBytes));
  return shown + (text.size() > kMaxShownBytes ? "…\"" : "\"");
}

// A type that is either an id of seven bits or a name with its length. Composite metadata counts
// names from 1 (its length byte is the length less one), the other extensions from 0; and so do
// real clients.
std::string_view ReadName(ByteReader& in, uint8_t first, size_t length, size_t at) {
  if ((first & kWellKnown) != 0) return WellKnownMime(first & 0x7f).value_or("");
  const std::string_view name =
      in.Bytes(length, at, "the MIME type", "a MIME type is written without its length byte");
  if (in.ok() && !Printable(name)) in.Fail(at, "the MIME type is no ASCII text");
  return name;
}

void AppendMimeWithLength(std::string_view mime, size_t length, std::string& out) {
  if (const auto id = WellKnownMimeId(mime)) {
    out.push_back(static_cast<char>(kWellKnown | *id));
    return;
  }
  assert(length < kWellKnown);
  out.push_back(static_cast<char>(length));
  out.append(mime);
}

}  // namespace

MetadataResult<std::vector<MetadataEntry>> ParseComposite(std::string_view metadata) {
  std::vector<MetadataEntry> entries;
  ByteReader in(metadata);
  while (in.ok() && !in.AtEnd()) {
    MetadataEntry entry;
    const size_t at = in.offset();
    const uint8_t first = in.U8("the MIME type's id or length");
    entry.by_id = (first & kWellKnown) != 0;
    if (entry.by_id) entry.id = first & 0x7f;
    entry.mime = ReadName(in, first, size_t{first} + 1, at);
    const size_t length_at = in.offset();
    const uint32_t size = in.U24("the entry's length");
    entry.offset = in.offset();
    entry.body =
        in.Bytes(size, length_at, "the entry",
                 "the metadata is not composite, or an entry's length (24 bits) is missing");
    entries.push_back(entry);
  }
  if (!in.ok()) return Fault("composite metadata", in);
  return entries;
}

void AppendComposite(std::string_view mime, std::string_view body, std::string& out) {
  AppendMimeWithLength(mime, mime.size() - 1, out);
  assert(body.size() <= 0xffffff);
  out.push_back(static_cast<char>(body.size() >> 16));
  out.push_back(static_cast<char>(body.size() >> 8));
  out.push_back(static_cast<char>(body.size()));
  out.append(body);
}

MetadataResult<std::vector<std::string_view>> ParseRouting(std::string_view metadata) {
  std::vector<std::string_view> tags;
  ByteReader in(metadata);
  while (in.ok() && !in.AtEnd()) {
    const size_t at = in.offset();
    const std::string_view from_here = metadata.substr(at);
    const uint8_t size = in.U8("the tag's length");
    if (size > in.remaining()) {
      std::string text = "a tag is said to have " + std::to_string(size) + " bytes, and " +
                         std::to_string(in.remaining()) + " are left";
      if (Printable(from_here)) {
        text += "; likely cause: the route " + Shown(from_here) +
                " was sent without its length byte before it";
      }
      in.Fail(at, std::move(text));
    }
    tags.push_back(in.Bytes(size, at, "the tag", ""));
  }
  if (!in.ok()) return Fault("routing metadata", in);
  return tags;
}

void AppendRoutingTag(std::string_view tag, std::string& out) {
  assert(tag.size() <= 0xff);
  out.push_back(static_cast<char>(tag.size()));
  out.append(tag);
}

MetadataResult<Authentication> ParseAuthentication(std::string_view metadata) {
  ByteReader in(metadata);
  const uint8_t first = in.U8("the authentication type");
  Authentication authentication;
  if (first == (kWellKnown | 0)) {
    const size_t at = in.offset();
    const uint16_t size = in.U16("the user name's length");
    SimpleAuthentication simple;
    simple.user = in.Bytes(size, at, "the user name",
                           "the user name is written without its length (16 bits)");
    simple.password = in.Rest();
    authentication = simple;
  } else if (first == (kWellKnown | 1)) {
    authentication = BearerAuthentication{in.Rest()};
  } else {
    OtherAuthentication other;
    if ((first & kWellKnown) == 0) {
      other.type = in.Bytes(first, 0, "the authentication type",
                            "credentials are written without their type before them");
    }
    other.payload = in.Rest();
    authentication = other;
  }
  if (!in.ok()) return Fault("authentication metadata", in);
  return authentication;
}

void AppendAuthentication(const Authentication& authentication, std::string& out) {
  if (const auto* simple = std::get_if<SimpleAuthentication>(&authentication)) {
    assert(simple->user.size() <= 0xffff);
    out.push_back(static_cast<char>(kWellKnown | 0));
    out.push_back(static_cast<char>(simple->user.size() >> 8));
    out.push_back(static_cast<char>(simple->user.size()));
    out.append(simple->user).append(simple->password);
  } else if (const auto* bearer = std::get_if<BearerAuthentication>(&authentication)) {
    out.push_back(static_cast<char>(kWellKnown | 1));
    out.append(bearer->token);
  } else {
    const auto& other = std::get<OtherAuthentication>(authentication);
    assert(other.type.size() < kWellKnown);
    out.push_back(static_cast<char>(other.type.size()));
    out.append(other.type).append(other.payload);
  }
}

MetadataResult<std::vector<std::string_view>> ParseMimeTypes(std::string_view metadata) {
  std::vector<std::string_view> mimes;
  ByteReader in(metadata);
  while (in.ok() && !in.AtEnd()) {
    const size_t at = in.offset();
    const uint8_t first = in.U8("the MIME type's id or length");
    mimes.push_back(ReadName(in, first, first, at));
  }
  if (!in.ok()) return Fault("MIME type metadata", in);
  return mimes;
}

void AppendMimeType(std::string_view mime, std::string& out) {
  AppendMimeWithLength(mime, mime.size(), out);
}

}  // namespace postroad::rsocket
