// From frames to bytes.
#include <cassert>

#include "core/bytes.h"
#include "rsocket/framing/frame.h"

namespace postroad::rsocket {
namespace {

void Put8(std::string& out, size_t v) {
  assert(v <= 0xff);
  out.push_back(static_cast<char>(v));
}
void Put16(std::string& out, size_t v) {
  assert(v <= 0xffff);
  out.push_back(static_cast<char>(v >> 8));
  out.push_back(static_cast<char>(v));
}
void Put24(std::string& out, size_t v) {
  assert(v <= 0xffffff);
  out.push_back(static_cast<char>(v >> 16));
  Put16(out, v & 0xffff);
}
void Put31(std::string& out, uint32_t v) { PutBig32(out, v & 0x7fffffff); }
void Put63(std::string& out, uint64_t v) { PutBig64(out, v & kMaxPosition); }

uint16_t MetadataFlag(bool metadata) { return metadata ? kFlagMetadata : 0; }
uint16_t If(bool set, uint16_t flag) { return set ? flag : 0; }

void PutVersion(std::string& out, const Version& version) {
  Put16(out, version.major);
  Put16(out, version.minor);
}
void PutToken(std::string& out, std::string_view token) {
  Put16(out, token.size());
  out.append(token);
}
void PutMime(std::string& out, std::string_view mime) {
  Put8(out, mime.size());
  out.append(mime);
}

struct Encoder {
  std::string& out;

  void operator()(const SetupFrame& f) {
    AppendHeader(0, FrameType::kSetup,
                 If(f.resume_token.has_value(), kFlagResume) | If(f.lease, kFlagLease) |
                     MetadataFlag(f.payload.metadata.has_value()),
                 out);
    PutVersion(out, f.version);
    Put31(out, f.keepalive_ms);
    Put31(out, f.lifetime_ms);
    if (f.resume_token) PutToken(out, *f.resume_token);
    PutMime(out, f.metadata_mime);
    PutMime(out, f.data_mime);
    AppendPayload(f.payload, out);
  }
  void operator()(const LeaseFrame& f) {
    AppendHeader(0, FrameType::kLease, MetadataFlag(f.metadata.has_value()), out);
    Put31(out, f.ttl_ms);
    Put31(out, f.requests);
    if (f.metadata) out.append(*f.metadata);
  }
  void operator()(const KeepaliveFrame& f) {
    AppendHeader(0, FrameType::kKeepalive, If(f.respond, kFlagRespond), out);
    Put63(out, f.position);
    out.append(f.data);
  }
  void operator()(const RequestFrame& f) {
    AppendHeader(f.stream, f.type,
                 MetadataFlag(f.payload.metadata.has_value()) | If(f.follows, kFlagFollows) |
                     If(f.complete, kFlagComplete),
                 out);
    if (f.type == FrameType::kRequestStream || f.type == FrameType::kRequestChannel) {
      Put31(out, f.initial_n);
    }
    AppendPayload(f.payload, out);
  }
  void operator()(const RequestNFrame& f) {
    AppendHeader(f.stream, FrameType::kRequestN, 0, out);
    Put31(out, f.n);
  }
  void operator()(const CancelFrame& f) { AppendHeader(f.stream, FrameType::kCancel, 0, out); }
  void operator()(const PayloadFrame& f) {
    AppendHeader(f.stream, FrameType::kPayload,
                 MetadataFlag(f.payload.metadata.has_value()) | If(f.follows, kFlagFollows) |
                     If(f.complete, kFlagComplete) | If(f.next, kFlagNext),
                 out);
    AppendPayload(f.payload, out);
  }
  void operator()(const ErrorFrame& f) {
    AppendHeader(f.stream, FrameType::kError, 0, out);
    PutBig32(out, static_cast<uint32_t>(f.code));
    out.append(f.message);
  }
  void operator()(const MetadataPushFrame& f) {
    AppendHeader(0, FrameType::kMetadataPush, kFlagMetadata, out);
    out.append(f.metadata);
  }
  void operator()(const ResumeFrame& f) {
    AppendHeader(0, FrameType::kResume, 0, out);
    PutVersion(out, f.version);
    PutToken(out, f.token);
    Put63(out, f.last_received_server);
    Put63(out, f.first_available_client);
  }
  void operator()(const ResumeOkFrame& f) {
    AppendHeader(0, FrameType::kResumeOk, 0, out);
    Put63(out, f.last_received_client);
  }
  void operator()(const UnknownFrame& f) {
    AppendHeader(f.stream, f.type, If(f.ignore, kFlagIgnore), out);
    if (f.type == FrameType::kExt) Put31(out, f.extended_type);
  }
};

}  // namespace

void AppendHeader(uint32_t stream, FrameType type, uint16_t flags, std::string& out) {
  Put31(out, stream);
  Put16(out, static_cast<uint16_t>(static_cast<uint16_t>(type) << 10 | flags));
}

void AppendPayload(const PayloadView& payload, std::string& out) {
  if (payload.metadata) {
    Put24(out, payload.metadata->size());
    out.append(*payload.metadata);
  }
  out.append(payload.data);
}

void EncodeFrame(const Frame& frame, std::string& out) { std::visit(Encoder{out}, frame); }

std::string FrameTypeName(FrameType type) {
  switch (type) {
    case FrameType::kSetup:
      return "SETUP";
    case FrameType::kLease:
      return "LEASE";
    case FrameType::kKeepalive:
      return "KEEPALIVE";
    case FrameType::kRequestResponse:
      return "REQUEST_RESPONSE";
    case FrameType::kRequestFnf:
      return "REQUEST_FNF";
    case FrameType::kRequestStream:
      return "REQUEST_STREAM";
    case FrameType::kRequestChannel:
      return "REQUEST_CHANNEL";
    case FrameType::kRequestN:
      return "REQUEST_N";
    case FrameType::kCancel:
      return "CANCEL";
    case FrameType::kPayload:
      return "PAYLOAD";
    case FrameType::kError:
      return "ERROR";
    case FrameType::kMetadataPush:
      return "METADATA_PUSH";
    case FrameType::kResume:
      return "RESUME";
    case FrameType::kResumeOk:
      return "RESUME_OK";
    case FrameType::kExt:
      return "EXT";
    case FrameType::kReserved:
      break;
  }
  constexpr char kDigits[] = "0123456789abcdef";
  const auto value = static_cast<uint8_t>(type);
  return std::string("frame type 0x") + kDigits[value >> 4] + kDigits[value & 15];
}

std::string ErrorFrameCodeName(ErrorFrameCode code) {
  switch (code) {
    case ErrorFrameCode::kInvalidSetup:
      return "INVALID_SETUP";
    case ErrorFrameCode::kUnsupportedSetup:
      return "UNSUPPORTED_SETUP";
    case ErrorFrameCode::kRejectedSetup:
      return "REJECTED_SETUP";
    case ErrorFrameCode::kRejectedResume:
      return "REJECTED_RESUME";
    case ErrorFrameCode::kConnectionError:
      return "CONNECTION_ERROR";
    case ErrorFrameCode::kConnectionClose:
      return "CONNECTION_CLOSE";
    case ErrorFrameCode::kApplicationError:
      return "APPLICATION_ERROR";
    case ErrorFrameCode::kRejected:
      return "REJECTED";
    case ErrorFrameCode::kCanceled:
      return "CANCELED";
    case ErrorFrameCode::kInvalid:
      return "INVALID";
  }
  return "error code " + std::to_string(static_cast<uint32_t>(code));
}

}  // namespace postroad::rsocket
