#include "journal/sealed_fingerprints.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"

namespace postroad::journal {
namespace {

using store::Entry;
using store::Mutation;
using store::Table;

constexpr size_t kEntriesPerPiece = 256;  // 4 KiB: what one look-up reads
constexpr size_t kFilterPiece = 64 << 10;
// A commit's sync waits for all that was written to the log before it: so little at a time, each
// synced by itself.
constexpr size_t kWriteBytes = 256 << 10;

std::string Key(char kind, uint64_t number) {
  std::string key(1, kind);
  PutBig64(key, number);
  return key;
}
std::string PieceKey(char kind, uint64_t number, uint32_t piece) {
  std::string key = Key(kind, number);
  PutBig32(key, piece);
  return key;
}

Mutation Put(std::string key, std::string value) {
  return {Mutation::Kind::kPut, Table::kDedup, std::move(key), std::move(value)};
}
Mutation DeleteRange(std::string from, std::string to) {
  return {Mutation::Kind::kDeleteRange, Table::kDedup, std::move(from), std::move(to)};
}

std::unexpected<Error> Corrupt() {
  return Fail(ErrorCode::kDataLoss,
              "The store's dedup table is damaged; run `postroad store check`.", {},
              "STORE_CORRUPT");
}

// By insertion: what comes out of a table by open addressing is off by a few places.
void SortNearlySorted(SealedFingerprints::Entries& entries) {
  for (size_t i = 1; i < entries.size(); ++i) {
    const auto entry = entries[i];
    size_t to = i;
    for (; to > 0 && entry < entries[to - 1]; --to) entries[to] = entries[to - 1];
    entries[to] = entry;
  }
}

// Gathers mutations and writes them a piece at a time.
class Writer {
 public:
  explicit Writer(store::Store& store) : store_(store) {}
  Status Add(Mutation mutation) {
    bytes_ += mutation.value.size();
    mutations_.push_back(std::move(mutation));
    return bytes_ < kWriteBytes ? Status() : Flush();
  }
  Status Flush() {
    POSTROAD_TRY(store_.Write(mutations_, true));
    mutations_.clear();
    bytes_ = 0;
    return {};
  }

 private:
  store::Store& store_;
  std::vector<Mutation> mutations_;
  size_t bytes_ = 0;
};

}  // namespace

std::string DedupGroupKey(FeedPosition base) { return Key('j', base.value()); }

Result<std::shared_ptr<const SealedFingerprints>> SealedFingerprints::Write(
    store::Store& store, uint64_t number, Entries entries, Timestamp newest,
    FeedPosition groups_begin, FeedPosition groups_end, JournalMetrics& metrics) {
  SortNearlySorted(entries);
  std::vector<uint64_t> fingerprints;
  fingerprints.reserve(entries.size());
  for (const auto& [fingerprint, place] : entries) fingerprints.push_back(fingerprint);
  FingerprintFilter filter(fingerprints);

  Writer writer(store);
  for (size_t i = 0; i < entries.size(); i += kEntriesPerPiece) {
    const size_t count = std::min(kEntriesPerPiece, entries.size() - i);
    std::string piece(reinterpret_cast<const char*>(&entries[i]), count * sizeof entries[0]);
    POSTROAD_TRY(writer.Add(
        Put(PieceKey('c', number, static_cast<uint32_t>(i / kEntriesPerPiece)), std::move(piece))));
  }
  const std::string encoded = filter.Encode();
  uint32_t pieces = 0;
  for (size_t i = 0; i < encoded.size(); i += kFilterPiece, ++pieces) {
    POSTROAD_TRY(writer.Add(Put(PieceKey('f', number, pieces), encoded.substr(i, kFilterPiece))));
  }
  POSTROAD_TRY(writer.Flush());
  std::string header;
  PutBig64(header, static_cast<uint64_t>(ToNanos(newest)));
  POSTROAD_TRY(writer.Add(Put(Key('h', number), std::move(header))));
  POSTROAD_TRY(writer.Add(DeleteRange(DedupGroupKey(groups_begin), DedupGroupKey(groups_end))));
  POSTROAD_TRY(writer.Flush());
  return std::shared_ptr<const SealedFingerprints>(
      new SealedFingerprints(store, number, newest, std::move(filter), metrics));
}

Result<std::shared_ptr<const SealedFingerprints>> SealedFingerprints::Load(
    store::Store& store, const Entry& header, JournalMetrics& metrics) {
  if (header.key.size() != 9 || header.value.size() != 8) return Corrupt();
  const uint64_t number = GetBig64(header.key.data() + 1);
  POSTROAD_ASSIGN(const std::vector<Entry> pieces,
                  store.Scan(Table::kDedup, Key('f', number), Key('f', number + 1), SIZE_MAX));
  std::string encoded;
  for (const Entry& piece : pieces) encoded += piece.value;
  auto filter = FingerprintFilter::Decode(encoded);
  if (!filter) return Corrupt();
  const Timestamp newest = FromNanos(static_cast<int64_t>(GetBig64(header.value.data())));
  return std::shared_ptr<const SealedFingerprints>(
      new SealedFingerprints(store, number, newest, std::move(*filter), metrics));
}

Result<std::vector<std::shared_ptr<const SealedFingerprints>>> SealedFingerprints::LoadAll(
    store::Store& store, JournalMetrics& metrics) {
  POSTROAD_ASSIGN(const std::vector<Entry> headers, store.Scan(Table::kDedup, "h", "i", SIZE_MAX));
  std::vector<std::shared_ptr<const SealedFingerprints>> all;
  for (const Entry& header : headers) {
    POSTROAD_ASSIGN(auto generation, Load(store, header, metrics));
    all.push_back(std::move(generation));
  }
  // Generations have rising numbers and are written one at a time, so only one newer than all that
  // are whole can be half written.
  const uint64_t next = all.empty() ? 0 : all.back()->number() + 1;
  const std::vector<Mutation> clear = {DeleteRange(Key('c', next), "d"),
                                       DeleteRange(Key('f', next), "g")};
  POSTROAD_TRY(store.Write(clear, false));
  return all;
}

Status SealedFingerprints::Delete() const {
  const std::vector<Mutation> mutations = {DeleteRange(Key('h', number_), Key('h', number_ + 1)),
                                           DeleteRange(Key('c', number_), Key('c', number_ + 1)),
                                           DeleteRange(Key('f', number_), Key('f', number_ + 1))};
  return store_.Write(mutations, false);
}

Status SealedFingerprints::Find(uint64_t fingerprint, std::vector<FeedPosition>& out) const {
  Status status;
  filter_.Find(fingerprint, [&](uint32_t index) {
    metrics_.dedup_disk_reads.Add();
    auto piece = store_.Get(
        Table::kDedup, PieceKey('c', number_, static_cast<uint32_t>(index / kEntriesPerPiece)));
    if (!piece) {
      status = Fail(std::move(piece).error());
      return true;
    }
    uint64_t entry[2];
    const size_t at = index % kEntriesPerPiece * sizeof entry;
    if (!*piece || (*piece)->size() < at + sizeof entry) {
      // Deleted just now, being past the window.
      return true;
    }
    std::memcpy(entry, (*piece)->data() + at, sizeof entry);
    if (entry[0] == fingerprint) out.push_back(FeedPosition(entry[1]));
    return false;
  });
  return status;
}

}  // namespace postroad::journal
