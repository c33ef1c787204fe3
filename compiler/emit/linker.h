// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The linker as a function from bytes to bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/base/status.h"

namespace kiln::compiler {

/// Runs lld in this process for ELF: `flags` without the program's name, the output and the inputs, then `objects` in
/// their order. Gives the bytes of the output. Equal flags and objects give equal bytes: the linker sees no path that
/// could get into them. Thread-safe; calls wait for each other, because the linker keeps state in the process. Errors:
/// KILN-C0401 with the linker's words, or for an object that is none; KILN-C0402 when there is no place for the
/// linker's files.
StatusOr<std::vector<uint8_t>> runElfLinker(std::span<const char* const> flags,
                                            std::span<const std::span<const uint8_t>> objects);

/// The same for WebAssembly.
StatusOr<std::vector<uint8_t>> runWasmLinker(std::span<const char* const> flags,
                                             std::span<const std::span<const uint8_t>> objects);

}  // namespace kiln::compiler
