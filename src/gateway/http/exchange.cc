// See exchange.h.
#include "gateway/http/exchange.h"

#include <poll.h>

#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>

#include "gateway/http/asio_error.h"
#include "gateway/http/origin.h"
#include "gateway/http/problem.h"

namespace postroad::gateway {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr size_t kPieceBytes = 16 << 10;
// What is kept of requests sent while another is answered.
constexpr size_t kMaxAheadBytes = 4 << 10;
// What WriteNow copies, and so may keep, is short.
constexpr size_t kMostAtOnce = 16 << 10;
// With that much, how often it is looked whether the peer is still there.
constexpr Duration kLookEvery = std::chrono::seconds(1);
// Shorter answers are sent as they are.
constexpr size_t kLeastGzip = 1 << 10;

// Whether the peer has closed its side, also behind bytes that are not read yet.
bool HungUp(int fd) {
  pollfd look{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return poll(&look, 1, 0) > 0;
}

// Whether "gzip" is in the list and not ruled out ("gzip;q=0").
bool AcceptsGzip(const HttpRequest& request) {
  for (const auto& [name, parameters] :
       http::ext_list(request.head[http::field::accept_encoding])) {
    if (!beast::iequals(name, "gzip")) continue;
    for (const auto& [parameter, value] : parameters) {
      if (beast::iequals(parameter, "q") && value.find_first_not_of("0.") == value.npos) {
        return false;
      }
    }
    return true;
  }
  return false;
}

Error BodyError(const error_code& error, bool timed_out) {
  if (timed_out) {
    return HttpError(408, ErrorCode::kDeadlineExceeded, "the body came too slowly", "BODY_TIMEOUT");
  }
  const std::string what = error == http::error::buffer_overflow
                               ? "a chunk's header or the trailer is too long"
                               : error.message();
  return HttpError(400, ErrorCode::kInvalidArgument, "the body is malformed: " + what,
                   "MALFORMED_BODY");
}

Error TooLarge(uint64_t limit) {
  Error error = HttpError(413, ErrorCode::kInvalidArgument,
                          "the body has more than " + std::to_string(limit) +
                              " bytes (http.max_body_bytes); send it in parts or as NDJSON",
                          "BODY_TOO_LARGE");
  error.metadata["limit_bytes"] = std::to_string(limit);
  return error;
}

}  // namespace

Exchange::Exchange(HttpGateway& gateway, Wire wire, HeaderParser& parser)
    : gateway_(gateway),
      wire_(wire),
      head_parser_(parser),
      share_(gateway.bodies),
      signal_(std::make_shared<Signal>(wire.socket.get_executor())) {
  request_.head = parser.get();
}

void Exchange::Stop() {
  stopping_ = true;
  signal_->Set();
}

// --- The body ---

bool Exchange::BodyDone() const {
  return body_parser_ ? body_parser_->is_done() : head_parser_.is_done();
}

asio::awaitable<Status> Exchange::BeginBody() {
  const std::string_view coding = request_.Header("Content-Encoding");
  if (coding == "gzip" || coding == "x-gzip") {
    gunzip_.emplace();
  } else if (!coding.empty() && coding != "identity") {
    co_return Fail(HttpError(415, ErrorCode::kInvalidArgument,
                             "of Content-Encodings, gzip is understood", "UNSUPPORTED_CODING"));
  }
  const bool waits = http::token_list(request_.head[http::field::expect]).exists("100-continue");
  body_parser_.emplace(std::move(head_parser_));
  if (!waits || request_.head.version() < 11) co_return Status();
  http::response<http::empty_body> go_on(http::status::continue_, 11);
  error_code error;
  wire_.deadline.Set(gateway_.options.write_timeout);
  co_await http::async_write(wire_.socket, go_on, Into(error));
  if (error) co_return Fail(ErrorCode::kCancelled, "the peer is gone");
  co_return Status();
}

asio::awaitable<Result<std::string>> Exchange::ReadRaw(bool fill) {
  if (BodyDone()) co_return std::string();
  if (!body_parser_) {
    if (auto begun = co_await BeginBody(); !begun) co_return Fail(begun.error());
  }
  std::string piece(kPieceBytes, '\0');
  auto& body = body_parser_->get().body();
  body.data = piece.data();
  body.size = piece.size();
  wire_.deadline.Set(gateway_.options.body_timeout);
  error_code error;
  while (!body_parser_->is_done() && body.size > 0 && (fill || body.size == piece.size())) {
    co_await http::async_read_some(wire_.socket, wire_.buffer, *body_parser_, Into(error));
    if (error == http::error::need_buffer) error = {};
    if (error) break;
  }
  const bool timed_out = wire_.deadline.expired();
  wire_.deadline.Clear();
  if (error && timed_out) gateway_.Closed("body_timeout").Add();
  if (error) co_return Fail(BodyError(error, timed_out));
  piece.resize(piece.size() - body.size);
  co_return piece;
}

asio::awaitable<Result<std::string>> Exchange::ReadUnpacked(bool fill) {
  for (;;) {
    auto piece = co_await ReadRaw(fill);
    if (!piece || !gunzip_) co_return piece;
    if (piece->empty()) {
      if (gunzip_->finished()) co_return piece;
      co_return Fail(HttpError(400, ErrorCode::kInvalidArgument, "the body's gzip is cut off",
                               "MALFORMED_BODY"));
    }
    auto unpacked = gunzip_->Feed(*piece, gateway_.options.max_body_bytes);
    if (!unpacked && unpacked.error().reason == "BODY_TOO_LARGE") {
      co_return Fail(TooLarge(gateway_.options.max_body_bytes));
    }
    // A gzip's frame alone gives nothing, and that is not the end.
    if (!unpacked || !unpacked->empty()) co_return unpacked;
  }
}

asio::awaitable<Result<std::string>> Exchange::ReadPiece() { return ReadUnpacked(false); }

bool Exchange::MoreIsHere() {
  error_code error;
  // Less may be nothing but the frame of a chunk.
  constexpr size_t kSomething = 1 << 10;
  const size_t here = wire_.buffer.size() + wire_.socket.tcp().available(error);
  return !BodyDone() && here >= kSomething;
}

Status Exchange::HoldBody(uint64_t bytes) {
  if (share_.Hold(bytes)) return {};
  return Fail(ErrorCode::kResourceExhausted,
              "the bodies of all requests have no more room (http.body_memory_bytes); try again in "
              "a moment",
              "", "OVERLOADED");
}

asio::awaitable<Result<std::string>> Exchange::ReadBody() {
  const uint64_t limit = gateway_.options.max_body_bytes;
  if (!body_parser_ && head_parser_.content_length().value_or(0) > limit) {
    co_return Fail(TooLarge(limit));
  }
  std::string body;
  for (;;) {
    auto piece = co_await ReadUnpacked(true);
    if (!piece) co_return piece;
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > limit) co_return Fail(TooLarge(limit));
    if (auto held = HoldBody(body.size() + piece->size()); !held) co_return Fail(held.error());
    body.append(*piece);
  }
}

// --- Whole answers ---

template <typename Message>
void Exchange::AddCommonFields(Message& message) {
  message.set(http::field::cache_control, "no-store");
  if (gateway_.options.cors_origins.empty()) return;
  message.set(http::field::vary, "Origin");
  const std::string_view origin = request_.Header("Origin");
  if (origin.empty() || !OriginAllowed(gateway_.options.cors_origins, origin)) return;
  message.set(http::field::access_control_allow_origin, request_.head[http::field::origin]);
  message.set(http::field::access_control_expose_headers, "Retry-After");
}

bool Exchange::Wrote(error_code error) {
  const bool timed_out = wire_.deadline.expired();
  wire_.deadline.Clear();
  if (!error) return true;
  reusable_ = false;
  peer_gone_ = true;
  if (timed_out) gateway_.Closed("write_timeout").Add();
  return false;
}

asio::awaitable<void> Exchange::Send(HttpAnswer answer) {
  status_ = answer.status;
  http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
  AddCommonFields(response);
  if (!answer.content_type.empty()) response.set(http::field::content_type, answer.content_type);
  for (const auto& [name, value] : answer.headers) response.insert(name, value);
  reusable_ = request_.head.version() == 11 && request_.head.keep_alive() && !answer.close &&
              BodyDone() && !gateway_.draining;
  response.keep_alive(reusable_);
  if (answer.body.size() >= kLeastGzip) {
    response.insert(http::field::vary, "Accept-Encoding");
    if (AcceptsGzip(request_)) {
      response.set(http::field::content_encoding, "gzip");
      answer.body = Gzip(answer.body);
    }
  }
  response.body() = std::move(answer.body);
  if (answer.status != 204) response.prepare_payload();  // which has no length (RFC 9110, 8.6)
  if (request_.head.method() == http::verb::head) response.body().clear();  // its length stays
  error_code error;
  wire_.deadline.Set(gateway_.options.write_timeout);
  co_await http::async_write(wire_.socket, response, Into(error));
  Wrote(error);
}

asio::awaitable<void> Exchange::SendError(const Error& error, const boost::json::value* body) {
  return Send(ProblemAnswer(error, OffendingValue(error, request_, body)));
}

// --- Streams ---

asio::awaitable<bool> Exchange::BeginStream(std::string_view content_type) {
  status_ = 200;
  http::response<http::empty_body> response(http::status::ok, 11);
  AddCommonFields(response);
  response.set(http::field::content_type,
               beast::string_view(content_type.data(), content_type.size()));
  response.set("X-Accel-Buffering", "no");  // nginx would hold events back
  chunked_ = request_.head.version() >= 11;
  reusable_ = chunked_ && request_.head.keep_alive() && BodyDone();
  response.chunked(chunked_);
  response.keep_alive(reusable_);
  http::response_serializer<http::empty_body> serializer(response);
  error_code error;
  wire_.deadline.Set(gateway_.options.write_timeout);
  co_await http::async_write_header(wire_.socket, serializer, Into(error));
  co_return Wrote(error);
}

asio::awaitable<bool> Exchange::Write(const Buffers& buffers) {
  if (peer_gone_) co_return false;
  error_code error;
  writing_ = true;
  wire_.deadline.Set(gateway_.options.write_timeout);
  if (chunked_) {
    co_await asio::async_write(wire_.socket, http::make_chunk(buffers), Into(error));
  } else {
    co_await asio::async_write(wire_.socket, buffers, Into(error));
  }
  writing_ = false;
  co_return Wrote(error);
}

// The plain socket is asked at once: that is most of what a stream does, and an operation costs as
// much again.
bool Exchange::CanWriteNow(size_t bytes) const {
  return bytes <= kMostAtOnce && wire_.socket.tls() == nullptr && unwritten_.empty();
}

bool Exchange::WriteNow(const Buffers& buffers) {
  thread_local std::string piece;
  const size_t size = asio::buffer_size(buffers);
  std::array<char, 20> head{};
  piece.clear();
  if (chunked_) {
    const auto end = std::to_chars(head.begin(), head.end(), size, 16).ptr;
    piece.append(head.begin(), end).append("\r\n");
  }
  for (const auto& buffer : buffers) {
    piece.append(static_cast<const char*>(buffer.data()), buffer.size());
  }
  if (chunked_) piece.append("\r\n");
  TcpSocket& socket = wire_.socket.tcp();
  error_code error;
  if (!socket.non_blocking()) socket.non_blocking(true, error);
  const size_t written = error ? 0 : socket.write_some(asio::buffer(piece), error);
  unwritten_.assign(piece, error ? 0 : written);  // Flush meets the error too
  return unwritten_.empty();
}

asio::awaitable<bool> Exchange::Flush() {
  if (unwritten_.empty()) co_return !peer_gone_;
  error_code error;
  writing_ = true;
  wire_.deadline.Set(gateway_.options.write_timeout);
  co_await asio::async_write(wire_.socket, asio::buffer(unwritten_), Into(error));
  writing_ = false;
  unwritten_ = {};
  co_return Wrote(error);
}

asio::awaitable<bool> Exchange::EndStream() {
  if (peer_gone_ || !chunked_) co_return !peer_gone_;
  error_code error;
  wire_.deadline.Set(gateway_.options.write_timeout);
  co_await asio::async_write(wire_.socket, http::make_chunk_last(), Into(error));
  co_return Wrote(error);
}

void Exchange::Hurry(Duration limit) {
  if (writing_) wire_.deadline.Set(limit);
}

// --- The peer ---

void Exchange::WatchPeer() {
  if (watching_ || peer_gone_) return;
  if (wire_.buffer.size() >= kMaxAheadBytes) return LookForPeer();
  watching_ = true;
  wire_.socket.async_read_some(wire_.buffer.prepare(kMaxAheadBytes - wire_.buffer.size()),
                               [this](const error_code& error, size_t got) {
                                 watching_ = false;
                                 wire_.buffer.commit(got);
                                 if (error && error != asio::error::operation_aborted) {
                                   peer_gone_ = true;
                                 } else if (!error) {
                                   WatchPeer();  // it may leave behind its next request
                                 }
                                 signal_->Set();
                               });
}

void Exchange::LookForPeer() {
  look_ = wire_.executor.PostAfter(kLookEvery, [this] {
    peer_gone_ = HungUp(wire_.socket.tcp().native_handle());
    if (peer_gone_) return signal_->Set();
    LookForPeer();
  });
}

asio::awaitable<void> Exchange::UnwatchPeer() {
  error_code ignored;
  while (watching_) {
    // Each time: what came before the cancel goes on watching.
    wire_.socket.tcp().cancel(ignored);
    co_await signal_->Wait();
  }
  look_.Cancel();  // what came before the cancel may have begun it
}

}  // namespace postroad::gateway
