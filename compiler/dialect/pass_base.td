// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The base of every pass of Kiln.
#ifndef KILN_COMPILER_DIALECT_PASS_BASE_TD
#define KILN_COMPILER_DIALECT_PASS_BASE_TD

include "mlir/Pass/PassBase.td"

// `needs` are facts that earlier passes established, `gives` those that hold afterwards; the pass runner checks them.
class Kiln_Pass<string argument, string operation> : Pass<argument, operation> {
  list<string> needs = [];
  list<string> gives = [];
}

#endif
