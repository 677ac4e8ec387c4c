// Base64 (RFC 4648, section 4), with padding.
#ifndef POSTROAD_CORE_BASE64_H_
#define POSTROAD_CORE_BASE64_H_

#include <string>
#include <string_view>

namespace postroad {

std::string Base64(std::string_view bytes);
// False if `text` is not standard base64.
bool FromBase64(std::string_view text, std::string& bytes);

}  // namespace postroad

#endif  // POSTROAD_CORE_BASE64_H_
