// Kills a posting process, again and again, and looks whether the journal kept what it promised.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "journal/testing.h"

namespace postroad::journal {
namespace {

// By (topic, offset).
using Events = std::map<std::pair<std::string, uint64_t>, std::string>;

// Runs the writer until it has said `bytes`, kills it, and returns all that it said.
std::string RunAndKill(const std::string& directory, int round, size_t bytes) {
  int pipe_ends[2];
  EXPECT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  std::string number = std::to_string(round);
  std::string program = CRASH_WRITER;
  std::string folder = directory;
  char* const arguments[] = {program.data(), folder.data(), number.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  std::string said;
  char buffer[65536];
  bool killed = false;
  while (true) {
    const ssize_t n = read(pipe_ends[0], buffer, sizeof buffer);
    if (n <= 0) break;
    said.append(buffer, static_cast<size_t>(n));
    if (!killed && said.size() >= bytes) {
      EXPECT_EQ(kill(child, SIGKILL), 0);
      killed = true;
    }
  }
  close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with " << WEXITSTATUS(status);
  return said.substr(0, said.rfind('\n') + 1);
}

void Collect(const std::string& said, Events& events) {
  std::istringstream lines(said);
  char kind = 0;
  std::string topic, id;
  uint64_t offset = 0;
  while (lines >> kind >> topic >> offset >> id) {
    const auto [it, is_new] = events.try_emplace({topic, offset}, id);
    EXPECT_EQ(it->second, id) << topic << " " << offset << ": two events have one offset";
  }
}

TEST(Crash, KeepsWhatWasAcknowledgedAndWhatWasSeen) {
  JournalHouse house;
  Events told;  // acknowledged, or seen by a reader
  for (int round = 0; round < 6; ++round) {
    house.Close();
    Collect(RunAndKill(house.directory(), round, 60'000 + static_cast<size_t>(round) * 41'000),
            told);
    house.Open();
    Events stored;
    for (int i = 0; i < 5; ++i) {
      const std::string topic = "topic/" + std::to_string(i);
      const std::vector<std::string> ids = house.Ids(topic);
      const auto info = house.journal->FindTopic(topic);
      ASSERT_TRUE(info);
      ASSERT_EQ(ids.size(), info->next - info->first) << "offsets without holes";
      for (uint64_t offset = 0; offset < ids.size(); ++offset)
        stored[{topic, offset}] = ids[offset];
    }
    for (const auto& [place, id] : told) {
      const auto it = stored.find(place);
      ASSERT_NE(it, stored.end()) << place.first << " " << place.second << " is gone";
      ASSERT_EQ(it->second, id);
    }
    // Posted again, they are known.
    int checked = 0;
    for (auto it = told.rbegin(); it != told.rend() && checked < 200; ++it, ++checked) {
      const ChunkResult again = house.MustPost(it->first.first, {{it->second}});
      ASSERT_EQ(again.duplicates.size(), 1u);
      ASSERT_EQ(again.duplicates[0].first, Offset(it->first.second));
    }
  }
  EXPECT_GT(told.size(), 1000u);
}

}  // namespace
}  // namespace postroad::journal
