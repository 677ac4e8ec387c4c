// Connections that share a topic, so that each event goes to one of them: to the newest, or to one
// in turn. They share one place in the topic, which lives as long as one of them does.
#ifndef POSTROAD_BROKER_TURNS_H_
#define POSTROAD_BROKER_TURNS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "runtime/executor.h"

namespace postroad::broker {

enum class TurnOrder : uint8_t { kNewest, kOne };

// Thread-safe; calls out under no lock.
class Turns {
 public:
  // What the one whose turn it is reads next.
  struct Next {
    Offset offset;
    bool again = false;  // only this event, which another left unsettled
  };

  // One of those that share. To be used and destroyed on its executor.
  class Place {
   public:
    virtual ~Place() = default;
    // Whether it can take an event now. With kOne those that cannot are passed over.
    virtual void SetReady(bool ready) = 0;
    // Nothing if it is not its turn: it is woken when it is.
    virtual std::optional<Next> Turn() = 0;
    // It took what Turn gave, up to `end`.
    virtual void Took(const Next& next, Offset end) = 0;
    // What it took and did not settle goes to the others, before it leaves.
    virtual void GiveBack(const std::vector<Offset>& offsets) = 0;
  };

  Turns();
  ~Turns();
  // Shares with those of the same topic and order; the first one's `start` is where all begin.
  // `wake` is called on `executor` when it may be its turn.
  std::unique_ptr<Place> Enter(std::string_view topic, TurnOrder order, Offset start,
                               Executor& executor, std::function<void()> wake);

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_TURNS_H_
