// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/host_library.h"

#include <cmath>

namespace kiln::runtime {

const kiln_library_t* hostLibrary() {
  static const kiln_library_t library = [] {
    kiln_library_t l{};
    l.size = sizeof(l);
    l.version = KILN_ABI_VERSION;
    l.exp = [](double x) { return std::exp(x); };
    l.log = [](double x) { return std::log(x); };
    l.tanh = [](double x) { return std::tanh(x); };
    l.sin = [](double x) { return std::sin(x); };
    l.cos = [](double x) { return std::cos(x); };
    l.pow = [](double x, double y) { return std::pow(x, y); };
    return l;
  }();
  return &library;
}

}  // namespace kiln::runtime
