// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-form-kernels | FileCheck %s

// The windows of a pool are never stored: unfold is in the kernel of the reduction.
// CHECK-LABEL: func.func @pool
// CHECK: kiln.kernel "{{.*}}" kind("column") ins(%arg0)
// CHECK: kiln.unfold
// CHECK-NEXT: kiln.reduce_max
// CHECK-NOT: kiln.kernel
func.func @pool(%x: tensor<2x8x8x16xf32> {kiln.feed = "x"}) -> (tensor<2x4x4x16xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %lowest = kiln.constant {value = dense<0xFF800000> : tensor<f32>} : () -> tensor<f32>
  %0 = kiln.unfold %x, %lowest {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>} : (tensor<2x8x8x16xf32>, tensor<f32>) -> tensor<2x4x4x2x2x16xf32>
  %1 = kiln.reduce_max %0 {axes = array<i64: 3, 4>} : (tensor<2x4x4x2x2x16xf32>) -> tensor<2x4x4x16xf32>
  return %1 : tensor<2x4x4x16xf32>
}

// What is added up where windows overlap is computed there, and what follows element for element too.
// CHECK-LABEL: func.func @gradient
// CHECK: kiln.kernel "{{.*}}" kind("column") ins(%arg0, %arg1)
// CHECK: kiln.mul
// CHECK: kiln.fold
// CHECK: kiln.tanh
// CHECK-NOT: kiln.kernel
func.func @gradient(%a: tensor<2x7x2x16xf32> {kiln.feed = "a"}, %b: tensor<2x7x2x16xf32> {kiln.feed = "b"}) -> (tensor<2x8x16xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %0 = kiln.mul %a, %b : (tensor<2x7x2x16xf32>, tensor<2x7x2x16xf32>) -> tensor<2x7x2x16xf32>
  %lengths = kiln.shape_value {shape = #kiln.shape<[8]>} : () -> tensor<1xi64>
  %1 = kiln.fold %0, %lengths {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>} : (tensor<2x7x2x16xf32>, tensor<1xi64>) -> tensor<2x8x16xf32>
  %2 = kiln.tanh %1 : (tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  return %2 : tensor<2x8x16xf32>
}

// A contraction reads memory, so what it reads of windows is stored by a kernel.
// CHECK-LABEL: func.func @convolution
// CHECK: %[[PATCHES:.*]] = kiln.kernel "{{.*}}" kind("loop") ins(%arg0)
// CHECK: kiln.unfold
// CHECK: kiln.reshape
// CHECK: kiln.kernel "{{.*}}" kind("matmul") ins(%[[PATCHES]], %arg1)
func.func @convolution(%x: tensor<2x5x3xf32> {kiln.feed = "x"}, %w: tensor<6x4xf32> {kiln.feed = "w"}) -> (tensor<8x4xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %zero = kiln.constant {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
  %0 = kiln.unfold %x, %zero {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>} : (tensor<2x5x3xf32>, tensor<f32>) -> tensor<2x4x2x3xf32>
  %shape = kiln.shape_value {shape = #kiln.shape<[8, 6]>} : () -> tensor<2xi64>
  %1 = kiln.reshape %0, %shape : (tensor<2x4x2x3xf32>, tensor<2xi64>) -> tensor<8x6xf32>
  %2 = kiln.matmul %1, %w : (tensor<8x6xf32>, tensor<6x4xf32>) -> tensor<8x4xf32>
  return %2 : tensor<8x4xf32>
}

// A reshape of what lies in memory moves nothing, so the contraction reads through it.
// CHECK-LABEL: func.func @pointwise
// CHECK: kiln.kernel "{{.*}}" kind("matmul") ins(
// CHECK: kiln.reshape
// CHECK: kiln.matmul
// CHECK-NOT: kiln.kernel
func.func @pointwise(%x: tensor<2x4x6xf32> {kiln.feed = "x"}, %w: tensor<6x4xf32> {kiln.feed = "w"}) -> (tensor<8x4xf32> {kiln.fetch = "y"}) attributes {kiln.entry, kiln.symbols = {}} {
  %shape = kiln.shape_value {shape = #kiln.shape<[8, 6]>} : () -> tensor<2xi64>
  %0 = kiln.reshape %x, %shape : (tensor<2x4x6xf32>, tensor<2xi64>) -> tensor<8x6xf32>
  %1 = kiln.matmul %0, %w : (tensor<8x6xf32>, tensor<6x4xf32>) -> tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}
