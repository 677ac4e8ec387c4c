// What the journal measures.
#ifndef POSTROAD_JOURNAL_JOURNAL_METRICS_H_
#define POSTROAD_JOURNAL_JOURNAL_METRICS_H_

#include "journal/topic_rules.h"
#include "runtime/metrics.h"

namespace postroad::journal {

struct JournalMetrics {
  explicit JournalMetrics(Metrics& metrics);

  Counter& commits;
  Counter& commit_errors;
  Histogram& group_events;
  Histogram& commit_seconds;
  Histogram& post_seconds;
  Counter& events_disk;
  Counter& events_memory;
  Counter& bytes_disk;
  Counter& bytes_memory;
  Counter& duplicates;
  Counter& refused;
  Gauge& pending_bytes;
  Counter& tail_hits;
  Counter& tail_misses;
  Gauge& tail_bytes;
  Gauge& scheduled;
  Counter& scheduled_due;
  Counter& retention_events;
  Gauge& dedup_bytes;
  Counter& dedup_disk_reads;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_JOURNAL_METRICS_H_
