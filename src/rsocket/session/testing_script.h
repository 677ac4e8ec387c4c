// Session tests as scripts, line by line:
//
//   > REQUEST_STREAM 1 n=3 d=go      this frame comes from the peer
//   < PAYLOAD 1 next d=a             this frame goes to the peer; all that go must be named, in
//   order . send 1 a                       the application does this on stream 1 ! room 1 the
//   application is told this; all that it is told, in order
//   + 500ms                          this time goes by
//
// Frames are written TYPE [stream] [flags] [fields]; d= (data or message) goes to the end of the
// line. A `d=~text` matches what contains the text.
#ifndef POSTROAD_RSOCKET_SESSION_TESTING_SCRIPT_H_
#define POSTROAD_RSOCKET_SESSION_TESTING_SCRIPT_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rsocket/session/session.h"
#include "runtime/manual_clock.h"

namespace postroad::rsocket::testing {

// A frame in the form above, and back.
std::string Describe(std::string_view bytes);
std::string FrameFrom(const std::string& line);

// An application that tells everything, and does what it is told.
class ScriptedSession : public SessionTransport {
 public:
  struct Options {
    SessionOptions session;
    bool client = false;
    SetupInfo setup;         // of a client
    std::string refusal;     // of SETUP; empty: it is accepted
    std::string on_request;  // an action for every request, without its stream: "fail REJECTED no"
  };
  explicit ScriptedSession(Options options);
  ScriptedSession() : ScriptedSession(Options{}) {}
  ~ScriptedSession() override;

  // Runs the script; failures name the line.
  void Run(const std::string& script);
  Session& session() { return *session_; }
  ManualClock& clock() { return clock_; }
  void OutputReady() override { ++ready_; }
  int ready() const { return ready_; }

 private:
  class App;
  class Handler;
  void Step(const std::string& line);
  void Act(const std::string& action);
  void ActOnStream(const std::string& verb, uint32_t id, const std::string& rest);
  void TakeFrames();
  void ExpectFrame(const std::string& wanted);
  void ExpectEvent(const std::string& wanted);
  void ExpectNothingLeft();
  void Tell(std::string event) { events_.push_back(std::move(event)); }

  Options options_;
  ManualClock clock_;
  std::deque<std::string> frames_, events_;
  std::map<uint32_t, Stream*> streams_;
  int ready_ = 0;
  std::shared_ptr<Session> session_;
};

using Options = ScriptedSession::Options;

// Runs the script in a session of its own.
inline void Play(const std::string& script, Options options = {}) {
  ScriptedSession(std::move(options)).Run(script);
}
// The same, after a SETUP that was taken.
inline void PlayOpen(const std::string& script, Options options = {}) {
  Play("> SETUP\n! setup\n" + script, std::move(options));
}

}  // namespace postroad::rsocket::testing

#endif  // POSTROAD_RSOCKET_SESSION_TESTING_SCRIPT_H_
