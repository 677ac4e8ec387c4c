// Between Kill Bill's EventMsg and Postroad's events; the table is in docs/killbill.md.
#ifndef POSTROAD_GATEWAY_KILLBILL_EVENT_MSG_H_
#define POSTROAD_GATEWAY_KILLBILL_EVENT_MSG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/event.h"
#include "core/time.h"
#include "delivery/delivery.h"
#include "killbill/queue.pb.h"

namespace postroad::killbill {

// Where events with this search_key2 are kept, and the subscription their subscribers share.
std::string TopicOf(int64_t search_key2);
std::string SubscriptionOf(int64_t search_key2);
// As the subscription is made at its first use: from the first event kept, Kill Bill's schedule.
Result<delivery::SubscriptionSettings> SettingsOf(int64_t search_key2);

// The event to post. Due later than `now`, it waits. INVALID_ARGUMENT naming effective_date.
Result<Event> ToEvent(const queue::EventMsg& message, Timestamp now);
// An error about a posted event, in the words of EventMsg: "events[0].id" becomes "user_token".
Error InWordsOfEventMsg(Error error);

// The message to deliver. INVALID_ARGUMENT if the payload is not UTF-8, and so no event_json.
Result<queue::EventMsg> ToEventMsg(std::string_view record, int64_t search_key2);

}  // namespace postroad::killbill

#endif  // POSTROAD_GATEWAY_KILLBILL_EVENT_MSG_H_
