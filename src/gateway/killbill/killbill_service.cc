// The table of QueueApi's methods.
#include "gateway/killbill/killbill_service.h"

#include "gateway/killbill/backend.h"
#include "gateway/killbill/stream.h"
#include "gateway/killbill/unary_calls.h"
#include "killbill/queue.grpc.pb.h"

namespace postroad::killbill {
namespace {

using Api = queue::QueueApi;
// Raw, so that a malformed message is answered by naming its field.
using RawApi = Api::WithRawCallbackMethod_PostEvent<Api::WithRawCallbackMethod_SubscribeEvents<
    Api::WithRawCallbackMethod_Ack<Api::WithRawCallbackMethod_Close<Api::Service>>>>;

// The responses have no fields; a message there must be, though.
grpc::ByteBuffer NoFields() {
  const grpc::Slice slice;
  return {&slice, 1};
}

class Service final : public RawApi {
 public:
  explicit Service(Backend& backend) : backend_(backend) {}

  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using RawApi::Ack;
  using RawApi::Close;
  using RawApi::PostEvent;
  using RawApi::SubscribeEvents;

  grpc::ServerUnaryReactor* PostEvent(Context* context, const Bytes* request,
                                      Bytes* response) override {
    *response = NoFields();
    return StartCall<PostCall>(backend_, backend_.post, *context, *request);
  }
  grpc::ServerWriteReactor<Bytes>* SubscribeEvents(Context* context,
                                                   const Bytes* request) override {
    return StartCall<Stream>(backend_, backend_.subscribe, *context, *request);
  }
  grpc::ServerUnaryReactor* Ack(Context* context, const Bytes* request, Bytes* response) override {
    *response = NoFields();
    return StartCall<AckCall>(backend_, backend_.ack, *context, *request);
  }
  grpc::ServerUnaryReactor* Close(Context* context, const Bytes* request,
                                  Bytes* response) override {
    *response = NoFields();
    return StartCall<CloseCall>(backend_, backend_.close, *context, *request);
  }

 private:
  Backend& backend_;
};

}  // namespace

struct KillBillService::Impl {
  explicit Impl(KillBillOptions options) : backend(std::move(options)), service(backend) {}
  Backend backend;
  Service service;
};

KillBillService::KillBillService(KillBillOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
KillBillService::~KillBillService() { WaitForCalls(); }

grpc::Service* KillBillService::service() { return &impl_->service; }
void KillBillService::WaitForCalls() { impl_->backend.WaitForCalls(); }

}  // namespace postroad::killbill
