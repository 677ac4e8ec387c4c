// A client that sends any bytes, for what well-behaved ones would not send.
#ifndef POSTROAD_TESTS_SUPPORT_HTTP_CLIENT_H_
#define POSTROAD_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <string>
#include <utility>

#include "tests/support/loopback.h"

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

class HttpClient {
 public:
  // As of Loopback.
  explicit HttpClient(uint16_t port, int receive_bytes = 0) : socket_(port, receive_bytes) {}

  void Close() { socket_.Close(); }
  // False if the server has closed.
  bool Send(std::string_view text) { return socket_.Send(text); }
  void FinishSending() { socket_.FinishSending(); }

  // More of what comes; false at the end.
  bool Fill() { return socket_.Receive(pending_); }
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
  Loopback socket_;
  std::string pending_;
  std::string events_;
  bool cut_off_ = false;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_HTTP_CLIENT_H_
