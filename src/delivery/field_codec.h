// Fields of the formats in state_codec.h: varints, counted strings, times.
#ifndef POSTROAD_DELIVERY_FIELD_CODEC_H_
#define POSTROAD_DELIVERY_FIELD_CODEC_H_

#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/time.h"

namespace postroad::delivery {

class FieldWriter {
 public:
  // Every value begins with its format's version.
  explicit FieldWriter(uint8_t version) { out_.push_back(static_cast<char>(version)); }

  void Number(uint64_t v) { PutVarint(out_, v); }
  void Fixed(uint64_t v) { PutBig64(out_, v); }
  void Text(std::string_view text) {
    PutVarint(out_, text.size());
    out_.append(text);
  }
  void Time(Timestamp t) { PutBig64(out_, static_cast<uint64_t>(ToNanos(t))); }
  void Span(Duration d) { PutVarint(out_, static_cast<uint64_t>(d.count())); }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads what FieldWriter wrote. After anything missing, ok() is false and all reads give zero.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {
    version_ = rest_.empty() ? 0 : static_cast<uint8_t>(rest_[0]);
    Skip(1);
  }

  uint8_t version() const { return version_; }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }
  uint64_t Number() {
    const auto v = TakeVarint(rest_);
    ok_ = ok_ && v.has_value();
    return ok_ ? *v : 0;
  }
  // A number of things that take at least `each` bytes, so that a broken one asks for no memory.
  uint64_t Count(size_t each = 1) {
    const uint64_t n = Number();
    ok_ = ok_ && n <= rest_.size() / each;
    return ok_ ? n : 0;
  }
  uint64_t Fixed() {
    if (rest_.size() < 8) ok_ = false;
    if (!ok_) return 0;
    const uint64_t v = GetBig64(rest_.data());
    Skip(8);
    return v;
  }
  std::string Text() {
    const uint64_t size = Count();
    if (!ok_) return {};
    std::string text(rest_.substr(0, size));
    Skip(size);
    return text;
  }
  Timestamp Time() { return FromNanos(static_cast<int64_t>(Fixed())); }
  Duration Span() { return Duration(static_cast<int64_t>(Number())); }

 private:
  void Skip(size_t n) {
    ok_ = ok_ && n <= rest_.size();
    if (ok_) rest_.remove_prefix(n);
  }

  std::string_view rest_;
  uint8_t version_ = 0;
  bool ok_ = true;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_FIELD_CODEC_H_
