// Posts one event and says where it was stored:  publish ADDRESS TOPIC PAYLOAD
#include <postroad/postroad.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " ADDRESS TOPIC PAYLOAD\n";
    return 2;
  }
  auto client = postroad::Client::Create({.addresses = {argv[1]}});
  if (!client) {
    std::cerr << client.error().ToString() << "\n";
    return 1;
  }
  auto publisher = postroad::Publisher::Create(*client, {});
  if (!publisher) {
    std::cerr << publisher.error().ToString() << "\n";
    return 1;
  }
  // Lost connections are tried again, without storing the event twice.
  const auto posted = (*publisher)->Post({.topic = argv[2], .payload = argv[3]});
  if (!posted) {
    std::cerr << posted.error().ToString() << "\n";
    return 1;
  }
  std::cout << "stored " << posted->id << " at offset " << posted->offset.value() << "\n";
}
