// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-form-kernels=explain 2>&1 >/dev/null | FileCheck %s

// CHECK: is not in one kernel with kiln.matmul {{.*}}: contractions and scatters take no epilogue
func.func @epilogue(%x: tensor<8x8xf32> {kiln.feed = "x"}) -> (tensor<8x8xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %p = kiln.matmul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = kiln.tanh %p : (tensor<8x8xf32>) -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}
