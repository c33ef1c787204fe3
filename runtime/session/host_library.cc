// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/host_library.h"

#include <cmath>

#include "runtime/kernels/table.h"
#include "runtime/session/special_functions.h"

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
    l.tan = [](double x) { return std::tan(x); };
    l.asin = [](double x) { return std::asin(x); };
    l.acos = [](double x) { return std::acos(x); };
    l.atan = [](double x) { return std::atan(x); };
    l.sinh = [](double x) { return std::sinh(x); };
    l.cosh = [](double x) { return std::cosh(x); };
    l.asinh = [](double x) { return std::asinh(x); };
    l.acosh = [](double x) { return std::acosh(x); };
    l.atanh = [](double x) { return std::atanh(x); };
    l.log2 = [](double x) { return std::log2(x); };
    l.log10 = [](double x) { return std::log10(x); };
    l.cbrt = [](double x) { return std::cbrt(x); };
    l.erf = [](double x) { return std::erf(x); };
    l.erfc = [](double x) { return std::erfc(x); };
    l.erfinv = inverseErf;
    l.lgamma = logGamma;
    l.digamma = digamma;
    l.trigamma = trigamma;
    l.atan2 = [](double y, double x) { return std::atan2(y, x); };
    l.hypot = [](double x, double y) { return std::hypot(x, y); };
    l.fmod = [](double x, double y) { return std::fmod(x, y); };
    l.fma = [](double x, double y, double z) { return std::fma(x, y, z); };
    l.kernels = kernelTable();
    l.num_kernels = KILN_NUM_KERNELS;
    return l;
  }();
  return &library;
}

}  // namespace kiln::runtime
