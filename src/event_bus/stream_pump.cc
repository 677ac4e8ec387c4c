// See stream_pump.h.
#include "event_bus/stream_pump.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace postroad::event_bus {

StreamPump::StreamPump(kafka::Backpressure strategy, size_t events, StreamHandlers handlers,
                       StreamMeters& meters, PumpOwner& owner)
    : handlers_(std::move(handlers)), meters_(meters), owner_(owner), queue_(strategy, events) {}

StreamPump::~StreamPump() { Stop(); }

void StreamPump::Start() {
  thread_ = std::thread([this] { Run(); });
}

bool StreamPump::HasRoom() const {
  std::lock_guard lock(mutex_);
  return queue_.HasRoom();
}

StreamQueue::Offered StreamPump::Offer(Waiting event, std::vector<uint64_t>& dropped) {
  std::lock_guard lock(mutex_);
  meters_.received.Add();
  const auto offered = queue_.Offer(std::move(event), dropped);
  changed_.notify_all();
  return offered;
}

std::vector<uint64_t> StreamPump::RemoveIf(const std::function<bool(uint64_t token)>& gone) {
  std::lock_guard lock(mutex_);
  return queue_.RemoveIf(gone);
}

std::optional<uint64_t> StreamPump::in_hand() const {
  std::lock_guard lock(mutex_);
  return in_hand_;
}

bool StreamPump::AwaitHandler(const std::function<bool(uint64_t token)>& held, Duration at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [&] { return !in_hand_ || !held(*in_hand_); });
}

uint64_t StreamPump::waiting() const {
  std::lock_guard lock(mutex_);
  return queue_.size() + (in_hand_ ? 1 : 0);
}

void StreamPump::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void StreamPump::Stop() {
  Close();
  if (OnOwnThread()) return;
  std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

void StreamPump::Run() {
  own_ = std::this_thread::get_id();
  Pump();
  owner_.OnPumpEnd();
}

void StreamPump::Pump() {
  while (true) {
    std::optional<Waiting> next;
    {
      std::unique_lock lock(mutex_);
      in_hand_.reset();
      changed_.notify_all();
      changed_.wait(lock, [&] { return closed_ || queue_.size() > 0; });
      if (closed_) return;
      next = queue_.Take();
      in_hand_ = next->token;
    }
    if (Status handled = Handle(next->event); !handled) {
      Close();
      owner_.OnHandlerFailed(next->token, std::move(handled).error());
      std::lock_guard lock(mutex_);
      in_hand_.reset();
      changed_.notify_all();
      return;
    }
    owner_.OnHandled(next->token);
  }
}

Status StreamPump::Handle(const EventOutput& event) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [](auto duration) {
    return std::chrono::duration<double>(duration).count();
  };
  if (event.timestamp != Timestamp{}) {
    const Duration delay = std::chrono::system_clock::now() - event.timestamp;
    meters_.delay.Observe(std::max(0.0, seconds(delay)));
  }
  Status handled;
  try {
    handled = handlers_.on_event(event);
  } catch (const std::exception& thrown) {
    handled = Fail(ErrorCode::kInternal, std::string("the handler threw: ") + thrown.what());
  } catch (...) {
    handled = Fail(ErrorCode::kInternal, "the handler threw");
  }
  meters_.handle.Observe(seconds(std::chrono::steady_clock::now() - begin));
  if (handled) {
    meters_.handled.Add();
  } else {
    meters_.handle_errors.Add();
  }
  return handled;
}

}  // namespace postroad::event_bus
