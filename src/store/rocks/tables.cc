// The tables beside the log.
#include "store/rocks/rocks_store_impl.h"

namespace postroad::store {

Result<std::optional<std::string>> RocksStore::Get(Table table, std::string_view key) {
  rocksdb::PinnableSlice value;
  POSTROAD_ASSIGN(const bool found, engine_->Get(FamilyOf(table), key, value));
  if (!found) return std::nullopt;
  return value.ToString();
}

Result<std::vector<Entry>> RocksStore::Scan(Table table, std::string_view from, std::string_view to,
                                            size_t limit, bool reverse) {
  const rocksdb::Slice lower = ToSlice(from);
  const rocksdb::Slice upper = ToSlice(to);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  if (!to.empty()) options.iterate_upper_bound = &upper;
  const auto entries = engine_->Iterate(FamilyOf(table), options);
  std::vector<Entry> out;
  for (reverse ? entries->SeekToLast() : entries->SeekToFirst();
       entries->Valid() && out.size() < limit; reverse ? entries->Prev() : entries->Next()) {
    out.push_back({entries->key().ToString(), entries->value().ToString()});
  }
  if (!entries->status().ok()) {
    return Fail(engine_->FromRocks(entries->status(), "cannot read a table"));
  }
  return out;
}

}  // namespace postroad::store
