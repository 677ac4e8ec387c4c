// Posts as fast as the C++ client can, event by event: client_posts <address> <topic> <events>
// <payload bytes>. Prints events a second. `./dev bench go` compares the Go client with it.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "postroad/postroad.h"

namespace {

int Failed(const postroad::Error& error) {
  std::fprintf(stderr, "client_posts: %s\n", error.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: client_posts <address> <topic> <events> <payload bytes>\n");
    return 2;
  }
  const long events = std::atol(argv[3]);
  const std::string topic = argv[2], payload(static_cast<size_t>(std::atol(argv[4])), 'x');
  auto client = postroad::Client::Create({.addresses = {argv[1]}});
  if (!client) return Failed(client.error());
  auto publisher = postroad::Publisher::Create(*client, {});
  if (!publisher) return Failed(publisher.error());
  // The connection is not what is measured.
  if (auto first = (*publisher)->Post({.topic = topic, .payload = payload}); !first) {
    return Failed(first.error());
  }
  std::atomic<long> failed = 0;
  const auto start = std::chrono::steady_clock::now();
  const postroad::Event event{.topic = topic, .payload = payload};
  for (long i = 0; i < events; ++i) {
    auto taken = (*publisher)->PostAsync(event, [&failed](const auto& results) {
      if (!results) ++failed;
    });
    if (!taken) return Failed(taken.error());
  }
  if (auto flushed = (*publisher)->Flush(); !flushed) return Failed(flushed.error());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (failed > 0) {
    std::fprintf(stderr, "client_posts: %ld posts failed\n", failed.load());
    return 1;
  }
  std::printf("%.0f\n", static_cast<double>(events) / took.count());
}
