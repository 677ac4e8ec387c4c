#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/utf8.h"

namespace postroad::cli {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Characters, not bytes; good enough for aligning names.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return !IsContinuation(c); }));
}

void AppendEscaped(std::string& out, char c) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte == 0x7F) {
    std::array<char, 8> hex{};
    std::snprintf(hex.data(), hex.size(), "\\x%02x", byte);
    out += hex.data();
  } else {
    out += c;
  }
}

void AppendCell(std::string& line, std::string_view cell, size_t width, Table::Align align) {
  const std::string pad(width > Width(cell) ? width - Width(cell) : 0, ' ');
  if (align == Table::Align::kRight) line += pad;
  line += cell;
  if (align == Table::Align::kLeft) line += pad;
}

}  // namespace

std::string HumanBytes(uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit > 0 && value < 10 ? "%.1f %s" : "%.0f %s", value,
                kUnits[unit]);
  return text.data();
}

std::string HumanCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string Counted(uint64_t count, std::string_view noun) {
  return HumanCount(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string HumanAge(Timestamp then, Timestamp now) {
  const bool future = then > now;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(future ? then - now : now - then).count();
  if (seconds == 0) return "now";
  std::string text;
  if (seconds < 60)
    text = std::to_string(seconds) + "s";
  else if (seconds < 3600)
    text = std::to_string(seconds / 60) + "m";
  else if (seconds < 48 * 3600)
    text = std::to_string(seconds / 3600) + "h";
  else
    text = std::to_string(seconds / 86400) + "d";
  return future ? "in " + text : text;
}

std::string HumanDuration(Duration d) {
  return d == Duration::zero() ? "never" : FormatDuration(d);
}

std::string Printable(std::string_view bytes) {
  if (!IsValidUtf8(bytes)) return "(" + HumanCount(bytes.size()) + " bytes of binary)";
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    // U+0080 to U+009F are control characters too: C2 80 to C2 9F.
    const bool c1 = bytes[i] == '\xC2' && i + 1 < bytes.size() &&
                    static_cast<unsigned char>(bytes[i + 1]) < 0xA0;
    if (c1) {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned char>(bytes[++i]));
      out += hex.data();
    } else {
      AppendEscaped(out, bytes[i]);
    }
  }
  return out;
}

std::string Shortened(std::string_view bytes, size_t width) {
  std::string text = Printable(bytes);
  if (Width(text) <= width) return text;
  size_t at = 0;
  for (size_t seen = 0; at < text.size(); ++at) {
    if (!IsContinuation(text[at]) && seen++ == width - 1) break;
  }
  return text.substr(0, at) + "…";
}

std::string Table::Render() const {
  std::vector<size_t> widths;
  for (const Column& column : columns_) widths.push_back(Width(column.title));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  const auto render = [&](const auto& cell_at) {
    std::string line;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += "  ";
      AppendCell(line, cell_at(i), widths[i], columns_[i].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  render([&](size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& row : rows_) {
    render([&](size_t i) { return i < row.size() ? row[i] : std::string(); });
  }
  return out;
}

std::string Table::RenderMarkdown() const {
  std::string out = "|";
  for (const Column& column : columns_) out += " " + column.title + " |";
  out += "\n|";
  for (const Column& column : columns_) {
    out += column.align == Align::kRight ? "---:|" : "---|";
  }
  out += "\n";
  for (const auto& row : rows_) {
    out += "|";
    for (const std::string& cell : row) out += " " + cell + " |";
    out += "\n";
  }
  return out;
}

}  // namespace postroad::cli
