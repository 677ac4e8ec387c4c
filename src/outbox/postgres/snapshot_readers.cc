// Relays of one table, by their names: see snapshot_source.h.
#include "outbox/postgres/ddl.h"
#include "outbox/postgres/session.h"
#include "outbox/postgres/snapshot_source.h"

namespace postroad::outbox::postgres {

Result<std::vector<Reader>> SnapshotSource::ListReaders() {
  POSTROAD_ASSIGN(const Rows rows,
                  connection_->Run("SELECT reader, count(p.reader), "
                                   "(extract(epoch FROM max(updated_at)) * 1000000)::bigint FROM " +
                                   progress_ + " r FULL JOIN " + poison_.quoted() +
                                   " p USING (reader) GROUP BY reader ORDER BY reader"));
  std::vector<Reader> readers;
  for (int i = 0; i < rows.size(); ++i) {
    Reader reader{.name = std::string(rows.Get(i, 0)),
                  .poison = static_cast<uint64_t>(rows.Number(i, 1))};
    if (!rows.IsNull(i, 2)) reader.noted = Timestamp(std::chrono::microseconds(rows.Number(i, 2)));
    POSTROAD_ASSIGN(reader.leads, IsLed(*connection_, options_, reader.name));
    readers.push_back(std::move(reader));
  }
  return readers;
}

Status SnapshotSource::ForgetReader(const std::string& name) {
  POSTROAD_ASSIGN(const bool leads, IsLed(*connection_, options_, name));
  if (leads) return Fail(ReaderLeads(name));
  POSTROAD_ASSIGN(
      const Rows poison,
      connection_->Run("DELETE FROM " + poison_.quoted() + " WHERE reader = $1", {name}));
  POSTROAD_ASSIGN(const Rows progress,
                  connection_->Run("DELETE FROM " + progress_ + " WHERE reader = $1", {name}));
  if (poison.affected() + progress.affected() == 0) return Fail(NoReader(name));
  return {};
}

}  // namespace postroad::outbox::postgres
