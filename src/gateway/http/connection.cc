// See connection.h.
#include "gateway/http/connection.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <utility>

#include "gateway/http/upgrade.h"

namespace postroad::gateway {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr size_t kReadBytes = 2 << 10;

// Completions set `error` and do not throw.
auto Into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

std::string Address(TcpSocket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return {};
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

std::string PathOf(beast::string_view target) {
  return std::string(target.substr(0, target.find('?')));
}

bool WantsWebSocket(const http::request<http::empty_body>& request) {
  return request.method() == http::verb::get &&
         http::token_list(request[http::field::connection]).exists("upgrade") &&
         http::token_list(request[http::field::upgrade]).exists("websocket");
}

}  // namespace

Connection::Connection(const HttpOptions& options, Place place, Socket socket)
    : options_(options),
      place_(place),
      socket_(std::move(socket)),
      peer_(Address(socket_.tcp())),
      deadline_(place.executor, socket_) {}

void Connection::Close() {
  error_code ignored;
  closed_ = true;
  socket_.tcp().close(ignored);
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
  deadline_.Clear();
  if (error) co_return co_await Refuse(error);
  if (UpgradeTo(parser)) co_return false;
  const bool more = co_await Answer(parser.get());
  co_return more&& parser.is_done();
}

bool Connection::UpgradeTo(HeaderParser& parser) {
  if (!WantsWebSocket(parser.get())) return false;
  const auto found = options_.upgrades.find(PathOf(parser.get().target()));
  if (found == options_.upgrades.end() || closed_) return false;
  found->second({.socket = std::move(socket_),
                 .request = parser.release(),
                 .rest = beast::buffers_to_string(buffer_.data()),
                 .peer = peer_,
                 .core = place_.core});
  return true;
}

asio::awaitable<bool> Connection::Answer(const Head& head) {
  HttpPage page{.status = 404, .body = "there is nothing here\n"};
  const bool reads = head.method() == http::verb::get || head.method() == http::verb::head;
  if (!reads) {
    page = {.status = 405, .body = "only GET and HEAD are served here\n"};
  } else if (const auto at = options_.pages.find(PathOf(head.target()));
             at != options_.pages.end()) {
    page = at->second();
  }
  Response response(static_cast<http::status>(page.status), head.version());
  response.set(http::field::content_type, page.content_type);
  response.set(http::field::cache_control, "no-store");
  if (page.status == 405) response.set(http::field::allow, "GET, HEAD");
  response.keep_alive(head.keep_alive());
  response.body() = std::move(page.body);
  response.prepare_payload();
  if (head.method() == http::verb::head) response.body().clear();  // its length stays
  co_return co_await Send(std::move(response));
}

asio::awaitable<bool> Connection::Refuse(error_code error) {
  if (closed_ || error.category() != http::make_error_code(http::error::end_of_stream).category()) {
    co_return false;
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message) co_return false;
  Response response(http::status::bad_request, 11);
  if (error == http::error::header_limit) {
    response.result(http::status::request_header_fields_too_large);
  }
  response.keep_alive(false);
  response.body() = error.message() + "\n";
  response.prepare_payload();
  co_await Send(std::move(response));
  co_return false;
}

asio::awaitable<bool> Connection::Send(Response response) {
  deadline_.Set(options_.write_timeout);
  error_code error;
  co_await http::async_write(socket_, response, Into(error));
  deadline_.Clear();
  co_return !error && response.keep_alive();
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
