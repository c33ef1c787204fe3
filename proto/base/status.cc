// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/status.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "absl/strings/cord.h"

namespace kiln {
namespace {

constexpr char kPayloadUrl[] = "kiln.error_id";

// Names in damaged or hostile files may be of any length and number; suggestions need not be perfect for them.
constexpr size_t kComparedLength = 64;
constexpr size_t kComparedNames = 5000;

int editDistance(std::string_view a, std::string_view b) {
  a = a.substr(0, kComparedLength);
  b = b.substr(0, kComparedLength);
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = static_cast<int>(j);
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      bool same =
          std::tolower(static_cast<unsigned char>(a[i - 1])) == std::tolower(static_cast<unsigned char>(b[j - 1]));
      int next = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (same ? 0 : 1)});
      diagonal = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

}  // namespace

const std::vector<ErrorInfo>& allErrors() {
  static const auto* errors = new std::vector<ErrorInfo>{
#define KILN_ERROR(id, code, text, page) {"KILN-" #id, absl::StatusCode::k##code, text, page},
#include "proto/base/error_ids.def"
#undef KILN_ERROR
  };
  return *errors;
}

const ErrorInfo* findError(std::string_view id) {
  std::string upper;
  for (char c : id) {
    upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  if (upper.rfind("KILN-", 0) != 0) {
    upper = "KILN-" + upper;
  }
  for (const ErrorInfo& info : allErrors()) {
    if (info.id == upper) {
      return &info;
    }
  }
  return nullptr;
}

namespace internal {

Status makeError(ErrorId id, std::string message) {
  const ErrorInfo& info = allErrors()[static_cast<size_t>(id)];
  Status status(info.code, "[" + std::string(info.id) + "] " + message);
  status.SetPayload(kPayloadUrl, absl::Cord(absl::string_view(info.id.data(), info.id.size())));
  return status;
}

}  // namespace internal

std::optional<std::string> errorIdOf(const Status& status) {
  auto payload = status.GetPayload(kPayloadUrl);
  if (!payload) {
    return std::nullopt;
  }
  return std::string(*payload);
}

Status annotate(const Status& status, std::string_view where) {
  if (status.ok()) {
    return status;
  }
  Status annotated(status.code(), std::string(where) + ": " + std::string(status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

void checkFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: Kiln's own invariant does not hold: %s\n", file, line, condition);
  std::abort();
}

std::string nearestNames(std::string_view name, const std::vector<std::string>& known) {
  std::vector<std::pair<int, std::string>> ranked;
  for (const std::string& candidate : std::span(known).first(std::min(known.size(), kComparedNames))) {
    int distance = editDistance(name, candidate);
    if (distance < static_cast<int>(std::max(name.size(), candidate.size()))) {
      ranked.emplace_back(distance, candidate);
    }
  }
  // Where nothing shares a letter with the name, the first known names still tell the user what there is.
  if (ranked.empty()) {
    for (const std::string& candidate : known) {
      ranked.emplace_back(0, candidate);
    }
  } else {
    std::sort(ranked.begin(), ranked.end());
  }
  std::string text;
  size_t count = std::min<size_t>(ranked.size(), 3);
  for (size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "" : i + 1 == count ? " or " : ", ");
    text += "'" + ranked[i].second + "'";
  }
  return text;
}

std::string didYouMean(std::string_view name, const std::vector<std::string>& known) {
  std::string names = nearestNames(name, known);
  return names.empty() ? "" : "; did you mean " + names + "?";
}

}  // namespace kiln
