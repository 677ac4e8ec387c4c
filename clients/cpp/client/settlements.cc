#include "client/settlements.h"

#include "client/wire.h"

namespace postroad::client {
namespace {

// Field numbers of SubscribeRequest, Settle and its parts (proto/postroad/v1/postroad.proto).
constexpr uint32_t kCredit = 2, kSettle = 3;
constexpr uint32_t kAcks = 1, kNacks = 3, kExtends = 4, kTerminates = 5, kReplies = 6;
constexpr uint32_t kDeliveryId = 1;
constexpr size_t kMaxReason = 1024;  // what the server keeps

std::string EncodeDuration(Duration d) {
  std::string out;
  PutVarintField(out, 1, static_cast<uint64_t>(d.count() / 1'000'000'000));
  PutVarintField(out, 2, static_cast<uint64_t>(d.count() % 1'000'000'000));
  return out;
}

std::string WithId(uint64_t id) {
  std::string out;
  PutVarintField(out, kDeliveryId, id);
  return out;
}

// Cut at a character's beginning, so that it stays UTF-8.
std::string_view Cut(std::string_view reason) {
  if (reason.size() <= kMaxReason) return reason;
  size_t end = kMaxReason;
  while (end > 0 && (static_cast<uint8_t>(reason[end]) & 0xc0) == 0x80) --end;
  return reason.substr(0, end);
}

}  // namespace

void Settlements::Nack(uint64_t id, std::string_view reason, std::optional<Duration> delay) {
  std::string nack = WithId(id);
  if (delay) PutBytesField(nack, 2, EncodeDuration(*delay));
  PutBytesField(nack, 3, Cut(reason));
  PutBytesField(others_, kNacks, nack);
  ++others_count_;
  ++nacks_;
}

void Settlements::Extend(uint64_t id, Duration by) {
  std::string extend = WithId(id);
  PutBytesField(extend, 2, EncodeDuration(by));
  PutBytesField(others_, kExtends, extend);
  ++others_count_;
}

void Settlements::Terminate(uint64_t id, std::string_view reason) {
  std::string terminate = WithId(id);
  PutBytesField(terminate, 2, Cut(reason));
  PutBytesField(others_, kTerminates, terminate);
  ++others_count_;
  ++nacks_;
}

void Settlements::Reply(uint64_t id, std::string_view payload) {
  std::string reply = WithId(id);
  PutBytesField(reply, 2, payload);
  PutBytesField(others_, kReplies, reply);
  ++others_count_;
  ++replies_;
}

void Settlements::Add(Settlements more) {
  acks_.insert(acks_.end(), more.acks_.begin(), more.acks_.end());
  others_ += more.others_;
  others_count_ += more.others_count_;
  replies_ += more.replies_;
  nacks_ += more.nacks_;
}

void Settlements::Clear() {
  acks_.clear();
  others_.clear();
  others_count_ = replies_ = nacks_ = 0;
}

std::string Settlements::Encode() const {
  std::string settle;
  if (!acks_.empty()) {
    std::string packed;
    packed.reserve(acks_.size() * 5);
    for (const uint64_t id : acks_) PutVarint(packed, id);
    PutBytesField(settle, kAcks, packed);
  }
  settle += others_;
  std::string request;
  PutBytesField(request, kSettle, settle);
  return request;
}

std::string EncodeCredit(uint32_t events) {
  std::string credit;
  PutVarintField(credit, 1, events);
  std::string request;
  PutBytesField(request, kCredit, credit);
  return request;
}

}  // namespace postroad::client
