// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The one message of assert_that that says more than its words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kiln::ops::assert_that {

/// A message that starts so stands for the value of a branch: when the condition does not hold, the branch was not
/// taken (KILN-R0035), and what follows names the value.
inline constexpr std::string_view kNotTaken = "branch not taken: ";

/// The name of the value when the message is of that kind.
inline std::optional<std::string> untakenValue(std::string_view message) {
  return message.starts_with(kNotTaken) ? std::optional(std::string(message.substr(kNotTaken.size()))) : std::nullopt;
}

}  // namespace kiln::ops::assert_that
