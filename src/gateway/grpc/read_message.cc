// ReadResponse by hand: small fields are written, run bodies are appended as they are.
#include "gateway/grpc/read_message.h"

#include "gateway/grpc/convert.h"
#include "gateway/grpc/message.h"

namespace postroad::gateway {

namespace {

// All of an EventBatch but its events.
std::string BatchHeader(const broker::StreamRun& run) {
  std::string header;
  put::Text(header, 1, *run.topic);
  put::Number(header, 2, run.first.value());
  if (!run.offsets.empty()) {
    std::string offsets;
    for (const Offset offset : run.offsets) PutVarint(offsets, offset.value());
    put::Text(header, 3, offsets);
  }
  put::Time(header, 5, run.stored_at);
  if (run.position) put::Number(header, 6, run.position->value());
  return header;
}

void PutRun(MessageBuilder& message, const broker::StreamRun& run) {
  const std::string header = BatchHeader(run);
  put::Length(message.text(), 3, header.size() + run.bytes);
  message.text().append(header);
  // A body is EventBatch.events, tags and all (core/event.h).
  for (const std::string_view piece : run.pieces) message.Append(piece, run.owner);
}

void PutGap(std::string& out, const broker::StreamGap& gap) {
  std::string body;
  put::Text(body, 1, gap.topic);
  put::Number(body, 2, gap.first);
  put::Number(body, 3, gap.end);
  if (gap.topic_deleted) put::Number(body, 4, v1::GAP_REASON_TOPIC_DELETED);
  put::Length(out, 2, body.size());
  out.append(body);
}

}  // namespace

grpc::ByteBuffer ReadResponse(const broker::StreamBatch& batch) {
  MessageBuilder message;
  if (batch.epoch_changed) {
    std::string body;
    put::Text(body, 1, EpochText(batch.epoch_changed->before));
    put::Text(body, 2, EpochText(batch.epoch_changed->now));
    put::Text(message.text(), 1, body);
  }
  for (const broker::StreamGap& gap : batch.gaps) PutGap(message.text(), gap);
  for (const broker::StreamRun& run : batch.runs) PutRun(message, run);
  put::Text(message.text(), 4, EncodeCursor(batch.cursor));
  put::Number(message.text(), 5, batch.caught_up ? 1 : 0);
  return message.Finish();
}

}  // namespace postroad::gateway
