#include "client/stream.h"

#include <grpcpp/generic/generic_stub.h>

#include <utility>

#include "client/status.h"

namespace postroad::client {

std::shared_ptr<Stream> Stream::Open(const std::shared_ptr<grpc::Channel>& channel,
                                     std::unique_ptr<grpc::ClientContext> context,
                                     const std::string& method, StreamListener& listener,
                                     Duration limit) {
  std::shared_ptr<Stream> stream(new Stream(std::move(context), listener));
  stream->self_ = stream;
  grpc::GenericStub stub(channel);
  stub.PrepareBidiStreamingCall(stream->context_.get(), method, {}, stream.get());
  // Reads and writes begin outside of reactions, so gRPC must not finish the call on its own.
  stream->AddHold();
  stream->reading_ = true;
  stream->StartRead(&stream->incoming_);
  // The alarm keeps its callback for as long as it lives itself, which is as long as the stream.
  stream->limit_.Set(std::chrono::system_clock::now() + limit,
                     [weak = std::weak_ptr<Stream>(stream)](bool due) {
                       if (const auto alive = weak.lock(); due && alive) alive->OnLimit();
                     });
  stream->StartCall();
  return stream;
}

void Stream::TakenUp() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(taken_up_, true)) return;
  }
  limit_.Cancel();
}

void Stream::OnLimit() {
  std::unique_lock lock(mutex_);
  if (taken_up_) return;
  too_late_ = true;
  CancelLocked(std::move(lock));
}

bool Stream::Write(grpc::ByteBuffer message, bool last) {
  std::lock_guard lock(mutex_);
  if (over_ || closed_for_writing_) return false;
  closed_for_writing_ = last;
  outgoing_.Swap(&message);
  if (last) {
    StartWriteLast(&outgoing_, {});
  } else {
    StartWrite(&outgoing_);
  }
  return true;
}

void Stream::HalfClose() {
  std::lock_guard lock(mutex_);
  if (over_ || closed_for_writing_) return;
  closed_for_writing_ = true;
  StartWritesDone();
}

void Stream::Read() {
  std::lock_guard lock(mutex_);
  if (over_ || reading_) return;
  reading_ = true;
  StartRead(&incoming_);
}

void Stream::Cancel() { CancelLocked(std::unique_lock(mutex_)); }

void Stream::CancelLocked(std::unique_lock<std::mutex> lock) {
  if (over_) return;
  cancelled_ = true;
  context_->TryCancel();
  // A read under way ends now and lets go; without one nobody else would.
  if (!reading_) LetGo(std::move(lock));
}

void Stream::LetGo(std::unique_lock<std::mutex> lock) {
  over_ = true;
  lock.unlock();
  RemoveHold();
}

void Stream::OnReadInitialMetadataDone(bool ok) {
  if (!ok) return;
  TakenUp();
  listener_.OnOpen();
}

void Stream::OnReadDone(bool ok) {
  std::unique_lock lock(mutex_);
  reading_ = false;
  // After Cancel nobody may ask for more, so that what came just before it is the last.
  if (!ok || cancelled_) return LetGo(std::move(lock));
  grpc::ByteBuffer message;
  message.Swap(&incoming_);
  lock.unlock();
  listener_.OnMessage(std::move(message));
}

void Stream::OnWriteDone(bool ok) {
  // A failed write means that the stream is broken: the read tells, with the reason.
  if (ok) listener_.OnWritten();
}

void Stream::OnDone(const grpc::Status& status) {
  const std::shared_ptr<Stream> self = std::move(self_);
  context_.reset();  // it holds the channel, too; see Open
  TakenUp();
  if (too_late_) {
    listener_.OnEnd(Fail(ErrorCode::kUnavailable, "the server did not take the call up in time", "",
                         std::string(kConnectTimeout)));
  } else {
    listener_.OnEnd(status.ok() ? Status{} : Fail(ToError(status)));
  }
}

grpc::ByteBuffer ToByteBuffer(std::string bytes) {
  return ToByteBuffer(std::make_shared<const std::string>(std::move(bytes)));
}

grpc::ByteBuffer ToByteBuffer(std::shared_ptr<const std::string> bytes) {
  using Owner = std::shared_ptr<const std::string>;
  auto* owner = new Owner(std::move(bytes));
  const grpc::Slice slice(
      const_cast<char*>((*owner)->data()), (*owner)->size(),
      [](void* p) { delete static_cast<Owner*>(p); }, owner);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::Slice ToSlice(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (buffer.TrySingleSlice(&slice).ok()) return slice;
  (void)buffer.DumpToSingleSlice(&slice);  // fails only without a buffer: the slice stays empty
  return slice;
}

}  // namespace postroad::client
