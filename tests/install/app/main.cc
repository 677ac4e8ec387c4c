// Uses every part of the installed package. With an address it posts an event and reads it back;
// without one it finds out that there is no server, and says so.
#include <postroad/core/cursor.h>
#include <postroad/core/names.h>
#include <postroad/postroad.h>

#include <iostream>

namespace {

int Complain(const postroad::Error& error) {
  std::cerr << error.ToString() << "\n";
  return 1;
}

int PostAndRead(const postroad::Client& client) {
  auto publisher = postroad::Publisher::Create(client, {});
  if (!publisher) return Complain(publisher.error());
  const auto posted = (*publisher)->Post({.topic = "install/test", .payload = "hello"});
  if (!posted) return Complain(posted.error());
  std::string seen;
  postroad::ReaderOptions options{.topics = {"install/test"}, .from = postroad::FromBeginning{}};
  options.stop_at_end = true;
  options.on_event = [&](const postroad::ReadEvent& read) -> postroad::Status {
    seen = read.event().payload;
    return {};
  };
  auto reader = postroad::Reader::Start(client, options);
  if (!reader) return Complain(reader.error());
  if (const auto ended = (*reader)->WaitFor(std::chrono::seconds(60)); !ended) {
    return Complain(ended.error());
  }
  std::cout << "read back: " << seen << "\n";
  return seen == "hello" ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "127.0.0.1:1";
  const auto client = postroad::Client::Create({.addresses = {address}});
  if (!client) return Complain(client.error());
  if (argc > 1) return PostAndRead(*client);

  auto publisher =
      postroad::Publisher::Create(*client, {.timeout = std::chrono::milliseconds(500)});
  const auto posted = (*publisher)->Post({.topic = "t"});
  auto subscriber = postroad::Subscriber::Start(
      *client,
      {.subscription = "s", .handler = [](postroad::Delivery&) { return postroad::Status{}; }});
  (*subscriber)->Stop();
  const auto stats = postroad::Admin(*client).GetStats();
  std::cout << posted.error().ToString() << "\n" << stats.error().ToString() << "\n";
  return !posted && !stats ? 0 : 1;
}
