// An RSocket session against a peer that sends anything, an application that does anything, and
// connections that come and go. What must hold whatever happens: frames that go out are
// well-formed, no payload goes that was not asked for, memory stays within its caps, every handler
// is destroyed, the end is told once and is the last that is told.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rsocket/session/session.h"
#include "runtime/manual_clock.h"

namespace {

using namespace postroad;           // NOLINT: a fuzzer of this namespace
using namespace postroad::rsocket;  // NOLINT

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

constexpr size_t kMaxQueued = 4096;
constexpr size_t kMaxPayload = 512;

// The fuzzer's bytes, as choices.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool AtEnd() const { return size_ == 0; }
  uint8_t Byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  std::string_view Text() {
    const size_t size = std::min<size_t>(Byte(), size_);
    const std::string_view text(reinterpret_cast<const char*>(data_), size);
    data_ += size;
    size_ -= size;
    return text;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

struct World {
  explicit World(Choices c) : choices(c) {}
  Choices choices;
  ManualClock clock;
  std::map<uint32_t, Stream*> streams;  // with a handler that lives
  std::map<uint32_t, uint64_t> asked;   // payloads that the peer has asked for, by stream
  std::set<uint32_t> requesting;        // streams whose request goes out in fragments
  int handlers = 0;
  int closed = 0;
  int depth = 0;
  std::shared_ptr<Session> session;
};

void Act(World& world);

class Handler final : public StreamHandler {
 public:
  Handler(World& world, uint32_t id) : world_(world), id_(id) { ++world_.handlers; }
  ~Handler() override {
    --world_.handlers;
    world_.streams.erase(id_);
  }
  void SetId(uint32_t id) { id_ = id; }
  void OnRoom() override { Told(); }
  void OnPayload(const PayloadView&, bool) override { Told(); }
  void OnComplete() override { Told(); }
  void OnCancel() override { Told(); }
  void OnError(ErrorFrameCode, std::string_view) override { Told(); }

 private:
  void Told() {
    Require(world_.closed == 0, "nothing is told after the end");
    Act(world_);
  }
  World& world_;
  uint32_t id_;
};

class App final : public SessionHandler, public SessionTransport {
 public:
  explicit App(World& world) : world_(world) {}
  std::expected<void, Refusal> OnSetup(Session&, const SetupInfo&) override {
    if (world_.choices.Byte() == 1) return std::unexpected(Refusal{.message = "no"});
    return {};
  }
  StreamHandlerPtr OnRequest(Stream& stream, Interaction, const PayloadView&) override {
    world_.streams[stream.id()] = &stream;
    auto handler = std::make_unique<Handler>(world_, stream.id());
    Act(world_);
    return handler;
  }
  void OnFireAndForget(const PayloadView&) override { Act(world_); }
  void OnMetadataPush(std::string_view) override { Act(world_); }
  void OnSuspended() override { Act(world_); }
  void OnResumed() override { Act(world_); }
  void OnClosed(const EndReason&) override { ++world_.closed; }
  void OutputReady() override {}

 private:
  World& world_;
};

// One thing that an application can do.
void Act(World& world) {
  if (world.depth > 3 || world.choices.AtEnd()) return;
  ++world.depth;
  const uint8_t choice = world.choices.Byte();
  const auto stream = world.streams.lower_bound(choice & 7);
  const bool any = stream != world.streams.end();
  switch (choice >> 4) {
    case 0:
      if (any) (void)stream->second->Send(PayloadView{{}, world.choices.Text()}, choice & 8);
      break;
    case 1:
      if (any) stream->second->Complete();
      break;
    case 2:
      if (any) stream->second->Fail(ErrorFrameCode::kApplicationError, "x");
      break;
    case 3:
      if (any) stream->second->Cancel();
      break;
    case 4:
      if (any) stream->second->Request(world.choices.Byte());
      break;
    case 5: {
      auto handler = std::make_unique<Handler>(world, 0);
      Handler& told = *handler;
      const auto made = world.session->Request(
          static_cast<Interaction>((choice & 15) % 3), EncodedPayload({{}, world.choices.Text()}),
          1 + world.choices.Byte(), std::move(handler), choice & 8);
      if (!made) break;
      told.SetId((*made)->id());
      world.streams[(*made)->id()] = *made;
      break;
    }
    case 6:
      (void)world.session->FireAndForget(EncodedPayload({"m", world.choices.Text()}));
      break;
    case 7:
      if ((choice & 15) == 0) world.session->Close(ErrorFrameCode::kConnectionClose, "bye");
      if ((choice & 15) == 1) world.session->Close(ErrorFrameCode::kConnectionError, "bad");
      break;
    default:
      if (any) (void)stream->second->Room();
  }
  --world.depth;
}

// What the peer asks for, as the session must count it.
void Watch(World& world, std::string_view bytes) {
  const auto frame = DecodeFrame(bytes);
  if (!frame) return;
  if (const auto* request = std::get_if<RequestFrame>(&*frame)) {
    const bool counted =
        request->type == FrameType::kRequestStream || request->type == FrameType::kRequestChannel;
    world.asked[request->stream] += counted ? request->initial_n : 1;
  } else if (const auto* more = std::get_if<RequestNFrame>(&*frame)) {
    world.asked[more->stream] += more->n;
  }
}

std::string Frame(Choices& choices) {
  const uint8_t kind = choices.Byte();
  const uint32_t id = choices.Byte() % 8;
  const uint8_t flags = choices.Byte();
  const bool follows = flags & 1, complete = flags & 2, next = flags & 4;
  PayloadView payload{{}, choices.Text()};
  if (flags & 8) payload.metadata = choices.Text();
  std::string bytes;
  const auto request = [&](FrameType type) {
    const uint32_t n = flags >> 4;
    EncodeFrame(RequestFrame{id, type, follows, complete, n, payload}, bytes);
  };
  switch (kind % 14) {
    case 0:
      EncodeFrame(SetupFrame{.keepalive_ms = 10u + flags,
                             .lifetime_ms = 30u + flags,
                             .lease = follows,
                             .payload = payload},
                  bytes);
      break;
    case 1:
      EncodeFrame(
          SetupFrame{
              .keepalive_ms = 10, .lifetime_ms = 30, .resume_token = "t", .payload = payload},
          bytes);
      break;
    case 2:
      request(FrameType::kRequestResponse);
      break;
    case 3:
      request(FrameType::kRequestFnf);
      break;
    case 4:
      request(FrameType::kRequestStream);
      break;
    case 5:
      request(FrameType::kRequestChannel);
      break;
    case 6:
      EncodeFrame(RequestNFrame{id, flags}, bytes);
      break;
    case 7:
      EncodeFrame(CancelFrame{id}, bytes);
      break;
    case 8:
    case 9:
      EncodeFrame(PayloadFrame{id, follows, complete, next, payload}, bytes);
      break;
    case 10:
      EncodeFrame(ErrorFrame{id, ErrorFrameCode::kApplicationError, payload.data}, bytes);
      break;
    case 11:
      EncodeFrame(KeepaliveFrame{follows, flags, payload.data}, bytes);
      break;
    case 12:
      EncodeFrame(LeaseFrame{flags * 10u, id, {}}, bytes);
      break;
    default:
      bytes = payload.data;
  }
  return bytes;
}

void TakeOutput(World& world, size_t max) {
  std::vector<OutFrame> out;
  world.session->TakeOutput(max, out);
  for (const OutFrame& frame : out) {
    const std::string bytes = frame.ToString();
    const auto decoded = DecodeFrame(bytes);
    Require(decoded.has_value(), "what goes out is well-formed");
    if (const auto* request = std::get_if<RequestFrame>(&*decoded); request && request->follows) {
      world.requesting.insert(request->stream);
    }
    const auto* payload = std::get_if<PayloadFrame>(&*decoded);
    if (payload == nullptr || payload->follows || !payload->next) continue;
    // The last fragment of a request is no payload of its own.
    if (world.requesting.erase(payload->stream) > 0) continue;
    uint64_t& asked = world.asked[payload->stream];
    Require(asked > 0, "no payload goes that was not asked for");
    --asked;
  }
}

void Step(World& world, App& app, bool client) {
  const uint8_t choice = world.choices.Byte();
  switch (choice % 8) {
    case 0:
    case 1:
    case 2: {
      const std::string bytes = Frame(world.choices);
      Watch(world, bytes);
      world.session->Receive(bytes);
      break;
    }
    case 3:
      world.clock.Advance(std::chrono::milliseconds(world.choices.Byte()));
      world.session->Tick();
      break;
    case 4:
      TakeOutput(world, choice);
      break;
    case 5:
      if (choice < 32) world.session->Disconnected("lost");
      break;
    case 6:
      if (!world.session->suspended()) break;
      // What is sent again has been counted before.
      for (auto& [id, asked] : world.asked) asked += 1000;
      if (client) {
        world.session->Reconnect(app);
      } else {
        world.session->Resume({.last_received_server = world.choices.Byte(),
                               .first_available_client = world.choices.Byte()},
                              app);
      }
      break;
    default:
      Act(world);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world(Choices(data, size));
  const uint8_t first = world.choices.Byte();
  const bool client = first & 1;
  SessionOptions options;
  options.max_frame_bytes = 300;
  options.max_payload_bytes = kMaxPayload;
  options.max_reassembly_bytes = 2 * kMaxPayload;
  options.fragment_bytes = first & 2 ? kMinFragmentBytes : kMaxFrameBytes;
  options.max_streams = 3;
  options.pause_queued_bytes = 512;
  options.max_queued_bytes = kMaxQueued;
  options.resume_window = std::chrono::milliseconds(100);
  options.resume_bytes = first & 4 ? 256 : 1 << 20;
  options.lease_requests = 4;
  options.lease_ttl = std::chrono::milliseconds(50);
  // The handler and the transport are one object here, which the session owns.
  auto owned = std::make_unique<App>(world);
  App& app = *owned;
  SetupInfo setup;
  if (first & 8) setup.resume_token = "t";
  world.session = client ? Session::Connect(options, setup, world.clock, app, std::move(owned))
                         : Session::Accept(options, world.clock, app, std::move(owned));
  while (!world.choices.AtEnd()) {
    Step(world, app, client);
    Require(world.closed == (world.session->ended() ? 1 : 0), "the end is told once");
    if (world.session->ended()) Require(world.handlers == 0, "no handler outlives the end");
  }
  TakeOutput(world, 1 << 20);
  world.session.reset();
  Require(world.handlers == 0, "no handler outlives its session");
  return 0;
}
