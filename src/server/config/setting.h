// Settings that describe themselves: each is declared once, with its name, text, kind, bounds and
// the variable it fills (whose value is the default). The file, variables, flags, `config show` and
// docs/configuration.md are all served from these declarations.
#ifndef POSTROAD_SERVER_CONFIG_SETTING_H_
#define POSTROAD_SERVER_CONFIG_SETTING_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "server/config/setting_value.h"

namespace postroad::server {

struct Setting {
  std::string name;     // "store.directory"; in a list's table, only "pattern"
  std::string text;     // what it is for, in a sentence
  std::string kind;     // "size", "duration", "number", "true or false", "text", "list", "a or b"
  std::string bounds;   // "1MiB to 1GiB"; may be empty
  std::string initial;  // the default, as in the file; empty: none
  bool secret = false;  // never shown
  // Fills the variable, or says what is wrong with the value ("must be …").
  std::function<Status(const RawValue&)> set;
  // What the variable holds, as in the file; empty: nothing.
  std::function<std::string()> show;
};

template <typename T>
struct Bounds {
  T min = T{};
  T max = std::numeric_limits<T>::max();
};
template <>
struct Bounds<Duration> {
  Duration min{};
  Duration max = std::chrono::days(36500);
};

// Declarations, in the order made. The variables must outlive it. A variable may be a
// std::optional of its type: then there is no default.
class Settings {
 public:
  template <typename Target>
  void Bytes(std::string name, std::string text, Target& target, Bounds<uint64_t> bounds = {}) {
    AddBounded<uint64_t>(std::move(name), std::move(text), "size", target, bounds, ReadBytes,
                         ShowBytes);
  }
  template <typename Target>
  void Count(std::string name, std::string text, Target& target, Bounds<uint64_t> bounds = {}) {
    if constexpr (std::is_same_v<Target, uint32_t>) {
      bounds.max = std::min<uint64_t>(bounds.max, std::numeric_limits<uint32_t>::max());
    }
    AddBounded<uint64_t>(std::move(name), std::move(text), "number", target, bounds, ReadCount,
                         ShowCount);
  }
  template <typename Target>
  void Time(std::string name, std::string text, Target& target, Bounds<Duration> bounds = {}) {
    AddBounded<Duration>(std::move(name), std::move(text), "duration", target, bounds, ReadDuration,
                         ShowDuration);
  }
  void Flag(std::string name, std::string text, bool& target) {
    Add<bool>(std::move(name), std::move(text), "true or false", {}, target, ReadFlag, ShowFlag);
  }
  // `check` says what is wrong with a text ("must be …").
  void Text(std::string name, std::string text, std::string& target,
            std::function<Status(const std::string&)> check = {});
  void Secret(std::string name, std::string text, std::string& target);
  // `check` looks at each text of the list.
  void List(std::string name, std::string text, std::vector<std::string>& target,
            std::function<Status(const std::string&)> check = {});
  template <typename E, typename Target>
  void Choice(std::string name, std::string text, Target& target,
              std::vector<std::pair<std::string, E>> choices);

  const std::vector<Setting>& all() const { return all_; }
  // Null if there is none of that name.
  const Setting* Find(std::string_view name) const;
  std::vector<std::string> Names() const;
  // Whether there is a setting "<section>.…".
  bool HasSection(std::string_view section) const;

 private:
  template <typename T, typename Target>
  void Add(std::string name, std::string text, std::string kind, std::string bounds, Target& target,
           std::function<Result<T>(const RawValue&)> read,
           std::function<std::string(const T&)> show);
  template <typename T, typename Target>
  void AddBounded(std::string name, std::string text, std::string kind, Target& target,
                  Bounds<T> bounds, std::function<Result<T>(const RawValue&)> read,
                  std::function<std::string(const T&)> show);

  std::vector<Setting> all_;
};

// --- Below: how declarations become Settings. ---

namespace setting_internal {

template <typename Target>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

// "1MiB to 1GiB", "at least 1MiB", "at most 1GiB" or "".
std::string BoundsText(bool has_min, const std::string& min, bool has_max, const std::string& max);

}  // namespace setting_internal

template <typename T, typename Target>
void Settings::Add(std::string name, std::string text, std::string kind, std::string bounds,
                   Target& target, std::function<Result<T>(const RawValue&)> read,
                   std::function<std::string(const T&)> show) {
  Setting setting{.name = std::move(name),
                  .text = std::move(text),
                  .kind = std::move(kind),
                  .bounds = std::move(bounds)};
  setting.set = [&target, read = std::move(read)](const RawValue& value) -> Status {
    POSTROAD_ASSIGN(target, read(value));
    return {};
  };
  setting.show = [&target, show = std::move(show)]() -> std::string {
    if constexpr (setting_internal::kIsOptional<Target>) {
      return target ? show(*target) : "";
    } else {
      return show(target);
    }
  };
  setting.initial = setting.show();
  all_.push_back(std::move(setting));
}

template <typename T, typename Target>
void Settings::AddBounded(std::string name, std::string text, std::string kind, Target& target,
                          Bounds<T> bounds, std::function<Result<T>(const RawValue&)> read,
                          std::function<std::string(const T&)> show) {
  std::string bounds_text =
      setting_internal::BoundsText(bounds.min != Bounds<T>{}.min, show(bounds.min),
                                   bounds.max != Bounds<T>{}.max, show(bounds.max));
  auto read_bounded = [read, bounds, bounds_text](const RawValue& raw) -> Result<T> {
    auto value = read(raw);
    if (value && (*value < bounds.min || *value > bounds.max)) {
      return Invalid({}, "must be " + bounds_text + ", not " + raw.text);
    }
    return value;
  };
  Add<T>(std::move(name), std::move(text), std::move(kind), bounds_text, target,
         std::move(read_bounded), std::move(show));
}

template <typename E, typename Target>
void Settings::Choice(std::string name, std::string text, Target& target,
                      std::vector<std::pair<std::string, E>> choices) {
  std::string kind;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) kind += i + 1 < choices.size() ? ", " : " or ";
    kind += choices[i].first;
  }
  auto read = [choices, kind](const RawValue& value) -> Result<E> {
    for (const auto& [word, choice] : choices) {
      if (value.type == RawValue::Type::kText && value.text == word) return choice;
    }
    return Invalid({}, "must be " + kind + ", not " + ShowText(value.text));
  };
  auto show = [choices](const E& value) -> std::string {
    for (const auto& [word, choice] : choices) {
      if (choice == value) return ShowText(word);
    }
    return "";
  };
  Add<E>(std::move(name), std::move(text), std::move(kind), {}, target, std::move(read),
         std::move(show));
}

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_SETTING_H_
