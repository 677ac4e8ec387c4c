// From Settle messages to settlements, from deliveries to DeliveryBatches.
#include "gateway/grpc/subscribe_message.h"

#include <algorithm>

#include "gateway/grpc/convert.h"
#include "gateway/grpc/message.h"
#include "gateway/grpc/status_map.h"

namespace postroad::gateway {

namespace {

using delivery::Delivery;
using delivery::DeliveryId;
using delivery::SettleKind;
using delivery::Settlement;

constexpr size_t kMaxBatchBytes = 256 << 10;
constexpr size_t kMaxBatchEvents = 10'000;
std::string Path(const char* list, int index) {
  return std::string("settle.") + list + "[" + std::to_string(index) + "]";
}

Result<Settlement> Checked(Settlement settlement, const std::string& field) {
  POSTROAD_TRY(delivery::CheckSettlement(settlement, field));
  return settlement;
}

Result<Settlement> ToSettlement(const v1::Nack& nack, int index) {
  const std::string path = Path("nacks", index);
  Settlement settlement{
      .kind = SettleKind::kNack, .id = DeliveryId(nack.delivery_id()), .reason = nack.reason()};
  if (nack.has_delay()) {
    POSTROAD_ASSIGN(settlement.delay, FromProto(nack.delay(), path + ".delay"));
  }
  return Checked(std::move(settlement), path);
}

Result<Settlement> ToSettlement(const v1::Extend& extend, int index) {
  const std::string path = Path("extends", index);
  POSTROAD_ASSIGN(const Duration by, FromProto(extend.by(), path + ".by"));
  return Checked({.kind = SettleKind::kExtend, .id = DeliveryId(extend.delivery_id()), .delay = by},
                 path);
}

Result<Settlement> ToSettlement(const v1::Terminate& terminate, int index) {
  return Checked({.kind = SettleKind::kTerminate,
                  .id = DeliveryId(terminate.delivery_id()),
                  .reason = terminate.reason()},
                 Path("terminates", index));
}

Result<Settlement> ToSettlement(const v1::Reply& reply, int index) {
  return Checked(
      {.kind = SettleKind::kAck, .id = DeliveryId(reply.delivery_id()), .reply = reply.payload()},
      Path("replies", index));
}

template <typename List>
void TakeList(const List& list, std::vector<Settlement>& settlements,
              std::vector<FailedSettlement>& failed) {
  for (int i = 0; i < list.size(); ++i) {
    auto settlement = ToSettlement(list[i], i);
    if (settlement) {
      settlements.push_back(*std::move(settlement));
    } else {
      failed.emplace_back(list[i].delivery_id(), std::move(settlement).error());
    }
  }
}

// Events that lie side by side in one run, frames and all.
struct Stretch {
  size_t count = 0;
  std::string_view bytes;  // from the first one's record to the last one's end
};

// Whether `next` follows `end` in the same buffer with nothing but its frame (core/event.h)
// between.
bool Adjacent(const Delivery& one, const char* end, const Delivery& next) {
  if (one.owner == nullptr || one.owner != next.owner) return false;
  std::string frame;
  put::Length(frame, 4, next.record.size());
  return end + frame.size() == next.record.data() && std::equal(frame.begin(), frame.end(), end);
}

Stretch FirstStretch(std::span<const Delivery> deliveries) {
  const Delivery& first = deliveries.front();
  const char* end = first.record.data() + first.record.size();
  size_t count = 1;
  while (count < deliveries.size() && Adjacent(first, end, deliveries[count])) {
    end = deliveries[count].record.data() + deliveries[count].record.size();
    ++count;
  }
  return {count, {first.record.data(), static_cast<size_t>(end - first.record.data())}};
}

void PutPacked(std::string& out, uint32_t field, const std::string& packed) {
  put::Text(out, field, packed);
}

// All of a DeliveryBatch but its events.
std::string BatchHeader(std::span<const Delivery> deliveries) {
  const Timestamp stored_at = std::ranges::min(deliveries, {}, &Delivery::stored_at).stored_at;
  std::string ids, offsets, attempts, stored_after;
  bool all_first = true, all_at_once = true;
  for (const Delivery& delivery : deliveries) {
    PutVarint(ids, delivery.id.value());
    PutVarint(offsets, delivery.offset.value());
    PutVarint(attempts, delivery.attempt);
    PutVarint(stored_after, static_cast<uint64_t>((delivery.stored_at - stored_at).count()));
    all_first &= delivery.attempt == 1;
    all_at_once &= delivery.stored_at == stored_at;
  }
  std::string header;
  put::Text(header, 1, *deliveries.front().topic);
  PutPacked(header, 2, ids);
  PutPacked(header, 3, offsets);
  put::Time(header, 5, stored_at);
  if (!all_first) PutPacked(header, 6, attempts);
  if (!all_at_once) PutPacked(header, 7, stored_after);
  return header;
}

size_t EntryBytes(const Delivery& delivery) {
  return 1 + VarintSize(delivery.record.size()) + delivery.record.size();
}

}  // namespace

std::vector<Settlement> FromProto(const v1::Settle& settle, std::vector<FailedSettlement>& failed) {
  std::vector<Settlement> settlements;
  settlements.reserve(settle.acks_size() + settle.nacks_size() + settle.extends_size() +
                      settle.terminates_size() + settle.replies_size() + 1);
  for (const uint64_t id : settle.acks()) {
    settlements.push_back({.kind = SettleKind::kAck, .id = DeliveryId(id)});
  }
  TakeList(settle.replies(), settlements, failed);
  TakeList(settle.nacks(), settlements, failed);
  TakeList(settle.extends(), settlements, failed);
  TakeList(settle.terminates(), settlements, failed);
  if (settle.has_ack_up_to()) {
    settlements.push_back({.kind = SettleKind::kAckUpTo, .id = DeliveryId(settle.ack_up_to())});
  }
  return settlements;
}

size_t DeliveryBatchCount(std::span<const Delivery> deliveries) {
  size_t bytes = 0, count = 0;
  for (const Delivery& delivery : deliveries) {
    const bool same =
        delivery.topic == deliveries.front().topic || *delivery.topic == *deliveries.front().topic;
    bytes += EntryBytes(delivery);
    if (count > 0 && (!same || count == kMaxBatchEvents || bytes > kMaxBatchBytes)) break;
    ++count;
  }
  return count;
}

grpc::ByteBuffer DeliveriesMessage(std::span<const Delivery> deliveries) {
  const std::string header = BatchHeader(deliveries);
  size_t bytes = header.size();
  for (const Delivery& delivery : deliveries) bytes += EntryBytes(delivery);
  MessageBuilder message;
  put::Length(message.text(), 2, bytes);  // SubscribeResponse.deliveries
  message.text().append(header);
  while (!deliveries.empty()) {
    const Stretch stretch = FirstStretch(deliveries);
    put::Length(message.text(), 4, deliveries.front().record.size());
    message.Append(stretch.bytes, deliveries.front().owner);
    deliveries = deliveries.subspan(stretch.count);
  }
  return message.Finish();
}

grpc::ByteBuffer FailuresMessage(const std::vector<FailedSettlement>& failed) {
  v1::SubscribeResponse response;
  for (const auto& [id, error] : failed) {
    auto* failure = response.mutable_settle_failures()->add_failures();
    failure->set_delivery_id(id);
    *failure->mutable_error() = ToDetail(error);
  }
  return ToBuffer(response.SerializeAsString());
}

}  // namespace postroad::gateway
