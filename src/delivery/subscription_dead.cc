// Dead letters: an event dies in one commit that copies it to "_dead/<subscription>" and keeps it
// in the table; only then is it settled.
#include <algorithm>

#include "core/bytes.h"
#include "core/event.h"
#include "delivery/limits.h"
#include "delivery/subscription.h"
#include "runtime/log.h"

namespace postroad::delivery {
namespace {

constexpr size_t kBurialsAtOnce = 256;
constexpr size_t kBurialBytes = 1 << 20;  // of one batch, when it has at least one
// Of dead letters read at once, which may be large: steps, each looked at before the next.
constexpr size_t kScanAtOnce = 1000;
constexpr size_t kScanStep = 32;
constexpr size_t kScanBytes = 8 << 20;

store::Mutation PutDeadLetter(const SavedDeadLetter& dead) {
  return {store::Mutation::Kind::kPut, store::Table::kDeadLetters,
          DeadLetterKey(dead.letter.subscription, dead.letter.id), EncodeDeadLetter(dead)};
}

// A header's value holds no control characters.
std::string HeaderText(std::string text) {
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text;
}

// The copy for "_dead/<subscription>": the event, and in its headers where it comes from and why.
// False if the record is none.
bool AppendCopy(const DeadLetter& letter, std::string& body) {
  EventView event;
  if (!ParseRecord(letter.record, event)) return false;
  const std::string offset = std::to_string(letter.offset.value());
  const std::string attempts =
      std::to_string(letter.attempts.empty() ? 0 : letter.attempts.back().number);
  const std::string reason = HeaderText(letter.reason);
  event.headers.emplace_back("postroad-dead-topic", letter.topic);
  event.headers.emplace_back("postroad-dead-offset", offset);
  event.headers.emplace_back("postroad-dead-reason", reason);
  event.headers.emplace_back("postroad-dead-attempts", attempts);
  event.deliver_at.reset();
  AppendToBody(event, body);
  return true;
}

}  // namespace

class Subscription::BurialPause {
 public:
  explicit BurialPause(Subscription& subscription) : subscription_(subscription) {
    Lock lock(subscription_.mutex_);
    subscription_.burials_paused_ = true;
    subscription_.burial_outdated_ = true;
    subscription_.idle_.wait(lock, [&] { return !subscription_.storing_burial_; });
  }
  ~BurialPause() {
    {
      Lock lock(subscription_.mutex_);
      subscription_.burials_paused_ = false;
    }
    subscription_.Kick();
  }

 private:
  Subscription& subscription_;
};

void Subscription::BuryDying(Lock& lock) {
  if (burying_ || burials_paused_ || dying_.empty()) return;
  burying_ = true;
  burial_outdated_ = false;
  const size_t count = std::min(dying_.size(), kBurialsAtOnce);
  std::vector<Dying> taken(std::make_move_iterator(dying_.begin()),
                           std::make_move_iterator(dying_.begin() + static_cast<ptrdiff_t>(count)));
  dying_.erase(dying_.begin(), dying_.begin() + static_cast<ptrdiff_t>(count));
  std::vector<std::vector<Attempt>> attempts;
  for (const Dying& dying : taken) {
    const auto found = attempts_.find(dying.sequence);
    attempts.push_back(found == attempts_.end() ? std::vector<Attempt>() : found->second);
  }
  const std::shared_ptr<EventSource> source = source_;
  const uint64_t generation = generation_;
  const uint64_t first_id = next_dead_letter_;
  next_dead_letter_ += count;
  lock.unlock();
  auto burial = std::make_shared<Burial>(
      PrepareBurial(std::move(taken), std::move(attempts), *source, generation, first_id));
  lock.lock();
  if (stopped_) return;
  if (!burial_outdated_) return StoreBurial(lock, std::move(burial));
  // Once more, at the pump that comes after the change.
  burying_ = false;
  if (generation_ != generation) return;
  PutBack(std::move(burial->left));
  PutBack(std::move(burial->lost));
  PutBack(std::move(burial->dying));
}

void Subscription::StoreBurial(Lock& lock, std::shared_ptr<Burial> burial) {
  storing_burial_ = !burial->batch.mutations.empty();
  lock.unlock();
  if (burial->batch.mutations.empty()) {
    executor_.Post([self = shared_from_this(), burial] { self->Buried(*burial, burial->status); });
  } else {
    parts_.journal.Post(std::move(burial->batch), [self = shared_from_this(),
                                                   burial](Result<journal::BatchResult> result) {
      self->Buried(*burial, result ? Status() : Fail(std::move(result).error()));
    });
  }
  lock.lock();
}

void Subscription::PutBack(std::vector<Dying> dying) {
  dying_.insert(dying_.begin(), std::make_move_iterator(dying.begin()),
                std::make_move_iterator(dying.end()));
}

// As many as fit one batch; what is left over, or could not be read, has to be tried again.
Subscription::Burial Subscription::PrepareBurial(std::vector<Dying> dying,
                                                 std::vector<std::vector<Attempt>> attempts,
                                                 EventSource& source, uint64_t generation,
                                                 uint64_t first_id) {
  Burial burial{.generation = generation, .batch = {.internal = true}};
  journal::Chunk chunk{.topic = "_dead/" + name_};
  EventFinder finder(source);
  for (size_t i = 0; i < dying.size(); ++i) {
    if (!burial.status || chunk.body.size() > kBurialBytes) {
      burial.left.push_back(std::move(dying[i]));
      continue;
    }
    auto dead = MakeDeadLetter(finder, dying[i], std::move(attempts[i]));
    if (!dead) {
      burial.status = Fail(std::move(dead).error());
      burial.left.push_back(std::move(dying[i]));
    } else if (!*dead) {
      burial.lost.push_back(std::move(dying[i]));
    } else {
      SavedDeadLetter& saved = **dead;
      if (saved.letter.id == 0) {
        saved.letter.id = first_id + i;
        saved.generation = generation;
      }
      chunk.count += AppendCopy(saved.letter, chunk.body) ? 1 : 0;
      burial.batch.mutations.push_back(PutDeadLetter(saved));
      burial.dying.push_back(std::move(dying[i]));
    }
  }
  chunk.fingerprints.assign(chunk.count, 0);
  if (chunk.count > 0) burial.batch.chunks.push_back(std::move(chunk));
  return burial;
}

// Nothing if the event is lost to retention.
Result<std::optional<SavedDeadLetter>> Subscription::MakeDeadLetter(EventFinder& finder,
                                                                    const Dying& dying,
                                                                    std::vector<Attempt> attempts) {
  SavedDeadLetter dead;
  if (dying.sequence >= kResendBit) {
    auto before = ReadDeadLetter(dying.sequence & ~kResendBit);
    if (!before && before.error().code == ErrorCode::kNotFound) return std::nullopt;
    if (!before) return Fail(std::move(before).error());
    dead = *std::move(before);
    dead.letter.resending = false;
  } else {
    POSTROAD_ASSIGN(const SourceRun* const run, finder.Find(dying.sequence));
    if (run == nullptr) return std::nullopt;
    const uint64_t index = dying.sequence - run->first;
    dead.letter.subscription = name_;
    dead.letter.topic = *run->topic;
    dead.letter.offset = run->first_offset + index;
    dead.letter.record = std::string(run->records[index]);
    dead.sequence = dying.sequence;
  }
  dead.letter.died = parts_.clock.Now();
  dead.letter.reason = dying.reason;
  const uint32_t before = dead.letter.attempts.empty() ? 0 : dead.letter.attempts.back().number;
  for (Attempt& attempt : attempts) {
    attempt.number += before;
    dead.letter.attempts.push_back(std::move(attempt));
  }
  if (dead.letter.attempts.size() > kMaxRememberedAttempts) {
    dead.letter.attempts.erase(
        dead.letter.attempts.begin(),
        dead.letter.attempts.end() - static_cast<ptrdiff_t>(kMaxRememberedAttempts));
  }
  return dead;
}

// On the journal's completions, or the executor.
void Subscription::Buried(const Burial& burial, const Status& status) {
  Calls calls;
  {
    Lock lock(mutex_);
    burying_ = storing_burial_ = false;
    idle_.notify_all();
    if (stopped_) return;
    if (status) CountBuried(burial);
    if (generation_ == burial.generation) {
      PutBack(burial.left);
      if (status) {
        for (const Dying& each : burial.dying) SettleBuried(each, true, calls);
      } else {
        PutBack(burial.dying);
      }
      for (const Dying& each : burial.lost) SettleBuried(each, false, calls);
      MarkDirty();
    } else if (status) {
      StayDead(burial);
    }
  }
  for (auto& call : calls) call();
  const Status& problem = status ? burial.status : status;
  if (problem) return Kick();
  executor_.Post([self = shared_from_this(), error = problem.error()] {
    self->RetryLater("cannot store dead letters", error);
  });
}

void Subscription::CountBuried(const Burial& burial) {
  for (const Dying& each : burial.dying) {
    metrics_.dead.Add();
    if (each.sequence < kResendBit) ++dead_letters_;  // one that died again was counted before
  }
}

// Everything began again meanwhile, and with it what was being sent again; but these have died.
void Subscription::StayDead(const Burial& burial) {
  for (const Dying& each : burial.dying) {
    if (each.sequence >= kResendBit) Withdraw(each.sequence & ~kResendBit);
  }
}

// It is settled now: as a dead letter, or because retention took it before it could become one.
void Subscription::SettleBuried(const Dying& dying, bool dead, Calls& calls) {
  const auto found = attempts_.find(dying.sequence);
  const uint32_t attempts =
      found == attempts_.end() || found->second.empty() ? 1 : found->second.back().number;
  state_.DeadStored(dying.sequence);
  Forget(dying.sequence);
  if (!dead && dying.sequence < kResendBit) metrics_.lost.Add();  // others were dropped
  if (dying.sequence >= kResendBit) {
    resends_loaded_.erase(dying.sequence & ~kResendBit);
    return;
  }
  if (dead) {
    receipts_unsaved_.push_back(
        {dying.sequence, {ReceiptState::kDead, attempts, parts_.clock.Now(), dying.reason, {}}});
  }
  CallWatchers(dying.sequence, calls);
}

// At most `limit`, fewer where they are large, none at the end only.
Result<std::vector<SavedDeadLetter>> Subscription::ScanDeadLetters(uint64_t after, size_t limit) {
  std::string from = DeadLetterKey(name_, after + 1);
  const std::string end = PrefixEnd(DeadLetterKey(name_, 0).substr(0, name_.size() + 2));
  std::vector<SavedDeadLetter> letters;
  for (size_t bytes = 0; letters.size() < limit && bytes < kScanBytes;) {
    const size_t step = std::min(kScanStep, limit - letters.size());
    POSTROAD_ASSIGN(const auto entries,
                    parts_.store.Scan(store::Table::kDeadLetters, from, end, step));
    for (const store::Entry& entry : entries) {
      POSTROAD_ASSIGN(SavedDeadLetter dead, DecodeDeadLetter(entry.value));
      dead.letter.subscription = name_;
      dead.letter.id = GetBig64(entry.key.data() + entry.key.size() - 8);
      letters.push_back(std::move(dead));
      bytes += entry.value.size();
    }
    if (entries.size() < step) break;
    from = entries.back().key + '\0';
  }
  return letters;
}

Result<SavedDeadLetter> Subscription::ReadDeadLetter(uint64_t id) {
  POSTROAD_ASSIGN(const auto bytes,
                  parts_.store.Get(store::Table::kDeadLetters, DeadLetterKey(name_, id)));
  if (!bytes) {
    return Fail(ErrorCode::kNotFound,
                "Subscription '" + name_ + "' has no dead letter " + std::to_string(id) +
                    "; `postroad dead-letters list " + name_ + "` lists them.",
                "id");
  }
  POSTROAD_ASSIGN(SavedDeadLetter dead, DecodeDeadLetter(*bytes));
  dead.letter.subscription = name_;
  dead.letter.id = id;
  return dead;
}

// Those that were acked since the last save are in the store still.
Status Subscription::SaveSettledResends() {
  Lock lock(mutex_);
  return !stopped_ && (dirty_ || saving_) ? Save(lock, false) : Status();
}

Result<std::vector<DeadLetter>> Subscription::ListDeadLetters(uint64_t after, size_t limit) {
  if (auto status = SaveSettledResends(); !status) {
    LogWarn("dead letters are listed as they were last saved",
            {{"subscription", name_}, {"error", status.error()}});
  }
  POSTROAD_ASSIGN(auto saved, ScanDeadLetters(after, limit));
  std::vector<DeadLetter> letters;
  for (SavedDeadLetter& dead : saved) letters.push_back(std::move(dead.letter));
  return letters;
}

Status Subscription::EditDeadLetter(uint64_t id, std::string record) {
  Lock lock(changes_);
  const BurialPause pause(*this);
  POSTROAD_TRY(SaveSettledResends());
  POSTROAD_ASSIGN(SavedDeadLetter dead, ReadDeadLetter(id));
  if (dead.letter.resending) {
    return Fail(
        ErrorCode::kFailedPrecondition,
        "Dead letter " + std::to_string(id) + " is being sent again; edit it when that has failed.",
        "id", "RESENDING");
  }
  dead.letter.record = std::move(record);
  const store::Mutation put = PutDeadLetter(dead);
  return parts_.store.Write({&put, 1}, true);
}

Result<uint64_t> Subscription::ChangeDeadLetters(
    std::optional<uint64_t> id,
    const std::function<std::optional<store::Mutation>(SavedDeadLetter&)>& change,
    const std::function<void(std::span<const SavedDeadLetter>, bool written)>& done) {
  uint64_t changed = 0;
  for (uint64_t after = 0;;) {
    std::vector<SavedDeadLetter> letters;
    if (id) {
      POSTROAD_ASSIGN(SavedDeadLetter dead, ReadDeadLetter(*id));
      letters.push_back(std::move(dead));
    } else {
      POSTROAD_ASSIGN(letters, ScanDeadLetters(after, kScanAtOnce));
    }
    const bool last = id || letters.empty();
    if (!letters.empty()) after = letters.back().letter.id;
    std::vector<store::Mutation> mutations;
    std::erase_if(letters, [&](SavedDeadLetter& dead) {
      auto mutation = change(dead);
      if (mutation) mutations.push_back(*std::move(mutation));
      return !mutation;
    });
    if (!mutations.empty()) {
      const auto status = parts_.store.Write(mutations, true);
      done(letters, status.has_value());
      if (!status) return Fail(status.error());
    }
    changed += mutations.size();
    if (last) return changed;
  }
}

Result<uint64_t> Subscription::ResendDeadLetters(std::optional<uint64_t> id) {
  Lock changes(changes_);
  const BurialPause pause(*this);
  POSTROAD_TRY(SaveSettledResends());
  {
    Lock lock(mutex_);
    if (resends_waiting_.size() + resends_loaded_.size() >= kMaxResending) {
      return Fail(ErrorCode::kResourceExhausted,
                  "Too many dead letters are being sent again already.", {}, "TOO_MANY_RESENDS");
    }
  }
  return ChangeDeadLetters(
      id,
      [&](SavedDeadLetter& dead) -> std::optional<store::Mutation> {
        if (dead.letter.resending) return std::nullopt;
        dead.letter.resending = true;
        return PutDeadLetter(dead);
      },
      [&](std::span<const SavedDeadLetter> letters, bool written) {
        Lock lock(mutex_);
        for (const SavedDeadLetter& dead : letters) {
          if (written) resends_waiting_.insert(dead.letter.id);
        }
      });
}

Result<uint64_t> Subscription::DropDeadLetters(std::optional<uint64_t> id) {
  Lock changes(changes_);
  const BurialPause pause(*this);
  POSTROAD_TRY(SaveSettledResends());
  return ChangeDeadLetters(
      id,
      [&](SavedDeadLetter& dead) -> std::optional<store::Mutation> {
        if (dead.letter.resending && !StopResending(dead.letter.id)) return std::nullopt;
        return store::Mutation{store::Mutation::Kind::kDelete,
                               store::Table::kDeadLetters,
                               DeadLetterKey(name_, dead.letter.id),
                               {}};
      },
      [&](std::span<const SavedDeadLetter> letters, bool written) {
        Lock lock(mutex_);
        if (written) dead_letters_ -= letters.size();
        for (const SavedDeadLetter& dead : letters) {
          if (!written && dead.letter.resending) resends_waiting_.insert(dead.letter.id);
        }
      });
}

// False if it was settled meanwhile: then it is no dead letter any more.
bool Subscription::StopResending(uint64_t id) {
  Lock lock(mutex_);
  return Withdraw(id);
}

bool Subscription::Withdraw(uint64_t id) {
  if (resends_waiting_.erase(id) + resends_loaded_.erase(id) == 0) return false;
  if (state_.Drop(id | kResendBit)) Forget(id | kResendBit);
  return true;
}

}  // namespace postroad::delivery
