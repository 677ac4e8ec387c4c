// See testing_script.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

using Fields = std::map<std::string, std::string>;

constexpr FrameType kTypes[] = {
    FrameType::kSetup,           FrameType::kLease,      FrameType::kKeepalive,
    FrameType::kRequestResponse, FrameType::kRequestFnf, FrameType::kRequestStream,
    FrameType::kRequestChannel,  FrameType::kRequestN,   FrameType::kCancel,
    FrameType::kPayload,         FrameType::kError,      FrameType::kMetadataPush,
    FrameType::kResume,          FrameType::kResumeOk,   FrameType::kExt};
constexpr ErrorFrameCode kCodes[] = {
    ErrorFrameCode::kInvalidSetup,     ErrorFrameCode::kUnsupportedSetup,
    ErrorFrameCode::kRejectedSetup,    ErrorFrameCode::kRejectedResume,
    ErrorFrameCode::kConnectionError,  ErrorFrameCode::kConnectionClose,
    ErrorFrameCode::kApplicationError, ErrorFrameCode::kRejected,
    ErrorFrameCode::kCanceled,         ErrorFrameCode::kInvalid};

FrameType TypeNamed(const std::string& name) {
  for (const FrameType type : kTypes) {
    if (FrameTypeName(type) == name) return type;
  }
  ADD_FAILURE() << "no frame type " << name;
  return FrameType::kReserved;
}
ErrorFrameCode CodeNamed(const std::string& name) {
  for (const ErrorFrameCode code : kCodes) {
    if (ErrorFrameCodeName(code) == name) return code;
  }
  return static_cast<ErrorFrameCode>(std::stoul(name));
}

// A line's words: type, stream, flags (value "") and fields.
struct Words {
  std::string type;
  uint32_t stream = 0;
  Fields fields;

  bool Has(const std::string& name) const { return fields.contains(name); }
  uint64_t Number(const std::string& name, uint64_t otherwise = 0) const {
    return Has(name) ? std::stoull(fields.at(name)) : otherwise;
  }
  std::string_view Text(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : found->second;
  }
  std::optional<std::string_view> Optional(const std::string& name) const {
    if (!Has(name)) return std::nullopt;
    return Text(name);
  }
  PayloadView payload() const { return {Optional("m"), Text("d")}; }
};

Words Split(std::string line) {
  Words words;
  if (const size_t at = line.find(" d="); at != line.npos) {
    words.fields["d"] = line.substr(at + 3);
    line.resize(at);
  }
  std::istringstream in(line);
  in >> words.type;
  for (std::string word; in >> word;) {
    const size_t equals = word.find('=');
    if (equals != word.npos) {
      words.fields[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (word.find_first_not_of("0123456789") == word.npos) {
      words.stream = static_cast<uint32_t>(std::stoul(word));
    } else {
      words.fields[word] = "";
    }
  }
  return words;
}

Frame ToFrame(const Words& w) {
  switch (TypeNamed(w.type)) {
    case FrameType::kSetup:
      return SetupFrame{.version = {static_cast<uint16_t>(w.Number("version", 1)), 0},
                        .keepalive_ms = static_cast<uint32_t>(w.Number("keepalive", 1000)),
                        .lifetime_ms = static_cast<uint32_t>(w.Number("lifetime", 3000)),
                        .resume_token = w.Optional("token"),
                        .lease = w.Has("lease"),
                        .metadata_mime = w.Has("mm") ? w.Text("mm") : "mm",
                        .data_mime = w.Has("dm") ? w.Text("dm") : "dm",
                        .payload = w.payload()};
    case FrameType::kLease:
      return LeaseFrame{static_cast<uint32_t>(w.Number("ttl")),
                        static_cast<uint32_t>(w.Number("n")), w.Optional("m")};
    case FrameType::kKeepalive:
      return KeepaliveFrame{w.Has("respond"), w.Number("pos"), w.Text("d")};
    case FrameType::kRequestN:
      return RequestNFrame{w.stream, static_cast<uint32_t>(w.Number("n"))};
    case FrameType::kCancel:
      return CancelFrame{w.stream};
    case FrameType::kPayload:
      return PayloadFrame{w.stream, w.Has("follows"), w.Has("complete"), w.Has("next"),
                          w.payload()};
    case FrameType::kError:
      return ErrorFrame{w.stream, CodeNamed(w.fields.at("code")), w.Text("d")};
    case FrameType::kMetadataPush:
      return MetadataPushFrame{w.Text("d")};
    case FrameType::kResume:
      return ResumeFrame{{}, w.Text("token"), w.Number("last"), w.Number("first")};
    case FrameType::kResumeOk:
      return ResumeOkFrame{w.Number("last")};
    case FrameType::kExt:
      return UnknownFrame{w.stream, FrameType::kExt, static_cast<uint32_t>(w.Number("n")),
                          w.Has("ignore")};
    default:
      return RequestFrame{w.stream,
                          TypeNamed(w.type),
                          w.Has("follows"),
                          w.Has("complete"),
                          static_cast<uint32_t>(w.Number("n")),
                          w.payload()};
  }
}

std::string Payload(const PayloadView& payload) {
  std::string text;
  if (payload.metadata) text += " m=" + std::string(*payload.metadata);
  if (!payload.data.empty()) text += " d=" + std::string(payload.data);
  return text;
}
std::string Flag(bool set, const char* name) { return set ? std::string(" ") + name : ""; }
std::string Number(const char* name, uint64_t value) {
  return std::string(" ") + name + "=" + std::to_string(value);
}
std::string On(uint32_t stream) { return " " + std::to_string(stream); }

struct Describer {
  std::string operator()(const SetupFrame& f) const {
    std::string text = "SETUP" + Number("keepalive", f.keepalive_ms) +
                       Number("lifetime", f.lifetime_ms) + Flag(f.lease, "lease");
    if (f.resume_token) text += " token=" + std::string(*f.resume_token);
    return text + Payload(f.payload);
  }
  std::string operator()(const LeaseFrame& f) const {
    return "LEASE" + Number("ttl", f.ttl_ms) + Number("n", f.requests);
  }
  std::string operator()(const KeepaliveFrame& f) const {
    return "KEEPALIVE" + Flag(f.respond, "respond") +
           (f.position ? Number("pos", f.position) : "") + Payload({{}, f.data});
  }
  std::string operator()(const RequestFrame& f) const {
    return FrameTypeName(f.type) + On(f.stream) + Flag(f.follows, "follows") +
           Flag(f.complete, "complete") + (f.initial_n ? Number("n", f.initial_n) : "") +
           Payload(f.payload);
  }
  std::string operator()(const RequestNFrame& f) const {
    return "REQUEST_N" + On(f.stream) + Number("n", f.n);
  }
  std::string operator()(const CancelFrame& f) const { return "CANCEL" + On(f.stream); }
  std::string operator()(const PayloadFrame& f) const {
    return "PAYLOAD" + On(f.stream) + Flag(f.follows, "follows") + Flag(f.next, "next") +
           Flag(f.complete, "complete") + Payload(f.payload);
  }
  std::string operator()(const ErrorFrame& f) const {
    return "ERROR" + (f.stream ? On(f.stream) : "") + " code=" + ErrorFrameCodeName(f.code) +
           Payload({{}, f.message});
  }
  std::string operator()(const MetadataPushFrame& f) const {
    return "METADATA_PUSH" + Payload({{}, f.metadata});
  }
  std::string operator()(const ResumeFrame& f) const {
    return "RESUME token=" + std::string(f.token) + Number("last", f.last_received_server) +
           Number("first", f.first_available_client);
  }
  std::string operator()(const ResumeOkFrame& f) const {
    return "RESUME_OK" + Number("last", f.last_received_client);
  }
  std::string operator()(const UnknownFrame& f) const { return FrameTypeName(f.type); }
};

std::string EventText(const char* what, uint32_t id, const PayloadView& payload, bool complete) {
  return std::string(what) + On(id) + Flag(complete, "complete") + Payload(payload);
}

bool Matches(const std::string& wanted, const std::string& got) {
  const size_t at = wanted.find("=~");
  if (at == wanted.npos) return wanted == got;
  return got.starts_with(wanted.substr(0, at + 1)) && got.contains(wanted.substr(at + 2));
}

std::string Trim(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

}  // namespace

std::string Describe(std::string_view bytes) {
  const auto frame = DecodeFrame(bytes);
  return frame ? std::visit(Describer{}, *frame) : "malformed: " + frame.error().message;
}

std::string FrameFrom(const std::string& line) {
  std::string bytes;
  if (line.starts_with("hex ")) {
    std::istringstream words(line.substr(4));
    for (std::string word; words >> word;) {
      bytes.push_back(static_cast<char>(std::stoi(word, nullptr, 16)));
    }
  } else {
    EncodeFrame(ToFrame(Split(line)), bytes);
  }
  return bytes;
}

class ScriptedSession::Handler final : public StreamHandler {
 public:
  Handler(ScriptedSession& script, uint32_t id) : script_(script), id_(id) {}
  ~Handler() override { script_.streams_.erase(id_); }
  void OnRoom() override { script_.Tell("room" + On(id_)); }
  void OnPayload(const PayloadView& payload, bool complete) override {
    script_.Tell(EventText("payload", id_, payload, complete));
  }
  void OnComplete() override { script_.Tell("complete" + On(id_)); }
  void OnCancel() override { script_.Tell("cancel" + On(id_)); }
  void OnError(ErrorFrameCode code, std::string_view message) override {
    script_.Tell("error" + On(id_) + " code=" + ErrorFrameCodeName(code) + Payload({{}, message}));
  }

 private:
  ScriptedSession& script_;
  const uint32_t id_;
};

class ScriptedSession::App final : public SessionHandler {
 public:
  explicit App(ScriptedSession& script) : script_(script) {}
  std::expected<void, Refusal> OnSetup(Session&, const SetupInfo& setup) override {
    script_.Tell("setup" + Payload(setup.payload()));
    if (script_.options_.refusal.empty()) return {};
    return std::unexpected(Refusal{.message = script_.options_.refusal});
  }
  StreamHandlerPtr OnRequest(Stream& stream, Interaction interaction,
                             const PayloadView& payload) override {
    constexpr const char* kNames[] = {"response", "stream", "channel"};
    script_.Tell(EventText(kNames[static_cast<int>(interaction)], stream.id(), payload, false));
    script_.streams_[stream.id()] = &stream;
    auto handler = std::make_unique<Handler>(script_, stream.id());
    std::istringstream action(script_.options_.on_request);
    if (std::string verb, rest; action >> verb) {
      std::getline(action, rest);
      script_.ActOnStream(verb, stream.id(), Trim(rest));
    }
    return handler;
  }
  void OnFireAndForget(const PayloadView& payload) override {
    script_.Tell("fnf" + Payload(payload));
  }
  void OnMetadataPush(std::string_view metadata) override {
    script_.Tell("push" + Payload({{}, metadata}));
  }
  void OnIgnored(std::string_view what) override { script_.Tell("ignored d=" + std::string(what)); }
  void OnSuspended() override { script_.Tell("suspended"); }
  void OnResumed() override { script_.Tell("resumed"); }
  void OnClosed(const EndReason& reason) override {
    script_.Tell("closed code=" + ErrorFrameCodeName(reason.code) +
                 Flag(reason.by_peer, "by_peer") + Payload({{}, reason.message}));
  }

 private:
  ScriptedSession& script_;
};

ScriptedSession::ScriptedSession(Options options) : options_(std::move(options)) {
  auto app = std::make_unique<App>(*this);
  session_ = options_.client
                 ? Session::Connect(options_.session, options_.setup, clock_, *this, std::move(app))
                 : Session::Accept(options_.session, clock_, *this, std::move(app));
}
ScriptedSession::~ScriptedSession() = default;

void ScriptedSession::Run(const std::string& script) {
  std::istringstream lines(script);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line = Trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    const ::testing::ScopedTrace trace(__FILE__, __LINE__,
                                       "line " + std::to_string(number) + ": " + line);
    Step(line);
  }
  ExpectNothingLeft();
}

void ScriptedSession::Step(const std::string& line) {
  const std::string rest = line.size() > 2 ? line.substr(2) : "";
  if (line[0] == '<') return ExpectFrame(rest);
  if (line[0] == '!') return ExpectEvent(rest);
  ExpectNothingLeft();
  if (line[0] == '>') {
    session_->ReceivedBytes();
    session_->Receive(FrameFrom(rest));
  } else if (line[0] == '.') {
    Act(rest);
  } else if (line[0] == '+') {
    clock_.Advance(*ParseDuration(rest));
    session_->Tick();
  } else {
    ADD_FAILURE() << "what is " << line;
  }
}

void ScriptedSession::Act(const std::string& action) {
  std::istringstream words(action);
  std::string verb, rest;
  words >> verb;
  if (verb == "disconnect") return void(session_->Disconnected("lost"));
  if (verb == "close") return session_->Close(ErrorFrameCode::kConnectionClose, "bye");
  if (verb == "abort") return session_->Close(ErrorFrameCode::kConnectionError, "bad");
  if (verb == "reconnect") return session_->Reconnect(*this);
  if (verb == "bytes") return session_->ReceivedBytes();
  if (verb == "resume") {
    ResumeFrame resume;
    words >> resume.last_received_server >> resume.first_available_client;
    return void(session_->Resume(resume, *this));
  }
  if (verb == "fnf" || verb == "push") {
    words >> rest;
    const Status done = verb == "push" ? session_->MetadataPush(rest)
                                       : session_->FireAndForget(EncodedPayload({{}, rest}));
    if (!done) Tell("refused d=" + done.error().message);
    return;
  }
  uint32_t id = 0;
  if (verb == "response" || verb == "stream" || verb == "channel") {
    words >> id >> rest;
    const Interaction interaction = verb == "response" ? Interaction::kResponse
                                    : verb == "stream" ? Interaction::kStream
                                                       : Interaction::kChannel;
    const uint32_t n = interaction == Interaction::kResponse ? 0 : 2;
    auto made = session_->Request(interaction, EncodedPayload({{}, rest}), n,
                                  std::make_unique<Handler>(*this, id), false);
    if (!made) return Tell("refused d=" + made.error().message);
    EXPECT_EQ((*made)->id(), id);
    streams_[id] = *made;
    return;
  }
  words >> id;
  std::getline(words, rest);
  ActOnStream(verb, id, Trim(rest));
}

void ScriptedSession::ActOnStream(const std::string& verb, uint32_t id, const std::string& rest) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) {
    ADD_FAILURE() << "there is no stream " << id;
    return;
  }
  Stream& stream = *found->second;
  if (verb == "send" || verb == "last") {
    const Status sent = stream.Send(PayloadView{{}, rest}, verb == "last");
    if (!sent) Tell("refused d=" + sent.error().message);
  } else if (verb == "big") {
    const std::string data(std::stoul(rest), 'x');
    EXPECT_TRUE(stream.Send(PayloadView{{}, data}));
  } else if (verb == "room") {
    Tell("has" + Number("n", stream.Room()));
  } else if (verb == "complete") {
    stream.Complete();
  } else if (verb == "cancel") {
    stream.Cancel();
  } else if (verb == "request") {
    stream.Request(static_cast<uint32_t>(std::stoul(rest)));
  } else if (verb == "fail") {
    const size_t blank = rest.find(' ');
    stream.Fail(CodeNamed(rest.substr(0, blank)), rest.substr(blank + 1));
  } else {
    ADD_FAILURE() << "what is " << verb;
  }
}

void ScriptedSession::TakeFrames() {
  std::vector<OutFrame> out;
  session_->TakeOutput(1 << 30, out);
  for (const OutFrame& frame : out) frames_.push_back(frame.ToString());
}

void ScriptedSession::ExpectFrame(const std::string& wanted) {
  if (frames_.empty()) TakeFrames();
  if (frames_.empty()) {
    ADD_FAILURE() << "nothing was sent";
    return;
  }
  const std::string got = Describe(frames_.front());
  frames_.pop_front();
  EXPECT_TRUE(Matches(wanted, got)) << "it was " << got;
}

void ScriptedSession::ExpectEvent(const std::string& wanted) {
  if (events_.empty()) {
    ADD_FAILURE() << "nothing was told";
    return;
  }
  EXPECT_TRUE(Matches(wanted, events_.front())) << "it was " << events_.front();
  events_.pop_front();
}

void ScriptedSession::ExpectNothingLeft() {
  TakeFrames();
  for (const std::string& frame : frames_) ADD_FAILURE() << "also sent: " << Describe(frame);
  for (const std::string& event : events_) ADD_FAILURE() << "also told: " << event;
  frames_.clear();
  events_.clear();
}

TEST(Script, FramesAreWrittenAsTheyAreRead) {
  for (const std::string line :
       {"SETUP keepalive=5 lifetime=6 lease token=t m=x d=a b", "LEASE ttl=1 n=2",
        "KEEPALIVE respond pos=7 d=x", "REQUEST_RESPONSE 1 follows m= d=x",
        "REQUEST_CHANNEL 3 complete n=4", "REQUEST_N 5 n=6", "CANCEL 7",
        "PAYLOAD 1 next complete m=a d=b", "ERROR 1 code=INVALID d=no good",
        "ERROR code=CONNECTION_ERROR d=x", "METADATA_PUSH d=m", "RESUME token=t last=1 first=2",
        "RESUME_OK last=3"}) {
    EXPECT_EQ(Describe(FrameFrom(line)), line);
  }
}

}  // namespace postroad::rsocket::testing
