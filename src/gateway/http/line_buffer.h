// Text that comes in pieces, taken line by line.
#ifndef POSTROAD_GATEWAY_HTTP_LINE_BUFFER_H_
#define POSTROAD_GATEWAY_HTTP_LINE_BUFFER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postroad::gateway {

// Looks at each byte once, in however many pieces a line comes.
class LineBuffer {
 public:
  // What was taken before is gone with it.
  void Append(std::string_view piece) {
    text_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    text_.append(piece);
  }
  // The next whole line, without its end; valid until Append.
  std::optional<std::string_view> Next() {
    const size_t end = text_.find('\n', searched_);
    looked_at_ += std::min(end, text_.size()) - searched_;
    if (end == std::string::npos) {
      searched_ = text_.size();
      return std::nullopt;
    }
    const std::string_view line = std::string_view(text_).substr(begin_, end - begin_);
    begin_ = searched_ = end + 1;
    return line;
  }
  // What came behind the last whole line, once Next gives no more.
  std::string_view rest() const { return std::string_view(text_).substr(begin_); }
  void Clear() {
    text_.clear();
    begin_ = searched_ = 0;
  }
  uint64_t looked_at() const { return looked_at_; }

 private:
  std::string text_;
  size_t begin_ = 0;     // of what is not taken yet
  size_t searched_ = 0;  // no line ends in what is not taken before it
  uint64_t looked_at_ = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_LINE_BUFFER_H_
