// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-fold-transposes | FileCheck %s

// CHECK-LABEL: func.func @both
// CHECK-NOT: kiln.transpose
// CHECK: kiln.matmul %arg0, %arg1 {transpose_a = true, transpose_b = true}
func.func @both(%a: tensor<6x4xf32>, %b: tensor<8x6xf32>) -> tensor<4x8xf32> {
  %0 = kiln.transpose %a {permutation = array<i64: 1, 0>} : (tensor<6x4xf32>) -> tensor<4x6xf32>
  %1 = kiln.transpose %b {permutation = array<i64: 1, 0>} : (tensor<8x6xf32>) -> tensor<6x8xf32>
  %2 = kiln.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<6x8xf32>) -> tensor<8x6xf32>
  %3 = kiln.matmul %0, %2 {transpose_b = true} : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  return %3 : tensor<4x8xf32>
}

// A permutation of the batch axes is no flag; a transpose with another user stays for it.
// CHECK-LABEL: func.func @others
// CHECK: %[[T:.*]] = kiln.transpose %arg0
// CHECK: %[[U:.*]] = kiln.transpose %arg1 {permutation = array<i64: 0, 2, 1>}
// CHECK: kiln.matmul %[[T]], %arg1
// CHECK: return {{.*}}, %[[U]]
func.func @others(%a: tensor<2x4x6xf32>, %b: tensor<4x5x6xf32>) -> (tensor<4x2x5xf32>, tensor<4x6x5xf32>) {
  %0 = kiln.transpose %a {permutation = array<i64: 1, 0, 2>} : (tensor<2x4x6xf32>) -> tensor<4x2x6xf32>
  %1 = kiln.transpose %b {permutation = array<i64: 0, 2, 1>} : (tensor<4x5x6xf32>) -> tensor<4x6x5xf32>
  %2 = kiln.matmul %0, %1 : (tensor<4x2x6xf32>, tensor<4x6x5xf32>) -> tensor<4x2x5xf32>
  return %2, %1 : tensor<4x2x5xf32>, tensor<4x6x5xf32>
}
