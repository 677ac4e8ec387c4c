// See deflate.h.
#include "rsocket/transport/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace postroad::rsocket {
namespace {

constexpr int kLevel = 3;
constexpr int kRaw = -15;  // a window of 32 KiB, without zlib's head
constexpr int kMemoryLevel = 8;
constexpr std::string_view kTail("\0\0\xff\xff", 4);  // of a sync flush, which is not sent
constexpr size_t kChunk = 16 << 10;

// One a thread, and so one a core.
struct Deflater {
  z_stream stream{};
  bool good =
      deflateInit2(&stream, kLevel, Z_DEFLATED, kRaw, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK;
  ~Deflater() { deflateEnd(&stream); }
};
struct Inflater {
  z_stream stream{};
  bool good = inflateInit2(&stream, kRaw) == Z_OK;
  ~Inflater() { inflateEnd(&stream); }
};

void SetInput(z_stream& stream, std::string_view bytes) {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls `use` with each part; whether that was true of one (any), or of all.
bool Any(std::string_view text, char separator, const std::function<bool(std::string_view)>& use) {
  while (true) {
    const size_t end = text.find(separator);
    if (use(Trim(text.substr(0, end)))) return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
}
bool All(std::string_view text, char separator, const std::function<bool(std::string_view)>& use) {
  return !Any(text, separator, [&](std::string_view part) { return !use(part); });
}

}  // namespace

bool OffersDeflate(std::string_view extensions) {
  return Any(extensions, ',', [](std::string_view offer) {
    bool first = true;
    return All(offer, ';', [&](std::string_view part) {
      if (std::exchange(first, false)) return part == "permessage-deflate";
      // A smaller window of ours than this is not made.
      return part == "server_no_context_takeover" || part == "client_no_context_takeover" ||
             part.starts_with("client_max_window_bits") || part == "server_max_window_bits=15";
    });
  });
}

bool AcceptsDeflate(std::string_view extensions) {
  bool first = true, fresh = false;
  return All(extensions, ';',
             [&](std::string_view part) {
               if (std::exchange(first, false)) return part == "permessage-deflate";
               fresh |= part == "server_no_context_takeover";
               return part == "server_no_context_takeover" ||
                      part == "client_no_context_takeover" ||
                      part.starts_with("server_max_window_bits=");
             }) &&
         fresh;
}

bool Deflate(std::string_view head, std::string_view body, std::string& out) {
  thread_local Deflater deflater;
  const size_t before = out.size(), size = head.size() + body.size();
  if (!deflater.good || deflateReset(&deflater.stream) != Z_OK) return false;
  z_stream& stream = deflater.stream;
  out.resize(before + size);  // more is not worth it
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  stream.avail_out = static_cast<uInt>(size);
  SetInput(stream, head);
  bool good = deflate(&stream, Z_NO_FLUSH) == Z_OK && stream.avail_in == 0;
  SetInput(stream, body);
  good = good && deflate(&stream, Z_SYNC_FLUSH) == Z_OK && stream.avail_out > 0;
  out.resize(good ? out.size() - stream.avail_out - kTail.size() : before);
  return good;
}

Inflated Inflate(std::string_view message, size_t max_bytes, std::string& out) {
  thread_local Inflater inflater;
  z_stream& stream = inflater.stream;
  if (!inflater.good || inflateReset(&stream) != Z_OK) return Inflated::kMalformed;
  const size_t before = out.size();
  for (const std::string_view part : {message, kTail}) {
    SetInput(stream, part);
    while (stream.avail_in > 0) {
      const size_t at = out.size();
      out.resize(at + kChunk);
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + at);
      stream.avail_out = kChunk;
      const int result = inflate(&stream, Z_SYNC_FLUSH);
      out.resize(at + kChunk - stream.avail_out);
      if (out.size() - before > max_bytes) return Inflated::kTooMuch;
      if (result == Z_STREAM_END) return Inflated::kWhole;
      if (result != Z_OK) return Inflated::kMalformed;
    }
  }
  return Inflated::kWhole;
}

}  // namespace postroad::rsocket
