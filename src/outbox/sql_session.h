// What a database has to offer for tables whose rows are marked or deleted: flag_source.h does the
// rest for all of them.
#ifndef POSTROAD_OUTBOX_SQL_SESSION_H_
#define POSTROAD_OUTBOX_SQL_SESSION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "outbox/table_page.h"

namespace postroad::outbox {

// How a database writes what SQL leaves open.
struct Dialect {
  std::string now;          // the current time, as the delivered_at column takes it
  std::string skip_locked;  // ends a SELECT that locks what nobody else has locked; empty: no rows
                            // are locked singly
  std::string text_type;    // CAST (… AS this) makes text
  std::string begin = "BEGIN";
  // Microseconds from `time` (an expression) to now, as an integer.
  std::string (*age)(const std::string& time);
  // Bytes of a column's value.
  std::string (*size)(const std::string& column);
};

// On one thread; errors as of Source.
class SqlSession {
 public:
  using Row = std::vector<std::optional<std::string>>;
  virtual ~SqlSession() = default;

  // Connects, and checks the table's columns, the side table and the rights on both.
  virtual Status Connect() = 0;
  virtual Result<bool> Lead() = 0;
  // Whether a relay of that name leads. Of a session that does not.
  virtual Result<bool> IsLed(const std::string& name) = 0;
  virtual Status KeepAlive() = 0;
  virtual Result<std::vector<std::string>> Advice() { return std::vector<std::string>(); }
  virtual Status Pace() { return {}; }
  virtual Result<bool> Wait(Duration at_most) = 0;

  virtual const Dialect& dialect() const = 0;
  virtual std::string Quote(std::string_view name) const = 0;
  virtual std::string Literal(std::string_view text) const = 0;
  // After Connect. The columns of an event's row, named r_…, in the order that ReadPage takes them.
  virtual std::string Selected() const = 0;
  // What rows (of the table as `t`) go by.
  struct Order {
    std::string expression;
    bool descending = false;
  };
  virtual std::vector<Order> RowOrder() const = 0;

  virtual Result<std::vector<Row>> Query(const std::string& sql) = 0;
  // How many rows it changed.
  virtual Result<uint64_t> Change(const std::string& sql) = 0;
  // Rows of Selected() into `page`.
  virtual Status ReadPage(const std::string& sql, TablePage& page) = 0;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_SQL_SESSION_H_
