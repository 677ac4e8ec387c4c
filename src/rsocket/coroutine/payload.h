// Payloads that own their bytes, and errors between coroutines and the wire.
#ifndef POSTROAD_RSOCKET_COROUTINE_PAYLOAD_H_
#define POSTROAD_RSOCKET_COROUTINE_PAYLOAD_H_

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "core/error.h"
#include "rsocket/framing/frame.h"
#include "rsocket/session/payload.h"

namespace postroad::rsocket {

template <typename T>
using Async = boost::asio::awaitable<T>;

struct Payload {
  std::optional<std::string> metadata;
  std::string data;

  Payload() = default;
  explicit Payload(std::string d) : data(std::move(d)) {}
  Payload(std::string m, std::string d) : metadata(std::move(m)), data(std::move(d)) {}
  explicit Payload(const PayloadView& view) : data(view.data) {
    if (view.metadata) metadata.emplace(*view.metadata);
  }
  PayloadView view() const {
    return {metadata ? std::optional<std::string_view>(*metadata) : std::nullopt, data};
  }
  EncodedPayload Encoded() const { return EncodedPayload(view()); }
  bool operator==(const Payload&) const = default;
};

// A peer's ERROR. Its reason is the code's name.
Error ToError(ErrorFrameCode code, std::string_view message);
// What an error is on the wire.
ErrorFrameCode CodeOf(const Error& error);

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_COROUTINE_PAYLOAD_H_
