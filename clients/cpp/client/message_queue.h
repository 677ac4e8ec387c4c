// Messages from a stream to the one thread that handles them, two at a time at most.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_MESSAGE_QUEUE_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_MESSAGE_QUEUE_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "client/stream.h"
#include "core/time.h"

namespace postroad::client {

// Reads ahead while the consumer is busy, so that the network and the handler work side by side,
// and stops reading (which slows the server down) when it has kAhead messages.
class MessageQueue final : public StreamListener {
 public:
  // `on_open` comes with the first sign of life, on one of gRPC's threads.
  explicit MessageQueue(std::function<void()> on_open) : on_open_(std::move(on_open)) {}

  void Attach(std::shared_ptr<Stream> stream) {
    std::lock_guard lock(mutex_);
    stream_ = std::move(stream);
    if (std::exchange(want_read_, false)) stream_->Read();
  }
  // Waits so long for the next message, or the end; false if neither came.
  bool Await(Duration within);
  // Waits for the next message; nothing once the stream has ended (see status()).
  std::optional<grpc::ByteBuffer> Next();
  // Waits for the end, dropping messages. The stream must have been cancelled or be ending.
  void Drain();
  Status status() const { return *status_; }

 private:
  static constexpr size_t kAhead = 2;

  void OnOpen() override { on_open_(); }
  void OnMessage(grpc::ByteBuffer message) override;
  void OnWritten() override {}
  void OnEnd(Status status) override;
  void ReadOnLocked();

  const std::function<void()> on_open_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Stream> stream_;
  std::deque<grpc::ByteBuffer> messages_;
  bool paused_ = false;     // no read under way
  bool want_read_ = false;  // the first message came before Attach
  std::optional<Status> status_;
};

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_MESSAGE_QUEUE_H_
