// A table in PostgreSQL as a relay sees it: which columns it has, what it may do, how rows are
// read.
#ifndef POSTROAD_OUTBOX_POSTGRES_TABLE_H_
#define POSTROAD_OUTBOX_POSTGRES_TABLE_H_

#include <map>
#include <string>

#include "core/error.h"
#include "outbox/options.h"
#include "outbox/postgres/connection.h"
#include "outbox/table_page.h"

namespace postroad::outbox::postgres {

class Table {
 public:
  // Looks the table up. FAILED_PRECONDITION names the table or the columns that are not there.
  static Result<Table> Find(Connection& connection, const SourceOptions& options);

  // FAILED_PRECONDITION with the GRANT that lacks, if this user has not `rights` ("SELECT, UPDATE")
  // on `table`, or there is no such table.
  static Status CheckRights(Connection& connection, const std::string& table,
                            const std::string& rights);

  const std::string& quoted() const { return quoted_; }
  // What a page's query selects, in the order that ReadRows expects.
  const std::string& selected() const { return selected_; }
  bool id_is_number() const { return id_is_number_; }
  bool payload_is_bytes() const { return payload_is_bytes_; }

  // Rows of a query, in binary, of what selected() names.
  void ReadRows(const Rows& rows, TablePage& page) const;

 private:
  Status AddColumns(const Columns& columns, const std::map<std::string, std::string>& types);

  std::string quoted_, selected_, prefix_;
  bool id_is_number_ = false, payload_is_bytes_ = false;
};

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_TABLE_H_
