// One request and its answer, as handlers work with it.
#ifndef POSTROAD_GATEWAY_HTTP_EXCHANGE_H_
#define POSTROAD_GATEWAY_HTTP_EXCHANGE_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/http/body_budget.h"
#include "gateway/http/deadline.h"
#include "gateway/http/gzip.h"
#include "gateway/http/http_gateway.h"
#include "gateway/http/request.h"
#include "runtime/asio_signal.h"

namespace postroad::gateway {

// What of the connection a request uses.
struct Wire {
  Executor& executor;
  size_t core;
  Socket& socket;
  Deadline& deadline;
  boost::beast::flat_buffer& buffer;
};

class Exchange {
 public:
  template <typename T = void>
  using Awaitable = boost::asio::awaitable<T>;
  using HeaderParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  using Buffers = std::vector<boost::asio::const_buffer>;

  Exchange(HttpGateway& gateway, Wire wire, HeaderParser& parser);
  Exchange(const Exchange&) = delete;

  HttpGateway& gateway() { return gateway_; }
  HttpRequest& request() { return request_; }
  Executor& executor() { return wire_.executor; }
  RunTexts& texts() { return gateway_.texts[wire_.core]; }
  // Set when the peer left or the server is to stop, and by whom the handler gives it to.
  const std::shared_ptr<Signal>& signal() { return signal_; }
  // The broker ends what streams; what else waits is to end now.
  bool stopping() const { return stopping_; }
  void Stop();

  // --- The body. Asks for it (100 Continue) where the peer waits for that. ---
  // All of it. Errors: 408 BODY_TIMEOUT, 413 BODY_TOO_LARGE, 415, 400 (malformed, cut off), 429
  // OVERLOADED where http.body_memory_bytes has no room.
  Awaitable<Result<std::string>> ReadBody();
  // What has come, some KiB; empty at the end. The same errors, without a limit of the whole.
  Awaitable<Result<std::string>> ReadPiece();
  // Whether this request may keep so much of its body; the error if not.
  Status HoldBody(uint64_t bytes);
  // Whether ReadPiece has something without waiting.
  bool MoreIsHere();

  // --- A whole answer. ---
  Awaitable<> Send(HttpAnswer answer);
  Awaitable<> SendError(const Error& error, const boost::json::value* body = nullptr);

  // --- An answer of unknown length. False: the peer is gone or takes nothing any more. ---
  Awaitable<bool> BeginStream(std::string_view content_type);
  // One piece at a time; the buffers are free again when it returns.
  Awaitable<bool> Write(const Buffers& buffers);
  // A short piece, copied, as far as the socket takes it without waiting; the rest is kept and goes
  // with Flush, which must be called before the next piece where this is false.
  bool WriteNow(const Buffers& buffers);
  Awaitable<bool> Flush();
  // Whether a piece of this size should be written by WriteNow.
  bool CanWriteNow(size_t bytes) const;
  Awaitable<bool> EndStream();
  // The piece under way, if any, has this long from now.
  void Hurry(Duration limit);

  // --- Whether the peer is still there, while nothing is read; known a moment later once it has
  // sent 4 KiB of further requests. ---
  void WatchPeer();
  Awaitable<> UnwatchPeer();
  bool peer_gone() const { return peer_gone_; }

  // After the answer: whether the connection may take another request.
  bool reusable() const { return reusable_; }
  // 0: none was sent.
  unsigned status() const { return status_; }

 private:
  using BodyParser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

  Awaitable<Status> BeginBody();
  // As it is sent.
  Awaitable<Result<std::string>> ReadRaw(bool fill);
  // Unpacked.
  Awaitable<Result<std::string>> ReadUnpacked(bool fill);
  bool BodyDone() const;
  void LookForPeer();
  template <typename Message>
  void AddCommonFields(Message& message);
  bool Wrote(boost::system::error_code error);

  HttpGateway& gateway_;
  const Wire wire_;
  HeaderParser& head_parser_;
  std::optional<BodyParser> body_parser_;
  std::optional<Gunzip> gunzip_;
  HttpRequest request_;
  BodyBudget::Share share_;
  const std::shared_ptr<Signal> signal_;
  bool watching_ = false;
  Executor::Timer look_;
  bool peer_gone_ = false;
  bool stopping_ = false;
  bool chunked_ = false;
  bool writing_ = false;
  std::string unwritten_;
  bool reusable_ = false;
  unsigned status_ = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_EXCHANGE_H_
