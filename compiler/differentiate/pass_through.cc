// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivatives of the ops whose results are their operands: values pass through, or end.
#include "compiler/differentiate/rules.h"

namespace kiln::compiler {

StatusOr<Value> jvpStopGradient(JvpContext&) { return Value(); }
Status vjpStopGradient(VjpContext&) { return {}; }

StatusOr<Value> jvpPrint(JvpContext& c) { return c.tangents[0]; }
Status vjpPrint(VjpContext& c) {
  c.gradients[0] = c.cotangent;
  return {};
}

StatusOr<Value> jvpAssertThat(JvpContext& c) { return c.tangents[0]; }
Status vjpAssertThat(VjpContext& c) {
  c.gradients[0] = c.cotangent;
  return {};
}

StatusOr<Value> jvpOptimizationBarrier(JvpContext& c) {
  c.resultTangents.assign(c.tangents.begin(), c.tangents.end());
  return Value();
}
Status vjpOptimizationBarrier(VjpContext& c) {
  for (auto [gradient, cotangent, isWanted] : llvm::zip(c.gradients, c.cotangents, c.wanted)) {
    gradient = isWanted ? cotangent : Value();
  }
  return {};
}

}  // namespace kiln::compiler
