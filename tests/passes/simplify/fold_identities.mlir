// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-fold-identities | FileCheck %s

// CHECK-LABEL: func.func @times_one
// CHECK-NEXT: return %arg0
func.func @times_one(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = kiln.constant {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = kiln.mul %one, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Adding 0.0 turns -0.0 into 0.0, so it stays; subtracting it changes nothing.
// CHECK-LABEL: func.func @plus_zero
// CHECK: kiln.add
// CHECK-NOT: kiln.sub
func.func @plus_zero(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = kiln.constant {value = dense<0.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %0 = kiln.add %x, %zero : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = kiln.sub %0, %zero : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func.func @twice
// CHECK-NEXT: return %arg0
func.func @twice(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = kiln.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = kiln.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %2 = kiln.neg %1 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %3 = kiln.neg %2 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @matmul_reads_transposed
// CHECK-NEXT: kiln.matmul %arg0, %arg1 {transpose_b = true}
func.func @matmul_reads_transposed(%a: tensor<2x3xf32>, %b: tensor<5x3xf32>) -> tensor<2x5xf32> {
  %0 = kiln.transpose %b {permutation = array<i64: 1, 0>} : (tensor<5x3xf32>) -> tensor<3x5xf32>
  %1 = kiln.matmul %a, %0 : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  return %1 : tensor<2x5xf32>
}

// CHECK-LABEL: func.func @constants
// CHECK-NEXT: %[[C:.*]] = kiln.constant {value = dense<[5, 7, 9]> : tensor<3xi32>}
// CHECK-NEXT: return %[[C]]
func.func @constants() -> tensor<3xi32> {
  %0 = kiln.constant {value = dense<[1, 2, 3]> : tensor<3xi32>} : () -> tensor<3xi32>
  %1 = kiln.constant {value = dense<[4, 5, 6]> : tensor<3xi32>} : () -> tensor<3xi32>
  %2 = kiln.add %0, %1 : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
  return %2 : tensor<3xi32>
}
