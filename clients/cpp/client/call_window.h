// Which calls are not yet answered, by their rising numbers: so that the oldest is known at once,
// whatever the order they end in.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_CALL_WINDOW_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_CALL_WINDOW_H_

#include <cstdint>
#include <deque>

namespace postroad::client {

class CallWindow {
 public:
  // The number of a call that begins.
  uint64_t Begin() {
    open_.push_back(true);
    return next() - 1;
  }
  // Once for each number.
  void End(uint64_t number) {
    open_[number - oldest_] = false;
    for (; !open_.empty() && !open_.front(); ++oldest_) open_.pop_front();
  }
  // The oldest call that has not ended; next() if all have.
  uint64_t oldest() const { return oldest_; }
  // The number that the next call will have.
  uint64_t next() const { return oldest_ + open_.size(); }

 private:
  uint64_t oldest_ = 0;
  std::deque<bool> open_;  // from oldest_ on
};

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_CALL_WINDOW_H_
