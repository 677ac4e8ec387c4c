// Names and the patterns that match them.
#include "core/names.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/utf8.h"

namespace postroad {
namespace {

constexpr size_t kMaxSelectorEntries = 100;

std::unexpected<Error> BadName(std::string_view field, std::string message) {
  return Invalid(std::string(field), std::move(message), "BAD_NAME");
}

// Whether the multi-byte character at the front of `text` (valid UTF-8) is a control character or
// a blank of Unicode: U+0080-U+00A0, U+1680, U+2000-U+200A, U+2028, U+2029, U+202F, U+205F, U+3000.
bool IsWideControlOrBlank(std::string_view text) {
  const auto at = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (at(0) == 0xc2) return at(1) <= 0xa0;
  if (at(0) == 0xe1) return at(1) == 0x9a && at(2) == 0x80;
  if (at(0) == 0xe3) return at(1) == 0x80 && at(2) == 0x80;
  if (at(0) != 0xe2) return false;
  if (at(1) == 0x81) return at(2) == 0x9f;
  return at(1) == 0x80 && (at(2) <= 0x8a || at(2) == 0xa8 || at(2) == 0xa9 || at(2) == 0xaf);
}

// What is wrong with the character that starts at `text[i]`, or null.
const char* CharacterFault(std::string_view text, size_t i, bool star_allowed) {
  const auto c = static_cast<uint8_t>(text[i]);
  if (c < 0x20 || c == 0x7f) return "a control character";
  if (c == ' ') return "a blank";
  if (c == '*' && !star_allowed) return "'*'";
  if (c >= 0xc2 && IsWideControlOrBlank(text.substr(i))) return "a control character or blank";
  return nullptr;
}

Status CheckCharacters(std::string_view name, std::string_view field, bool star_allowed) {
  if (name.empty()) return BadName(field, "must not be empty");
  if (name.size() > kMaxNameBytes) {
    return BadName(field, "has " + std::to_string(name.size()) + " bytes, at most " +
                              std::to_string(kMaxNameBytes) + " are allowed");
  }
  if (!IsValidUtf8(name)) return BadName(field, "is not valid UTF-8");
  for (size_t i = 0; i < name.size(); ++i) {
    if (const char* fault = CharacterFault(name, i, star_allowed)) {
      return BadName(field, std::string("contains ") + fault + " at byte " + std::to_string(i));
    }
  }
  return {};
}

Status CheckLevels(std::string_view name, std::string_view field) {
  if (name.front() != '/' && name.back() != '/' && name.find("//") == std::string_view::npos) {
    return {};
  }
  return BadName(field, "has an empty level: it may not start or end with '/' or contain '//'");
}

std::vector<std::string> SplitAtStars(std::string_view text) {
  std::vector<std::string> pieces;
  while (true) {
    const size_t star = text.find('*');
    pieces.emplace_back(text.substr(0, star));
    if (star == std::string_view::npos) return pieces;
    text.remove_prefix(star + 1);
  }
}

std::string EntryField(std::string_view field, size_t i) {
  return std::string(field) + "[" + std::to_string(i) + "]";
}

// For comparing what people type: case does not count, and '-', '_' and '.' are alike.
std::string Fold(std::string_view text) {
  std::string folded(text);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == '.') c = '_';
  }
  return folded;
}

// Insertions, deletions, replacements and swaps of neighbours that make `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

Status CheckTopicName(std::string_view name, std::string_view field) {
  POSTROAD_TRY(CheckCharacters(name, field, /*star_allowed=*/false));
  return CheckLevels(name, field);
}

Status CheckName(std::string_view name, std::string_view field) {
  return CheckCharacters(name, field, /*star_allowed=*/false);
}

Result<TopicPattern> TopicPattern::Parse(std::string_view text, std::string_view field) {
  POSTROAD_TRY(CheckCharacters(text, field, /*star_allowed=*/true));
  POSTROAD_TRY(CheckLevels(text, field));
  TopicPattern pattern;
  pattern.text_ = text;
  pattern.pieces_ = SplitAtStars(text);
  return pattern;
}

bool TopicPattern::Matches(std::string_view topic) const {
  if (IsLiteral()) return topic == text_;
  if (prefix().empty() && IsSystemTopic(topic)) return false;
  const std::string& tail = pieces_.back();
  if (topic.size() < prefix().size() + tail.size()) return false;
  if (!topic.starts_with(prefix()) || !topic.ends_with(tail)) return false;
  topic.remove_prefix(prefix().size());
  topic.remove_suffix(tail.size());
  // Each inner piece at its first place: leaves the most room for those after it.
  for (size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const size_t found = topic.find(pieces_[i]);
    if (found == std::string_view::npos) return false;
    topic.remove_prefix(found + pieces_[i].size());
  }
  return true;
}

Result<TopicSelector> TopicSelector::Parse(const std::vector<std::string>& texts,
                                           std::string_view field) {
  if (texts.empty()) return BadName(field, "must name at least one topic or pattern");
  if (texts.size() > kMaxSelectorEntries) {
    return BadName(field, "has " + std::to_string(texts.size()) + " entries, at most " +
                              std::to_string(kMaxSelectorEntries) + " are allowed");
  }
  TopicSelector selector;
  for (size_t i = 0; i < texts.size(); ++i) {
    POSTROAD_ASSIGN(TopicPattern pattern, TopicPattern::Parse(texts[i], EntryField(field, i)));
    selector.patterns_.push_back(std::move(pattern));
  }
  return selector;
}

bool TopicSelector::Matches(std::string_view topic) const {
  return std::ranges::any_of(patterns_, [topic](const auto& p) { return p.Matches(topic); });
}

std::string_view TopicSelector::SingleTopic() const {
  if (patterns_.size() != 1 || !patterns_.front().IsLiteral()) return {};
  return patterns_.front().text();
}

std::vector<std::string> TopicSelector::Texts() const {
  std::vector<std::string> texts;
  texts.reserve(patterns_.size());
  for (const auto& pattern : patterns_) texts.push_back(pattern.text());
  return texts;
}

std::string NearestName(std::string_view name, const std::vector<std::string>& known) {
  const std::string folded = Fold(name);
  // A third of the letters wrong is still likely a slip; more is another name.
  size_t best = std::max<size_t>(1, name.size() / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(folded, Fold(candidate));
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace postroad
