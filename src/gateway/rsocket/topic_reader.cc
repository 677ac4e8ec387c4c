// See topic_reader.h.
#include "gateway/rsocket/topic_reader.h"

#include <boost/json.hpp>
#include <utility>

#include "core/cursor.h"
#include "gateway/rsocket/error_map.h"

namespace postroad::rsocket_gateway {
namespace {

namespace json = boost::json;

constexpr size_t kBatchBytes = 64 << 10;

std::string Expand(std::string topic, std::string_view user) {
  for (size_t at = 0; (at = topic.find(kUserPlaceholder, at)) != std::string::npos;) {
    topic.replace(at, kUserPlaceholder.size(), user);
    at += user.size();
  }
  return topic;
}

Result<broker::StreamStart> StartOf(const json::object& object, broker::StreamStart start) {
  if (const json::value* cursor = object.if_contains("cursor"); cursor && !cursor->is_null()) {
    if (!cursor->is_string()) return Invalid("cursor", "must be text", "BAD_CURSOR");
    return broker::FromCursor{std::string(cursor->get_string())};
  }
  if (const json::value* last = object.if_contains("last")) {
    boost::system::error_code error;
    const auto events = last->to_number<uint64_t>(error);
    if (error) return Invalid("last", "must be a number of events");
    return broker::FromLast{events};
  }
  if (const json::value* from = object.if_contains("from")) {
    if (*from == "beginning") return broker::FromBeginning{};
    if (*from == "end") return broker::FromEnd{};
    return Invalid("from", "must be \"beginning\" or \"end\"");
  }
  return start;
}

}  // namespace

Result<ReadRequest> ParseReadRequest(const Route& route, std::string_view user,
                                     std::string_view data) {
  ReadRequest request{.topic = Expand(route.topic, user), .start = broker::FromEnd{}};
  if (route.start == RouteStart::kBeginning) request.start = broker::FromBeginning{};
  if (!data.starts_with('{')) return request;
  boost::system::error_code error;
  const json::value value = json::parse(data, error);
  if (error || !value.is_object()) return request;
  const json::object& object = value.get_object();
  POSTROAD_ASSIGN(request.start, StartOf(object, std::move(request.start)));
  if (const json::value* format = object.if_contains("format")) {
    if (*format != "json") return Invalid("format", "must be \"json\", or left out");
    request.lines = true;
  }
  return request;
}

TopicReader::TopicReader(Gateway& gateway, size_t core, rsocket::Stream& stream, PayloadForm form)
    : gateway_(gateway),
      core_(core),
      stream_(stream),
      form_(form),
      self_(std::make_shared<TopicReader*>(this)) {
  gateway_.streams_open.Add(1);
}

TopicReader::~TopicReader() { gateway_.streams_open.Add(-1); }

Status TopicReader::Open(const auth::Principal& principal, broker::UserConnection& connection,
                         ReadRequest request) {
  POSTROAD_ASSIGN(TopicSelector topics, TopicSelector::Parse({request.topic}, "topic"));
  broker::StreamSpec spec{.topics = std::move(topics), .start = std::move(request.start)};
  spec.max_batch_bytes = kBatchBytes;
  POSTROAD_ASSIGN(events_, gateway_.broker.OpenStream(principal, std::move(spec)));
  events_->OnEnded(gateway_.cores.at(core_), [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) (*self)->Pump();
  });
  const Cursor at = events_->Cursor();
  reading_ = connection.Read(
      request.topic, {.start = TopicCursorOf(at).next, .acks = form_ != PayloadForm::kPlain});
  if (form_ == PayloadForm::kLine) AddNotices({OpenedLine(connection.name(), EncodeCursor(at))});
  return {};
}

void TopicReader::OnRoom() { Pump(); }

void TopicReader::Pump() {
  bool at_end = false;
  while (!ended_ && SendRead()) {
    if (at_end) return Wait();
    auto batch = events_->Next();
    if (!batch) return Fail(batch.error());
    if (batch->Empty()) return Wait();
    at_end = batch->at_end;
    if (auto read = Read(*std::move(batch)); !read) return Fail(read.error());
  }
}

void TopicReader::Wait() {
  if (wait_) return events_->WaitAgain(*wait_);
  wait_ = events_->WaitForMore(gateway_.cores.at(core_), [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) (*self)->Pump();
  });
}

void TopicReader::AddNotices(std::vector<rsocket::EncodedPayload> notices) {
  if (notices.empty()) return;
  read_.push_back({std::make_shared<const std::vector<rsocket::EncodedPayload>>(std::move(notices)),
                   std::nullopt});
}

Status TopicReader::Read(broker::StreamBatch batch) {
  const TopicCursor& cursor = TopicCursorOf(batch.cursor);
  if (form_ == PayloadForm::kPlain) {
    TopicCursor behind = cursor;
    if (!batch.runs.empty()) behind.next = batch.runs.front().first;
    if (auto untold = UntoldNotice(batch, behind)) return postroad::Fail(*std::move(untold));
  } else {
    AddNotices(NoticesBefore(batch, form_));
  }
  for (const broker::StreamRun& run : batch.runs) {
    POSTROAD_ASSIGN(EncodedRun encoded, gateway_.caches[core_].Get(run, cursor.epoch, form_));
    read_.push_back({std::move(encoded), run.first});
  }
  AddNotices(NoticesAfter(batch, form_));
  return {};
}

bool TopicReader::SendRead() {
  uint64_t room = stream_.Room();
  size_t events = 0, bytes = 0;
  while (!read_.empty() && room > 0 && !ended_) {
    const rsocket::EncodedPayload& payload = (*read_.front().payloads)[sent_];
    bytes += payload.bytes().size();
    ++events;
    if (!stream_.Send(payload)) {
      ended_ = true;
      break;
    }
    ++sent_;
    if (read_.front().first) reading_->Sent(*read_.front().first + sent_);
    if (sent_ == read_.front().payloads->size()) {
      read_.pop_front();
      sent_ = 0;
    }
    // The bytes that wait may have closed the room before the credit is used up.
    if (--room == 0 || events % 16 == 0) room = stream_.Room();
  }
  if (events > 0) {
    gateway_.delivered_events.Add(static_cast<double>(events));
    gateway_.delivered_bytes.Add(static_cast<double>(bytes));
  }
  return read_.empty() && room > 0 && !ended_;
}

void TopicReader::Fail(const Error& error) {
  ended_ = true;
  wait_.reset();
  stream_.Fail(ToErrorCode(error.code), ErrorText(error));
}

}  // namespace postroad::rsocket_gateway
