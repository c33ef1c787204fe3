// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-form-kernels=explain 2>&1 >/dev/null | FileCheck %s

// CHECK: is not in one kernel with kiln.matmul {{.*}}: its kernel does not run over the rows that are reduced
func.func @rows(%x: tensor<8x8xf32> {kiln.feed = "x"}) -> (tensor<8xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %p = kiln.matmul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = kiln.reduce_max %p {axes = array<i64: 1>} : (tensor<8x8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
