// See connection.h.
#include "gateway/http/connection.h"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/read.hpp>
#include <utility>

#include "gateway/http/asio_error.h"
#include "gateway/http/origin.h"
#include "gateway/http/problem.h"
#include "gateway/http/routes.h"
#include "gateway/http/upgrade.h"

namespace postroad::gateway {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr size_t kReadBytes = 2 << 10;

std::string Address(TcpSocket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return {};
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

std::string PathOf(beast::string_view target) {
  return std::string(target.substr(0, target.find('?')));
}

// HTTP/1.0 knows no upgrades.
bool WantsWebSocket(const http::request<http::empty_body>& request) {
  return request.method() == http::verb::get && request.version() == 11 &&
         http::token_list(request[http::field::connection]).exists("upgrade") &&
         http::token_list(request[http::field::upgrade]).exists("websocket");
}

// What Beast lets through and may mean something else to what stands before us.
Status CheckHead(const http::request<http::empty_body>& head) {
  const auto bad = [](std::string message) {
    return Fail(ErrorCode::kInvalidArgument, std::move(message), "", "MALFORMED_REQUEST");
  };
  if (head.version() != 11 && head.version() != 10) {
    return Fail(HttpError(505, ErrorCode::kUnimplemented, "HTTP/1.1 and 1.0 are spoken here",
                          "HTTP_VERSION"));
  }
  if (head.count(http::field::transfer_encoding) > 0 &&
      (head.count(http::field::transfer_encoding) > 1 || head.version() < 11 ||
       !beast::iequals(head[http::field::transfer_encoding], "chunked"))) {
    return bad("the only Transfer-Encoding is chunked, once, in HTTP/1.1");
  }
  if (head.count(http::field::content_length) > 1 ||
      head[http::field::content_length].find(',') != beast::string_view::npos) {
    return bad("there is more than one Content-Length");
  }
  if (head.version() == 11 && head.count(http::field::host) != 1) {
    return bad("HTTP/1.1 needs one Host");
  }
  const auto length = head[http::field::content_length];
  if (WantsWebSocket(head) && (head.count(http::field::transfer_encoding) > 0 ||
                               length.find_first_not_of('0') != length.npos)) {
    return bad("a WebSocket handshake has no body");
  }
  return {};
}

Status CheckHost(const HttpOptions& options, const http::request<http::empty_body>& head) {
  const auto host = head[http::field::host];
  if (!options.check_host || head.count(http::field::host) == 0 ||
      HostAllowed(options.hosts, {host.data(), host.size()})) {
    return {};
  }
  return Fail(HttpError(421, ErrorCode::kPermissionDenied,
                        "this server is not called " + std::string(host) +
                            "; http.hosts says by which names it may be called",
                        "HOST_NOT_ALLOWED"));
}

asio::awaitable<void> SendPage(Exchange& exchange, const std::function<HttpPage()>& make) {
  const auto method = exchange.request().head.method();
  if (method != http::verb::get && method != http::verb::head) {
    HttpAnswer answer = ProblemAnswer(HttpError(
        405, ErrorCode::kUnimplemented, "only GET and HEAD are served here", "METHOD_NOT_ALLOWED"));
    answer.headers.emplace_back("Allow", "GET, HEAD");
    co_return co_await exchange.Send(std::move(answer));
  }
  HttpPage page = make();
  co_await exchange.Send({.status = static_cast<unsigned>(page.status),
                          .content_type = std::move(page.content_type),
                          .body = std::move(page.body)});
}

Result<std::shared_ptr<const auth::Principal>> Authenticate(Exchange& exchange) {
  const HttpRequest& request = exchange.request();
  auth::Credentials credentials{.token = std::string(auth::TokenOf(request.Header("Authorization"),
                                                                   request.Header("X-API-Key"))),
                                .peer = request.peer};
  if (credentials.token.empty() && exchange.gateway().options.query_tokens) {
    credentials.token = request.Query("access_token").value_or("");
  }
  return exchange.gateway().authenticator.Authenticate(credentials);
}

asio::awaitable<void> Handle(Exchange& exchange, Match match) {
  if (match.route == nullptr && match.allowed.empty()) {
    co_return co_await exchange.SendError(
        HttpError(404, ErrorCode::kNotFound,
                  "there is nothing at this path; /openapi.json tells "
                  "what there is",
                  "NO_SUCH_PATH"));
  }
  if (exchange.request().head.method() == http::verb::options) {
    co_return co_await exchange.Send(PreflightAnswer(exchange.gateway().options.cors_origins,
                                                     exchange.request(), match.allowed));
  }
  if (match.route == nullptr) {
    HttpAnswer answer = ProblemAnswer(HttpError(
        405, ErrorCode::kUnimplemented, "this path has " + match.allowed, "METHOD_NOT_ALLOWED"));
    answer.headers.emplace_back("Allow", match.allowed);
    co_return co_await exchange.Send(std::move(answer));
  }
  if (auto origin = CheckOrigin(exchange.gateway().options.cors_origins, exchange.request());
      !origin) {
    co_return co_await exchange.SendError(origin.error());
  }
  auto principal = Authenticate(exchange);
  if (!principal) co_return co_await exchange.SendError(principal.error());
  exchange.request().principal = *std::move(principal);
  exchange.request().path_values = std::move(match.values);
  co_await match.route->handle(exchange);
}

}  // namespace

Connection::Connection(HttpGateway& gateway, size_t core, Socket socket)
    : gateway_(gateway),
      options_(gateway.options),
      core_(core),
      socket_(std::move(socket)),
      peer_(Address(socket_.tcp())),
      deadline_(gateway.cores.at(core), socket_) {}

void Connection::Close() {
  error_code ignored;
  closed_ = true;
  socket_.tcp().close(ignored);
}

void Connection::Drain() {
  if (exchange_ == nullptr) Close();
}

void Connection::StopWaiting() {
  if (exchange_ != nullptr) exchange_->Stop();
}

asio::awaitable<void> Connection::Run() {
  if (!co_await Handshake()) co_return;
  while (co_await ServeOne()) {
  }
  if (socket_.tcp().is_open()) co_await Shutdown();
}

asio::awaitable<bool> Connection::Handshake() {
  if (socket_.tls() == nullptr) co_return true;
  error_code error;
  deadline_.Set(options_.header_timeout);
  co_await socket_.tls()->async_handshake(asio::ssl::stream_base::server, Into(error));
  co_return !error;
}

asio::awaitable<bool> Connection::WaitForRequest() {
  if (buffer_.size() > 0) co_return true;
  buffer_.shrink_to_fit();
  deadline_.Set(options_.idle_timeout);
  error_code error;
  const size_t got = co_await socket_.async_read_some(buffer_.prepare(kReadBytes), Into(error));
  buffer_.commit(got);
  if (error && deadline_.expired()) gateway_.Closed("idle").Add();
  co_return !error;
}

asio::awaitable<bool> Connection::ServeOne() {
  if (!co_await WaitForRequest()) co_return false;
  HeaderParser parser;
  parser.header_limit(static_cast<uint32_t>(options_.max_header_bytes));
  parser.body_limit(boost::none);
  deadline_.Set(options_.header_timeout);
  error_code error;
  co_await http::async_read_header(socket_, buffer_, parser, Into(error));
  Status status;
  if (!error) {
    status = CheckHead(parser.get());
    if (status) status = CheckHost(options_, parser.get());
    if (status && UpgradeTo(parser)) co_return false;
  }
  Exchange exchange(gateway_, {gateway_.cores.at(core_), core_, socket_, deadline_, buffer_},
                    parser);
  exchange_ = &exchange;
  if (error) {
    co_await Refuse(exchange, error);
  } else {
    deadline_.Clear();
    exchange.request().peer = peer_;
    co_await Answer(exchange, std::move(status));
  }
  exchange_ = nullptr;
  // A peer that was seen to be gone is not seen again: to wait for it would last until it is idle.
  const bool goes_on = exchange.reusable() && !exchange.peer_gone();
  co_return goes_on && !closed_ && !gateway_.draining;
}

bool Connection::UpgradeTo(HeaderParser& parser) {
  if (!WantsWebSocket(parser.get())) return false;
  const auto found = options_.upgrades.find(PathOf(parser.get().target()));
  if (found == options_.upgrades.end() || closed_) return false;
  found->second({.socket = std::move(socket_),
                 .request = parser.release(),
                 .rest = beast::buffers_to_string(buffer_.data()),
                 .peer = peer_,
                 .core = core_});
  return true;
}

asio::awaitable<void> Connection::Answer(Exchange& exchange, Status status) {
  HttpRequest& request = exchange.request();
  std::string_view operation = "none";
  if (status) status = ParseTarget(request);
  if (!status) {
    // What follows may be part of it for others: the connection ends.
    HttpAnswer answer = ProblemAnswer(status.error());
    answer.close = true;
    gateway_.Closed("malformed").Add();
    co_await exchange.Send(std::move(answer));
  } else if (const auto page = options_.pages.find(request.path); page != options_.pages.end()) {
    operation = "page";
    co_await SendPage(exchange, page->second);
  } else {
    Match match = FindRoute(request.head.method(), request.segments);
    if (match.route != nullptr) operation = match.route->operation;
    co_await Handle(exchange, std::move(match));
  }
  gateway_.Requests(operation, exchange.status()).Add();
}

// What could not be read is not known to end anywhere, so that the connection ends with the answer.
asio::awaitable<void> Connection::Refuse(Exchange& exchange, error_code error) {
  const bool timed_out = deadline_.expired();
  deadline_.Clear();
  const bool malformed =
      error.category() == http::make_error_code(http::error::bad_method).category();
  if (timed_out) {
    gateway_.Closed("header_timeout").Add();
    co_return co_await exchange.SendError(HttpError(
        408, ErrorCode::kDeadlineExceeded, "the header came too slowly", "HEADER_TIMEOUT"));
  }
  if (closed_ || !malformed || error == http::error::end_of_stream) co_return;
  if (error == http::error::partial_message) co_return;
  gateway_.Closed("malformed").Add();
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    co_return co_await exchange.SendError(
        HttpError(431, ErrorCode::kInvalidArgument,
                  "the header is too long (http.max_header_bytes)", "HEADER_TOO_LARGE"));
  }
  co_await exchange.SendError({ErrorCode::kInvalidArgument,
                               "the request is malformed: " + error.message(), "",
                               "MALFORMED_REQUEST"});
}

// Lets the peer read what was sent: a close with bytes unread would reset the connection.
asio::awaitable<void> Connection::Shutdown() {
  constexpr size_t kMaxUnread = 256 << 10;
  constexpr Duration kLinger = std::chrono::seconds(2);
  error_code error;
  deadline_.Set(kLinger);
  if (socket_.tls() != nullptr) {
    co_await socket_.tls()->async_shutdown(Into(error));
    co_return;
  }
  socket_.tcp().shutdown(TcpSocket::shutdown_send, error);
  for (size_t unread = 0; !error && unread < kMaxUnread && !deadline_.expired();) {
    buffer_.clear();
    unread += co_await socket_.async_read_some(buffer_.prepare(kReadBytes), Into(error));
  }
}

}  // namespace postroad::gateway
