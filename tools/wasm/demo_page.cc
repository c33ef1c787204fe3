// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/wasm/demo_page.h"

#include "proto/base/status.h"
#include "tools/wasm/files.inc"

namespace kiln::tools {
namespace {

std::string toBase64(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? bytes[i + k] : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  const size_t at = text.find(mark);
  KILN_CHECK(at != std::string::npos);
  return text.replace(at, mark.size(), by);
}

}  // namespace

std::string_view wasmLoader() { return kLoader; }

std::string demoPage(std::span<const uint8_t> module) {
  return replaced(replaced(kPage, "/*KILN_LOADER*/", kLoader), "/*KILN_MODULE*/", toBase64(module));
}

}  // namespace kiln::tools
