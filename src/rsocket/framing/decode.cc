// From bytes to frames.
#include <utility>

#include "rsocket/framing/byte_reader.h"
#include "rsocket/framing/frame.h"

namespace postroad::rsocket {
namespace {

constexpr const char* kMetadataCause =
    "the metadata flag is set but no metadata length was written before the metadata";
constexpr const char* kMimeCause = "a MIME type is written without its length byte";
constexpr const char* kTokenCause =
    "the resume flag is set but no token length was written before the token";

struct Head {
  uint32_t stream = 0;
  FrameType type = FrameType::kReserved;
  uint16_t flags = 0;
  bool Has(uint16_t flag) const { return (flags & flag) != 0; }
};

PayloadView ReadPayload(ByteReader& in, const Head& head) {
  PayloadView payload;
  if (head.Has(kFlagMetadata)) {
    const size_t at = in.offset();
    const uint32_t size = in.U24("the metadata length");
    payload.metadata = in.Bytes(size, at, "the metadata", kMetadataCause);
  }
  payload.data = in.Rest();
  return payload;
}

Version ReadVersion(ByteReader& in) {
  Version version;
  version.major = in.U16("the major version");
  version.minor = in.U16("the minor version");
  return version;
}

std::string_view ReadToken(ByteReader& in) {
  const size_t at = in.offset();
  const uint16_t size = in.U16("the resume token's length");
  return in.Bytes(size, at, "the resume token", kTokenCause);
}

std::string_view ReadMime(ByteReader& in, const char* length_name, const char* name) {
  const size_t at = in.offset();
  const uint8_t size = in.U8(length_name);
  return in.Bytes(size, at, name, kMimeCause);
}

SetupFrame ReadSetup(ByteReader& in, const Head& head) {
  SetupFrame setup;
  setup.version = ReadVersion(in);
  setup.keepalive_ms = in.U31("the keepalive interval");
  setup.lifetime_ms = in.U31("the lifetime");
  if (head.Has(kFlagResume)) setup.resume_token = ReadToken(in);
  setup.lease = head.Has(kFlagLease);
  setup.metadata_mime = ReadMime(in, "the metadata MIME type's length", "the metadata MIME type");
  setup.data_mime = ReadMime(in, "the data MIME type's length", "the data MIME type");
  setup.payload = ReadPayload(in, head);
  return setup;
}

LeaseFrame ReadLease(ByteReader& in, const Head& head) {
  LeaseFrame lease;
  lease.ttl_ms = in.U31("the time to live");
  lease.requests = in.U31("the number of requests");
  if (head.Has(kFlagMetadata)) lease.metadata = in.Rest();
  return lease;
}

KeepaliveFrame ReadKeepalive(ByteReader& in, const Head& head) {
  KeepaliveFrame keepalive;
  keepalive.respond = head.Has(kFlagRespond);
  keepalive.position = in.U63("the last received position");
  keepalive.data = in.Rest();
  return keepalive;
}

RequestFrame ReadRequest(ByteReader& in, const Head& head) {
  RequestFrame request{.stream = head.stream, .type = head.type};
  request.follows = head.Has(kFlagFollows);
  request.complete = head.type == FrameType::kRequestChannel && head.Has(kFlagComplete);
  if (head.type == FrameType::kRequestStream || head.type == FrameType::kRequestChannel) {
    request.initial_n = in.U31("the initial request-N");
  }
  request.payload = ReadPayload(in, head);
  return request;
}

PayloadFrame ReadPayloadFrame(ByteReader& in, const Head& head) {
  PayloadFrame frame{.stream = head.stream};
  frame.complete = head.Has(kFlagComplete);
  // "A PAYLOAD with both F and C flags set implicitly ignores the F flag."
  frame.follows = head.Has(kFlagFollows) && !frame.complete;
  frame.next = head.Has(kFlagNext);
  frame.payload = ReadPayload(in, head);
  return frame;
}

ErrorFrame ReadError(ByteReader& in, const Head& head) {
  ErrorFrame error{.stream = head.stream};
  error.code = static_cast<ErrorFrameCode>(in.U32("the error code"));
  error.message = in.Rest();
  return error;
}

ResumeFrame ReadResume(ByteReader& in) {
  ResumeFrame resume;
  resume.version = ReadVersion(in);
  resume.token = ReadToken(in);
  resume.last_received_server = in.U63("the last received server position");
  resume.first_available_client = in.U63("the first available client position");
  return resume;
}

UnknownFrame ReadUnknown(ByteReader& in, const Head& head) {
  UnknownFrame unknown{.stream = head.stream, .type = head.type};
  unknown.ignore = head.Has(kFlagIgnore);
  if (head.type == FrameType::kExt) unknown.extended_type = in.U31("the extended type");
  return unknown;
}

Frame ReadBody(ByteReader& in, const Head& head) {
  switch (head.type) {
    case FrameType::kSetup:
      return ReadSetup(in, head);
    case FrameType::kLease:
      return ReadLease(in, head);
    case FrameType::kKeepalive:
      return ReadKeepalive(in, head);
    case FrameType::kRequestResponse:
    case FrameType::kRequestFnf:
    case FrameType::kRequestStream:
    case FrameType::kRequestChannel:
      return ReadRequest(in, head);
    case FrameType::kRequestN:
      return RequestNFrame{head.stream, in.U31("the request-N")};
    case FrameType::kCancel:
      return CancelFrame{head.stream};
    case FrameType::kPayload:
      return ReadPayloadFrame(in, head);
    case FrameType::kError:
      return ReadError(in, head);
    case FrameType::kMetadataPush:
      return MetadataPushFrame{in.Rest()};
    case FrameType::kResume:
      return ReadResume(in);
    case FrameType::kResumeOk:
      return ResumeOkFrame{in.U63("the last received client position")};
    case FrameType::kReserved:
    case FrameType::kExt:
      break;
  }
  return ReadUnknown(in, head);
}

// Frames of the connection belong on stream 0, all others on another.
bool OnStreamZero(FrameType type) {
  switch (type) {
    case FrameType::kSetup:
    case FrameType::kLease:
    case FrameType::kKeepalive:
    case FrameType::kMetadataPush:
    case FrameType::kResume:
    case FrameType::kResumeOk:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::expected<Frame, FrameFault> DecodeFrame(std::string_view bytes) {
  ByteReader in(bytes);
  Head head;
  head.stream = in.U31("the stream id");
  const uint16_t type_and_flags = in.U16("the frame type and flags");
  head.type = static_cast<FrameType>(type_and_flags >> 10);
  head.flags = type_and_flags & 0x3ff;
  Frame frame = ReadBody(in, head);
  if (OnStreamZero(head.type) && head.stream != 0) in.Fail(0, "the stream id must be 0");
  if (in.ok()) return frame;
  FrameFault fault{.type = head.type, .stream = head.stream, .offset = in.fault_offset()};
  fault.ignore = head.Has(kFlagIgnore);
  const std::string name = bytes.size() < kFrameHeaderBytes ? "frame" : FrameTypeName(head.type);
  fault.message = name + ", byte " + std::to_string(fault.offset) + ": " + in.fault();
  return std::unexpected(std::move(fault));
}

}  // namespace postroad::rsocket
