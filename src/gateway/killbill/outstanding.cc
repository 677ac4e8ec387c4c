// See outstanding.h.
#include "gateway/killbill/outstanding.h"

namespace postroad::killbill {

template <typename Chosen>
void OutstandingBook::Drop(std::vector<Noted>& noted, Chosen chosen) {
  size_ -= std::erase_if(noted, [&](const Noted& one) {
    if (!chosen(one)) return false;
    streams_.at(one.owner).tokens.erase(one.place);
    return true;
  });
}

void OutstandingBook::DropFirst(StreamNotes& notes) {
  const auto first = notes.tokens.begin();
  const auto found = tokens_.find(first->second);
  Drop(found->second, [first](const Noted& one) { return one.place == first; });
  if (found->second.empty()) tokens_.erase(found);
}

void OutstandingBook::Note(const std::shared_ptr<Stream>& stream, const std::string& caller,
                           int64_t search_key2, std::string_view token, delivery::DeliveryId id,
                           MonotonicTime now, MonotonicTime expires) {
  std::lock_guard lock(mutex_);
  const auto found = streams_.find(stream.get());
  if (found == streams_.end()) return;  // it has ended
  Tokens& mine = found->second.tokens;
  while (!mine.empty() && mine.front().first <= now) DropFirst(found->second);
  const ClientKey key{caller, std::string(token)};
  auto& noted = tokens_[key];
  Drop(noted, [&](const Noted& one) { return one.search_key2 == search_key2 && one.id == id; });
  noted.push_back({stream.get(), search_key2, id, mine.emplace(mine.end(), expires, key)});
  ++size_;
}

std::optional<OutstandingBook::Entry> OutstandingBook::Take(const std::string& caller,
                                                            std::string_view token,
                                                            MonotonicTime now) {
  std::lock_guard lock(mutex_);
  const auto found = tokens_.find(ClientKey{caller, std::string(token)});
  if (found == tokens_.end()) return std::nullopt;
  std::optional<Entry> taken;
  Drop(found->second, [&](const Noted& one) {
    if (taken) return false;
    auto stream = streams_.at(one.owner).stream.lock();
    if (stream && one.place->first > now) taken = {std::move(stream), one.id};
    return true;
  });
  if (found->second.empty()) tokens_.erase(found);
  return taken;
}

void OutstandingBook::AddStream(const std::shared_ptr<Stream>& stream, const ClientKey& client) {
  std::lock_guard lock(mutex_);
  streams_[stream.get()] = {client, stream, {}};
}

void OutstandingBook::RemoveStream(const Stream* stream) {
  std::lock_guard lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  while (!found->second.tokens.empty()) DropFirst(found->second);
  streams_.erase(found);
}

std::vector<std::shared_ptr<Stream>> OutstandingBook::StreamsOf(const ClientKey& client) {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Stream>> found;
  for (const auto& [pointer, notes] : streams_) {
    if (notes.client != client) continue;
    if (auto stream = notes.stream.lock()) found.push_back(std::move(stream));
  }
  return found;
}

size_t OutstandingBook::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace postroad::killbill
