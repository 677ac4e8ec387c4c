// `postroad serve`: one process from its settings to its drain.
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>

#include "runtime/clock.h"
#include "runtime/log.h"
#include "server/commands.h"
#include "server/config_flags.h"
#include "server/file_limit.h"
#include "server/grpc_log.h"
#include "server/memory.h"
#include "server/server.h"
#include "server/version.h"

namespace postroad::server {
namespace {

// With fewer than that the store's own files leave room for a few thousand connections only.
constexpr uint64_t kFewFiles = 4096;
// What a drain may take beyond its time; systemd is told of a little more.
constexpr Duration kDrainOverrun = std::chrono::seconds(3);

// SIGTERM and SIGINT as a file descriptor. Made before any thread, so that all of them inherit that
// the two are blocked.
class StopSignals {
 public:
  StopSignals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    std::signal(SIGPIPE, SIG_IGN);
  }
  ~StopSignals() { close(fd_); }
  StopSignals(const StopSignals&) = delete;

  int fd() const { return fd_; }
  // Takes one that has come; false if none has.
  bool Take() {
    signalfd_siginfo info;
    return read(fd_, &info, sizeof info) == sizeof info;
  }

 private:
  int fd_ = -1;
};

int ExitCodeOf(const Error& error) {
  if (error.reason == "STORE_LOCKED") return kExitStoreLocked;
  if (error.code == ErrorCode::kDataLoss) return kExitStoreCorrupt;
  if (error.code == ErrorCode::kInvalidArgument) return kExitBadSettings;
  return kExitFailed;
}

// One line on standard error for each line of the message.
void PrintProblem(const std::string& message) {
  size_t begin = 0;
  while (begin <= message.size()) {
    const size_t end = std::min(message.find('\n', begin), message.size());
    std::fprintf(stderr, "postroad: %s\n", message.substr(begin, end - begin).c_str());
    begin = end + 1;
  }
}

std::string AddressOf(const Server& server, const std::string& protocol) {
  for (const Listening& one : server.listening()) {
    if (one.protocol == protocol) return one.address;
  }
  return "";
}

// How a program on this machine reaches what listens at the address.
std::string LocalAddress(const std::string& address) {
  for (const std::string_view any : {"0.0.0.0:", "[::]:"}) {
    if (address.starts_with(any)) return "localhost:" + address.substr(any.size());
  }
  return address;
}

// For people who started it by hand; logs have the same in their own form.
void PrintWelcome(const Server& server, const Config& config) {
  const std::string grpc = LocalAddress(AddressOf(server, "grpc"));
  const std::string http = LocalAddress(AddressOf(server, "http"));
  std::string flag = grpc == "127.0.0.1:7401" ? "" : " --server " + grpc;
  if (config.tls.enabled()) flag += " --tls";
  if (!config.keys.empty()) flag += " --api-key KEY";
  std::printf("Postroad %s is ready, its data in %s\n", kVersion, config.store.directory.c_str());
  for (const Listening& one : server.listening()) {
    std::printf("  %s  %s%s\n", one.protocol.c_str(), one.address.c_str(),
                config.tls.enabled() ? "  (TLS)" : "");
  }
  if (config.keys.empty())
    std::printf("  no API keys: everybody who reaches it may do everything\n");
  std::printf(
      "Next, in another terminal:\n"
      "  postroad post hello 'my first event'%s\n"
      "  postroad tail hello --from beginning%s\n",
      flag.c_str(), flag.c_str());
  if (!http.empty() && !config.tls.enabled()) {
    std::printf("  curl http://%s/metrics\n", http.c_str());
  }
  std::printf("Ctrl-C stops it.\n");
  std::fflush(stdout);
}

void Announce(const Server& server, const Config& config) {
  for (const Listening& one : server.listening()) {
    LogInfo("listening",
            {{"protocol", one.protocol}, {"address", one.address}, {"tls", config.tls.enabled()}});
  }
  const bool by_systemd = getenv("NOTIFY_SOCKET") != nullptr || getenv("JOURNAL_STREAM") != nullptr;
  if (config.log.format == LogFormat::kText && !by_systemd) PrintWelcome(server, config);
  sd_notify(0, "READY=1");
}

// Waits for the first signal; meanwhile keeps house, and tells systemd's watchdog, if there is one,
// that the server still responds.
void WaitForStop(Server& server, StopSignals& signals) {
  using std::chrono::milliseconds;
  MemoryKeeper memory(SystemClock());
  uint64_t watchdog_us = 0;
  const bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
  const auto tick = watched ? milliseconds(watchdog_us / 3000)
                            : std::chrono::duration_cast<milliseconds>(MemoryKeeper::kInterval);
  pollfd wait = {.fd = signals.fd(), .events = POLLIN, .revents = 0};
  while (true) {
    poll(&wait, 1, static_cast<int>(tick.count()));
    if (signals.Take()) return;
    memory.Tick();
    if (watched && server.Responds(tick)) sd_notify(0, "WATCHDOG=1");
  }
}

// Drains; a second signal meanwhile ends the process where it stands (all that was acknowledged is
// on disk), and so does what takes longer than it may: a library that hangs, say.
void Drain(Server& server, StopSignals& signals, Duration timeout) {
  LogInfo("draining; a second signal stops at once", {{"at_most", FormatDuration(timeout)}});
  const auto extend = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
  sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", static_cast<long long>(extend) + 5'000'000);
  const int drained = eventfd(0, EFD_CLOEXEC);
  std::thread drain([&] {
    server.Drain();
    eventfd_write(drained, 1);
  });
  pollfd waits[] = {{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                    {.fd = drained, .events = POLLIN, .revents = 0}};
  const MonotonicTime end = SystemClock().Monotonic() + timeout + kDrainOverrun;
  while (waits[1].revents == 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SystemClock().Monotonic());
    if (left.count() <= 0) {
      LogError("not drained in time: the process ends where it stands");
      _exit(kExitFailed);
    }
    poll(waits, 2, static_cast<int>(left.count()));
    if (signals.Take()) {
      LogWarn("stopped by a second signal before it had drained");
      _exit(kExitFailed);
    }
  }
  drain.join();
  close(drained);
  LogInfo("stopped");
}

int Serve(const ConfigFlags& flags) {
  auto loaded = flags.Load();
  if (!loaded) {
    PrintProblem(loaded.error().message);
    return kExitBadSettings;
  }
  const Config& config = loaded->config;
  ConfigureLog(config.log.level, config.log.format);
  TakeGrpcLog();
  const uint64_t files = RaiseFileLimit();
  if (files < kFewFiles) {
    LogWarn("few connections will fit: raise the limit on open files (ulimit -n, LimitNOFILE)",
            {{"open_files", files}});
  }
  StopSignals signals;
  auto server = Server::Start(config);
  if (!server) {
    PrintProblem("cannot start: " + server.error().message);
    return ExitCodeOf(server.error());
  }
  Announce(**server, config);
  WaitForStop(**server, signals);
  Drain(**server, signals, config.server.drain_timeout);
  return kExitOk;
}

}  // namespace

void AddServeCommand(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand("serve", "Run the server");
  auto flags = std::make_shared<ConfigFlags>();
  flags->AddTo(*command);
  command->callback([flags, &exit_code] { exit_code = Serve(*flags); });
}

}  // namespace postroad::server
