// Lines out of a file of any size, in bounded memory.
#ifndef POSTROAD_CLI_LINE_READER_H_
#define POSTROAD_CLI_LINE_READER_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad::cli {

class LineReader {
 public:
  // Longer lines are an error: the largest event, as base64 in JSON.
  static constexpr size_t kMaxLineBytes = 96 << 20;

  // "-" is standard input. NOT_FOUND or PERMISSION_DENIED naming the file.
  static Result<LineReader> Open(const std::string& path);

  // The next line, without its end ("\n" or "\r\n"); nothing at the end of the file. The view is
  // valid until the next call.
  Result<std::optional<std::string_view>> Next();
  uint64_t line() const { return line_; }  // number of the line last returned, from 1
  uint64_t bytes_read() const { return consumed_; }
  std::optional<uint64_t> bytes_total() const { return total_; }  // absent for pipes

 private:
  LineReader(FILE* file, bool owned, std::optional<uint64_t> total);
  bool Fill();

  std::unique_ptr<FILE, void (*)(FILE*)> file_;
  std::string buffer_;  // read and not yet returned, from at_
  size_t at_ = 0;
  uint64_t line_ = 0, consumed_ = 0;
  std::optional<uint64_t> total_;
  bool failed_ = false;
};

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_LINE_READER_H_
