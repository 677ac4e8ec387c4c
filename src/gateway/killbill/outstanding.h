// What is delivered and not yet settled, by the user token that an Ack names; and the streams that
// a Close names. Kill Bill's acks come as calls of their own, on any connection.
#ifndef POSTROAD_GATEWAY_KILLBILL_OUTSTANDING_H_
#define POSTROAD_GATEWAY_KILLBILL_OUTSTANDING_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/time.h"
#include "delivery/delivery.h"

namespace postroad::killbill {

// One subscriber's stream, as this book knows it: by its number alone.
class Stream;

// Who calls, and the name it gave. One caller can neither ack nor close what is another's.
struct ClientKey {
  std::string caller;
  std::string name;  // a client_id or a user_token
  bool operator==(const ClientKey&) const = default;
};

// Thread-safe; never calls out.
class OutstandingBook {
 public:
  struct Entry {
    std::shared_ptr<Stream> stream;
    delivery::DeliveryId id;
  };

  // Notes a delivery, which `stream` may settle until `expires`. The same delivery noted by an
  // earlier stream of the same subscription (`search_key2`) is forgotten there. Also forgets what
  // of this stream has expired by `now`.
  void Note(const std::shared_ptr<Stream>& stream, const std::string& caller, int64_t search_key2,
            std::string_view token, delivery::DeliveryId id, MonotonicTime now,
            MonotonicTime expires);
  // Takes what an ack of `token` settles: the delivery noted first. Nothing: not known, or no more.
  std::optional<Entry> Take(const std::string& caller, std::string_view token, MonotonicTime now);

  void AddStream(const std::shared_ptr<Stream>& stream, const ClientKey& client);
  // Forgets the stream and its deliveries.
  void RemoveStream(const Stream* stream);
  std::vector<std::shared_ptr<Stream>> StreamsOf(const ClientKey& client);

  // How many deliveries are noted.
  size_t size() const;

 private:
  // In the order they were noted, and so expire, but where the subscription's deadline was changed.
  using Tokens = std::list<std::pair<MonotonicTime, ClientKey>>;
  struct Noted {
    const Stream* owner = nullptr;  // in streams_
    int64_t search_key2 = 0;
    delivery::DeliveryId id;
    Tokens::iterator place;  // in its stream's
  };
  struct StreamNotes {
    ClientKey client;
    std::weak_ptr<Stream> stream;
    Tokens tokens;
  };
  struct KeyHash {
    size_t operator()(const ClientKey& key) const {
      return std::hash<std::string>{}(key.name) * 31 + std::hash<std::string>{}(key.caller);
    }
  };

  // Forgets those of `noted` that `chosen` picks.
  template <typename Chosen>
  void Drop(std::vector<Noted>& noted, Chosen chosen);
  void DropFirst(StreamNotes& notes);

  mutable std::mutex mutex_;
  std::unordered_map<ClientKey, std::vector<Noted>, KeyHash> tokens_;  // rarely more than one each
  std::unordered_map<const Stream*, StreamNotes> streams_;
  size_t size_ = 0;
};

}  // namespace postroad::killbill

#endif  // POSTROAD_GATEWAY_KILLBILL_OUTSTANDING_H_
