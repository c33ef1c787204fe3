// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/kiln/commands.h"
#include "tools/kiln/flags.h"

namespace kiln::tools {
namespace {

constexpr size_t kLineWidth = 100;

// The template of a message with its placeholders as `...`.
std::string readable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9') {
      out += "...";
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string wrapped(std::string_view text) {
  std::string out;
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size());
    if (column > 0 && column + 1 + (end - at) > kLineWidth) {
      out += '\n';
      column = 0;
    }
    out += column > 0 ? " " : "";
    out += text.substr(at, end - at);
    column += (column > 0 ? 1 : 0) + (end - at);
    at = end + 1;
  }
  return out;
}

// Prints the page of an error id. Errors: KILN-T0001 with the nearest ids.
Status explainError(const std::string& id, bool isJson) {
  const ErrorInfo* info = findError(id);
  if (info == nullptr) {
    std::vector<std::string> ids;
    for (const ErrorInfo& known : allErrors()) {
      ids.emplace_back(known.id);
    }
    return makeError<ErrorId::kT0001>(id, nearestNames(id, ids));
  }
  if (isJson) {
    const nlohmann::ordered_json json{{"id", info->id}, {"text", readable(info->text)}, {"page", info->page}};
    std::printf("%s\n", json.dump().c_str());
    return Status();
  }
  std::printf("%s  %s\n\n%s\n", std::string(info->id).c_str(), readable(info->text).c_str(),
              wrapped(info->page).c_str());
  return Status();
}

}  // namespace

void addExplainCommand(CLI::App& app, Status& status) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("explain", "tells what an error id means and what to do");
  command->footer("Example: kiln explain KILN-R0021");
  command->add_option("ID", *id, "the id in brackets, such as KILN-R0021")->required();
  auto json = std::make_shared<bool>(false);
  addJson(*command, *json);
  command->callback([id, json, &status] { status = explainError(*id, *json); });
}

}  // namespace kiln::tools
