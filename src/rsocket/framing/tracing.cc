// Tracing metadata (RSocket extensions, Tracing (Zipkin)).
#include "core/bytes.h"
#include "rsocket/framing/byte_reader.h"
#include "rsocket/framing/metadata.h"

namespace postroad::rsocket {
namespace {

constexpr uint8_t kIds = 0x80;
constexpr uint8_t kDebug = 0x40;
constexpr uint8_t kSample = 0x20;
constexpr uint8_t kNotSampled = 0x10;
constexpr uint8_t kWideTraceId = 0x08;
constexpr uint8_t kParent = 0x04;

using Sampling = TraceContext::Sampling;

Sampling SamplingOf(uint8_t flags) {
  if ((flags & kDebug) != 0) return Sampling::kDebug;
  if ((flags & kSample) != 0) return Sampling::kYes;
  return (flags & kNotSampled) != 0 ? Sampling::kNo : Sampling::kUnsaid;
}

uint8_t FlagOf(Sampling sampling) {
  switch (sampling) {
    case Sampling::kDebug:
      return kDebug;
    case Sampling::kYes:
      return kSample;
    case Sampling::kNo:
      return kNotSampled;
    case Sampling::kUnsaid:
      break;
  }
  return 0;
}

}  // namespace

MetadataResult<TraceContext> ParseTracing(std::string_view metadata) {
  ByteReader in(metadata);
  TraceContext context;
  const uint8_t flags = in.U8("the flags");
  context.sampling = SamplingOf(flags);
  context.has_ids = (flags & kIds) != 0;
  if (context.has_ids) {
    if ((flags & kWideTraceId) != 0) context.trace_high = in.U64("the trace id");
    context.trace_low = in.U64("the trace id");
    context.span = in.U64("the span id");
    if ((flags & kParent) != 0) context.parent_span = in.U64("the parent span id");
  }
  if (in.ok() && !in.AtEnd()) in.Fail(in.offset(), "there are bytes behind the ids");
  if (in.ok()) return context;
  return std::unexpected(MetadataFault{
      in.fault_offset(),
      "tracing metadata, byte " + std::to_string(in.fault_offset()) + ": " + in.fault()});
}

void AppendTracing(const TraceContext& context, std::string& out) {
  uint8_t flags = FlagOf(context.sampling);
  if (context.has_ids) {
    flags |= kIds;
    if (context.trace_high != 0) flags |= kWideTraceId;
    if (context.parent_span) flags |= kParent;
  }
  out.push_back(static_cast<char>(flags));
  if (!context.has_ids) return;
  if (context.trace_high != 0) PutBig64(out, context.trace_high);
  PutBig64(out, context.trace_low);
  PutBig64(out, context.span);
  if (context.parent_span) PutBig64(out, *context.parent_span);
}

}  // namespace postroad::rsocket
