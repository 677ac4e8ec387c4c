#include "journal/journal_metrics.h"

namespace postroad::journal {
namespace {

constexpr char kEvents[] = "postroad_journal_events_total";
constexpr char kEventsHelp[] =
    "Events appended to topics, by what their acknowledgement stands on.";
constexpr char kBytes[] = "postroad_journal_bytes_total";
constexpr char kBytesHelp[] = "Bytes of events appended, by what their acknowledgement stands on.";

const std::vector<double>& GroupBounds() {
  static const std::vector<double> bounds = {1, 3, 10, 30, 100, 300, 1'000, 3'000, 10'000, 30'000};
  return bounds;
}

}  // namespace

JournalMetrics::JournalMetrics(Metrics& metrics)
    : commits(metrics.GetCounter("postroad_journal_commits_total", "Group commits.")),
      commit_errors(metrics.GetCounter("postroad_journal_commit_errors_total",
                                       "Group commits that the store refused.")),
      group_events(metrics.GetHistogram("postroad_journal_group_events",
                                        "Events in one group commit.", GroupBounds())),
      commit_seconds(metrics.GetHistogram("postroad_journal_commit_seconds",
                                          "Time the store took for one group commit.",
                                          LatencyBounds())),
      post_seconds(metrics.GetHistogram("postroad_journal_post_seconds",
                                        "Time from a batch's arrival to its commit.",
                                        LatencyBounds())),
      events_disk(metrics.GetCounter(kEvents, kEventsHelp, {{"durability", "disk"}})),
      events_memory(metrics.GetCounter(kEvents, kEventsHelp, {{"durability", "memory"}})),
      bytes_disk(metrics.GetCounter(kBytes, kBytesHelp, {{"durability", "disk"}})),
      bytes_memory(metrics.GetCounter(kBytes, kBytesHelp, {{"durability", "memory"}})),
      duplicates(metrics.GetCounter("postroad_journal_duplicates_total",
                                    "Events posted again within the dedup window, not stored.")),
      refused(metrics.GetCounter("postroad_journal_refused_total",
                                 "Batches refused because too much was waiting, or draining.")),
      pending_bytes(metrics.GetGauge("postroad_journal_pending_bytes",
                                     "Bytes of batches that wait for their commit.")),
      tail_hits(metrics.GetCounter("postroad_journal_tail_hits_total",
                                   "Reads served from recent runs in memory.")),
      tail_misses(metrics.GetCounter("postroad_journal_tail_misses_total",
                                     "Reads that went to the store.")),
      tail_bytes(metrics.GetGauge("postroad_journal_tail_bytes",
                                  "Memory held by recent runs for readers.")),
      scheduled(metrics.GetGauge("postroad_journal_scheduled_events",
                                 "Future-dated events that wait for their time.")),
      scheduled_due(metrics.GetCounter("postroad_journal_scheduled_due_total",
                                       "Future-dated events whose time came.")),
      retention_events(metrics.GetCounter("postroad_journal_retention_removed_events_total",
                                          "Events removed by retention.")),
      dedup_bytes(metrics.GetGauge("postroad_journal_dedup_memory_bytes",
                                   "Memory held to recognise events posted again.")),
      dedup_disk_reads(metrics.GetCounter("postroad_journal_dedup_disk_reads_total",
                                          "Look-ups of event ids that read older generations "
                                          "from disk.")) {}

}  // namespace postroad::journal
