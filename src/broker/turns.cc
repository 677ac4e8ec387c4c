// See turns.h.
#include "broker/turns.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace postroad::broker {

namespace {

struct Sharer {
  Executor& executor;
  std::function<void()> wake;  // empty once it left; touched on the executor only
  bool ready = false;
};
using SharerPtr = std::shared_ptr<Sharer>;

struct Group {
  uint64_t next = 0;
  std::set<uint64_t> again;
  std::vector<SharerPtr> sharers;  // the oldest first
  SharerPtr turn;                  // whose it is; null: nobody can take anything
};

void Wake(const SharerPtr& sharer) {
  if (!sharer) return;
  sharer->executor.Post([weak = std::weak_ptr(sharer)] {
    const auto alive = weak.lock();
    if (alive && alive->wake) alive->wake();
  });
}

// The first that is ready behind the one whose turn it was.
SharerPtr NextInTurn(const Group& group, const SharerPtr& before) {
  const size_t count = group.sharers.size();
  const auto found = std::ranges::find(group.sharers, before);
  const size_t at = static_cast<size_t>(found - group.sharers.begin());
  for (size_t i = 1; i <= count; ++i) {
    const SharerPtr& one = group.sharers[(at + i) % count];
    if (one->ready) return one;
  }
  return nullptr;
}

}  // namespace

struct Turns::State {
  using Key = std::pair<std::string, TurnOrder>;

  // Whom to wake.
  static SharerPtr Choose(Group& group, TurnOrder order, const SharerPtr& before) {
    SharerPtr chosen;
    if (order == TurnOrder::kNewest) {
      if (!group.sharers.empty()) chosen = group.sharers.back();
    } else if (!group.sharers.empty()) {
      chosen = NextInTurn(group, before);
    }
    if (chosen == group.turn) return nullptr;
    group.turn = chosen;
    return chosen;
  }

  std::mutex mutex;
  std::map<Key, Group> groups;
};

Turns::Turns() : state_(std::make_shared<State>()) {}
Turns::~Turns() = default;

std::unique_ptr<Turns::Place> Turns::Enter(std::string_view topic, TurnOrder order, Offset start,
                                           Executor& executor, std::function<void()> wake) {
  class Seat final : public Place {
   public:
    Seat(std::shared_ptr<State> state, State::Key key, SharerPtr sharer)
        : state_(std::move(state)), key_(std::move(key)), sharer_(std::move(sharer)) {}
    ~Seat() override {
      sharer_->wake = nullptr;
      SharerPtr woken;
      {
        std::lock_guard lock(state_->mutex);
        const auto found = state_->groups.find(key_);
        Group& mine = found->second;
        std::erase(mine.sharers, sharer_);
        if (mine.turn == sharer_) woken = State::Choose(mine, key_.second, sharer_);
        if (mine.sharers.empty()) state_->groups.erase(found);
      }
      Wake(woken);
    }

    void SetReady(bool ready) override {
      SharerPtr woken;
      {
        std::lock_guard lock(state_->mutex);
        if (std::exchange(sharer_->ready, ready) == ready) return;
        Group& mine = group();
        const bool passes = !ready && mine.turn == sharer_;
        if (passes || mine.turn == nullptr) woken = State::Choose(mine, key_.second, sharer_);
      }
      if (woken != sharer_) Wake(woken);
    }
    std::optional<Next> Turn() override {
      std::lock_guard lock(state_->mutex);
      const Group& mine = group();
      if (mine.turn != sharer_) return std::nullopt;
      if (!mine.again.empty()) return Next{Offset(*mine.again.begin()), true};
      return Next{Offset(mine.next), false};
    }
    void Took(const Next& next, Offset end) override {
      SharerPtr woken;
      {
        std::lock_guard lock(state_->mutex);
        Group& mine = group();
        if (next.again) {
          mine.again.erase(next.offset.value());
        } else {
          mine.next = std::max(mine.next, end.value());
        }
        if (key_.second == TurnOrder::kOne) {
          woken = State::Choose(mine, key_.second, sharer_);
        }
      }
      Wake(woken);
    }
    void GiveBack(const std::vector<Offset>& offsets) override {
      std::lock_guard lock(state_->mutex);
      for (const Offset offset : offsets) group().again.insert(offset.value());
    }

   private:
    Group& group() { return state_->groups.at(key_); }

    const std::shared_ptr<State> state_;
    const State::Key key_;
    const SharerPtr sharer_;
  };

  const auto sharer = std::make_shared<Sharer>(executor, std::move(wake));
  State::Key key{std::string(topic), order};
  {
    std::lock_guard lock(state_->mutex);
    const auto [it, made] = state_->groups.try_emplace(key);
    if (made) it->second.next = start.value();
    it->second.sharers.push_back(sharer);
    if (order == TurnOrder::kNewest) it->second.turn = sharer;
  }
  return std::make_unique<Seat>(state_, std::move(key), sharer);
}

}  // namespace postroad::broker
