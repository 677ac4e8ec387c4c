// RSocket frames and metadata: nothing malformed gets through unnoticed, and what is taken survives
// being written again. The first byte chooses what the rest is read as.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rsocket/framing/frame.h"
#include "rsocket/framing/metadata.h"

namespace {

using namespace postroad::rsocket;  // NOLINT: a fuzzer of this namespace

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

void TryFrame(std::string_view bytes) {
  const auto frame = DecodeFrame(bytes);
  if (!frame) {
    Require(frame.error().offset <= bytes.size(), "a fault lies within the frame");
    Require(!frame.error().message.empty(), "a fault says what is wrong");
    return;
  }
  std::string encoded;
  EncodeFrame(*frame, encoded);
  const auto again = DecodeFrame(encoded);
  Require(again.has_value(), "what was written can be read");
  Require(*again == *frame, "a frame survives");
}

void TryRequest(std::string_view mime, std::string_view bytes) {
  const auto parsed = ParseRequestMetadata(mime, bytes);
  if (!parsed) {
    Require(parsed.error().offset <= bytes.size(), "a fault lies within the metadata");
    return;
  }
  Require(parsed->route.empty() || parsed->tags.front() == parsed->route,
          "a route is the first tag");
  for (const MetadataEntry& entry : parsed->others) {
    Require(entry.offset + entry.body.size() <= bytes.size(), "an entry lies within the metadata");
  }
}

void TryComposite(std::string_view bytes) {
  const auto entries = ParseComposite(bytes);
  if (!entries) return;
  for (const MetadataEntry& entry : *entries) {
    if (entry.mime.empty()) return;  // an id without a name cannot be written
  }
  std::string encoded;
  for (const MetadataEntry& entry : *entries) AppendComposite(entry.mime, entry.body, encoded);
  const auto again = ParseComposite(encoded);
  Require(again && again->size() == entries->size(), "composite metadata survives");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::string_view kMimes[] = {
      mime::kRouting,       mime::kAuthentication, mime::kMimeType, mime::kAcceptMimeTypes,
      mime::kTracingZipkin, mime::kComposite,      mime::kJson};
  if (data[0] < 'a') {
    TryFrame(bytes);
  } else if (data[0] < 'h') {
    TryRequest(kMimes[data[0] - 'a'], bytes);
  } else {
    TryComposite(bytes);
  }
  return 0;
}
