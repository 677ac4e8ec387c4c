// WebSocket frames and the handshake: RFC 6455's own examples, and peers that break its rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "rsocket/transport/deflate.h"
#include "rsocket/transport/websocket_frame.h"
#include "rsocket/transport/websocket_handshake.h"

namespace postroad::rsocket {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_literals;  // NOLINT: frames have zero bytes

// What a reader tells, as text.
struct Told {
  std::vector<std::string> events;
  size_t taken = 0;
};

Told Read(WebSocketReader& reader, std::string bytes) {
  Told told;
  const auto tell = [&](const std::string& what, std::string_view text) {
    told.events.push_back(what + " " + std::string(text));
    return true;
  };
  const auto coded = [&](const std::string& what, CloseCode code, std::string_view text) {
    tell(what + " " + std::to_string(static_cast<int>(code)), text);
  };
  told.taken = reader.Read(
      bytes.data(), bytes.size(),
      {.message = [&](std::string_view text) { return tell("message", text); },
       .ping = [&](std::string_view text) { return tell("ping", text); },
       .close = [&](CloseCode code, std::string_view text) { coded("close", code, text); },
       .fault = [&](CloseCode code, std::string_view text) { coded("fault", code, text); }});
  return told;
}
Told ReadAsServer(const std::string& bytes) {
  WebSocketReader reader({.expect_masked = true, .max_message_bytes = 100});
  return Read(reader, bytes);
}
Told ReadAsClient(const std::string& bytes) {
  WebSocketReader reader({.expect_masked = false, .max_message_bytes = 100});
  return Read(reader, bytes);
}

std::string Masked(Opcode opcode, const std::string& payload, bool fin = true) {
  std::string out;
  AppendFrameHead(opcode, payload.size(), 0x37fa213d, out);
  std::string masked = payload;
  MaskBytes(0x37fa213d, masked.data(), masked.size());
  if (!fin) out[0] = static_cast<char>(out[0] & 0x7f);
  return out + masked;
}

// RFC 6455, 5.7.
TEST(WebSocketFrame, AreTheRfcsExamples) {
  EXPECT_EQ(Masked(Opcode::kText, "Hello"), "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);
  std::string ping;
  AppendControl(Opcode::kPing, "Hello", std::nullopt, ping);
  EXPECT_EQ(ping, "\x89\x05Hello");
  std::string head;
  AppendFrameHead(Opcode::kBinary, 256, std::nullopt, head);
  EXPECT_EQ(head, "\x82\x7e\x01\x00"s);
  head.clear();
  AppendFrameHead(Opcode::kBinary, 65536, std::nullopt, head);
  EXPECT_EQ(head, "\x82\x7f\0\0\0\0\0\1\0\0"s);
}

TEST(WebSocketFrame, MaskingTwiceIsNothing) {
  for (size_t size = 0; size < 40; ++size) {
    std::string bytes(size, 'a');
    std::string slow = bytes;
    for (size_t i = 0; i < size; ++i) {
      slow[i] = static_cast<char>(slow[i] ^ (0x01020304u >> (24 - 8 * (i % 4))));
    }
    MaskBytes(0x01020304, bytes.data(), size);
    EXPECT_EQ(bytes, slow);
    MaskBytes(0x01020304, bytes.data(), size);
    EXPECT_EQ(bytes, std::string(size, 'a'));
  }
}

TEST(WebSocketFrame, ACloseReasonIsCutAtACharacter) {
  std::string close;
  AppendClose(CloseCode::kGoingAway, std::string(122, 'x') + "é", std::nullopt, close);
  EXPECT_EQ(close.size(), 2u + 2 + 122);
}

TEST(WebSocketReader, TakesWholeFramesAndLeavesTheRest) {
  const std::string frame = Masked(Opcode::kBinary, "one");
  const std::string bytes = frame + frame + frame.substr(0, 5);
  const Told told = ReadAsServer(bytes);
  EXPECT_THAT(told.events, ElementsAre("message one", "message one"));
  EXPECT_EQ(told.taken, 2 * frame.size());
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(ReadAsServer(frame.substr(0, size)).taken, 0u);
  }
}

TEST(WebSocketReader, PutsFragmentsTogetherWithPingsBetween) {
  EXPECT_THAT(ReadAsServer(Masked(Opcode::kBinary, "a", false) + Masked(Opcode::kPing, "p") +
                           Masked(Opcode::kContinuation, "b", false) + Masked(Opcode::kPong, "") +
                           Masked(Opcode::kContinuation, "c"))
                  .events,
              ElementsAre("ping p", "message abc"));
}

TEST(WebSocketReader, Closes) {
  EXPECT_THAT(ReadAsServer(Masked(Opcode::kClose, "")).events, ElementsAre("close 1005 "));
  EXPECT_THAT(
      ReadAsServer(Masked(Opcode::kClose, "\x03\xe9gone"s) + Masked(Opcode::kBinary, "x")).events,
      ElementsAre("close 1001 gone"));
  EXPECT_THAT(ReadAsServer(Masked(Opcode::kClose, "\x03")).events,
              ElementsAre(HasSubstr("fault 1002 a malformed WebSocket Close")));
}

TEST(WebSocketReader, RefusesWhatIsAgainstTheRules) {
  const struct {
    std::string bytes;
    const char* fault;
  } cases[] = {
      {"\x82\x01x", "fault 1002 a client's WebSocket frame is not masked"},
      {"\xc2\x81", "fault 1002 a WebSocket frame has reserved bits set"},
      {"\x83\x80", "fault 1002 a WebSocket frame of an unknown kind"},
      {Masked(Opcode::kContinuation, "x"), "fault 1002 a WebSocket continuation continues nothing"},
      {Masked(Opcode::kBinary, "x", false) + Masked(Opcode::kBinary, "y"),
       "fault 1002 a WebSocket message begins within another"},
      {Masked(Opcode::kPing, "x", false), "fault 1002 a WebSocket control frame is fragmented"},
      {Masked(Opcode::kPing, std::string(126, 'x')),
       "fault 1002 a WebSocket control frame is too long"},
      {Masked(Opcode::kText, "hello"),
       "fault 1003 a WebSocket text message came; RSocket goes in binary messages"},
      {Masked(Opcode::kBinary, std::string(101, 'x')),
       "fault 1009 a message of more than 100 bytes"},
      {Masked(Opcode::kBinary, std::string(60, 'x'), false) +
           Masked(Opcode::kContinuation, std::string(60, 'x')),
       "fault 1009 a message of more than 100 bytes"},
      {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"s, "fault 1009 a message of more than 100 bytes"},
  };
  for (const auto& one : cases) EXPECT_THAT(ReadAsServer(one.bytes).events, ElementsAre(one.fault));
  EXPECT_THAT(ReadAsClient(Masked(Opcode::kBinary, "x")).events,
              ElementsAre("fault 1002 a server's WebSocket frame is masked"));
}

TEST(WebSocketReader, ReadsNothingAfterItsEnd) {
  WebSocketReader reader({.expect_masked = true, .max_message_bytes = 100});
  Read(reader, Masked(Opcode::kText, "x"));
  EXPECT_THAT(Read(reader, Masked(Opcode::kBinary, "x")).events, IsEmpty());
}

// --- permessage-deflate ---

// RFC 7692, 7.2.3.1 and 7.2.3.2: "Hello", and in two fragments.
TEST(Deflate, ReadsTheRfcsExamples) {
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  const auto frame = [](uint8_t first, std::string_view payload) {
    std::string bytes{static_cast<char>(first), static_cast<char>(payload.size())};
    return bytes.append(payload);
  };
  const auto read = [&](const std::string& bytes) {
    WebSocketReader reader({.expect_masked = false, .max_message_bytes = 100, .deflate = true});
    return Read(reader, bytes).events;
  };
  EXPECT_THAT(read(frame(0xc2, hello)), ElementsAre("message Hello"));
  EXPECT_THAT(read(frame(0x42, hello.substr(0, 3)) + frame(0x80, hello.substr(3))),
              ElementsAre("message Hello"));
  EXPECT_THAT(read(frame(0x82, "plain")), ElementsAre("message plain"));
  // RSV1 is of a message's first frame only, and of no control frame.
  EXPECT_THAT(read(frame(0x42, hello.substr(0, 3)) + frame(0xc0, hello.substr(3))),
              ElementsAre(HasSubstr("reserved bits")));
  EXPECT_THAT(read(frame(0xc9, "p")), ElementsAre(HasSubstr("reserved bits")));
  EXPECT_THAT(read(frame(0xc2, "\xff\xff\xff")), ElementsAre(HasSubstr("fault 1002 a malformed")));
}

TEST(Deflate, IsUndoneByInflateAndBounded) {
  std::string small;
  EXPECT_FALSE(Deflate("ab", "cd", small));  // would only grow
  EXPECT_EQ(small, "");
  std::string all = "before";
  ASSERT_TRUE(Deflate("head", std::string(10'000, 'x'), all));
  EXPECT_LT(all.size(), 200u);
  const std::string compressed = all.substr(6);
  std::string back;
  EXPECT_EQ(Inflate(compressed, 10'004, back), Inflated::kWhole);
  EXPECT_EQ(back, "head" + std::string(10'000, 'x'));
  back.clear();
  EXPECT_EQ(Inflate(compressed, 10'003, back), Inflated::kTooMuch);
}

TEST(Deflate, ABombIsTooBig) {
  std::string bomb;
  ASSERT_TRUE(Deflate("", std::string(50 << 20, '0'), bomb));
  std::string out;
  EXPECT_EQ(Inflate(bomb, 1 << 20, out), Inflated::kTooMuch);
  EXPECT_LT(out.size(), (1u << 20) + (64 << 10));
}

TEST(Deflate, IsAgreedOn) {
  for (const char* offer :
       {"permessage-deflate", "permessage-deflate; client_max_window_bits",
        "x-other, permessage-deflate ; server_no_context_takeover", kDeflateExtension.data()}) {
    EXPECT_TRUE(OffersDeflate(offer)) << offer;
  }
  for (const char* offer : {"", "x-other", "permessage-deflate; server_max_window_bits=10",
                            "permessage-deflate; unheard_of", "permessage-deflated"}) {
    EXPECT_FALSE(OffersDeflate(offer)) << offer;
  }
  EXPECT_TRUE(AcceptsDeflate(kDeflateExtension));
  EXPECT_FALSE(AcceptsDeflate("permessage-deflate"));  // would keep its context
  EXPECT_FALSE(AcceptsDeflate("x-other; server_no_context_takeover"));
}

// --- The handshake ---

WebSocketRequest Request(std::vector<std::pair<std::string, std::string>> more = {}) {
  WebSocketRequest request{.target = "/rsocket",
                           .headers = {{"host", "app.example"},
                                       {"sec-websocket-version", "13"},
                                       {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}};
  request.headers.insert(request.headers.end(), more.begin(), more.end());
  return request;
}

// RFC 6455, 1.3.
TEST(WebSocketHandshake, AcceptsAsTheRfcDoes) {
  const auto answer = AnswerHandshake(Request(), {});
  ASSERT_TRUE(answer);
  EXPECT_THAT(*answer, HasSubstr("HTTP/1.1 101 "));
  EXPECT_THAT(*answer, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
}

TEST(WebSocketHandshake, AgreesToCompressionWhereTold) {
  EXPECT_THAT(*AnswerHandshake(Request(), {}), ::testing::Not(HasSubstr("Extensions")));
  EXPECT_THAT(*AnswerHandshake(Request(), {}, true),
              HasSubstr("\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context"));
}

TEST(WebSocketHandshake, RefusesWithAReason) {
  WebSocketRequest old = Request();
  old.headers[1].second = "8";
  EXPECT_THAT(AnswerHandshake(old, {}).error(), HasSubstr("426"));
  WebSocketRequest keyless = Request();
  keyless.headers[2].second = "short";
  EXPECT_THAT(AnswerHandshake(keyless, {}).error(), HasSubstr("Sec-WebSocket-Key"));
}

TEST(WebSocketHandshake, ChecksThePagesOrigin) {
  const auto from = [](const char* origin) { return Request({{"Origin", origin}}); };
  EXPECT_TRUE(AnswerHandshake(from("https://app.example"), {}));  // the same host
  EXPECT_THAT(AnswerHandshake(from("https://evil.example"), {}).error(), HasSubstr("403"));
  EXPECT_TRUE(AnswerHandshake(from("https://Two.example"), {"https://two.example"}));
  EXPECT_FALSE(AnswerHandshake(from("http://two.example"), {"https://two.example"}));
  EXPECT_FALSE(AnswerHandshake(from("https://app.example"), {"https://two.example"}));
  EXPECT_TRUE(AnswerHandshake(from("null"), {"*"}));
  EXPECT_FALSE(AnswerHandshake(from("null"), {}));
}

}  // namespace
}  // namespace postroad::rsocket
