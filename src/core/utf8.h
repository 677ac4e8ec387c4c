// UTF-8 validation (RFC 3629: no surrogates, no overlong forms).
#ifndef POSTROAD_CORE_UTF8_H_
#define POSTROAD_CORE_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace postroad {

bool IsValidUtf8(std::string_view text);

// The longest part of valid text from its beginning that has at most so many bytes and does not end
// within a character.
std::string_view Utf8Prefix(std::string_view text, size_t bytes);

// The same with U+FFFD in place of each byte that is part of no character.
std::string MendUtf8(std::string_view text);

}  // namespace postroad

#endif  // POSTROAD_CORE_UTF8_H_
