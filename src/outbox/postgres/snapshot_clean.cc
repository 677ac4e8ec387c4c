// Removing rows whose retention is over, and measuring what waits.
#include "outbox/postgres/snapshot_source.h"

namespace postroad::outbox::postgres {
namespace {

constexpr int64_t kCleanRows = 5000;

std::string Seconds(Duration duration) {
  return std::to_string(std::chrono::duration<double>(duration).count());
}

}  // namespace

// A step along the ids: looks at a few thousand rows and removes those that every relay of the
// table has sent and that are old enough. A round ends where all are young.
Result<Source::Cleaned> SnapshotSource::Clean() {
  POSTROAD_ASSIGN(
      const Rows page,
      connection_->Run("SELECT count(*), max(id), coalesce(bool_and(time > now() - $2::float8 * "
                       "interval '1 s'), true) FROM (SELECT id, time FROM " +
                           text_ + " WHERE id > $1::bigint ORDER BY id LIMIT " +
                           std::to_string(kCleanRows) + ") r",
                       {std::to_string(cleaning_at_), Seconds(options_.retention)}));
  const int64_t looked_at = page.Number(0, 0), last = page.Number(0, 1);
  if (looked_at == 0 || page.Flag(0, 2)) {
    cleaning_at_ = cleaned_to_;
    return Cleaned{};
  }
  const std::string sql =
      "WITH old AS (SELECT o.id FROM " + text_ +
      " o WHERE o.id > $1::bigint AND o.id <= $2::bigint AND "
      "o.time <= now() - $3::float8 * interval '1 s' AND NOT EXISTS (SELECT FROM " +
      progress_ +
      " r WHERE NOT pg_visible_in_snapshot(o.txid, r.seen) AND NOT (r.next IS NOT NULL AND "
      "pg_visible_in_snapshot(o.txid, r.next) AND o.id <= r.next_id)) AND NOT EXISTS (SELECT "
      "FROM " +
      poison_.quoted() +
      " p WHERE p.id = o.id::text) ORDER BY o.id FOR UPDATE OF o SKIP LOCKED) DELETE FROM " +
      text_ + " t USING old WHERE t.id = old.id";
  POSTROAD_ASSIGN(const Rows gone,
                  connection_->Run(sql, {std::to_string(cleaning_at_), std::to_string(last),
                                         Seconds(options_.retention)}));
  const bool all = gone.affected() == static_cast<uint64_t>(looked_at);
  if (all && cleaning_at_ == cleaned_to_) cleaned_to_ = last;
  cleaning_at_ = last;
  const bool more = looked_at == kCleanRows;
  if (!more) cleaning_at_ = cleaned_to_;
  return Cleaned{.rows = gone.affected(), .more = more};
}

Result<Lag> SnapshotSource::MeasureLag() {
  const std::string waiting =
      " NOT ($3::pg_snapshot IS NOT NULL AND pg_visible_in_snapshot(txid, $3) AND id <= "
      "$4::bigint)";
  const std::string sql =
      "WITH w AS (SELECT count(*) AS rows, min(id) AS first FROM ((SELECT id FROM " + text_ +
      " WHERE txid >= $1::xid8 AND" + waiting + " LIMIT " + std::to_string(kMaxLagRows) +
      ") UNION ALL (SELECT id FROM " + text_ + " WHERE txid = ANY ($2::xid8[]) AND" + waiting +
      " LIMIT " + std::to_string(kMaxLagRows) +
      ")) r) SELECT w.rows, coalesce((extract(epoch FROM now() - (SELECT time FROM " + text_ +
      " t WHERE t.id = w.first)) * 1000000)::bigint, 0), (SELECT count(*) FROM " +
      poison_.quoted() + " WHERE reader = $5) FROM w";
  POSTROAD_ASSIGN(const Rows rows,
                  connection_->Run(sql, {XmaxOf(settled_.seen), XipOf(settled_.seen), settled_.next,
                                         std::to_string(settled_.next_id), options_.name}));
  return Lag{.rows = std::min<uint64_t>(static_cast<uint64_t>(rows.Number(0, 0)), kMaxLagRows),
             .age = std::max<Duration>(std::chrono::microseconds(rows.Number(0, 1)), Duration{}),
             .poison = static_cast<uint64_t>(rows.Number(0, 2))};
}

}  // namespace postroad::outbox::postgres
