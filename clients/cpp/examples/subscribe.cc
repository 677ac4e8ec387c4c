// Works on a subscription until it is told to stop:  subscribe ADDRESS SUBSCRIPTION TOPIC
// Start it several times to see members share the events; give it an event that says "fail" to see
// it delivered again.
#include <postroad/postroad.h>

#include <csignal>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " ADDRESS SUBSCRIPTION TOPIC\n";
    return 2;
  }
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  auto client = postroad::Client::Create({
      .addresses = {argv[1]},
      .on_state =
          [](const postroad::StateChange& change) {
            std::cerr << change.component << ": " << postroad::StateName(change.state) << " "
                      << change.error.message << "\n";
          },
  });
  if (!client) {
    std::cerr << client.error().ToString() << "\n";
    return 1;
  }
  postroad::SubscriberOptions options{.subscription = argv[2]};
  options.create = postroad::SubscriptionSettings{
      .topics = {argv[3]}, .retry_schedule = {std::chrono::seconds(1), std::chrono::seconds(10)}};
  options.handler = [](postroad::Delivery& delivery) -> postroad::Status {
    const auto& event = delivery.event();
    std::cout << event.topic << " " << delivery.offset().value() << " " << event.payload
              << " (attempt " << delivery.attempt() << ")" << std::endl;
    if (event.payload == "fail") {
      return postroad::Fail(postroad::ErrorCode::kInternal, "told to fail");  // a nack
    }
    return {};  // an ack
  };
  auto subscriber = postroad::Subscriber::Start(*client, options);
  if (!subscriber) {
    std::cerr << subscriber.error().ToString() << "\n";
    return 1;
  }
  int signal = 0;
  sigwait(&stop, &signal);
  (*subscriber)->Stop();  // lets handlers end and sends their acks
}
