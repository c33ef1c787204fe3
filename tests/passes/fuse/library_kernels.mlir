// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-form-kernels | FileCheck %s

// A library op is a kernel of its own, whose operands lie in memory: the broadcast before it is a kernel too. All its
// results are outputs, and nothing is written over its operands.
// CHECK-LABEL: func.func @sorted
// CHECK: %[[WIDE:.*]] = kiln.kernel "{{.*}}" kind("loop")
// CHECK: kiln.broadcast
// CHECK: %[[SORTED:.*]]:2 = kiln.kernel "{{.*}}" kind("library") ins(%[[WIDE]])
// CHECK: kiln.sort
// CHECK-NOT: may_alias
// CHECK: kiln.kernel "{{.*}}" kind("loop") ins(%[[SORTED]]#0)
func.func @sorted(%x: tensor<8xf32> {kiln.feed = "x"}) -> (tensor<4x8xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %shape = kiln.shape_value {shape = #kiln.shape<[4, 8]>} : () -> tensor<2xi64>
  %wide = kiln.broadcast %x, %shape : (tensor<8xf32>, tensor<2xi64>) -> tensor<4x8xf32>
  %values, %indices = kiln.sort %wide {axis = 0 : i64} : (tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xi64>)
  %y = kiln.neg %values : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
