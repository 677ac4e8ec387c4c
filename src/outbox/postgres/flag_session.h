// PostgreSQL for tables whose rows are marked.
#ifndef POSTROAD_OUTBOX_POSTGRES_FLAG_SESSION_H_
#define POSTROAD_OUTBOX_POSTGRES_FLAG_SESSION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outbox/options.h"
#include "outbox/postgres/connection.h"
#include "outbox/postgres/session.h"
#include "outbox/postgres/table.h"
#include "outbox/postgres/wakefulness.h"
#include "outbox/sql_session.h"
#include "outbox/waker.h"

namespace postroad::outbox::postgres {

class FlagSession final : public SqlSession {
 public:
  FlagSession(const SourceOptions& options, Waker& waker)
      : options_(options), waker_(waker), wakefulness_(options.table, waker) {}

  Status Connect() override;
  Result<bool> Lead() override;
  Result<bool> IsLed(const std::string& name) override {
    return postgres::IsLed(*connection_, options_, name);
  }
  Status KeepAlive() override;
  Result<std::vector<std::string>> Advice() override {
    return TriggerAdvice(*connection_, options_);
  }
  Status Pace() override { return wakefulness_.Pace(*connection_); }
  Result<bool> Wait(Duration at_most) override { return wakefulness_.Wait(*connection_, at_most); }
  const Dialect& dialect() const override;
  std::string Quote(std::string_view name) const override { return Connection::Quote(name); }
  std::string Literal(std::string_view text) const override;
  std::string Selected() const override { return table_->selected(); }
  std::vector<Order> RowOrder() const override;
  Result<std::vector<Row>> Query(const std::string& sql) override;
  Result<uint64_t> Change(const std::string& sql) override;
  Status ReadPage(const std::string& sql, TablePage& page) override;

 private:
  const SourceOptions options_;
  Waker& waker_;
  std::unique_ptr<Connection> connection_;
  std::optional<Table> table_;
  Wakefulness wakefulness_;
};

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_FLAG_SESSION_H_
