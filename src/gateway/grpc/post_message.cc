// Walking PostRequests, writing PostResponses.
#include "gateway/grpc/post_message.h"

#include "core/event.h"
#include "core/event_wire.h"
#include "gateway/grpc/convert.h"
#include "gateway/grpc/message.h"
#include "gateway/grpc/status_map.h"

namespace postroad::gateway {

namespace {

using wire::Tag;
using wire::Type;

constexpr uint32_t kEvents = Tag(1, Type::kBytes);
constexpr uint32_t kWaitFor = Tag(2, Type::kVarint);
constexpr uint32_t kWaitTimeout = Tag(3, Type::kBytes);

// What a PostRequest says beside its events.
struct Wish {
  uint64_t wait_for = 0;
  std::optional<std::string_view> wait_timeout;
};

std::unexpected<Error> Malformed(const wire::Reader& reader) {
  return Fail(ErrorCode::kInvalidArgument,
              std::string("the message is no PostRequest: ") + reader.fault() + " at byte " +
                  std::to_string(reader.offset()),
              "", "MALFORMED");
}

// Calls `event` for each event's bytes, and gathers the rest.
template <typename OnEvent>
Result<Wish> Walk(std::string_view request, OnEvent event) {
  Wish wish;
  wire::Reader reader(request);
  while (!reader.AtEnd()) {
    uint32_t tag = 0;
    if (!reader.ReadTag(tag)) return Malformed(reader);
    std::string_view bytes;
    bool good = true;
    if (tag == kEvents) {
      good = reader.ReadBytes(bytes);
      if (good) POSTROAD_TRY(event(bytes));
    } else if (tag == kWaitFor) {
      good = reader.ReadVarint(wish.wait_for);
    } else if (tag == kWaitTimeout) {
      good = reader.ReadBytes(bytes);
      wish.wait_timeout = bytes;
    } else {
      good = reader.Skip(tag, wire::kMaxDepth);
    }
    if (!good) return Malformed(reader);
  }
  return wish;
}

Result<std::optional<Duration>> Await(const Wish& wish) {
  if (wish.wait_for == v1::WAIT_FOR_STORED) return std::nullopt;
  if (wish.wait_for != v1::WAIT_FOR_ACKED) {
    return Invalid("wait_for", "no value of this number is known");
  }
  if (!wish.wait_timeout) {
    return Invalid("wait_timeout", "is needed with WAIT_FOR_ACKED: 1 ms to 1 h");
  }
  google::protobuf::Duration duration;
  if (!duration.ParseFromArray(wish.wait_timeout->data(),
                               static_cast<int>(wish.wait_timeout->size()))) {
    return Invalid("wait_timeout", "malformed", "MALFORMED");
  }
  POSTROAD_ASSIGN(const Duration timeout, FromProto(duration, "wait_timeout"));
  return timeout;
}

}  // namespace

Result<PostCommand> ParsePost(std::string_view request, broker::Broker& broker,
                              const auth::Principal& principal, std::string_view traceparent) {
  // The wait comes after the events on the wire, and says how to take them.
  POSTROAD_ASSIGN(const Wish wish, Walk(request, [](std::string_view) { return Status(); }));
  POSTROAD_ASSIGN(const std::optional<Duration> await, Await(wish));
  broker::PostBuilder builder =
      broker.NewPost(principal, {.traceparent = traceparent, .keep_ids = await.has_value()});
  EventView event;
  POSTROAD_TRY(Walk(request, [&](std::string_view record) -> Status {
    if (auto parsed = ParseRecord(record, event); !parsed) {
      parsed.error().field = "events[" + std::to_string(builder.size()) + "]";
      return parsed;
    }
    return builder.Add(event);
  }));
  POSTROAD_ASSIGN(broker::PendingPost post, builder.Finish());
  return PostCommand{std::move(post), await};
}

grpc::ByteBuffer PostResponse(const broker::PostOutcome& outcome) {
  constexpr size_t kIdBytes = 36;
  std::string out;
  out.reserve(outcome.results.size() * 16 + outcome.made_ids.size() * 40 / kIdBytes + 16);
  size_t ids = 0;
  for (const broker::PostResult& result : outcome.results) {
    const uint64_t offset = result.scheduled ? 0 : result.offset.value();
    const size_t size = (result.id_made ? 2 + kIdBytes : 0) +
                        (offset != 0 ? 1 + VarintSize(offset) : 0) + (result.duplicate ? 2 : 0) +
                        (result.scheduled ? 2 : 0);
    put::Length(out, 1, size);
    if (result.id_made) {
      put::Text(out, 1, std::string_view(outcome.made_ids).substr(ids++ * kIdBytes, kIdBytes));
    }
    put::Number(out, 2, offset);
    put::Number(out, 3, result.duplicate ? 1 : 0);
    put::Number(out, 4, result.scheduled ? 1 : 0);
  }
  put::Number(out, 2, ToProto(outcome.durability));
  for (const broker::EventReceipt& receipt : outcome.receipts) {
    const std::string bytes = ToProto(receipt).SerializeAsString();
    put::Length(out, 3, bytes.size());
    out.append(bytes);
  }
  put::Number(out, 4, outcome.wait_timed_out ? 1 : 0);
  return ToBuffer(std::move(out));
}

grpc::ByteBuffer PostRefusal(const Error& error) {
  v1::PostResponse response;
  *response.mutable_error() = ToDetail(error);
  return ToBuffer(response.SerializeAsString());
}

}  // namespace postroad::gateway
