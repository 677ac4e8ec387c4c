// A full disk, by a real file system that is full: a small tmpfs that only the server sees.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "google/rpc/error.pb.h"
#include "postroad/v1/postroad.grpc.pb.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;

constexpr size_t kDiskBytes = 96 << 20;

class DiskFullTest : public ::testing::TestWithParam<const char*> {
 protected:
  // A server whose data folder is on a tmpfs of 96 MiB; null where this user may not mount.
  std::unique_ptr<ServerProcess> StartOnSmallDisk() {
    std::filesystem::create_directory(disk_);
    const std::string mount =
        "mount -t tmpfs -o size=" + std::to_string(kDiskBytes) + " tmpfs " + disk_;
    const std::vector<std::string> unshare =
        geteuid() == 0 ? std::vector<std::string>{"unshare", "--mount"}
                       : std::vector<std::string>{"unshare", "--map-root-user", "--mount"};
    std::vector<std::string> attempt = unshare;
    attempt.insert(attempt.end(), {"sh", "-c", mount});
    if (RunProgram(attempt).code != 0) return nullptr;
    std::vector<std::string> prefix = unshare;
    prefix.insert(prefix.end(), {"sh", "-c", mount + " && exec \"$@\"", "sh"});
    auto server = std::make_unique<ServerProcess>(ServerOptions{
        .data = disk_ + "/data",
        .flags = {"--store.disk_reserve_bytes", GetParam(), "--store.write_buffer_bytes", "4MiB"},
        .prefix = prefix});
    stub_ = v1::Postroad::NewStub(
        grpc::CreateChannel(server->grpc(), grpc::InsecureChannelCredentials()));
    return server;
  }

  // Posts one event of 64 KiB.
  grpc::Status Post() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::PostRequest request;
    v1::PostResponse response;
    request.add_events()->set_topic("orders");
    request.mutable_events(0)->set_payload(std::string(64 << 10, 'x'));
    const grpc::Status status = stub_->Post(&context, request, &response);
    if (status.ok()) ++acknowledged_;
    return status;
  }

  // How many events are in the topic, read from its beginning.
  uint64_t CountEvents() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::ReadRequest request;
    request.add_topics("orders");
    request.set_beginning(true);
    request.set_stop_at_end(true);
    v1::ReadResponse response;
    uint64_t count = 0;
    auto stream = stub_->Read(&context, request);
    while (stream->Read(&response)) {
      for (const auto& batch : response.batches())
        count += static_cast<uint64_t>(batch.events_size());
    }
    EXPECT_TRUE(stream->Finish().ok());
    return count;
  }

  // Takes all the room that is left; gives up on a disk that is larger than the one made here.
  static void FillUp(const std::string& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    const std::string block(64 << 10, 'f');
    size_t size = block.size(), taken = 0;
    while (size > 0 && taken < kDiskBytes) {
      const ssize_t wrote = write(fd, block.data(), size);
      if (wrote <= 0) size /= 2;
      if (wrote > 0) taken += static_cast<size_t>(wrote);
    }
    close(fd);
    ASSERT_LT(taken, kDiskBytes);
  }

  static std::string ReasonOf(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    if (!details.ParseFromString(status.error_details())) return "no details";
    for (const auto& detail : details.details()) {
      if (detail.UnpackTo(&info)) return info.reason();
    }
    return "no reason";
  }

  TempFolder folder_;
  const std::string disk_ = folder_ / "disk";
  std::unique_ptr<v1::Postroad::Stub> stub_;
  uint64_t acknowledged_ = 0;
};

TEST_P(DiskFullTest, PostsAreRefusedReadsGoOnAndPostsResumeWithoutARestart) {
  const auto server = StartOnSmallDisk();
  if (!server) GTEST_SKIP() << "needs the right to mount a tmpfs (root, or user namespaces)";
  ASSERT_TRUE(server->ready());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(Post().ok());
  const std::string filler = server->Seen(disk_ + "/filler");
  FillUp(filler);
  grpc::Status refused;
  ASSERT_TRUE(Eventually([&] { return !(refused = Post()).ok(); }));
  EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED) << refused.error_message();
  EXPECT_EQ(ReasonOf(refused), "DISK_FULL");
  EXPECT_THAT(refused.error_message(), HasSubstr("disk"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Post().error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(CountEvents(), acknowledged_);
  EXPECT_EQ(HttpGet(server->http(), "/metrics").status, 200);
  std::filesystem::remove(filler);
  ASSERT_TRUE(Eventually([&] { return Post().ok(); }));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(Post().ok());
  EXPECT_EQ(CountEvents(), acknowledged_);
  EXPECT_EQ(server->Stop().code, 0);
}

// With a reserve the store refuses before the disk is full; without, the disk itself does.
INSTANTIATE_TEST_SUITE_P(Reserve, DiskFullTest, ::testing::Values("16MiB", "0"));

}  // namespace
}  // namespace postroad::testing
