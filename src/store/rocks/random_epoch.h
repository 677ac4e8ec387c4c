// New epochs.
#ifndef POSTROAD_STORE_ROCKS_RANDOM_EPOCH_H_
#define POSTROAD_STORE_ROCKS_RANDOM_EPOCH_H_

#include <random>

#include "core/types.h"

namespace postroad::store {

// Never 0, and never the same twice as far as 64 random bits go.
inline Epoch RandomEpoch() {
  std::random_device random;
  for (;;) {
    const uint64_t value = (static_cast<uint64_t>(random()) << 32) | random();
    if (value != 0) return Epoch(value);
  }
}

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_RANDOM_EPOCH_H_
