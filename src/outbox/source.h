// Where a relay reads events from: a table in a database. The contract that every kind keeps.
#ifndef POSTROAD_OUTBOX_SOURCE_H_
#define POSTROAD_OUTBOX_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "outbox/target.h"

namespace postroad::outbox {

// Rows that were read together, as events. Kinds of sources keep in it what they need to settle it.
class Page {
 public:
  virtual ~Page() = default;

  BatchPtr batch;           // may have no events, where all rows are unreadable
  uint64_t unreadable = 0;  // rows that make no event; settling the page sets them aside
  bool caught_up = false;   // it is little, and nothing more had been committed
  Timestamp oldest{};       // when the first of its rows was written; epoch: not known
};
using PagePtr = std::shared_ptr<const Page>;

struct Lag {
  uint64_t rows = 0;    // committed and not settled; counted up to kMaxLagRows
  Duration age{};       // of the oldest of them
  uint64_t poison = 0;  // rows set aside
};
inline constexpr uint64_t kMaxLagRows = 1'000'000;

// A row that was set aside.
struct PoisonRow {
  std::string id;  // the row's key
  std::string event_id;
  std::string topic;
  std::string reason;
  Timestamp since{};
  uint64_t tries = 0;
  bool retry = false;  // is to be sent again
};

// What a database keeps of the relays of one name: how far they are, rows set aside.
struct Reader {
  std::string name;
  bool leads = false;  // one of them works now
  uint64_t poison = 0;
  std::optional<Timestamp>
      noted;  // when it last noted how far it is; nothing where rows are marked
};

// On one thread, the relay's, and its calls may block; they end soon once the relay's waker is
// stopped. After an error of any call but the first two the connection is taken for lost: Connect
// begins anew, and rows that were not settled are read again.
class Source {
 public:
  virtual ~Source() = default;

  // Connects and checks the table. FAILED_PRECONDITION names the table, the column or the right
  // that is missing, and what would give it; UNAVAILABLE if there is no connection.
  virtual Status Connect() = 0;
  // Tries to become the one relay of this source; true once it is. As long as the connection lives
  // it stays so.
  virtual Result<bool> Lead() = 0;
  // Shows the database that the relay is there, which it does every two seconds at least, by this
  // or any other call: the lead of one that is not heard of for some more is another's.
  virtual Status KeepAlive() = 0;

  // The next committed rows after those of the page before, in an order that keeps that of each
  // topic and key; null if there are none.
  virtual Result<PagePtr> Read() = 0;
  // Every event of the page is stored, a duplicate or poison, as `results` say: none of its rows is
  // read again, but those that were left. Pages are settled in the order read.
  virtual Status Settle(const PagePtr& page, std::span<const EventResult> results) = 0;

  // After a page that was caught up, and before the next look: where rows come fast, a moment in
  // which more of them come together.
  virtual Status Pace() { return {}; }
  // Until there may be something new (a notification), or the time is over, or the waker stops.
  // True if there was a notification.
  virtual Result<bool> Wait(Duration at_most) = 0;

  // Removes some settled rows whose retention is over; true if there may be more.
  struct Cleaned {
    uint64_t rows = 0;
    bool more = false;
  };
  virtual Result<Cleaned> Clean() = 0;
  virtual Result<Lag> MeasureLag() = 0;

  // What would make it better, for people. On a connected source, by anybody.
  virtual Result<std::vector<std::string>> Advice() { return std::vector<std::string>(); }

  // --- Rows set aside. On a connected source, by anybody. ---
  virtual Result<std::vector<PoisonRow>> ListPoison(size_t limit) = 0;
  // The row, or all: to be sent again, or forgotten. How many.
  virtual Result<uint64_t> RetryPoison(const std::optional<std::string>& id) = 0;
  virtual Result<uint64_t> DropPoison(const std::optional<std::string>& id) = 0;

  // --- Relays of this table, by their names. On a connected source that does not lead. ---
  // Those of which anything is kept.
  virtual Result<std::vector<Reader>> ListReaders() = 0;
  // Forgets what is kept of one that is no more: rows that only it had not sent are cleaned then.
  // One of that name that came back would begin with all rows that are there. NOT_FOUND;
  // FAILED_PRECONDITION while it leads.
  virtual Status ForgetReader(const std::string& name) = 0;
};

// What ForgetReader says.
Error ReaderLeads(const std::string& name);
Error NoReader(const std::string& name);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_SOURCE_H_
