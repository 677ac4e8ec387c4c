#include "cli/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace postroad::cli {
namespace {

class LineReaderTest : public ::testing::Test {
 protected:
  void SetUp() override { close(mkstemp(path_.data())); }
  void TearDown() override { unlink(path_.c_str()); }
  void Write(const std::string& text) {
    FILE* file = std::fopen(path_.c_str(), "wb");
    ASSERT_NE(file, nullptr);
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  std::vector<std::string> Lines() {
    auto reader = LineReader::Open(path_);
    std::vector<std::string> lines;
    while (true) {
      auto line = reader->Next();
      if (!line || !*line) break;
      lines.emplace_back(**line);
    }
    EXPECT_EQ(reader->bytes_read(), reader->bytes_total());
    return lines;
  }
  std::string path_ = ::testing::TempDir() + "lines-XXXXXX";
};

TEST_F(LineReaderTest, EveryEndingAndNone) {
  Write("a\r\n\nb");
  EXPECT_EQ(Lines(), (std::vector<std::string>{"a", "", "b"}));
  Write("a\n");
  EXPECT_EQ(Lines(), (std::vector<std::string>{"a"}));
  Write("");
  EXPECT_TRUE(Lines().empty());
}

TEST_F(LineReaderTest, LinesLongerThanAChunkAndAcrossThem) {
  std::vector<std::string> lines;
  std::string text;
  for (int i = 0; i < 300; ++i) {
    lines.push_back(std::string(static_cast<size_t>(i) * 997, static_cast<char>('a' + i % 26)));
    text += lines.back() + "\n";
  }
  Write(text);
  EXPECT_EQ(Lines(), lines);
}

TEST_F(LineReaderTest, AFileThatIsNotThereIsNamed) {
  const auto reader = LineReader::Open("/nowhere/x");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kNotFound);
  EXPECT_NE(reader.error().message.find("/nowhere/x"), std::string::npos);
}

}  // namespace
}  // namespace postroad::cli
