// Rows set aside: the side table of an outbox in PostgreSQL.
#ifndef POSTROAD_OUTBOX_POSTGRES_POISON_H_
#define POSTROAD_OUTBOX_POSTGRES_POISON_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "outbox/postgres/connection.h"
#include "outbox/source.h"
#include "outbox/table_page.h"

namespace postroad::outbox::postgres {

class Poison {
 public:
  // `table` is the outbox, `reader` the source's name.
  Poison(const std::string& table, std::string reader);

  const std::string& quoted() const { return quoted_; }
  const std::string& reader() const { return reader_; }

  // Commands that set aside what of the page is poison and, of a page of rows that were set aside
  // before, forget what went well; empty: nothing to do.
  std::string SettleSql(const TablePage& page, std::span<const EventResult> results) const;
  Result<std::vector<PoisonRow>> List(Connection& connection, size_t limit) const;
  Result<uint64_t> Retry(Connection& connection, const std::optional<std::string>& id) const;
  Result<uint64_t> Drop(Connection& connection, const std::optional<std::string>& id) const;

 private:
  std::string SetAside(std::string_view id, std::string_view event_id, std::string_view topic,
                       std::string_view reason) const;

  const std::string quoted_, channel_, reader_;
};

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_POISON_H_
