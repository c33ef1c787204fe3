// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/kiln/commands.h"

namespace kiln::tools {
namespace {

// What may follow a flag, or stand for an argument.
struct Value {
  enum class Kind { kNone, kChoices, kFile, kAny } kind = Kind::kNone;
  std::string choices;  // separated by spaces
};

struct Flag {
  std::vector<std::string> names;  // `-o`, `--output`
  std::string help;
  Value value;
  bool mayRepeat = false;
};

struct Command {
  std::string path;  // "", "run", "cache stats"
  std::string name, help;
  std::vector<Flag> flags;
  Value argument;
  std::vector<Command> commands;
};

// CLI11 keeps what a checked option takes in the name of its type: `TEXT:{hosted,bare}`.
Value valueOf(const CLI::Option& option) {
  if (option.get_type_size_max() == 0) {
    return {};
  }
  const std::string type = option.get_type_name();
  const size_t open = type.find('{'), close = type.find('}', open);
  if (open != std::string::npos && close != std::string::npos) {
    std::string choices = type.substr(open + 1, close - open - 1);
    for (char& c : choices) {
      c = c == ',' ? ' ' : c;
    }
    return {.kind = Value::Kind::kChoices, .choices = choices};
  }
  if (option.check_lname("target")) {
    return {.kind = Value::Kind::kChoices, .choices = "host x86-64-v2 x86-64-v3 x86-64-v4 aarch64 wasm32"};
  }
  const bool isNumber = type.find("INT") != std::string::npos || type.find("FLOAT") != std::string::npos;
  return {.kind = isNumber ? Value::Kind::kAny : Value::Kind::kFile, .choices = {}};
}

Command describe(const CLI::App& app, const std::string& path) {
  Command command;
  command.path = path;
  command.name = app.get_name();
  command.help = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      command.argument = valueOf(*option);
      continue;
    }
    Flag flag{.names = {}, .help = option->get_description(), .value = valueOf(*option)};
    flag.mayRepeat = option->get_items_expected_max() > 1;
    for (const std::string& name : option->get_snames()) {
      flag.names.push_back("-" + name);
    }
    for (const std::string& name : option->get_lnames()) {
      flag.names.push_back("--" + name);
    }
    command.flags.push_back(std::move(flag));
  }
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    command.commands.push_back(describe(*below, path + (path.empty() ? "" : " ") + below->get_name()));
  }
  return command;
}

void eachCommand(const Command& command, auto visit) {
  visit(command);
  for (const Command& below : command.commands) {
    eachCommand(below, visit);
  }
}

std::string namesOf(const std::vector<Command>& commands) {
  std::string names;
  for (const Command& command : commands) {
    names += (names.empty() ? "" : " ") + command.name;
  }
  return names;
}

std::string escaped(const std::string& text, std::string_view special) {
  std::string out;
  for (char c : text) {
    out += special.find(c) != std::string_view::npos ? std::string("\\") + c : std::string(1, c);
  }
  return out;
}

// Text between single quotes.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return out + "'";
}

std::string bashWords(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kChoices:
      return "COMPREPLY=($(compgen -W " + quoted(value.choices) + " -- \"$current\"))";
    case Value::Kind::kFile:
      return "compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- \"$current\"))";
    default:
      return "COMPREPLY=()";
  }
}

// The words before the cursor choose the command; then the word before it, or the line's flags, what may come.
std::string bashScript(const Command& root) {
  std::string script = R"(# Completion of kiln for bash: source <(kiln completion bash)
_kiln() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' word
  # bash takes --flag=value apart.
  if [ "$current" = '=' ]; then
    current=''
  elif [ "$previous" = '=' ]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command/$word" in
)";
  eachCommand(root, [&](const Command& command) {
    for (const Command& below : command.commands) {
      script += "      " + quoted(command.path + "/" + below.name) + ") command=" + quoted(below.path) + " ;;\n";
    }
  });
  script += "    esac\n  done\n  case \"$command/$previous\" in\n";
  eachCommand(root, [&](const Command& command) {
    for (const Flag& flag : command.flags) {
      if (flag.value.kind != Value::Kind::kNone) {
        std::string pattern;
        for (const std::string& name : flag.names) {
          pattern += (pattern.empty() ? "" : "|") + quoted(command.path + "/" + name);
        }
        script += "    " + pattern + ") " + bashWords(flag.value) + "; return ;;\n";
      }
    }
  });
  script += "  esac\n  case \"$command/$current\" in\n";
  eachCommand(root, [&](const Command& command) {
    std::string names;
    for (const Flag& flag : command.flags) {
      for (const std::string& name : flag.names) {
        names += (names.empty() ? "" : " ") + name;
      }
    }
    script += "    " + quoted(command.path + "/-") + "*) " +
              bashWords({.kind = Value::Kind::kChoices, .choices = names}) + " ;;\n";
    const Value argument = command.commands.empty()
                               ? command.argument
                               : Value{.kind = Value::Kind::kChoices, .choices = namesOf(command.commands)};
    script += "    " + quoted(command.path + "/") + "*) " + bashWords(argument) + " ;;\n";
  });
  return script + "  esac\n}\ncomplete -F _kiln kiln\n";
}

std::string zshAction(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kChoices:
      return ":value:(" + value.choices + ")";
    case Value::Kind::kFile:
      return ":file:_files";
    default:
      return ":value:";
  }
}

// One function for each command, which hands over to those below it.
std::string zshScript(const Command& root) {
  std::string script = "#compdef kiln\n# Completion of kiln for zsh: source <(kiln completion zsh)\n";
  auto functionOf = [](const std::string& path) {
    std::string name = "_kiln" + (path.empty() ? "" : "_" + path);
    for (char& c : name) {
      c = c == ' ' || c == '-' ? '_' : c;
    }
    return name;
  };
  eachCommand(root, [&](const Command& command) {
    script += functionOf(command.path) + "() {\n";
    if (!command.commands.empty()) {
      script += "  if (( CURRENT > 2 )); then\n    case $words[2] in\n";
      for (const Command& below : command.commands) {
        script += "      " + below.name + ") shift words; (( CURRENT-- )); " + functionOf(below.path) + "; return ;;\n";
      }
      script += "    esac\n  fi\n  local -a commands=(\n";
      for (const Command& below : command.commands) {
        script += "    " + quoted(below.name + ":" + below.help) + "\n";
      }
      script += "  )\n  _describe command commands\n";
    }
    script += "  _arguments";
    for (const Flag& flag : command.flags) {
      for (const std::string& name : flag.names) {
        const bool hasValue = flag.value.kind != Value::Kind::kNone;
        const bool isLong = name.starts_with("--");
        script += " \\\n    " + quoted(flag.mayRepeat ? "*" : "") + name + (hasValue && isLong ? "=" : "") +
                  quoted("[" + escaped(flag.help, ":[]\\") + "]") + (hasValue ? quoted(zshAction(flag.value)) : "");
      }
    }
    if (command.argument.kind != Value::Kind::kNone) {
      script += " \\\n    " + quoted("*" + zshAction(command.argument));
    }
    script += "\n}\n";
  });
  return script + "if [ \"$funcstack[1]\" = _kiln ]; then _kiln \"$@\"; else compdef _kiln kiln; fi\n";
}

std::string fishScript(const Command& root) {
  std::string script = "# Completion of kiln for fish: kiln completion fish | source\n";
  eachCommand(root, [&](const Command& command) {
    const std::string when = command.path.empty()
                                 ? "__fish_use_subcommand"
                                 : "__fish_seen_subcommand_from " + command.path.substr(command.path.rfind(' ') + 1);
    const std::string line = "complete -c kiln -n " + quoted(when);
    for (const Command& below : command.commands) {
      script += line + " -f -a " + quoted(below.name) + " -d " + quoted(escaped(below.help, "\\")) + "\n";
    }
    if (command.commands.empty() && command.argument.kind == Value::Kind::kChoices) {
      script += line + " -f -a " + quoted(command.argument.choices) + "\n";
    }
    for (const Flag& flag : command.flags) {
      script += line;
      for (const std::string& name : flag.names) {
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (flag.value.kind == Value::Kind::kChoices) {
        script += " -x -a " + quoted(flag.value.choices);
      } else if (flag.value.kind == Value::Kind::kAny) {
        script += " -x";
      } else if (flag.value.kind == Value::Kind::kFile) {
        script += " -r";
      }
      script += " -d " + quoted(escaped(flag.help, "\\")) + "\n";
    }
  });
  return script;
}

}  // namespace

void addCompletionCommand(CLI::App& app, Status& status) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "prints what a shell needs to complete kiln's commands and flags");
  command->footer(
      "Examples:\n  source <(kiln completion bash)\n  kiln completion zsh > ~/.zfunc/_kiln\n"
      "  kiln completion fish | source");
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app, &status] {
    const Command root = describe(app, "");
    const std::string script = *shell == "bash"  ? bashScript(root)
                               : *shell == "zsh" ? zshScript(root)
                                                 : fishScript(root);
    std::fwrite(script.data(), 1, script.size(), stdout);
    status = {};
  });
}

}  // namespace kiln::tools
