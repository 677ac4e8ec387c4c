// Names, patterns, times, durations and ids as people type them: no input may crash, and what is
// taken and written out again must mean the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/names.h"
#include "core/time.h"
#include "core/utf8.h"
#include "core/uuid.h"

namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

void TryTimes(std::string_view text) {
  using namespace postroad;
  const auto time = ParseTime(text, FromNanos(1'769'846'400'000'000'000));
  if (time) Require(ParseTime(FormatTime(*time), {}) == *time, "a time is read back");
  const auto duration = ParseDuration(text);
  if (duration) {
    Require(ParseDuration(FormatDuration(*duration)) == *duration, "a duration is read back");
  }
}

void TryNames(std::string_view text) {
  using namespace postroad;
  const bool topic = CheckTopicName(text, "topic").has_value();
  Require(!topic || IsValidUtf8(text), "a topic is UTF-8");
  Require(!topic || CheckName(text, "name"), "a topic is a name");
  const auto pattern = TopicPattern::Parse(text, "pattern");
  Require(!topic || (pattern && pattern->IsLiteral() && pattern->Matches(text)),
          "a topic is the pattern of itself");
  if (!pattern) return;
  std::string widest(text);
  for (char& c : widest) c = c == '*' ? 'x' : c;
  Require(IsSystemTopic(widest) || pattern->Matches(widest), "a star stands for any character");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  TryTimes(text);
  TryNames(text);
  (void)postroad::UuidV7Time(text);
  if (size < 64) (void)postroad::NearestName(text, {"data_dir", "grpc.listen"});
  return 0;
}
