// The frames of RSocket 1.0 as values, and their bytes. Bytes only: no state, no sockets. A frame
// here is what follows the length on TCP, or what one binary WebSocket message holds.
#ifndef POSTROAD_RSOCKET_FRAMING_FRAME_H_
#define POSTROAD_RSOCKET_FRAMING_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace postroad::rsocket {

// RSocket 1.0, Frame Types.
enum class FrameType : uint8_t {
  kReserved = 0x00,
  kSetup = 0x01,
  kLease = 0x02,
  kKeepalive = 0x03,
  kRequestResponse = 0x04,
  kRequestFnf = 0x05,
  kRequestStream = 0x06,
  kRequestChannel = 0x07,
  kRequestN = 0x08,
  kCancel = 0x09,
  kPayload = 0x0a,
  kError = 0x0b,
  kMetadataPush = 0x0c,
  kResume = 0x0d,
  kResumeOk = 0x0e,
  kExt = 0x3f,
};
// "REQUEST_STREAM" and so on; "frame type 0x2a" for others.
std::string FrameTypeName(FrameType type);

// RSocket 1.0, Error Codes. Others from kFirstApplicationCode on are the application's own.
enum class ErrorFrameCode : uint32_t {
  kInvalidSetup = 0x001,
  kUnsupportedSetup = 0x002,
  kRejectedSetup = 0x003,
  kRejectedResume = 0x004,
  kConnectionError = 0x101,
  kConnectionClose = 0x102,
  kApplicationError = 0x201,
  kRejected = 0x202,
  kCanceled = 0x203,
  kInvalid = 0x204,
};
inline constexpr uint32_t kFirstApplicationCode = 0x301;
std::string ErrorFrameCodeName(ErrorFrameCode code);

inline constexpr size_t kFrameHeaderBytes = 6;
inline constexpr size_t kMaxFrameBytes = 0xffffff;  // what TCP's 24 bits of length can say
inline constexpr uint32_t kMaxStreamId = 0x7fffffff;
inline constexpr uint32_t kMaxRequestN = 0x7fffffff;  // taken as "without end" by every client
inline constexpr uint64_t kMaxPosition = 0x7fffffffffffffff;

// Metadata and data of a frame, as views of somebody else's bytes. No metadata and empty metadata
// are two things.
struct PayloadView {
  std::optional<std::string_view> metadata;
  std::string_view data;

  size_t size() const { return (metadata ? metadata->size() : 0) + data.size(); }
  bool operator==(const PayloadView&) const = default;
};

struct Version {
  uint16_t major = 1;
  uint16_t minor = 0;
  bool operator==(const Version&) const = default;
};

struct SetupFrame {
  Version version;
  uint32_t keepalive_ms = 0;
  uint32_t lifetime_ms = 0;
  std::optional<std::string_view> resume_token;
  bool lease = false;
  std::string_view metadata_mime;
  std::string_view data_mime;
  PayloadView payload;
  bool operator==(const SetupFrame&) const = default;
};
struct LeaseFrame {
  uint32_t ttl_ms = 0;
  uint32_t requests = 0;
  std::optional<std::string_view> metadata;
  bool operator==(const LeaseFrame&) const = default;
};
struct KeepaliveFrame {
  bool respond = false;
  uint64_t position = 0;
  std::string_view data;
  bool operator==(const KeepaliveFrame&) const = default;
};
// REQUEST_RESPONSE, REQUEST_FNF, REQUEST_STREAM, REQUEST_CHANNEL.
struct RequestFrame {
  uint32_t stream = 0;
  FrameType type = FrameType::kRequestResponse;
  bool follows = false;
  bool complete = false;   // channel only
  uint32_t initial_n = 0;  // stream and channel only
  PayloadView payload;
  bool operator==(const RequestFrame&) const = default;
};
struct RequestNFrame {
  uint32_t stream = 0;
  uint32_t n = 0;
  bool operator==(const RequestNFrame&) const = default;
};
struct CancelFrame {
  uint32_t stream = 0;
  bool operator==(const CancelFrame&) const = default;
};
struct PayloadFrame {
  uint32_t stream = 0;
  bool follows = false;
  bool complete = false;
  bool next = false;
  PayloadView payload;
  bool operator==(const PayloadFrame&) const = default;
};
struct ErrorFrame {
  uint32_t stream = 0;
  ErrorFrameCode code = ErrorFrameCode::kApplicationError;
  std::string_view message;
  bool operator==(const ErrorFrame&) const = default;
};
struct MetadataPushFrame {
  std::string_view metadata;
  bool operator==(const MetadataPushFrame&) const = default;
};
struct ResumeFrame {
  Version version;
  std::string_view token;
  uint64_t last_received_server = 0;
  uint64_t first_available_client = 0;
  bool operator==(const ResumeFrame&) const = default;
};
struct ResumeOkFrame {
  uint64_t last_received_client = 0;
  bool operator==(const ResumeOkFrame&) const = default;
};
// A frame that this version of the protocol does not know, EXT among them.
struct UnknownFrame {
  uint32_t stream = 0;
  FrameType type = FrameType::kReserved;
  uint32_t extended_type = 0;  // of EXT
  bool ignore = false;         // the sender does not mind if it is not understood
  bool operator==(const UnknownFrame&) const = default;
};

using Frame = std::variant<SetupFrame, LeaseFrame, KeepaliveFrame, RequestFrame, RequestNFrame,
                           CancelFrame, PayloadFrame, ErrorFrame, MetadataPushFrame, ResumeFrame,
                           ResumeOkFrame, UnknownFrame>;

// What makes bytes no frame.
struct FrameFault {
  FrameType type = FrameType::kReserved;
  uint32_t stream = 0;  // 0 also where the frame is too short to say
  size_t offset = 0;    // into the frame, of the field at fault
  std::string message;  // names offset, what is wrong and its likely cause
  bool ignore = false;  // the frame says that it may be ignored
};

// `bytes` is one frame; the frame's views view it. Flags that the frame type does not have are not
// looked at. What a field's value means is for others: keepalive 0 or request-N 0 pass.
std::expected<Frame, FrameFault> DecodeFrame(std::string_view bytes);

// Appends the frame to `out`. Views too long for their length field are a bug in the caller.
void EncodeFrame(const Frame& frame, std::string& out);

// The parts of it, for those that keep payloads in buffers of their own. The six bytes that open
// every frame of this stream and type:
void AppendHeader(uint32_t stream, FrameType type, uint16_t flags, std::string& out);
// The last part of a frame that carries a payload: metadata length (24 bits) and metadata, if there
// is any, and data. The frame's flags must have kFlagMetadata then.
void AppendPayload(const PayloadView& payload, std::string& out);

inline constexpr uint16_t kFlagIgnore = 0x200;
inline constexpr uint16_t kFlagMetadata = 0x100;
inline constexpr uint16_t kFlagResume = 0x80;    // SETUP
inline constexpr uint16_t kFlagLease = 0x40;     // SETUP
inline constexpr uint16_t kFlagRespond = 0x80;   // KEEPALIVE
inline constexpr uint16_t kFlagFollows = 0x80;   // requests and PAYLOAD
inline constexpr uint16_t kFlagComplete = 0x40;  // REQUEST_CHANNEL and PAYLOAD
inline constexpr uint16_t kFlagNext = 0x20;      // PAYLOAD

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_FRAMING_FRAME_H_
