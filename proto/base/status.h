// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Errors: absl::Status with an id from error_ids.def.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/substitute.h"

namespace kiln {

using Status = absl::Status;
template <class T>
using StatusOr = absl::StatusOr<T>;

/// One value for each row of error_ids.def: `ErrorId::kG0107` is printed as KILN-G0107.
enum class ErrorId : int {
#define KILN_ERROR(id, code, text, page) k##id,
#include "proto/base/error_ids.def"
#undef KILN_ERROR
};

/// What is known of one error id. Found again by `kiln explain`.
struct ErrorInfo {
  std::string_view id;    ///< `KILN-G0107`
  absl::StatusCode code;  ///< Equal to gRPC's number.
  std::string_view text;  ///< Message with $0, $1 ... for what was found and wanted.
  std::string_view page;  ///< A paragraph: what it means, and what to do.
};

/// Every error, in the table's order.
const std::vector<ErrorInfo>& allErrors();
/// The row of `id` (`KILN-G0107`, any case, `G0107` too), or null.
const ErrorInfo* findError(std::string_view id);

namespace internal {
constexpr std::string_view errorText(ErrorId id) {
  switch (id) {
#define KILN_ERROR(id, code, text, page) \
  case ErrorId::k##id:                   \
    return text;
#include "proto/base/error_ids.def"
#undef KILN_ERROR
  }
  return "";
}
constexpr size_t countPlaceholders(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '$' && text[i + 1] >= '0' && text[i + 1] <= '9') {
      size_t n = static_cast<size_t>(text[i + 1] - '0') + 1;
      count = n > count ? n : count;
    }
  }
  return count;
}
Status makeError(ErrorId id, std::string message);
// Debian's Abseil has a string_view of its own, which std::string_view does not convert to.
template <class T>
decltype(auto) substituteArg(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return std::string(value);
  } else {
    return (value);
  }
}
}  // namespace internal

/// Makes the error `Id`, its message `[KILN-G0107] text` with $0, $1 ... replaced. The number of arguments is checked
/// at compile time, so a message cannot lose a shape.
template <ErrorId Id, class... Args>
Status makeError(const Args&... args) {
  constexpr std::string_view text = internal::errorText(Id);
  static_assert(internal::countPlaceholders(text) == sizeof...(Args),
                "arguments do not fit the template in error_ids.def");
  return internal::makeError(
      Id, absl::Substitute(absl::string_view(text.data(), text.size()), internal::substituteArg(args)...));
}

/// The id that makeError gave (`KILN-G0107`), also after annotate(); nothing for foreign statuses.
std::optional<std::string> errorIdOf(const Status& status);

/// Puts `where: ` before the message, once a layer: `annotate(status, "model.cc:41")`. OK stays OK.
Status annotate(const Status& status, std::string_view where);

/// Ends the process with a report: for broken invariants of Kiln itself, never for input.
[[noreturn]] void checkFailed(const char* file, int line, const char* condition);

/// `'a'`, `'a' or 'b'`, `'a', 'b' or 'c'`: the up to three names nearest to `name` by edit distance, or "" when none is
/// near.
std::string nearestNames(std::string_view name, const std::vector<std::string>& known);
/// `; did you mean 'x'?` from nearestNames(), or "".
std::string didYouMean(std::string_view name, const std::vector<std::string>& known);

}  // namespace kiln

#define KILN_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::kiln::checkFailed(__FILE__, __LINE__, #condition))

#define KILN_RETURN_IF_ERROR(expr)                      \
  do {                                                  \
    if (auto kilnStatus_ = (expr); !kilnStatus_.ok()) { \
      return kilnStatus_;                               \
    }                                                   \
  } while (false)

#define KILN_CONCAT_INNER_(a, b) a##b
#define KILN_CONCAT_(a, b) KILN_CONCAT_INNER_(a, b)
#define KILN_ASSIGN_OR_RETURN(decl, expr) KILN_ASSIGN_OR_RETURN_(KILN_CONCAT_(kilnOr_, __LINE__), decl, expr)
#define KILN_ASSIGN_OR_RETURN_(tmp, decl, expr) \
  auto tmp = (expr);                            \
  if (!tmp.ok()) {                              \
    return tmp.status();                        \
  }                                             \
  decl = std::move(tmp).value()
