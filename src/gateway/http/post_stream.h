// A post of lines of JSON, an event each, of any length: stored batch by batch as they come.
#ifndef POSTROAD_GATEWAY_HTTP_POST_STREAM_H_
#define POSTROAD_GATEWAY_HTTP_POST_STREAM_H_

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "gateway/http/exchange.h"
#include "gateway/http/line_buffer.h"
#include "gateway/values/post_json.h"

namespace postroad::gateway {

// Reads the exchange's body. One batch is under way at a time, and nothing is read meanwhile. Ends
// at the first bad line: what was stored before it stays, and the error's metadata tell its `line`
// (from 1) and how many lines are `stored`.
class PostStream {
 public:
  PostStream(Exchange& exchange, PostCommon common)
      : exchange_(exchange), common_(std::move(common)) {}

  boost::asio::awaitable<Status> Run();
  // {"stored":9,"duplicates":1,"scheduled":0,"durability":"disk"}
  boost::json::object Summary() const;

 private:
  struct Line {
    uint64_t number;
    Event event;
  };

  // Until the batch is full; false: there are no more.
  Result<bool> TakeLines();
  bool Full() const;
  Status TakeLine(std::string_view line);
  boost::asio::awaitable<Status> TakePiece(bool at_end);
  boost::asio::awaitable<Status> PostBatch();
  Result<broker::PendingPost> Build() const;
  Error At(Error error, uint64_t line) const;

  Exchange& exchange_;
  const PostCommon common_;
  LineBuffer text_;     // what has come and is not taken yet
  uint64_t lines_ = 0;  // taken
  std::vector<Line> batch_;
  size_t batch_bytes_ = 0;
  uint64_t stored_ = 0, duplicates_ = 0, scheduled_ = 0;
  bool memory_ = false;  // some are not on disk
};

// Posts, and waits until that is done.
boost::asio::awaitable<Result<broker::PostOutcome>> PostAndWait(Exchange& exchange,
                                                                broker::PendingPost post);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_POST_STREAM_H_
