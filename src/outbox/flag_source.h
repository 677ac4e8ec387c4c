// A table whose rows are marked when they are sent, or deleted: of any layout, in any database.
//
// Every page is read from the first row that is not marked, in one statement: so nothing that
// commits late is missed, and nobody is overtaken by who waited for him. It is marked before the
// next is read.
#ifndef POSTROAD_OUTBOX_FLAG_SOURCE_H_
#define POSTROAD_OUTBOX_FLAG_SOURCE_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "outbox/options.h"
#include "outbox/source.h"
#include "outbox/sql_session.h"

namespace postroad::outbox {

// The side table of rows set aside.
std::string PoisonTableOf(const std::string& table);

class FlagSource final : public Source {
 public:
  FlagSource(SourceOptions options, std::unique_ptr<SqlSession> session);

  Status Connect() override { return session_->Connect(); }
  Result<bool> Lead() override;
  Status KeepAlive() override { return session_->KeepAlive(); }
  Result<PagePtr> Read() override;
  Status Settle(const PagePtr& page, std::span<const EventResult> results) override;
  Status Pace() override { return session_->Pace(); }
  Result<bool> Wait(Duration at_most) override { return session_->Wait(at_most); }
  Result<Cleaned> Clean() override;
  Result<Lag> MeasureLag() override;
  Result<std::vector<std::string>> Advice() override { return session_->Advice(); }
  Result<std::vector<PoisonRow>> ListPoison(size_t limit) override;
  Result<uint64_t> RetryPoison(const std::optional<std::string>& id) override;
  Result<uint64_t> DropPoison(const std::optional<std::string>& id) override;
  Result<std::vector<Reader>> ListReaders() override;
  Status ForgetReader(const std::string& name) override;

 private:
  using Ids = std::vector<std::string>;

  std::string Column(const std::string& name) const { return session_->Quote(name); }
  std::string Shown(std::string_view text, size_t bytes) const;
  std::string IdText() const;
  std::string InList(const Ids& ids) const;
  // Of rows to read, or to count.
  std::string Waiting() const;
  std::string Chosen() const;
  std::string OwnReader() const;
  std::string RowSize() const;
  std::string PageSql() const;
  Status Forget(const Ids& ids);
  std::string RowFilter(const std::optional<std::string>& id) const;
  Status MarkHeld();
  Result<Ids> Mark(const Ids& ids);
  Result<Ids> LockFree(const Ids& ids);
  Status SetAside(const TablePage& page, std::span<const EventResult> results);
  Status SetAside(std::string_view id, std::string_view event_id, std::string_view topic,
                  std::string_view reason);

  const SourceOptions options_;
  const std::unique_ptr<SqlSession> session_;
  bool in_flight_ = false;
  std::set<std::string> held_;  // sent, but locked by somebody when they were to be marked
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_FLAG_SOURCE_H_
