// The way from a subscription to one member's sink.
#ifndef POSTROAD_DELIVERY_MEMBER_LINK_H_
#define POSTROAD_DELIVERY_MEMBER_LINK_H_

#include <memory>
#include <utility>
#include <vector>

#include "delivery/delivery.h"
#include "runtime/executor.h"

namespace postroad::delivery {

// Shared by the subscription and the member's handle. The sink is touched on the executor only, and
// no more once the handle is gone or OnClosed was called.
struct MemberLink {
  MemberLink(Executor& executor, MemberSink& sink) : executor(executor), sink(&sink) {}

  Executor& executor;
  MemberSink* sink;

  static void Deliver(const std::shared_ptr<MemberLink>& link, std::vector<Delivery> deliveries) {
    link->executor.Post([link, deliveries = std::move(deliveries)]() mutable {
      if (link->sink != nullptr) link->sink->OnDeliveries(std::move(deliveries));
    });
  }
  static void Close(const std::shared_ptr<MemberLink>& link, Error reason) {
    link->executor.Post([link, reason = std::move(reason)]() mutable {
      MemberSink* const sink = std::exchange(link->sink, nullptr);
      if (sink != nullptr) sink->OnClosed(std::move(reason));
    });
  }
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_MEMBER_LINK_H_
