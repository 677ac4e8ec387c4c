// A TCP relay whose connections a test can cut. Include it only in .cc files (Asio).
#ifndef POSTROAD_RSOCKET_TRANSPORT_TESTING_RELAY_H_
#define POSTROAD_RSOCKET_TRANSPORT_TESTING_RELAY_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <future>
#include <list>
#include <memory>
#include <string>

namespace postroad::rsocket::testing {

namespace asio = boost::asio;

// Passes bytes on between its port and another, until it is cut. Its io_context runs on one thread,
// not the caller's.
class Relay {
 public:
  Relay(asio::io_context& io, uint16_t to) : state_(std::make_shared<State>(io, to)) {
    asio::co_spawn(io, Accept(state_), [](const std::exception_ptr&) {});
  }
  uint16_t port() const { return state_->port; }
  // All connections there are.
  void Cut() {
    asio::post(state_->io, [state = state_] { state->Cut(); });
  }
  // And takes no more.
  void Close() {
    std::promise<void> closed;
    asio::post(state_->io, [&] {
      boost::system::error_code ignored;
      state_->acceptor.close(ignored);
      state_->Cut();
      closed.set_value();
    });
    closed.get_future().wait();
  }

 private:
  using Socket = asio::ip::tcp::socket;
  using SocketPtr = std::shared_ptr<Socket>;
  struct State {
    State(asio::io_context& context, uint16_t port_to)
        : io(context),
          to(asio::ip::address_v4::loopback(), port_to),
          acceptor(io, {asio::ip::address_v4::loopback(), 0}) {}
    void Cut() {
      boost::system::error_code ignored;
      for (auto& socket : sockets) socket->close(ignored);
      sockets.clear();
    }
    asio::io_context& io;
    const asio::ip::tcp::endpoint to;
    asio::ip::tcp::acceptor acceptor;
    const uint16_t port = acceptor.local_endpoint().port();
    std::list<SocketPtr> sockets;
  };
  static asio::awaitable<void> Accept(std::shared_ptr<State> state) {
    while (state->acceptor.is_open()) {
      auto in =
          std::make_shared<Socket>(co_await state->acceptor.async_accept(asio::use_awaitable));
      auto out = std::make_shared<Socket>(state->io);
      co_await out->async_connect(state->to, asio::use_awaitable);
      state->sockets.push_back(in);
      state->sockets.push_back(out);
      asio::co_spawn(state->io, Pass(in, out), [](const std::exception_ptr&) {});
      asio::co_spawn(state->io, Pass(out, in), [](const std::exception_ptr&) {});
    }
  }
  static asio::awaitable<void> Pass(SocketPtr from, SocketPtr to) {
    std::string bytes(4096, '\0');
    while (true) {
      const size_t size = co_await from->async_read_some(asio::buffer(bytes), asio::use_awaitable);
      co_await asio::async_write(*to, asio::buffer(bytes.data(), size), asio::use_awaitable);
    }
  }
  const std::shared_ptr<State> state_;
};

}  // namespace postroad::rsocket::testing

#endif  // POSTROAD_RSOCKET_TRANSPORT_TESTING_RELAY_H_
