// Postroad's own table in PostgreSQL, read by snapshots: no row is marked.
//
// Each row has the id of the transaction that wrote it. What a snapshot sees and an earlier one did
// not is exactly what has committed between the two: rows of transactions not before the earlier
// one's end, and of those that were under way in it. So the progress of a relay is a snapshot
// ("everything it saw is sent"), a transaction that stays open holds nobody up, and one that
// commits late is not missed. Within such a difference rows go by id, which is the order in which
// writers that waited for each other wrote.
#ifndef POSTROAD_OUTBOX_POSTGRES_SNAPSHOT_SOURCE_H_
#define POSTROAD_OUTBOX_POSTGRES_SNAPSHOT_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outbox/options.h"
#include "outbox/postgres/connection.h"
#include "outbox/postgres/poison.h"
#include "outbox/postgres/session.h"
#include "outbox/postgres/table.h"
#include "outbox/postgres/wakefulness.h"
#include "outbox/source.h"
#include "outbox/waker.h"

namespace postroad::outbox::postgres {

class SnapshotSource final : public Source {
 public:
  SnapshotSource(const SourceOptions& options, Waker& waker);

  Status Connect() override;
  Result<bool> Lead() override;
  Status KeepAlive() override;
  Result<PagePtr> Read() override;
  Status Settle(const PagePtr& page, std::span<const EventResult> results) override;
  Status Pace() override { return wakefulness_.Pace(*connection_); }
  Result<bool> Wait(Duration at_most) override;
  Result<Cleaned> Clean() override;
  Result<Lag> MeasureLag() override;
  Result<std::vector<std::string>> Advice() override {
    return TriggerAdvice(*connection_, options_);
  }
  Result<std::vector<PoisonRow>> ListPoison(size_t limit) override;
  Result<uint64_t> RetryPoison(const std::optional<std::string>& id) override;
  Result<uint64_t> DropPoison(const std::optional<std::string>& id) override;
  Result<std::vector<Reader>> ListReaders() override;
  Status ForgetReader(const std::string& name) override;

 private:
  // How far rows are sent: all that `seen` saw and, if there is a `next`, what it saw besides up to
  // next_id.
  struct Position {
    std::string seen;
    std::optional<std::string> next;
    int64_t next_id = 0;
  };
  struct SnapshotPage : TablePage {
    Position after;
  };

  static std::string XmaxOf(const std::string& snapshot);
  static std::string XipOf(const std::string& snapshot);
  Status CheckCluster();
  Status LoadProgress();
  Result<PagePtr> ReadRetries();
  Result<PagePtr> ReadFew(bool& many);
  Result<bool> Probe();
  Result<Rows> ReadSmall();
  Result<Rows> ReadBacklog();
  std::string FewSql() const;
  std::string PageSql(const std::string& rows, const std::string& more = {}) const;
  Status SaveProgress(const Position& position, const std::string& more);

  const SourceOptions options_;
  Waker& waker_;
  const std::string progress_;
  const Poison poison_;
  std::unique_ptr<Connection> connection_;
  std::optional<Table> table_;
  Wakefulness wakefulness_;
  std::string text_;  // the table's quoted name
  Position read_, settled_;
  int64_t in_pass_ = 0;  // rows of a pass small enough for one page; 0: read by id
  bool retries_sent_ = false;
  std::chrono::steady_clock::time_point next_look_{};  // for rows set aside that shall go again
  int64_t cleaned_to_ = 0;                             // every row up to it is gone
  int64_t cleaning_at_ = 0;                            // in this round of cleaning
};

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_SNAPSHOT_SOURCE_H_
