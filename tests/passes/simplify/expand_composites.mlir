// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-expand-composites | FileCheck %s

// CHECK-LABEL: func.func @softmax
// CHECK: %[[M:.*]] = kiln.reduce_max %arg0 {axes = array<i64: 1>, keep_dims = true}
// CHECK: %[[D:.*]] = kiln.sub %arg0
// CHECK: %[[E:.*]] = kiln.exp %[[D]]
// CHECK: kiln.reduce_sum %[[E]] {axes = array<i64: 1>, keep_dims = true}
// CHECK: kiln.div %[[E]]
// CHECK-NOT: kiln.softmax
func.func @softmax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = kiln.softmax %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// A label outside the classes must fault, so negative ones may not wrap.
// CHECK-LABEL: func.func @cross_entropy
// CHECK: kiln.gather {{.*}}allow_negative = false{{.*}}batch_dims = 1
func.func @cross_entropy(%x: tensor<4x8xf32>, %y: tensor<4xi32>) -> tensor<4xf32> {
  %0 = kiln.softmax_cross_entropy %x, %y : (tensor<4x8xf32>, tensor<4xi32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// The bias corrections are f64 numbers of rank 0, computed once.
// CHECK-LABEL: func.func @adam
// CHECK: kiln.pow {{.*}} -> tensor<f64>
// CHECK: kiln.cast {{.*}} (tensor<f64>) -> tensor<f32>
// CHECK-NOT: kiln.adam
func.func @adam(%w: tensor<8xf32>, %g: tensor<8xf32>, %m: tensor<8xf32>, %v: tensor<8xf32>, %t: tensor<i64>, %lr: tensor<f32>) -> tensor<8xf32> {
  %0:3 = kiln.adam %w, %g, %m, %v, %t, %lr : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<i64>, tensor<f32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
  return %0#0 : tensor<8xf32>
}
