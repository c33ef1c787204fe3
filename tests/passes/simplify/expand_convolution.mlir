// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-expand-composites | FileCheck %s

// One product over unfolded windows; channels come last in it whatever the layout.
// CHECK-LABEL: func.func @conv
// CHECK: %[[X:.*]] = kiln.transpose %arg0 {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[W:.*]] = kiln.transpose %arg1 {permutation = array<i64: 2, 3, 1, 0>}
// CHECK: %[[P:.*]] = kiln.unfold %[[X]]
// CHECK: %[[A:.*]] = kiln.reshape %[[P]], {{.*}} -> tensor<24x18xf32>
// CHECK: %[[B:.*]] = kiln.reshape %[[W]], {{.*}} -> tensor<18x5xf32>
// CHECK: kiln.matmul %[[A]], %[[B]]
// CHECK: kiln.transpose {{.*}} {permutation = array<i64: 0, 3, 1, 2>}
func.func @conv(%x: tensor<2x2x5x6xf32>, %w: tensor<5x2x3x3xf32>) -> tensor<2x5x3x4xf32> {
  %0 = kiln.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = "NCHW", filter_layout = "OIHW"} : (tensor<2x2x5x6xf32>, tensor<5x2x3x3xf32>) -> tensor<2x5x3x4xf32>
  return %0 : tensor<2x5x3x4xf32>
}

// Windows of one element need no unfold.
// CHECK-LABEL: func.func @pointwise
// CHECK-NOT: kiln.unfold
// CHECK: kiln.matmul
// CHECK-NOT: kiln.transpose
func.func @pointwise(%x: tensor<2x5x3xf32>, %w: tensor<1x3x4xf32>) -> tensor<2x5x4xf32> {
  %0 = kiln.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, groups = 1 : i64, layout = "NWC", filter_layout = "WIO"} : (tensor<2x5x3xf32>, tensor<1x3x4xf32>) -> tensor<2x5x4xf32>
  return %0 : tensor<2x5x4xf32>
}

// One channel a group: a sum of products, no matrix product.
// CHECK-LABEL: func.func @depthwise
// CHECK: kiln.unfold
// CHECK-NOT: kiln.matmul
// CHECK: kiln.reduce_sum
func.func @depthwise(%x: tensor<2x5x3xf32>, %w: tensor<2x1x3xf32>) -> tensor<2x4x3xf32> {
  %0 = kiln.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, groups = 3 : i64, layout = "NWC", filter_layout = "WIO"} : (tensor<2x5x3xf32>, tensor<2x1x3xf32>) -> tensor<2x4x3xf32>
  return %0 : tensor<2x4x3xf32>
}

// CHECK-LABEL: func.func @transposed
// CHECK: kiln.matmul
// CHECK: kiln.fold
func.func @transposed(%x: tensor<2x5x3xf32>, %w: tensor<2x3x4xf32>) -> tensor<2x10x4xf32> {
  %0 = kiln.conv_transpose %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, output_padding = array<i64: 0>, groups = 1 : i64, layout = "NWC", filter_layout = "WIO"} : (tensor<2x5x3xf32>, tensor<2x3x4xf32>) -> tensor<2x10x4xf32>
  return %0 : tensor<2x10x4xf32>
}

// Without padding the divisor is a number.
// CHECK-LABEL: func.func @average
// CHECK: kiln.unfold
// CHECK: kiln.reduce_sum
// CHECK-NOT: kiln.unfold
// CHECK: kiln.div
func.func @average(%x: tensor<2x6x3xf32>) -> tensor<2x3x3xf32> {
  %0 = kiln.avg_pool %x {kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, ceil_mode = false, layout = "NWC", count_padding = true} : (tensor<2x6x3xf32>) -> tensor<2x3x3xf32>
  return %0 : tensor<2x3x3xf32>
}
