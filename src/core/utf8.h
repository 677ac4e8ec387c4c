// UTF-8 validation (RFC 3629: no surrogates, no overlong forms).
#ifndef POSTROAD_CORE_UTF8_H_
#define POSTROAD_CORE_UTF8_H_

#include <string_view>

namespace postroad {

bool IsValidUtf8(std::string_view text);

}  // namespace postroad

#endif  // POSTROAD_CORE_UTF8_H_
