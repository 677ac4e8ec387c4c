// See client.h.
#include "rsocket/transport/client.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "rsocket/transport/connection.h"
#include "rsocket/transport/dial.h"
#include "runtime/asio_executor.h"
#include "runtime/asio_signal.h"
#include "runtime/log.h"

namespace postroad::rsocket {
namespace {

namespace asio = boost::asio;

class ClientImpl final : public Client {
 public:
  ClientImpl(ClientOptions options, CorePool& cores, size_t core, Clock& clock,
             std::unique_ptr<SessionHandler> handler, Ready ready)
      : options_(std::move(options)),
        executor_(cores.at(core)),
        io_(cores.core(core).io),
        clock_(clock),
        handler_(std::move(handler)),
        ready_(std::move(ready)),
        changed_(io_.get_executor()) {}
  ~ClientImpl() override { Stop(); }

  void Begin() {
    Began();
    asio::co_spawn(io_, Run(), [this](const std::exception_ptr& thrown) {
      if (thrown) LogError("rsocket: a client ended by a bug");
      Ended();
    });
  }
  void Close(const std::string& reason) override {
    OnCore([this, reason] {
      if (connection_) {
        connection_->Close(ErrorFrameCode::kConnectionClose, reason);
      } else if (const auto session = std::exchange(suspended_, nullptr)) {
        session->Close(ErrorFrameCode::kConnectionClose, reason);
        changed_.Set();
      } else {
        StopHere();
      }
    });
  }
  void Stop() override;

 private:
  asio::awaitable<void> Run();
  asio::awaitable<Result<Dialed>> Dial();
  // Dials until the session is resumed, or has ended meanwhile.
  asio::awaitable<void> Resume();
  std::shared_ptr<Connection> Connect(Dialed& dialed);
  void StopHere();
  void OnCore(std::function<void()> task);
  void Began();
  void Ended();

  const ClientOptions options_;
  Executor& executor_;
  asio::io_context& io_;
  Clock& clock_;

  // On the core.
  std::unique_ptr<SessionHandler> handler_;
  Ready ready_;
  Signal changed_;  // the connection is gone, or it is to be stopped
  std::shared_ptr<asio::ssl::context> tls_;
  std::shared_ptr<Dialer> dialer_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Session> suspended_;  // waits to be resumed
  bool stopping_ = false;

  // What runs: the coroutine, connections, and tasks from outside.
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t running_ = 0;
  bool stopped_ = false;
};

asio::awaitable<Result<Dialed>> ClientImpl::Dial() {
  if (options_.tls && !tls_) {
    auto made = MakeClientContext(*options_.tls);
    if (!made) co_return std::unexpected(std::move(made).error());
    tls_ = *std::move(made);
  }
  dialer_ = std::make_shared<Dialer>(options_, io_, tls_);
  auto dialed = co_await dialer_->Dial();
  dialer_.reset();
  if (stopping_) co_return Fail(ErrorCode::kCancelled, "the client was stopped");
  co_return dialed;
}

asio::awaitable<void> ClientImpl::Run() {
  const auto ready = std::exchange(ready_, {});
  auto dialed = stopping_ ? Result<Dialed>(Fail(ErrorCode::kCancelled, "the client was stopped"))
                          : co_await Dial();
  if (!dialed) {
    ready(std::unexpected(std::move(dialed).error()));
    co_return;
  }
  connection_ = Connect(*dialed);
  const auto session =
      Session::Connect(options_.session, options_.setup, clock_, *connection_, std::move(handler_));
  connection_->SetSession(session);
  connection_->Start({}, std::move(dialed->received));
  ready(session);
  while (connection_ && !stopping_) {
    co_await changed_.Wait();
    if (!connection_ && suspended_ && !stopping_) co_await Resume();
  }
}

asio::awaitable<void> ClientImpl::Resume() {
  Duration wait = options_.resume_wait;
  while (suspended_ && !stopping_) {
    auto dialed = co_await Dial();
    if (!suspended_ || stopping_) co_return;
    if (dialed) {
      connection_ = Connect(*dialed);
      const auto session = std::exchange(suspended_, nullptr);
      connection_->SetSession(session);
      session->Reconnect(*connection_);
      connection_->Start({}, std::move(dialed->received));
      co_return;
    }
    MonotonicTime until = clock_.Monotonic() + wait;
    if (const auto due = suspended_->NextTick()) until = std::min(until, *due);
    co_await changed_.WaitUntil(until);
    wait = std::min(2 * wait, options_.max_resume_wait);
    if (!suspended_) co_return;
    suspended_->Tick();
    if (suspended_->ended()) suspended_.reset();
  }
}

std::shared_ptr<Connection> ClientImpl::Connect(Dialed& dialed) {
  const size_t most = options_.session.max_frame_bytes;
  auto connection = std::make_shared<Connection>(
      ConnectionOptions{.write_timeout = options_.write_timeout}, executor_, clock_,
      std::move(dialed.socket),
      options_.websocket ? WebSocketWire(most, true, dialed.deflate) : TcpWire(most), nullptr);
  Began();
  connection->SetSuspended(
      [this](std::shared_ptr<Session> session) { suspended_ = std::move(session); });
  connection->SetGone([this, raw = connection.get()] {
    if (connection_.get() == raw) connection_.reset();
    changed_.Set();
    Ended();
  });
  return connection;
}

void ClientImpl::StopHere() {
  stopping_ = true;
  if (dialer_) dialer_->Abort();
  if (connection_) connection_->Drop();
  suspended_.reset();
  changed_.Set();
}

void ClientImpl::OnCore(std::function<void()> task) {
  Began();
  asio::post(io_, [this, task = std::move(task)] {
    task();
    Ended();
  });
}

void ClientImpl::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  OnCore([this] { StopHere(); });
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return running_ == 0; });
}

void ClientImpl::Began() {
  std::lock_guard lock(mutex_);
  ++running_;
}

void ClientImpl::Ended() {
  std::lock_guard lock(mutex_);
  --running_;
  idle_.notify_all();
}

}  // namespace

std::unique_ptr<Client> Client::Start(ClientOptions options, CorePool& cores, size_t core,
                                      Clock& clock, std::unique_ptr<SessionHandler> handler,
                                      Ready ready) {
  auto client = std::make_unique<ClientImpl>(std::move(options), cores, core, clock,
                                             std::move(handler), std::move(ready));
  client->Begin();
  return client;
}

}  // namespace postroad::rsocket
