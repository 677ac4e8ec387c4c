// See gzip.h.
#include "gateway/http/gzip.h"

#include <zlib.h>

#include <utility>

namespace postroad::gateway {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest, with gzip's frame
constexpr int kMemoryLevel = 8;
constexpr size_t kStep = 16 << 10;

Bytef* In(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write there
}

}  // namespace

std::string Gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = In(text);
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct Gunzip::State {
  State() { inflateInit2(&stream, kGzipWindow); }
  ~State() { inflateEnd(&stream); }
  z_stream stream{};
};

Gunzip::Gunzip() : state_(std::make_unique<State>()) {}
Gunzip::~Gunzip() = default;
Gunzip::Gunzip(Gunzip&&) noexcept = default;

Result<std::string> Gunzip::Feed(std::string_view piece, size_t limit) {
  z_stream& stream = state_->stream;
  stream.next_in = In(piece);
  stream.avail_in = static_cast<uInt>(piece.size());
  std::string out;
  size_t used = 0;
  while (stream.avail_in > 0) {
    // Another member follows (RFC 1952, 2.2).
    if (std::exchange(finished_, false)) inflateReset(&stream);
    if (used == out.size()) out.resize(used + kStep);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(out.size() - used);
    const int result = inflate(&stream, Z_NO_FLUSH);
    used = out.size() - stream.avail_out;
    finished_ = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return Invalid("", "the body is no gzip, as its Content-Encoding says it is");
    }
    if (used > limit) {
      return Fail(ErrorCode::kInvalidArgument, "the body is too large unpacked", "",
                  "BODY_TOO_LARGE");
    }
  }
  out.resize(used);
  return out;
}

}  // namespace postroad::gateway
