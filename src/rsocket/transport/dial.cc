// See dial.h.
#include "rsocket/transport/dial.h"

#include <openssl/ssl.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

#include "rsocket/transport/deflate.h"
#include "rsocket/transport/websocket_handshake.h"

namespace postroad::rsocket {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr size_t kMaxAnswerBytes = 8 << 10;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

const std::string& ServerName(const ClientOptions& options) {
  return options.tls->server_name.empty() ? options.host : options.tls->server_name;
}

http::request<http::empty_body> HandshakeRequest(const ClientOptions& options,
                                                 const std::string& key) {
  http::request<http::empty_body> request(http::verb::get, options.path, 11);
  request.set(http::field::host, options.host + ":" + std::to_string(options.port));
  request.set(http::field::upgrade, "websocket");
  request.set(http::field::connection, "Upgrade");
  request.set(http::field::sec_websocket_key, key);
  request.set(http::field::sec_websocket_version, "13");
  if (options.deflate) request.set(http::field::sec_websocket_extensions, kDeflateExtension);
  for (const auto& [name, value] : options.headers) request.set(name, value);
  return request;
}

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> MakeClientContext(const ClientTls& tls) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(asio::ssl::verify_peer);
  error_code error;
  if (tls.ca_pem.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->add_certificate_authority(asio::buffer(tls.ca_pem), error);
  }
  if (error) return Invalid("tls.ca_pem", error.message());
  if (tls.certificate_pem.empty()) return context;
  context->use_certificate_chain(asio::buffer(tls.certificate_pem), error);
  if (error) return Invalid("tls.certificate_pem", error.message());
  context->use_private_key(asio::buffer(tls.key_pem), asio::ssl::context::pem, error);
  if (error) return Invalid("tls.key_pem", error.message());
  return context;
}

Dialer::Dialer(const ClientOptions& options, asio::io_context& io,
               std::shared_ptr<asio::ssl::context> tls)
    : options_(options),
      resolver_(io),
      timer_(io),
      tls_(std::move(tls)),
      socket_(tls_ ? Socket(TcpSocket(io), tls_) : Socket(TcpSocket(io))) {}

std::unexpected<Error> Dialer::Failed(const std::string& what, const std::string& why) const {
  const std::string to = options_.host + ":" + std::to_string(options_.port);
  if (late_) {
    return Fail(ErrorCode::kUnavailable,
                "no connection to " + to + " within " + FormatDuration(options_.connect_timeout));
  }
  return Fail(ErrorCode::kUnavailable, what + " " + to + ": " + why);
}

void Dialer::Abort() {
  aborted_ = true;  // what has completed but was not told yet must not go on
  timer_.cancel();
  resolver_.cancel();
  error_code ignored;
  socket_.tcp().close(ignored);
}

asio::awaitable<Result<Dialed>> Dialer::Dial() {
  timer_.expires_after(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(options_.connect_timeout));
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = error ? nullptr : weak.lock();
    if (!self) return;
    self->late_ = true;
    self->Abort();
  });
  Status connected = co_await Connect();
  if (connected && tls_) connected = co_await ShakeTls();
  if (!connected) co_return std::unexpected(std::move(connected).error());
  std::string received;
  if (options_.websocket) {
    auto shaken = co_await ShakeWebSocket();
    if (!shaken) co_return std::unexpected(std::move(shaken).error());
    received = *std::move(shaken);
  }
  timer_.cancel();
  if (aborted_) co_return Failed("cannot reach", "given up");
  co_return Dialed{std::move(socket_), std::move(received), deflate_};
}

asio::awaitable<Status> Dialer::Connect() {
  auto [unknown, endpoints] =
      co_await resolver_.async_resolve(options_.host, std::to_string(options_.port), kAwait);
  if (unknown) co_return Failed("cannot find", unknown.message());
  if (aborted_) co_return Failed("cannot reach", "given up");
  auto [refused, at] = co_await asio::async_connect(socket_.tcp(), endpoints, kAwait);
  if (refused) co_return Failed("cannot reach", refused.message());
  if (aborted_) co_return Failed("cannot reach", "given up");
  error_code ignored;
  socket_.tcp().set_option(asio::ip::tcp::no_delay(true), ignored);
  co_return Status{};
}

asio::awaitable<Status> Dialer::ShakeTls() {
  const std::string& name = ServerName(options_);
  TlsSocket& tls = *socket_.tls();
  SSL_set_tlsext_host_name(tls.native_handle(), name.c_str());
  error_code error;
  tls.set_verify_callback(asio::ssl::host_name_verification(name), error);
  if (error) co_return Failed("no TLS with", error.message());
  const auto [failed] = co_await tls.async_handshake(asio::ssl::stream_base::client, kAwait);
  if (failed) co_return Failed("no TLS with", failed.message());
  if (aborted_) co_return Failed("no TLS with", "given up");
  co_return Status{};
}

// RFC 6455, 4.1.
asio::awaitable<Result<std::string>> Dialer::ShakeWebSocket() {
  const std::string key = NewWebSocketKey();
  auto request = HandshakeRequest(options_, key);
  const auto [unsent, sent] = co_await http::async_write(socket_, request, kAwait);
  if (unsent) co_return Failed("no WebSocket with", unsent.message());
  boost::beast::flat_buffer buffer;
  http::response_parser<http::empty_body> parser;
  parser.header_limit(kMaxAnswerBytes);
  const auto [unread, size] = co_await http::async_read_header(socket_, buffer, parser, kAwait);
  if (unread) co_return Failed("no WebSocket with", unread.message());
  const auto& answer = parser.get();
  if (answer.result() != http::status::switching_protocols) {
    co_return Failed("no WebSocket with", "it answered " + std::to_string(answer.result_int()) +
                                              " " + std::string(answer.reason()));
  }
  if (answer[http::field::sec_websocket_accept] != AcceptFor(key)) {
    co_return Failed("no WebSocket with", "its Sec-WebSocket-Accept is wrong");
  }
  const std::string extensions(answer[http::field::sec_websocket_extensions]);
  deflate_ = options_.deflate && !extensions.empty();
  if (!extensions.empty() && !(deflate_ && AcceptsDeflate(extensions))) {
    co_return Failed("no WebSocket with", "it answers extensions not offered: " + extensions);
  }
  co_return boost::beast::buffers_to_string(buffer.data());
}

}  // namespace postroad::rsocket
