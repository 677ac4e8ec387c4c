// One page of events, as JSON:
//
//   {"epoch_changed":{…},"gaps":[…],"events":[…],"cursor":"…","caught_up":true}
#ifndef POSTROAD_GATEWAY_HTTP_PAGE_H_
#define POSTROAD_GATEWAY_HTTP_PAGE_H_

#include <cstdint>
#include <string>

#include "broker/event_stream.h"
#include "core/cursor.h"
#include "core/error.h"

namespace postroad::gateway {

inline constexpr uint64_t kDefaultPageEvents = 100;
// A page is full beyond this, whatever number was asked for.
inline constexpr size_t kMaxPageBytes = 1 << 20;

class Page {
 public:
  explicit Page(uint64_t max_events) : left_(max_events) {}

  // What of the batch there is room for. DATA_LOSS if it is malformed.
  Status Add(const broker::StreamBatch& batch);
  bool full() const { return left_ == 0 || events_.size() > kMaxPageBytes; }
  // Something other than a cursor.
  bool has_news() const { return !events_.empty() || !gaps_.empty() || !epoch_changed_.empty(); }
  std::string Finish();

 private:
  Status AddRun(const broker::StreamRun& run, const Cursor& behind);

  uint64_t left_;
  bool cut_ = false;           // the last batch did not fit whole
  std::string events_, gaps_;  // joined by commas
  std::string epoch_changed_;
  std::string cursor_;
  bool caught_up_ = false;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_PAGE_H_
