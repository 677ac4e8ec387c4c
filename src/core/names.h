// Names of topics, subscriptions and clients, and the patterns that match topics.
#ifndef POSTROAD_CORE_NAMES_H_
#define POSTROAD_CORE_NAMES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace postroad {

inline constexpr size_t kMaxNameBytes = 255;
// Topics that Postroad itself writes start with this ("_dead/<subscription>"); clients may read
// them but not post to them.
inline constexpr std::string_view kSystemTopicPrefix = "_";

// A topic is 1 to 255 bytes of UTF-8 without control characters, '*' and blanks, made of one or
// more non-empty levels separated by '/': "orders", "user/42/notifications". `field` names the
// request's field in the error.
Status CheckTopicName(std::string_view name, std::string_view field);
// A subscription's or client's name: 1 to 255 bytes of UTF-8 without control characters, '*' and
// blanks.
Status CheckName(std::string_view name, std::string_view field);

// Whether `name` is reserved for Postroad's own writing.
inline bool IsSystemTopic(std::string_view name) { return name.starts_with(kSystemTopicPrefix); }

// A topic name in which '*' stands for any run of characters (also '/'): "user/*", "*", "a*z".
// "*" alone and patterns that begin with '*' do not match system topics.
class TopicPattern {
 public:
  // INVALID_ARGUMENT if empty, over-long or, its '*' aside, no name.
  static Result<TopicPattern> Parse(std::string_view text, std::string_view field);

  bool Matches(std::string_view topic) const;
  // True if it has no '*', and so names one topic.
  bool IsLiteral() const { return pieces_.size() == 1; }
  const std::string& text() const { return text_; }
  // What every match starts with; the whole name if literal.
  std::string_view prefix() const { return pieces_.front(); }

  bool operator==(const TopicPattern& other) const { return text_ == other.text_; }

 private:
  std::string text_;
  std::vector<std::string> pieces_;  // the text between the stars
};

// Which topics a stream or subscription reads: literal names and patterns, at least one.
class TopicSelector {
 public:
  // INVALID_ARGUMENT if empty, over 100 entries, or an entry is bad ("topics[2]").
  static Result<TopicSelector> Parse(const std::vector<std::string>& texts, std::string_view field);

  bool Matches(std::string_view topic) const;
  // The one topic it names, if it is a single literal; else empty.
  std::string_view SingleTopic() const;
  const std::vector<TopicPattern>& patterns() const { return patterns_; }
  std::vector<std::string> Texts() const;

 private:
  std::vector<TopicPattern> patterns_;
};

// The name among `known` that `name` was most likely meant to be, or "" if none is near.
std::string NearestName(std::string_view name, const std::vector<std::string>& known);

}  // namespace postroad

#endif  // POSTROAD_CORE_NAMES_H_
