// `postroad completion`: scripts by which shells complete the command line, made from the commands
// and options themselves.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace postroad::cli {
namespace {

struct Word {
  std::string text;  // "list", "--topic"
  std::string about;
};

// A command as it is called, and what can follow.
struct Node {
  std::string path;  // "postroad topics"
  std::vector<Word> words;
};

void AddOptionWords(const CLI::App& app, Node& node) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      node.words.push_back({"--" + name, option->get_description()});
    }
  }
}

void Walk(const CLI::App& app, const CLI::App& root, const std::string& path,
          std::vector<Node>& nodes) {
  Node node{path, {}};
  const auto children = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : children) {
    node.words.push_back({child->get_name(), child->get_description()});
  }
  AddOptionWords(app, node);
  if (&app != &root && children.empty()) AddOptionWords(root, node);
  nodes.push_back(std::move(node));
  for (const CLI::App* child : children) Walk(*child, root, path + " " + child->get_name(), nodes);
}

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

std::string WordList(const Node& node) {
  std::string list;
  for (const Word& word : node.words) list += (list.empty() ? "" : " ") + word.text;
  return list;
}

// The paths below the root, as alternatives of a shell's case.
std::string Paths(const std::vector<Node>& nodes, const std::string& separator) {
  std::string out;
  for (size_t i = 1; i < nodes.size(); ++i) {
    out += (out.empty() ? "" : separator) + Quoted(nodes[i].path);
  }
  return out;
}

std::string Cases(const std::vector<Node>& nodes) {
  std::string out;
  for (const Node& node : nodes) {
    out += "    " + Quoted(node.path) + ") words=" + Quoted(WordList(node)) + " ;;\n";
  }
  return out;
}

std::string Bash(const std::vector<Node>& nodes) {
  return "# bash completion for postroad: source <(postroad completion bash)\n"
         "_postroad() {\n"
         "  local at=postroad words='' i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \"$at ${COMP_WORDS[i]}\" in\n"
         "      " +
         Paths(nodes, "|") +
         ") at=\"$at ${COMP_WORDS[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$at\" in\n" +
         Cases(nodes) +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _postroad postroad\n";
}

std::string Zsh(const std::vector<Node>& nodes) {
  return "#compdef postroad\n"
         "# zsh completion for postroad: source <(postroad completion zsh)\n"
         "_postroad() {\n"
         "  local at=postroad all='' i\n"
         "  for ((i = 2; i < CURRENT; i++)); do\n"
         "    case \"$at ${words[i]}\" in\n"
         "      " +
         Paths(nodes, "|") +
         ") at=\"$at ${words[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  local here=$at\n"
         "  () {\n"
         "  local words=''\n"
         "  case \"$here\" in\n" +
         Cases(nodes) +
         "  esac\n"
         "  all=$words\n"
         "  }\n"
         "  compadd -- ${(s: :)all} || _files\n"
         "}\n"
         "compdef _postroad postroad\n";
}

std::string Fish(const std::vector<Node>& nodes) {
  std::string out =
      "# fish completion for postroad: postroad completion fish | source\n"
      "function __postroad_at\n"
      "  set -l at postroad\n"
      "  for word in (commandline -opc)[2..]\n"
      "    if contains -- \"$at $word\" " +
      Paths(nodes, " ") +
      "\n"
      "      set at \"$at $word\"\n"
      "    end\n"
      "  end\n"
      "  test \"$at\" = \"$argv[1]\"\n"
      "end\n";
  for (const Node& node : nodes) {
    const std::string when =
        "complete -c postroad -n " + Quoted("__postroad_at \"" + node.path + "\"");
    for (const Word& word : node.words) {
      const bool option = word.text.starts_with("--");
      out += when + (option ? " -l " + Quoted(word.text.substr(2)) : " -f -a " + Quoted(word.text));
      if (!word.about.empty()) out += " -d " + Quoted(word.about);
      out += "\n";
    }
  }
  return out;
}

}  // namespace

void AddCompletion(CLI::App& app, Action& action, const CLI::App& root) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "print a script that completes this command line");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &action, &root] {
    action = [shell, &root](const Context&) -> Status {
      std::vector<Node> nodes;
      Walk(root, root, "postroad", nodes);
      Print(*shell == "bash" ? Bash(nodes) : *shell == "zsh" ? Zsh(nodes) : Fish(nodes));
      return {};
    };
  });
}

}  // namespace postroad::cli
