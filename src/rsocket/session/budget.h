// Memory that all connections share: what is not whole yet.
#ifndef POSTROAD_RSOCKET_SESSION_BUDGET_H_
#define POSTROAD_RSOCKET_SESSION_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "runtime/metrics.h"

namespace postroad::rsocket {

// Thread-safe; each Share belongs to one connection.
class Budget {
 public:
  explicit Budget(size_t limit, Counter* refused = nullptr) : limit_(limit), refused_(refused) {}

  size_t held() const { return held_.load(std::memory_order_relaxed); }
  std::string WhyNot() const {
    return "OVERLOADED: incomplete messages of all connections together have reached " +
           std::to_string(limit_) + " bytes; try again later";
  }

  class Share {
   public:
    // Null: of no limit.
    explicit Share(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {}
    ~Share() { Hold(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Holds so many bytes instead of those before. Less is always to be had; false, and nothing has
    // changed, if there is not so much.
    bool Hold(size_t bytes) {
      if (budget_ && !budget_->Change(held_, bytes)) return false;
      held_ = bytes;
      return true;
    }
    size_t held() const { return held_; }

   private:
    const std::shared_ptr<Budget> budget_;
    size_t held_ = 0;
  };

 private:
  bool Change(size_t from, size_t to) {
    if (to <= from) {
      held_.fetch_sub(from - to, std::memory_order_relaxed);
      return true;
    }
    const size_t before = held_.fetch_add(to - from, std::memory_order_relaxed);
    if (before + (to - from) <= limit_) return true;
    held_.fetch_sub(to - from, std::memory_order_relaxed);
    if (refused_ != nullptr) refused_->Add();
    return false;
  }

  const size_t limit_;
  Counter* const refused_;
  std::atomic<size_t> held_ = 0;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_BUDGET_H_
