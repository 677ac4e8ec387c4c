// A client that sends any bytes, for what well-behaved ones would not send.
#ifndef POSTROAD_TESTS_HTTP_HTTP_CLIENT_H_
#define POSTROAD_TESTS_HTTP_HTTP_CLIENT_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <string>

namespace postroad::testing {

struct HttpReply {
  int status = 0;                              // 0: the server closed before it came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  boost::json::value Json() const {
    boost::json::error_code error;
    auto value = boost::json::parse(body, error);
    EXPECT_FALSE(error) << body;
    return value;
  }
  // Of a problem.
  std::string Reason() const {
    const auto value = Json();
    return value.is_object() && value.as_object().contains("reason")
               ? std::string(value.at("reason").as_string())
               : "";
  }
};

// Reads give up after a minute, which only a failing test waits for.
class HttpClient {
 public:
  // `receive_bytes`: of the socket's buffer; 0: the system's.
  explicit HttpClient(uint16_t port, int receive_bytes = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience = {.tv_sec = 60};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~HttpClient() { Close(); }
  HttpClient(const HttpClient&) = delete;

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  // False if the server has closed.
  bool Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void FinishSending() { shutdown(fd_, SHUT_WR); }

  // More of what comes; false at the end.
  bool Fill() {
    char buffer[16384];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    EXPECT_FALSE(got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        << "the server neither answers nor closes; so far: " << pending_;
    if (got > 0) pending_.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }
  // Up to and with `mark`; all there is if it does not come.
  std::string ReadUntil(std::string_view mark) {
    size_t at = 0;
    while ((at = pending_.find(mark)) == std::string::npos) {
      if (!Fill()) return std::exchange(pending_, {});
    }
    std::string text = pending_.substr(0, at + mark.size());
    pending_.erase(0, text.size());
    return text;
  }
  // So many bytes, or fewer at the end.
  std::string ReadBytes(size_t size) {
    while (pending_.size() < size && Fill()) {
    }
    std::string bytes = pending_.substr(0, size);
    pending_.erase(0, bytes.size());
    return bytes;
  }
  std::string ReadToEnd() {
    while (Fill()) {
    }
    return std::exchange(pending_, {});
  }
  // Whether the server has closed, and sent nothing more before.
  bool Closed() { return ReadToEnd().empty(); }

  // One answer; its body by length or chunks, unless it is to HEAD.
  HttpReply Read(bool head = false) {
    HttpReply reply = ReadHead();
    if (reply.status == 0 || head || reply.status == 204 || reply.status == 100) return reply;
    if (reply.headers["transfer-encoding"] == "chunked") {
      for (std::string chunk; !(chunk = ReadChunk()).empty();) reply.body += chunk;
      return reply;
    }
    if (!reply.headers.contains("content-length")) {
      reply.body = ReadToEnd();
      return reply;
    }
    const size_t length = std::stoul(reply.headers["content-length"]);
    while (pending_.size() < length && Fill()) {
    }
    reply.body = pending_.substr(0, length);
    pending_.erase(0, length);
    return reply;
  }
  HttpReply ReadHead() {
    HttpReply reply;
    std::string head = ReadUntil("\r\n\r\n");
    if (!head.starts_with("HTTP/1.")) return reply;
    reply.status = std::stoi(head.substr(9, 3));
    for (size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
      const size_t end = head.find("\r\n", at), colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
      reply.headers[name] = head.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    return reply;
  }
  // The data of the next chunk; empty at the last, and where the stream is cut off.
  std::string ReadChunk() {
    const std::string size = ReadUntil("\r\n");
    cut_off_ = !size.ends_with("\r\n");
    if (cut_off_) return {};
    const size_t length = std::stoul(size, nullptr, 16);
    while (pending_.size() < length + 2 && Fill()) {
    }
    std::string data = pending_.substr(0, length);
    pending_.erase(0, length + 2);
    return data;
  }
  bool cut_off() const { return cut_off_; }

  // One server-sent event (or comment block), without its blank line; empty at the stream's end.
  std::string ReadEvent() {
    size_t at = 0;
    while ((at = events_.find("\n\n")) == std::string::npos) {
      const std::string chunk = ReadChunk();
      if (chunk.empty()) return {};
      events_ += chunk;
    }
    std::string event = events_.substr(0, at);
    events_.erase(0, at + 2);
    return event;
  }

  HttpReply Ask(const std::string& method, const std::string& target, const std::string& body = "",
                const std::string& headers = "") {
    std::string request = method + " " + target + " HTTP/1.1\r\nHost: test\r\n" + headers;
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    Send(request + "\r\n" + body);
    return Read(method == "HEAD");
  }

 private:
  int fd_;
  std::string pending_;
  std::string events_;
  bool cut_off_ = false;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_HTTP_HTTP_CLIENT_H_
