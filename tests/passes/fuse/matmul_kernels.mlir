// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-form-kernels | FileCheck %s
// RUN: kiln-opt %s --kiln-form-kernels --kiln-form-kernels | FileCheck %s

// Bias, activation and residual follow each block of the product. The result holds the product until then, so it lies over
// nothing.
// CHECK-LABEL: func.func @layer
// CHECK: %[[K:.*]] = kiln.kernel "{{.*}}" kind("matmul") ins(
// CHECK: kiln.matmul
// CHECK: kiln.broadcast
// CHECK: kiln.add
// CHECK: kiln.tanh
// CHECK: kiln.add
// CHECK-NOT: may_alias
// CHECK-NOT: kiln.kernel
// CHECK: return %[[K]]
func.func @layer(%x: tensor<32x8xf32> {kiln.feed = "x"}, %w: tensor<8x8xf32> {kiln.feed = "w"}, %b: tensor<8xf32> {kiln.feed = "b"})
    -> (tensor<32x8xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %s = kiln.shape_value {shape = #kiln.shape<[32, 8]>} : () -> tensor<2xi64>
  %p = kiln.matmul %x, %w : (tensor<32x8xf32>, tensor<8x8xf32>) -> tensor<32x8xf32>
  %bb = kiln.broadcast %b, %s : (tensor<8xf32>, tensor<2xi64>) -> tensor<32x8xf32>
  %z = kiln.add %p, %bb : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  %h = kiln.tanh %z : (tensor<32x8xf32>) -> tensor<32x8xf32>
  %y = kiln.add %h, %x : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  return %y : tensor<32x8xf32>
}

// A variable's update goes in place; scratch memory holds its gradient.
// CHECK-LABEL: func.func @update
// CHECK: kiln.kernel "{{.*}}" kind("matmul") ins(%arg0, %arg1, %arg2)
// CHECK: kiln.matmul
// CHECK: kiln.sub
// CHECK: may_alias = {{\[\[}}0, 2]]
// CHECK-NOT: kiln.kernel
// CHECK: return
func.func @update(%x: tensor<32x8xf32> {kiln.feed = "x"}, %d: tensor<32x10xf32> {kiln.feed = "d"}, %w: tensor<8x10xf32> {kiln.variable = "w"})
    -> (tensor<8x10xf32> {kiln.assign = "w"}) attributes {kiln.entry, kiln.symbols = {}} {
  %g = kiln.matmul %x, %d {transpose_a = true} : (tensor<32x8xf32>, tensor<32x10xf32>) -> tensor<8x10xf32>
  %n = kiln.sub %w, %g : (tensor<8x10xf32>, tensor<8x10xf32>) -> tensor<8x10xf32>
  return %n : tensor<8x10xf32>
}

// An update of several variables reads too much beside its gradient to be worth an epilogue.
// CHECK-LABEL: func.func @long
// CHECK: %[[G:.*]] = kiln.kernel "{{.*}}" kind("matmul") ins(%arg0, %arg1)
// CHECK: kiln.kernel "{{.*}}" kind("loop") ins(
// CHECK: may_alias
// CHECK-NOT: kiln.kernel
// CHECK: return
func.func @long(%x: tensor<32x8xf32> {kiln.feed = "x"}, %d: tensor<32x10xf32> {kiln.feed = "d"}, %w: tensor<8x10xf32> {kiln.variable = "w"},
                %m: tensor<8x10xf32> {kiln.variable = "m"})
    -> (tensor<8x10xf32> {kiln.assign = "w"}, tensor<8x10xf32> {kiln.assign = "m"}) attributes {kiln.entry, kiln.symbols = {}} {
  %g = kiln.matmul %x, %d {transpose_a = true} : (tensor<32x8xf32>, tensor<32x10xf32>) -> tensor<8x10xf32>
  %n = kiln.add %m, %g : (tensor<8x10xf32>, tensor<8x10xf32>) -> tensor<8x10xf32>
  %u = kiln.sub %w, %n : (tensor<8x10xf32>, tensor<8x10xf32>) -> tensor<8x10xf32>
  return %u, %n : tensor<8x10xf32>, tensor<8x10xf32>
}

// A product that others read too is a result of its kernel.
// CHECK-LABEL: func.func @shared
// CHECK: %[[K:.*]]:2 = kiln.kernel "{{.*}}" kind("matmul")
// CHECK: kiln.matmul
// CHECK: kiln.exp
// CHECK-NOT: may_alias
// CHECK: kind("row") ins(%[[K]]#
// CHECK: return
func.func @shared(%x: tensor<4x8xf32> {kiln.feed = "x"}, %w: tensor<8x8xf32> {kiln.feed = "w"})
    -> (tensor<4x8xf32> {kiln.fetch = "y"}, tensor<4xf32> {kiln.fetch = "s"}) attributes {kiln.entry, kiln.symbols = {}} {
  %p = kiln.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %y = kiln.exp %p : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %s = kiln.reduce_max %p {axes = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4xf32>
  return %y, %s : tensor<4x8xf32>, tensor<4xf32>
}

// An operand's matrices are read again and again where they lie.
// CHECK-LABEL: func.func @batch
// CHECK-NOT: kind("loop")
// CHECK: kiln.kernel "{{.*}}" kind("matmul") ins(%arg0, %arg1)
// CHECK: kiln.broadcast
// CHECK: kiln.matmul
// CHECK-NOT: kiln.kernel
// CHECK: return
func.func @batch(%x: tensor<5x4x8xf32> {kiln.feed = "x"}, %w: tensor<8x6xf32> {kiln.feed = "w"}) -> (tensor<5x4x6xf32> {kiln.fetch = "y"})
    attributes {kiln.entry, kiln.symbols = {}} {
  %s = kiln.shape_value {shape = #kiln.shape<[5, 8, 6]>} : () -> tensor<3xi64>
  %b = kiln.broadcast %w, %s : (tensor<8x6xf32>, tensor<3xi64>) -> tensor<5x8x6xf32>
  %y = kiln.matmul %x, %b : (tensor<5x4x8xf32>, tensor<5x8x6xf32>) -> tensor<5x4x6xf32>
  return %y : tensor<5x4x6xf32>
}

// A row that becomes a matrix does not lie in memory as one.
// CHECK-LABEL: func.func @rows
// CHECK: kind("loop") ins(%arg1)
// CHECK: kind("matmul")
// CHECK: return
func.func @rows(%x: tensor<4x8xf32> {kiln.feed = "x"}, %w: tensor<6xf32> {kiln.feed = "w"}) -> (tensor<4x6xf32> {kiln.fetch = "y"})
    attributes {kiln.entry, kiln.symbols = {}} {
  %s = kiln.shape_value {shape = #kiln.shape<[8, 6]>} : () -> tensor<2xi64>
  %b = kiln.broadcast %w, %s : (tensor<6xf32>, tensor<2xi64>) -> tensor<8x6xf32>
  %y = kiln.matmul %x, %b : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// Integer division may fail, and an epilogue may not.
// CHECK-LABEL: func.func @fault
// CHECK: kind("matmul")
// CHECK: kind("loop")
// CHECK: return
func.func @fault(%x: tensor<4x4xi32> {kiln.feed = "x"}) -> (tensor<4x4xi32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %p = kiln.matmul %x, %x : (tensor<4x4xi32>, tensor<4x4xi32>) -> tensor<4x4xi32>
  %y = kiln.div %p, %x : (tensor<4x4xi32>, tensor<4x4xi32>) -> tensor<4x4xi32>
  return %y : tensor<4x4xi32>
}
