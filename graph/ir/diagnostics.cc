// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/diagnostics.h"

#include <algorithm>

namespace kiln {
namespace {

// Beyond this many errors a list says only how many more there are.
constexpr size_t kListedErrors = 100;

// A status like `model` with another message.
Status withMessage(const Status& model, const std::string& message) {
  Status status(model.code(), message);
  model.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { status.SetPayload(url, payload); });
  return status;
}

}  // namespace

std::string describe(const Node& node) {
  return "kiln." + std::string(node.op == nullptr ? std::string_view("?") : node.op->name) + " '" + node.name + "'";
}

Status diagnose(const Status& status, const SourceLocation& where, std::string_view subject) {
  if (status.ok()) {
    return status;
  }
  std::string message(status.message());
  std::string id;
  if (size_t end = message.find("] "); message.starts_with("[KILN-") && end != std::string::npos) {
    id = message.substr(0, end + 2);
    message.erase(0, end + 2);
  }
  std::string text = where.isKnown() ? where.toString() + ": error: " : "";
  text += id;
  if (!subject.empty()) {
    text += std::string(subject) + ": ";
  }
  return withMessage(status, text + message);
}

Status withNote(const Status& status, const SourceLocation& where, std::string_view text) {
  if (status.ok() || !where.isKnown()) {
    return status;
  }
  return withMessage(status, std::string(status.message()) + "\n" + where.toString() + ": note: " + std::string(text));
}

void ErrorList::add(Status status) {
  if (status.ok() || std::find(errors_.begin(), errors_.begin() + std::min(errors_.size(), kListedErrors), status) !=
                         errors_.begin() + std::min(errors_.size(), kListedErrors)) {
    return;
  }
  errors_.push_back(std::move(status));
}

bool ErrorList::isFull() const { return errors_.size() > kListedErrors; }

Status ErrorList::status() const {
  if (errors_.size() <= 1) {
    return errors_.empty() ? absl::OkStatus() : errors_.front();
  }
  std::string text;
  for (size_t i = 0; i < errors_.size() && i < kListedErrors; ++i) {
    text += (i == 0 ? "" : "\n") + std::string(errors_[i].message());
  }
  if (errors_.size() > kListedErrors) {
    text += "\nand more errors";
  }
  return withMessage(errors_.front(), text);
}

}  // namespace kiln
