// Settlements that wait to be sent together, and their wire form.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_SETTLEMENTS_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_SETTLEMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace postroad::client {

// Not thread-safe.
class Settlements {
 public:
  void Ack(uint64_t id) { acks_.push_back(id); }
  void Nack(uint64_t id, std::string_view reason, std::optional<Duration> delay);
  void Extend(uint64_t id, Duration by);
  void Terminate(uint64_t id, std::string_view reason);
  void Reply(uint64_t id, std::string_view payload);

  void Add(Settlements more);
  size_t size() const { return acks_.size() + others_count_; }
  bool empty() const { return size() == 0; }
  size_t acks() const { return acks_.size() + replies_; }
  size_t nacks() const { return nacks_; }
  void Clear();

  // A SubscribeRequest with one Settle.
  std::string Encode() const;

 private:
  std::vector<uint64_t> acks_;
  std::string others_;  // fields of Settle
  size_t others_count_ = 0;
  size_t replies_ = 0;
  size_t nacks_ = 0;
};

// A SubscribeRequest with a Credit.
std::string EncodeCredit(uint32_t events);

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_SETTLEMENTS_H_
