// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/origins.h"

#include <algorithm>
#include <iterator>

namespace kiln {

void Origins::add(const Origins& other) {
  std::vector<int> merged;
  std::ranges::set_union(inputs, other.inputs, std::back_inserter(merged));
  inputs = std::move(merged);
  needsLengths |= other.needsLengths;
  isDecidedByRun |= other.isDecidedByRun;
}

std::string graphName(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto code = static_cast<unsigned char>(c);
    const bool isOdd = code <= ' ' || code == 0x7F || c == ':' || c == '@' || c == '^';
    if ((c == '/' && (out.empty() || out.back() == '/'))) {
      continue;
    }
    out += isOdd ? '_' : c;
  }
  while (!out.empty() && out.back() == '/') {
    out.pop_back();
  }
  return out.empty() ? "value" : out;
}

}  // namespace kiln
