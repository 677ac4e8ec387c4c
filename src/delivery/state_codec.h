// What delivery keeps in the store's tables, as bytes (docs/formats/subscriptions.md).
#ifndef POSTROAD_DELIVERY_STATE_CODEC_H_
#define POSTROAD_DELIVERY_STATE_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "delivery/delivery.h"

namespace postroad::delivery {

// A subscription's definition; Table::kSubscriptions, DefinitionKey.
struct Definition {
  SubscriptionSettings settings;
  Timestamp created{};
};

// An unsettled event of the settled-state.
struct SavedEvent {
  uint64_t sequence = 0;
  uint64_t key = 0;  // hash; 0 without order by key
  uint32_t failures = 0;
  Timestamp due{};       // of its next attempt, if it failed
  Duration remaining{};  // until `due`, when it was saved: no clock that jumps makes it longer
  bool operator==(const SavedEvent&) const = default;
};
// A subscription's settled-state; Table::kSubscriptions, StateKey. Every event before `end` that is
// not among `unsettled` is settled.
struct SavedState {
  uint64_t end = 0;
  uint64_t origin = 0;      // the first event that it ever covered
  uint64_t topic = 0;       // TopicId, of a subscription to one topic; 0: not there yet
  uint64_t generation = 0;  // counts the seeks
  uint64_t next_dead_letter = 1;
  std::vector<SavedEvent> unsettled;  // rising
  bool operator==(const SavedState&) const = default;
};

// A dead letter as it is kept; Table::kDeadLetters, DeadLetterKey.
struct SavedDeadLetter {
  DeadLetter letter;  // id and subscription come from the key
  uint64_t sequence = 0;
  uint64_t generation = 0;
};

// What became of an event; Table::kReceipts, ReceiptKey.
struct SavedReceipt {
  ReceiptState state = ReceiptState::kAcked;
  uint32_t attempts = 0;
  Timestamp settled_at{};
  std::string reason;
  std::string reply;
};

std::string DefinitionKey(std::string_view name);
std::string StateKey(std::string_view name);
std::string FailureKey(std::string_view name, uint64_t sequence);
std::string DeadLetterKey(std::string_view name, uint64_t id);
std::string ReceiptKey(std::string_view topic, Offset offset, std::string_view name);
// Finds receipts by age: its value is the receipt's key.
std::string ReceiptAgeKey(Timestamp settled_at, std::string_view receipt_key);
// The first key after all that begin with `prefix` (not empty, and not all 0xff).
std::string PrefixEnd(std::string prefix);

std::string EncodeDefinition(const Definition& definition);
std::string EncodeState(const SavedState& state);
std::string EncodeAttempts(const std::vector<Attempt>& attempts);
std::string EncodeDeadLetter(const SavedDeadLetter& dead);
std::string EncodeReceipt(const SavedReceipt& receipt);

// DATA_LOSS naming what is broken; FAILED_PRECONDITION reason NEWER_FORMAT.
Result<Definition> DecodeDefinition(std::string_view bytes);
Result<SavedState> DecodeState(std::string_view bytes);
Result<std::vector<Attempt>> DecodeAttempts(std::string_view bytes);
Result<SavedDeadLetter> DecodeDeadLetter(std::string_view bytes);
Result<SavedReceipt> DecodeReceipt(std::string_view bytes);

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_STATE_CODEC_H_
