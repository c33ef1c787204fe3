// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-form-kernels | FileCheck %s
// RUN: kiln-opt %s --kiln-form-kernels --kiln-form-kernels | FileCheck %s

!row = tensor<?x10xf32, #kiln.shape<[batch, 10]>>
!one = tensor<?x1xf32, #kiln.shape<[batch, 1]>>

// A chain is one kernel, and may be written over what it reads element for element.
// CHECK-LABEL: func.func @chain
// CHECK: %[[K:.*]] = kiln.kernel "{{.*}}" kind("loop") ins(%arg0)
// CHECK: kiln.mul
// CHECK: kiln.tanh
// CHECK: may_alias = {{\[\[}}0, 0]]
// CHECK-NOT: kiln.kernel
// CHECK: return %[[K]]
func.func @chain(%x: tensor<64xf32> {kiln.feed = "x"}) -> (tensor<64xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %c = kiln.constant {value = dense<2.0> : tensor<64xf32>} : () -> tensor<64xf32>
  %0 = kiln.mul %x, %c : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %1 = kiln.tanh %0 : (tensor<64xf32>) -> tensor<64xf32>
  return %1 : tensor<64xf32>
}

// Softmax is a row kernel; its exponentials are kept in the result, so that may lie over nothing.
// CHECK-LABEL: func.func @softmax
// CHECK: kiln.kernel "{{.*}}" kind("row") ins(%arg0)
// CHECK: kiln.reduce_max
// CHECK: kiln.reduce_sum
// CHECK: kiln.div
// CHECK-NOT: may_alias
// CHECK-NOT: kiln.kernel
// CHECK: return
func.func @softmax(%x: !row {kiln.feed = "x"}) -> (!row {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {batch = [0, 1024]}} {
  %s = kiln.shape_value {shape = #kiln.shape<[batch, 10]>} : () -> tensor<2xi64>
  %m = kiln.reduce_max %x {axes = array<i64: 1>, keep_dims = true} : (!row) -> !one
  %mb = kiln.broadcast %m, %s : (!one, tensor<2xi64>) -> !row
  %d = kiln.sub %x, %mb : (!row, !row) -> !row
  %e = kiln.exp %d : (!row) -> !row
  %t = kiln.reduce_sum %e {axes = array<i64: 1>, keep_dims = true} : (!row) -> !one
  %tb = kiln.broadcast %t, %s : (!one, tensor<2xi64>) -> !row
  %y = kiln.div %e, %tb : (!row, !row) -> !row
  return %y : !row
}

// The gradient of a bias and its update: a column kernel with an epilogue, in place.
// CHECK-LABEL: func.func @update
// CHECK: %[[P:.*]] = kiln.kernel "{{.*}}" kind("matmul") ins(%arg0, %arg1)
// CHECK: kiln.kernel "{{.*}}" kind("column") ins(%[[P]], %arg2)
// CHECK: kiln.reduce_sum
// CHECK: kiln.sub
// CHECK: may_alias = {{\[\[}}0, 1]]
// CHECK-NOT: kiln.kernel
// CHECK: return
func.func @update(%x: tensor<32x8xf32> {kiln.feed = "x"}, %w: tensor<8x10xf32> {kiln.variable = "w"}, %b: tensor<10xf32> {kiln.variable = "b"})
    -> (tensor<10xf32> {kiln.assign = "b"}) attributes {kiln.entry, kiln.symbols = {}} {
  %p = kiln.matmul %x, %w : (tensor<32x8xf32>, tensor<8x10xf32>) -> tensor<32x10xf32>
  %s = kiln.reduce_sum %p {axes = array<i64: 0>} : (tensor<32x10xf32>) -> tensor<10xf32>
  %n = kiln.sub %b, %s : (tensor<10xf32>, tensor<10xf32>) -> tensor<10xf32>
  return %n : tensor<10xf32>
}

// What a matmul reads lies in memory before it, and is no part of its kernel, although its epilogue reads it too.
// CHECK-LABEL: func.func @cycle
// CHECK: %[[A:.*]] = kiln.kernel "{{.*}}" kind("loop") ins(%arg0)
// CHECK: kiln.kernel "{{.*}}" kind("matmul") ins(%[[A]], %arg0)
// CHECK: kiln.matmul
// CHECK: kiln.add
// CHECK-NOT: may_alias
// CHECK-NOT: kiln.kernel
// CHECK: return
func.func @cycle(%x: tensor<8x8xf32> {kiln.feed = "x"}) -> (tensor<8x8xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %a = kiln.exp %x : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %p = kiln.matmul %a, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = kiln.add %a, %p : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// What is read at other positions than those written may not be overwritten; what nobody needs goes.
// CHECK-LABEL: func.func @displaced
// CHECK: kiln.kernel "{{.*}}" kind("loop") ins(%arg0)
// CHECK-NOT: may_alias
// CHECK: return
func.func @displaced(%x: tensor<8x8xf32> {kiln.feed = "x"}) -> (tensor<8x8xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %0 = kiln.transpose %x {permutation = array<i64: 1, 0>} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = kiln.add %0, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = kiln.exp %0 : (tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}
