// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The files that `kiln compile --target wasm32` writes beside a module.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace kiln::tools {

/// tools/wasm/kiln.js.
std::string_view wasmLoader();

/// tools/wasm/digits.html with the loader and `module` in it: it needs no other file, and no server.
std::string demoPage(std::span<const uint8_t> module);

}  // namespace kiln::tools
