// See setting.h.
#include "server/config/setting.h"

#include <algorithm>

namespace postroad::server {
namespace setting_internal {

std::string BoundsText(bool has_min, const std::string& min, bool has_max, const std::string& max) {
  const auto bare = [](const std::string& shown) {
    return shown.starts_with('"') ? shown.substr(1, shown.size() - 2) : shown;
  };
  if (has_min && has_max) return bare(min) + " to " + bare(max);
  if (has_min) return "at least " + bare(min);
  if (has_max) return "at most " + bare(max);
  return "";
}

}  // namespace setting_internal

void Settings::Text(std::string name, std::string text, std::string& target,
                    std::function<Status(const std::string&)> check) {
  auto read = [check = std::move(check)](const RawValue& raw) -> Result<std::string> {
    auto value = ReadText(raw);
    if (value && check) POSTROAD_TRY(check(*value));
    return value;
  };
  Add<std::string>(std::move(name), std::move(text), "text", {}, target, std::move(read), ShowText);
}

void Settings::Secret(std::string name, std::string text, std::string& target) {
  Text(std::move(name), std::move(text), target);
  all_.back().secret = true;
}

void Settings::List(std::string name, std::string text, std::vector<std::string>& target,
                    std::function<Status(const std::string&)> check) {
  auto read = [check = std::move(check)](const RawValue& raw) -> Result<std::vector<std::string>> {
    auto value = ReadList(raw);
    if (!value || !check) return value;
    for (const std::string& text : *value) POSTROAD_TRY(check(text));
    return value;
  };
  Add<std::vector<std::string>>(std::move(name), std::move(text), "list", {}, target,
                                std::move(read), ShowList);
}

const Setting* Settings::Find(std::string_view name) const {
  const auto found = std::ranges::find(all_, name, &Setting::name);
  return found == all_.end() ? nullptr : &*found;
}

bool Settings::HasSection(std::string_view section) const {
  const std::string prefix = std::string(section) + ".";
  return std::ranges::any_of(
      all_, [&](const Setting& setting) { return setting.name.starts_with(prefix); });
}

std::vector<std::string> Settings::Names() const {
  std::vector<std::string> names;
  for (const Setting& setting : all_) names.push_back(setting.name);
  return names;
}

}  // namespace postroad::server
