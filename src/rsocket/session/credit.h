// Counts of request-N: they add up, and never run over.
#ifndef POSTROAD_RSOCKET_SESSION_CREDIT_H_
#define POSTROAD_RSOCKET_SESSION_CREDIT_H_

#include <cstdint>

namespace postroad::rsocket {

// Saturates at 2^64−1, which nobody uses up. Every implementation takes 2^31−1 for "without end",
// and so it lasts: two thousand million payloads.
class Credit {
 public:
  explicit Credit(uint64_t n = 0) : n_(n) {}
  uint64_t value() const { return n_; }
  void Add(uint64_t n) { n_ = n > UINT64_MAX - n_ ? UINT64_MAX : n_ + n; }
  // False, and nothing taken, if there is none.
  bool Take() {
    if (n_ == 0) return false;
    --n_;
    return true;
  }

 private:
  uint64_t n_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_CREDIT_H_
