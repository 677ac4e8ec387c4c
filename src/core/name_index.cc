#include "core/name_index.h"

#include <xxhash.h>

namespace postroad {

uint64_t HashOfName(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

}  // namespace postroad
