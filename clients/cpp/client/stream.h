// One streaming call that moves raw bytes: gRPC's callback API with its lifetime rules kept inside.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_STREAM_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_STREAM_H_

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/time.h"

namespace postroad::client {

// Hears of a stream, on gRPC's threads: it must not block. Must live until OnEnd returned.
class StreamListener {
 public:
  virtual ~StreamListener() = default;
  // The server's headers came.
  virtual void OnOpen() = 0;
  // An answer to Stream::Read.
  virtual void OnMessage(grpc::ByteBuffer message) = 0;
  // The last Stream::Write was taken, another may follow.
  virtual void OnWritten() = 0;
  // The last call. Success if the server ended the stream with OK.
  virtual void OnEnd(Status status) = 0;
};

class Stream : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Starts the call, which the server is to take up, by its headers, within `limit`: gRPC itself
  // waits for ever where the connection is lost before the call was begun, or where a server
  // accepts it and says nothing. A first Read is under way. Thread-safe from then on. The caller
  // keeps `channel` until OnEnd came, and lets go of it on a thread of its own: gRPC's threads die
  // with the last channel, and wait for each other then.
  static std::shared_ptr<Stream> Open(const std::shared_ptr<grpc::Channel>& channel,
                                      std::unique_ptr<grpc::ClientContext> context,
                                      const std::string& method, StreamListener& listener,
                                      Duration limit);

  // One at a time: not again before OnWritten. False if the stream is over. `last`: nothing more
  // will be written.
  bool Write(grpc::ByteBuffer message, bool last = false);
  // Nothing more will be written; not while a Write is under way.
  void HalfClose();
  // Asks for the next message: once, after each OnMessage.
  void Read();
  // Ends the call soon, whatever is under way; OnEnd follows, maybe without another OnMessage.
  void Cancel();

 private:
  Stream(std::unique_ptr<grpc::ClientContext> context, StreamListener& listener)
      : context_(std::move(context)), listener_(listener) {}
  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  // Lets gRPC finish the call once nothing is under way any more.
  void LetGo(std::unique_lock<std::mutex> lock);
  void CancelLocked(std::unique_lock<std::mutex> lock);
  // The server gave a sign of life.
  void TakenUp();
  void OnLimit();

  std::unique_ptr<grpc::ClientContext> context_;
  StreamListener& listener_;
  std::shared_ptr<Stream> self_;  // until OnDone
  std::mutex mutex_;
  grpc::Alarm limit_;
  bool taken_up_ = false;
  bool too_late_ = false;  // it was not, within the limit
  bool over_ = false;      // no operation may begin any more
  bool cancelled_ = false;
  bool reading_ = false;
  bool closed_for_writing_ = false;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
};

// A buffer that takes the string over, without copying it.
grpc::ByteBuffer ToByteBuffer(std::string bytes);
// A buffer over a string that it shares.
grpc::ByteBuffer ToByteBuffer(std::shared_ptr<const std::string> bytes);
// The buffer's bytes in one piece.
grpc::Slice ToSlice(const grpc::ByteBuffer& buffer);
inline std::string_view ViewOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_STREAM_H_
