// gzip, by zlib.
#ifndef POSTROAD_GATEWAY_HTTP_GZIP_H_
#define POSTROAD_GATEWAY_HTTP_GZIP_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad::gateway {

std::string Gzip(std::string_view text);

// Unpacks a gzip stream that comes in pieces.
class Gunzip {
 public:
  Gunzip();
  ~Gunzip();
  Gunzip(Gunzip&&) noexcept;

  // What the piece gives, at most `limit` bytes. INVALID_ARGUMENT: no gzip, or something follows
  // its end; reason BODY_TOO_LARGE if it gives more.
  Result<std::string> Feed(std::string_view piece, size_t limit);
  // Whether the stream came to its end.
  bool finished() const { return finished_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool finished_ = false;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_GZIP_H_
