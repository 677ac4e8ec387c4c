// What a reader asks for, tells and keeps, against a server that does what a script says.
#include "client/session_testing.h"
#include "core/cursor.h"

namespace postroad {
namespace {

std::string CursorAt(uint64_t offset) { return EncodeCursor(TopicCursor{.next = Offset(offset)}); }

v1::ReadResponse CursorAlone(uint64_t offset) {
  v1::ReadResponse response;
  response.set_cursor(CursorAt(offset));
  return response;
}

grpc::Status Hang(grpc::ServerContext* context) {
  while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
  return grpc::Status::CANCELLED;
}

// Keeps every cursor saved.
class Saved final : public CursorStore {
 public:
  Result<std::optional<std::string>> Load() override { return std::nullopt; }
  Status Save(std::string_view cursor) override {
    std::lock_guard lock(mutex_);
    saved_.emplace_back(cursor);
    return {};
  }
  std::string last() {
    std::lock_guard lock(mutex_);
    return saved_.empty() ? "" : saved_.back();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> saved_;
};

TEST_F(SessionTest, TheLastCursorBeforeAQuietTimeIsSaved) {
  ScriptedServer server({.read = {[](auto* context, ReadServer* stream) {
                           stream->Write(CursorAlone(1));
                           stream->Write(CursorAlone(2));
                           return Hang(context);
                         }}});
  const Client client = NewClient(server.address());
  const auto store = std::make_shared<Saved>();
  ReaderOptions options = ReadOrders();
  options.cursor_store = store;
  options.save_interval = milliseconds(20);
  auto reader = Reader::Start(client, options);
  EXPECT_TRUE(Eventually([&] { return store->last() == CursorAt(2); }));
}

// Else a reader whose filter lets nothing through reads everything again when it is started anew.
TEST_F(SessionTest, TheCursorIsAskedForWhereNothingElseMayCome) {
  ScriptedServer server({.read = {[](auto* context, ReadServer* stream) {
                           stream->Write(CursorAlone(100));
                           return Hang(context);
                         }}});
  const Client client = NewClient(server.address());
  ReaderOptions filtered = ReadOrders(), stored = ReadOrders();
  filtered.filter.types = {"order.paid"};
  stored.cursor_store = std::make_shared<Saved>();
  for (const ReaderOptions& options : {ReadOrders(), filtered, stored}) {
    auto reader = Reader::Start(client, options);
    EXPECT_TRUE(Eventually([&] { return (*reader)->cursor() == CursorAt(100); }));
  }
  const auto requests = server.read_requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_FALSE(requests[0].has_heartbeat());
  EXPECT_EQ(requests[1].heartbeat().seconds(), 5);
  EXPECT_EQ(requests[2].heartbeat().seconds(), 5);
}

TEST_F(SessionTest, CaughtUpIsToldOnceOverReconnects) {
  const auto caught_up = [](ReadServer* stream) {
    v1::ReadResponse response;
    response.set_caught_up(true);
    stream->Write(response);
  };
  ScriptedServer server({.read = {[=](auto*, ReadServer* stream) {
                                    caught_up(stream);
                                    return Down();
                                  },
                                  [=](auto* context, ReadServer* stream) {
                                    caught_up(stream);
                                    stream->Write(CursorAlone(7));
                                    return Hang(context);
                                  }}});
  const Client client = NewClient(server.address());
  std::atomic<int> told = 0;
  ReaderOptions options = ReadOrders();
  options.on_notice = [&](const ReadNotice& notice) {
    told += std::holds_alternative<CaughtUpNotice>(notice) ? 1 : 0;
  };
  auto reader = Reader::Start(client, options);
  EXPECT_TRUE(Eventually([&] { return (*reader)->cursor() == CursorAt(7); }));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace postroad
