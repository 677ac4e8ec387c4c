#include "client/message_queue.h"

namespace postroad::client {

bool MessageQueue::Await(Duration within) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, within, [this] { return !messages_.empty() || status_; });
}

std::optional<grpc::ByteBuffer> MessageQueue::Next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !messages_.empty() || status_; });
  if (messages_.empty()) return std::nullopt;
  grpc::ByteBuffer message = std::move(messages_.front());
  messages_.pop_front();
  if (std::exchange(paused_, false)) ReadOnLocked();
  return message;
}

void MessageQueue::Drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return status_.has_value(); });
  messages_.clear();
  stream_.reset();
}

void MessageQueue::ReadOnLocked() {
  if (stream_) {
    stream_->Read();
  } else {
    want_read_ = true;
  }
}

void MessageQueue::OnMessage(grpc::ByteBuffer message) {
  on_open_();
  std::lock_guard lock(mutex_);
  messages_.push_back(std::move(message));
  if (messages_.size() < kAhead) {
    ReadOnLocked();
  } else {
    paused_ = true;
  }
  changed_.notify_one();
}

void MessageQueue::OnEnd(Status status) {
  std::lock_guard lock(mutex_);
  status_ = std::move(status);
  changed_.notify_all();
}

}  // namespace postroad::client
