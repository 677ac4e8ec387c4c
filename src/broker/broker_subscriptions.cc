// The broker's calls on subscriptions and their dead letters.
#include "broker/broker_impl.h"

namespace postroad::broker {

using auth::Right;

Result<delivery::SubscriptionInfo> Broker::Impl::Permitted(const Principal& principal,
                                                           std::string_view subscription,
                                                           Right right) {
  POSTROAD_TRY(CheckName(subscription, "subscription"));
  POSTROAD_ASSIGN(auto info, delivery.Get(subscription));
  POSTROAD_TRY(principal.CheckAll(right, info.settings.topics));
  return info;
}

Result<SubscriptionSeen> Broker::PrepareJoin(const Principal& principal,
                                             const JoinRequest& request) {
  POSTROAD_TRY(impl_->CheckRunning());
  if (!request.options.client_id.empty()) {
    POSTROAD_TRY(CheckName(request.options.client_id, request.field + "client_id"));
  }
  auto info = impl_->Permitted(principal, request.subscription, Right::kRead);
  if (info) return SubscriptionSeen{.created = false, .settings = std::move(info->settings)};
  if (info.error().code != ErrorCode::kNotFound || !request.create) {
    return Fail(std::move(info).error());
  }
  POSTROAD_TRY(delivery::CheckSettings(*request.create, request.field + "create"));
  POSTROAD_TRY(principal.CheckAll(Right::kRead, request.create->topics));
  POSTROAD_ASSIGN(auto made, CreateSubscription(principal, request.subscription, *request.create));
  return SubscriptionSeen{.created = true, .settings = std::move(made.settings)};
}

Result<std::unique_ptr<delivery::Member>> Broker::Join(const Principal& principal,
                                                       const JoinRequest& request,
                                                       Executor& executor,
                                                       delivery::MemberSink& sink) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(impl_->Permitted(principal, request.subscription, Right::kRead));
  return impl_->delivery.Join(request.subscription, request.options, executor, sink);
}

Result<delivery::SubscriptionInfo> Broker::CreateSubscription(
    const Principal& principal, std::string_view name,
    const delivery::SubscriptionSettings& settings) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(CheckName(name, "name"));
  POSTROAD_TRY(delivery::CheckSettings(settings, "settings"));
  POSTROAD_TRY(principal.CheckAll(Right::kAdminister, settings.topics));
  POSTROAD_TRY(impl_->delivery.Create(name, settings));
  return impl_->delivery.Get(name);
}

Result<delivery::SubscriptionInfo> Broker::UpdateSubscription(
    const Principal& principal, std::string_view name,
    const delivery::SubscriptionSettings& settings) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(delivery::CheckSettings(settings, "settings"));
  POSTROAD_TRY(impl_->Permitted(principal, name, Right::kAdminister));
  POSTROAD_TRY(principal.CheckAll(Right::kAdminister, settings.topics));
  POSTROAD_TRY(impl_->delivery.Update(name, settings));
  return impl_->delivery.Get(name);
}

Status Broker::DeleteSubscription(const Principal& principal, std::string_view name) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(impl_->Permitted(principal, name, Right::kAdminister));
  return impl_->delivery.Delete(name);
}

Result<delivery::SubscriptionInfo> Broker::GetSubscription(const Principal& principal,
                                                           std::string_view name) {
  return impl_->Permitted(principal, name, Right::kRead);
}

Result<Page<delivery::SubscriptionInfo>> Broker::ListSubscriptions(const Principal& principal,
                                                                   std::string_view after,
                                                                   size_t limit) {
  POSTROAD_ASSIGN(limit, PageSize(limit));
  Page<delivery::SubscriptionInfo> page;
  POSTROAD_ASSIGN(std::string at, impl_->hidden.PositionOf(after));
  for (size_t scanned = 0; scanned < kMaxScanned;) {
    auto some = impl_->delivery.List(at, limit);
    for (auto& info : some) {
      at = info.name;
      if (!principal.CheckAll(Right::kRead, info.settings.topics)) continue;
      page.items.push_back(std::move(info));
      if (page.items.size() < limit) continue;
      page.next = std::move(at);
      return page;
    }
    if (some.size() < limit) return page;
    scanned += some.size();
  }
  page.next = impl_->hidden.Hide(std::move(at));
  return page;
}

Result<delivery::SubscriptionInfo> Broker::SeekSubscription(const Principal& principal,
                                                            std::string_view name,
                                                            delivery::Start start, Timestamp time,
                                                            Offset offset) {
  POSTROAD_TRY(impl_->CheckRunning());
  if (start == delivery::Start::kTime && (time < kEarliestTime || time > kLatestTime)) {
    return Invalid("time", "must be between 1970 and 2200");
  }
  POSTROAD_TRY(impl_->Permitted(principal, name, Right::kAdminister));
  POSTROAD_TRY(impl_->delivery.Seek(name, start, time, offset));
  return impl_->delivery.Get(name);
}

// --- Dead letters ---

Result<Page<delivery::DeadLetter>> Broker::ListDeadLetters(const Principal& principal,
                                                           std::string_view subscription,
                                                           uint64_t after, size_t limit) {
  POSTROAD_ASSIGN(limit, PageSize(limit));
  POSTROAD_TRY(impl_->Permitted(principal, subscription, Right::kRead));
  Page<delivery::DeadLetter> page;
  POSTROAD_ASSIGN(page.items, impl_->delivery.ListDeadLetters(subscription, after, limit));
  if (page.items.empty()) return page;
  const uint64_t last = page.items.back().id;
  POSTROAD_ASSIGN(const auto more, impl_->delivery.ListDeadLetters(subscription, last, 1));
  if (!more.empty()) page.next = std::to_string(last);
  return page;
}

Result<delivery::DeadLetter> Broker::Impl::FindDeadLetter(std::string_view subscription,
                                                          uint64_t id) {
  if (id > 0) {
    POSTROAD_ASSIGN(auto found, delivery.ListDeadLetters(subscription, id - 1, 1));
    if (!found.empty() && found.front().id == id) return std::move(found.front());
  }
  return Fail(ErrorCode::kNotFound, "the subscription has no dead letter of this id");
}

Result<delivery::DeadLetter> Broker::EditDeadLetter(const Principal& principal,
                                                    std::string_view subscription, uint64_t id,
                                                    Event event) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(impl_->Permitted(principal, subscription, Right::kAdminister));
  POSTROAD_ASSIGN(delivery::DeadLetter letter, impl_->FindDeadLetter(subscription, id));
  EventView old;
  POSTROAD_TRY(ParseRecord(letter.record, old));
  if (!event.time) event.time = old.time;
  POSTROAD_TRY(CheckReplacement(event, letter.topic, old.id,
                                impl_->journal.rules().For(letter.topic), "event"));
  letter.record = EncodeRecord(ViewOf(event));
  POSTROAD_TRY(impl_->delivery.EditDeadLetter(subscription, id, letter.record));
  return letter;
}

Result<uint64_t> Broker::ResendDeadLetters(const Principal& principal,
                                           std::string_view subscription,
                                           std::optional<uint64_t> id) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(impl_->Permitted(principal, subscription, Right::kAdminister));
  return impl_->delivery.ResendDeadLetters(subscription, id);
}

Result<uint64_t> Broker::DropDeadLetters(const Principal& principal, std::string_view subscription,
                                         std::optional<uint64_t> id) {
  POSTROAD_TRY(impl_->CheckRunning());
  POSTROAD_TRY(impl_->Permitted(principal, subscription, Right::kAdminister));
  return impl_->delivery.DropDeadLetters(subscription, id);
}

}  // namespace postroad::broker
