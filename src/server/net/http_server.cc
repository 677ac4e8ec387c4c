// See http_server.h. One coroutine accepts, one serves each connection; all on one core.
#include "server/net/http_server.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <utility>

#include "runtime/asio_executor.h"
#include "runtime/log.h"

namespace postroad::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr uint64_t kMaxBodyBytes = 64 << 10;  // which nobody reads
constexpr uint32_t kMaxHeaderBytes = 16 << 10;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

Response MakeResponse(const Request& request, const HttpHandler& handler) {
  HttpResponse answer;
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    answer = {.status = 405, .body = "only GET and HEAD are served here\n"};
  } else {
    const std::string target = request.target();
    answer =
        handler({.method = request.method_string(), .path = target.substr(0, target.find('?'))});
  }
  Response response(static_cast<http::status>(answer.status), request.version());
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  if (answer.status == 405) response.set(http::field::allow, "GET, HEAD");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(answer.body);
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();  // its length stays
  return response;
}

class BeastServer final : public HttpServer {
 public:
  BeastServer(HttpOptions options, asio::io_context& io, HttpHandler handler)
      : options_(std::move(options)), io_(io), handler_(std::move(handler)), acceptor_(io) {}
  ~BeastServer() override { Stop(); }

  Status Listen() {
    error_code error;
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(options_.host, std::to_string(options_.port), error);
    if (!error) Bind(*found.begin(), error);
    if (error) {
      return Fail(ErrorCode::kUnavailable, "cannot listen on " + options_.host + ":" +
                                               std::to_string(options_.port) + ": " +
                                               error.message());
    }
    port_ = acceptor_.local_endpoint().port();
    Spawn(Accept());
    return {};
  }

  uint16_t port() const override { return port_; }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(stop_asked_, true)) return;
      ++running_;  // the task below
    }
    asio::post(io_, [this] {
      stopping_ = true;
      error_code ignored;
      acceptor_.close(ignored);
      for (tcp::socket* socket : sockets_) socket->close(ignored);
      Ended();
    });
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  // The socket of a connection, in the list of all while it lives.
  class Listed {
   public:
    Listed(std::list<tcp::socket*>& all, tcp::socket& socket)
        : all_(all), at_(all.insert(all.end(), &socket)) {}
    Listed(const Listed&) = delete;
    ~Listed() { all_.erase(at_); }

   private:
    std::list<tcp::socket*>& all_;
    const std::list<tcp::socket*>::iterator at_;
  };

  void Bind(const tcp::endpoint& endpoint, error_code& error) {
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }

  // Every coroutine is counted, and Stop waits for them all.
  void Spawn(asio::awaitable<void> work) {
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    asio::co_spawn(io_, std::move(work), [this](std::exception_ptr thrown) {
      if (thrown) LogError("http: a connection ended by a bug");
      Ended();
    });
  }
  void Ended() {
    std::lock_guard lock(mutex_);
    --running_;
    idle_.notify_all();
  }

  asio::awaitable<void> Accept() {
    asio::steady_timer pause(io_);
    while (!stopping_) {
      error_code error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopping_ || error == asio::error::operation_aborted) co_return;
      if (error) {  // out of file descriptors, mostly
        LogWarn("http: cannot accept a connection", {{"error", error.message()}});
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      if (sockets_.size() < options_.max_connections) Spawn(Connection(std::move(socket)));
    }
  }

  asio::awaitable<void> Connection(tcp::socket socket) {
    if (!options_.tls) {
      beast::tcp_stream stream(std::move(socket));
      const Listed listed(sockets_, stream.socket());
      co_await Serve(stream);
      co_return;
    }
    const auto context = TlsContext();
    beast::ssl_stream<beast::tcp_stream> stream(std::move(socket), *context);
    const Listed listed(sockets_, stream.next_layer().socket());
    error_code error;
    stream.next_layer().expires_after(options_.request_timeout);
    co_await stream.async_handshake(asio::ssl::stream_base::server,
                                    asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    co_await Serve(stream);
    stream.next_layer().expires_after(options_.request_timeout);
    co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
  }

  // The context of the identity as it is now, kept until that changes.
  std::shared_ptr<asio::ssl::context> TlsContext() {
    const TlsIdentityPtr identity = options_.tls();
    if (tls_context_ && tls_version_ == identity->version) return tls_context_;
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1);
    context->use_certificate_chain(asio::buffer(identity->certificate_pem));
    context->use_private_key(asio::buffer(identity->key_pem), asio::ssl::context::pem);
    tls_context_ = context;
    tls_version_ = identity->version;
    return context;
  }

  template <typename Stream>
  asio::awaitable<void> Serve(Stream& stream) {
    beast::flat_buffer buffer;
    while (!stopping_) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(kMaxHeaderBytes);
      parser.body_limit(kMaxBodyBytes);
      error_code error;
      beast::get_lowest_layer(stream).expires_after(options_.idle_timeout);
      co_await http::async_read(stream, buffer, parser,
                                asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      Response response = MakeResponse(parser.get(), handler_);
      beast::get_lowest_layer(stream).expires_after(options_.request_timeout);
      co_await http::async_write(stream, response,
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error || !response.keep_alive()) co_return;
    }
  }

  const HttpOptions options_;
  asio::io_context& io_;
  const HttpHandler handler_;
  tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  // On the core only.
  bool stopping_ = false;
  std::list<tcp::socket*> sockets_;
  std::shared_ptr<asio::ssl::context> tls_context_;
  uint64_t tls_version_ = 0;
  // What runs: coroutines, and Stop's own task.
  std::mutex mutex_;
  std::condition_variable idle_;
  int running_ = 0;
  bool stop_asked_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpOptions options, CorePool& cores,
                                                      size_t index, HttpHandler handler) {
  auto server =
      std::make_unique<BeastServer>(std::move(options), cores.core(index).io, std::move(handler));
  POSTROAD_TRY(server->Listen());
  return server;
}

}  // namespace postroad::server
