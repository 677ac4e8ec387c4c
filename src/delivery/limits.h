// The bounds of what subscriptions take and keep.
#ifndef POSTROAD_DELIVERY_LIMITS_H_
#define POSTROAD_DELIVERY_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace postroad::delivery {

inline constexpr uint32_t kMaxInFlight = 1'000'000;
inline constexpr Duration kShortestDeadline = std::chrono::milliseconds(100);
inline constexpr Duration kLongestDeadline = std::chrono::hours(24);
inline constexpr size_t kMaxScheduleEntries = 100;
inline constexpr Duration kLongestDelay = std::chrono::days(365);
inline constexpr uint32_t kMaxAttempts = 10'000;
inline constexpr size_t kMaxReasonBytes = 1024;
inline constexpr size_t kMaxReplyBytes = 64 << 10;
// Attempts that a failing event remembers with their reasons: the first ones and the last.
inline constexpr size_t kMaxRememberedAttempts = 100;
// Of reasons, for one subscription; beyond it reasons are not kept.
inline constexpr size_t kMaxReasonMemory = 64 << 20;
// Dead letters of one subscription that can wait for being sent again.
inline constexpr size_t kMaxResending = 1'000'000;
// Of those, how many are in memory at once.
inline constexpr size_t kResendWindow = 1000;
// How long a receipt's details are kept.
inline constexpr Duration kReceiptAge = std::chrono::days(7);
// How often changed settled-state is saved.
inline constexpr Duration kSaveInterval = std::chrono::milliseconds(200);

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_LIMITS_H_
