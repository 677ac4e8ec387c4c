// The MIME types that composite metadata can name by an id (RSocket extensions, Well-known MIME
// Types).
#include <algorithm>
#include <array>

#include "rsocket/framing/metadata.h"

namespace postroad::rsocket {
namespace {

struct Known {
  uint8_t id;
  std::string_view mime;
};

constexpr std::array kKnown = {
    Known{0x00, "application/avro"},
    Known{0x01, "application/cbor"},
    Known{0x02, "application/graphql"},
    Known{0x03, "application/gzip"},
    Known{0x04, "application/javascript"},
    Known{0x05, mime::kJson},
    Known{0x06, mime::kOctetStream},
    Known{0x07, "application/pdf"},
    Known{0x08, "application/vnd.apache.thrift.binary"},
    Known{0x09, "application/vnd.google.protobuf"},
    Known{0x0a, "application/xml"},
    Known{0x0b, "application/zip"},
    Known{0x0c, "audio/aac"},
    Known{0x0d, "audio/mp3"},
    Known{0x0e, "audio/mp4"},
    Known{0x0f, "audio/mpeg3"},
    Known{0x10, "audio/mpeg"},
    Known{0x11, "audio/ogg"},
    Known{0x12, "audio/opus"},
    Known{0x13, "audio/vorbis"},
    Known{0x14, "image/bmp"},
    Known{0x15, "image/gif"},
    Known{0x16, "image/heic-sequence"},
    Known{0x17, "image/heic"},
    Known{0x18, "image/heif-sequence"},
    Known{0x19, "image/heif"},
    Known{0x1a, "image/jpeg"},
    Known{0x1b, "image/png"},
    Known{0x1c, "image/tiff"},
    Known{0x1d, "multipart/mixed"},
    Known{0x1e, "text/css"},
    Known{0x1f, "text/csv"},
    Known{0x20, "text/html"},
    Known{0x21, mime::kTextPlain},
    Known{0x22, "text/xml"},
    Known{0x23, "video/H264"},
    Known{0x24, "video/H265"},
    Known{0x25, "video/VP8"},
    Known{0x26, "application/x-hessian"},
    Known{0x27, "application/x-java-object"},
    Known{0x28, "application/cloudevents+json"},
    Known{0x29, "application/x-capnp"},
    Known{0x2a, "application/x-flatbuffers"},
    Known{0x7a, mime::kMimeType},
    Known{0x7b, mime::kAcceptMimeTypes},
    Known{0x7c, mime::kAuthentication},
    Known{0x7d, mime::kTracingZipkin},
    Known{0x7e, mime::kRouting},
    Known{0x7f, mime::kComposite},
};

}  // namespace

std::optional<std::string_view> WellKnownMime(uint8_t id) {
  const auto found = std::ranges::find(kKnown, id, &Known::id);
  if (found == kKnown.end()) return std::nullopt;
  return found->mime;
}

std::optional<uint8_t> WellKnownMimeId(std::string_view mime) {
  const auto found = std::ranges::find(kKnown, mime, &Known::mime);
  if (found == kKnown.end()) return std::nullopt;
  return found->id;
}

}  // namespace postroad::rsocket
