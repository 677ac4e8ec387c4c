// Prints a topic's events from the beginning, or from where it left off:  read ADDRESS TOPIC [FILE]
// With a FILE, the cursor is kept there, and the next start goes on after the last event printed.
#include <postroad/postroad.h>

#include <csignal>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: " << argv[0] << " ADDRESS TOPIC [CURSOR-FILE]\n";
    return 2;
  }
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  auto client = postroad::Client::Create({.addresses = {argv[1]}});
  if (!client) {
    std::cerr << client.error().ToString() << "\n";
    return 1;
  }
  postroad::ReaderOptions options{.topics = {argv[2]}, .from = postroad::FromBeginning{}};
  if (argc > 3) options.cursor_store = postroad::FileCursorStore(argv[3]);
  options.on_event = [](const postroad::ReadEvent& read) -> postroad::Status {
    std::cout << read.offset().value() << " " << read.event().payload << std::endl;
    return {};
  };
  options.on_notice = [](const postroad::ReadNotice& notice) {
    if (const auto* gap = std::get_if<postroad::GapNotice>(&notice)) {
      std::cerr << "gone: " << gap->topic << " " << gap->first << " to " << gap->end << "\n";
    }
  };
  auto reader = postroad::Reader::Start(*client, options);
  if (!reader) {
    std::cerr << reader.error().ToString() << "\n";
    return 1;
  }
  int signal = 0;
  sigwait(&stop, &signal);
  (*reader)->Stop();
}
