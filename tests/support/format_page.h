// The examples of a page under docs/formats, for tests that compare them with the code.
#ifndef POSTROAD_TESTS_SUPPORT_FORMAT_PAGE_H_
#define POSTROAD_TESTS_SUPPORT_FORMAT_PAGE_H_

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace postroad::testing {

// What is fenced as "```hex name" or "```text name".
class FormatPage {
 public:
  explicit FormatPage(const std::string& path) {
    std::ifstream file(path);
    std::string* block = nullptr;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("```")) {
        block = line.size() > 3 ? &blocks_[line.substr(3)] : nullptr;
      } else if (block != nullptr) {
        *block += line.substr(0, line.find('#')) + " ";
      }
    }
  }

  std::string Hex(const std::string& name) const {
    std::istringstream words(Block("hex " + name));
    std::string bytes;
    for (std::string word; words >> word;) {
      bytes.push_back(static_cast<char>(std::stoi(word, nullptr, 16)));
    }
    return bytes;
  }
  std::string Text(const std::string& name) const {
    std::istringstream words(Block("text " + name));
    std::string text;
    words >> text;
    return text;
  }

 private:
  std::string Block(const std::string& name) const {
    const auto found = blocks_.find(name);
    EXPECT_NE(found, blocks_.end()) << "the page has no example '" << name << "'";
    return found == blocks_.end() ? "" : found->second;
  }

  std::map<std::string, std::string> blocks_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_FORMAT_PAGE_H_
