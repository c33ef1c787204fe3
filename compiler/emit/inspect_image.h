// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Looks into a linked image, for tests and checks of what the compiler emitted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kiln::compiler {

/// The names of the symbols that a well-formed image leaves to others (in order; `""` stands for an unnamed one).
/// Emitted code has none.
std::vector<std::string> undefinedSymbols(std::span<const uint8_t> image);

}  // namespace kiln::compiler
