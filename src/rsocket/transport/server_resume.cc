// How the server's sessions begin, wait for their client when its connection is lost, and are
// resumed, on whichever core that comes back. See server.h.
#include <boost/asio/post.hpp>
#include <utility>

#include "rsocket/transport/move_socket.h"
#include "rsocket/transport/server_impl.h"

namespace postroad::rsocket {

namespace asio = boost::asio;

bool ServerImpl::FirstFrame(Connection& connection, size_t core, std::string_view frame) {
  const auto decoded = DecodeFrame(frame);
  const auto* resume = decoded ? std::get_if<ResumeFrame>(&*decoded) : nullptr;
  if (resume == nullptr) {
    Begin(connection, core, frame);
    return true;
  }
  const std::string token(resume->token);
  const size_t home = resumable_.CoreOf(token).value_or(core);
  const std::string claim = connection.session()->Claim();
  if (home == core) {
    Resume(connection, core, *resume, claim);
    return true;
  }
  Began();
  connection.SetMoved([this, home, claim, frame = std::string(frame),
                       websocket = connection.websocket(), deflate = connection.deflates()](
                          Socket socket, std::string unsent, std::string rest) {
    // Asio's sockets belong to one io_context; what is under them does not.
    auto package =
        std::make_shared<Socket>(MoveSocket(std::move(socket), cores_.core(home).io, rest));
    asio::post(cores_.core(home).io,
               [this, home, claim, package, websocket, deflate, frame, unsent, rest] {
                 if (!closed_) {
                   const auto moved = Make(std::move(*package), MakeWire(websocket, deflate), home);
                   const auto decoded = DecodeFrame(frame);
                   Resume(*moved, home, std::get<ResumeFrame>(*decoded), claim);
                   moved->Start(unsent, rest);
                 }
                 Ended();
               });
  });
  return false;
}

// SETUP, or what is refused as such.
void ServerImpl::Begin(Connection& connection, size_t core, std::string_view frame) {
  const std::shared_ptr<Session> session = connection.session();
  session->Receive(frame);
  if (!session->established() || session->ended() || !session->setup().resume_token) return;
  if (resumable_.Add(*session->setup().resume_token, session, core)) return;
  session->Close(ErrorFrameCode::kRejectedSetup,
                 "the resume token is in use: another session has it");
}

void ServerImpl::Resume(Connection& connection, size_t core, const ResumeFrame& resume,
                        const std::string& claim) {
  const std::string token(resume.token);
  const auto session = resumable_.Find(token);
  if (!session) {
    return RefuseResume(connection,
                        "there is no session with this token: it has ended, or was another "
                        "server's; connect anew");
  }
  // Whoever is refused here must not disturb it.
  if (const auto may = session->MayResume(claim); !may) {
    return RefuseResume(connection, may.error().message);
  }
  StopWaiting(token, core);
  // The connection that it had may not know yet that it is dead.
  if (auto* const had = static_cast<Connection*>(session->transport())) had->Drop();
  if (session->Resume(resume, connection)) return connection.SetSession(session);
  resumable_.Remove(token);
  RefuseResume(connection, session->end_reason().message);
}

// The connection gets a session of its own, to be told why not.
void ServerImpl::RefuseResume(Connection& connection, const std::string& why) {
  resumes_refused_.Add();
  auto refused =
      Session::Accept(options_.session, clock_, connection, std::make_unique<SessionHandler>());
  connection.SetSession(refused);
  refused->Close(ErrorFrameCode::kRejectedResume, why);
}

void ServerImpl::Suspended(std::shared_ptr<Session> session, size_t core) {
  if (closed_) return;
  const std::string token = *session->setup().resume_token;
  CoreConnections& here = connections_[core];
  StopWaiting(token, core);
  auto& waiting = here.waiting[token];
  waiting.session = std::move(session);
  waiting.at = here.oldest_first.insert(here.oldest_first.end(), token);
  TickWaiting(token, core);
  if (here.waiting.size() > std::max<size_t>(1, options_.max_suspended / cores_.size())) {
    const std::string oldest = here.oldest_first.front();
    here.waiting.at(oldest).session->Close(ErrorFrameCode::kConnectionClose,
                                           "too many sessions wait to be resumed");
    resumable_.Remove(oldest);
    StopWaiting(oldest, core);
  }
}

void ServerImpl::StopWaiting(const std::string& token, size_t core) {
  CoreConnections& here = connections_[core];
  const auto found = here.waiting.find(token);
  if (found == here.waiting.end()) return;
  here.oldest_first.erase(found->second.at);
  here.waiting.erase(found);
}

void ServerImpl::TickWaiting(const std::string& token, size_t core) {
  auto& waiting = connections_[core].waiting;
  const auto found = waiting.find(token);
  if (found == waiting.end()) return;
  found->second.session->Tick();
  const auto due = found->second.session->NextTick();
  if (!due) {
    resumable_.Remove(token);
    StopWaiting(std::string(token), core);
    return;
  }
  found->second.timer =
      cores_.at(core).PostAfter(std::max(*due - clock_.Monotonic(), Duration{}),
                                [this, token, core] { TickWaiting(token, core); });
}

}  // namespace postroad::rsocket
