// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Object code to the code image that runtime/artifact loads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proto/base/status.h"
#include "runtime/artifact/image.h"

namespace kiln::compiler {

/// The symbol that becomes the image's ELF entry point (a kiln_query_fn_t).
inline constexpr const char* kQuerySymbol = "kiln_query";

/// Links relocatable ELF objects, in their order, into an image: position independent, relative relocations only, no
/// undefined symbol, no page that is writable and executable. Equal objects give equal bytes. Thread-safe; calls wait
/// for each other, because the linker keeps state in the process. Errors: KILN-C0401 with the linker's words (an
/// undefined symbol, a damaged object), KILN-C0402 when there is no place for the linker's files. Both are faults of
/// the compiler or the machine, never of the graph.
StatusOr<CodeImage> linkImage(std::span<const std::vector<uint8_t>> objects);
StatusOr<CodeImage> linkImage(std::span<const uint8_t> object);

}  // namespace kiln::compiler
