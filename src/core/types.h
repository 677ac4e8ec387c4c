// The numbers Postroad counts with, each a type of its own so that none can stand for another.
#ifndef POSTROAD_CORE_TYPES_H_
#define POSTROAD_CORE_TYPES_H_

#include <compare>
#include <cstdint>
#include <functional>

namespace postroad {

// An integer with a name. Arithmetic with plain counts is allowed; mixing two names is not.
template <typename Tag>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }

  constexpr auto operator<=>(const Number&) const = default;
  constexpr Number operator+(uint64_t n) const { return Number(value_ + n); }
  constexpr Number operator-(uint64_t n) const { return Number(value_ - n); }
  constexpr uint64_t operator-(Number other) const { return value_ - other.value_; }
  constexpr Number& operator+=(uint64_t n) {
    value_ += n;
    return *this;
  }
  constexpr Number& operator++() {
    ++value_;
    return *this;
  }

 private:
  uint64_t value_ = 0;
};

// An event's place in its topic: 0, 1, 2, …, contiguous within an epoch.
using Offset = Number<struct OffsetTag>;
// An event's place in its partition's feed: counts events in the order of commits, over all topics.
using FeedPosition = Number<struct FeedPositionTag>;
// A topic inside one store; never reused within an epoch. 0 is no topic.
using TopicId = Number<struct TopicIdTag>;
// The identity of one incarnation of the log. Offsets and positions of two epochs don't compare.
using Epoch = Number<struct EpochTag>;

}  // namespace postroad

template <typename Tag>
struct std::hash<postroad::Number<Tag>> {
  size_t operator()(postroad::Number<Tag> n) const noexcept {
    return std::hash<uint64_t>{}(n.value());
  }
};

#endif  // POSTROAD_CORE_TYPES_H_
