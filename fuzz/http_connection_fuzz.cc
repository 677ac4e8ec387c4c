// What comes over one HTTP connection: whatever bytes, the connection ends soon after its peer has
// said all, with nothing thrown, and what was answered before is HTTP.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <string_view>
#include <utility>

#include "auth/authenticator.h"
#include "gateway/http/connection.h"
#include "gateway/http/http_gateway.h"
#include "runtime/asio_adopt.h"
#include "runtime/asio_executor.h"
#include "tests/support/stack.h"

namespace {

namespace asio = boost::asio;
using postroad::gateway::Connection;
using postroad::gateway::HttpGateway;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// Lives as long as the process, whose folder the system's temporary files are.
struct House {
  postroad::Metrics metrics;
  postroad::CorePool cores{1};
  postroad::testing::Stack stack{cores, metrics};
  std::unique_ptr<postroad::auth::Authenticator> authenticator = postroad::auth::AllowAll();
  HttpGateway gateway{{.max_body_bytes = 64 << 10},
                      {stack.broker(), *authenticator, cores, postroad::SystemClock(), metrics}};
};

asio::awaitable<void> Serve(HttpGateway& gateway, postroad::Socket socket) {
  Connection connection(gateway, 0, std::move(socket));
  co_await connection.Run();
}

std::string Exchanged(House& house, std::string_view bytes) {
  int ends[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a pair of sockets");
  const timeval patience = {.tv_sec = 30};
  setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  auto& io = house.cores.core(0).io;
  std::promise<bool> thrown;
  asio::co_spawn(io, Serve(house.gateway, postroad::Socket(postroad::AdoptTcp(io, ends[0]))),
                 [&](const std::exception_ptr& e) { thrown.set_value(e != nullptr); });
  // It may have ended before it has read all.
  (void)!send(ends[1], bytes.data(), bytes.size(), MSG_NOSIGNAL);
  shutdown(ends[1], SHUT_WR);
  std::string answers;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = recv(ends[1], buffer, sizeof buffer, 0)) > 0) {
    answers.append(buffer, static_cast<size_t>(got));
  }
  Require(got == 0 || errno == ECONNRESET, "a connection ends");
  Require(!thrown.get_future().get(), "a connection ends without an exception");
  close(ends[1]);
  return answers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static House& house = *new House;
  constexpr size_t kMost = 128 << 10;  // what the sockets take though nobody reads
  const std::string answers =
      Exchanged(house, {reinterpret_cast<const char*>(data), std::min(size, kMost)});
  Require(answers.empty() || answers.starts_with("HTTP/1.1 "), "answers are HTTP");
  return 0;
}
