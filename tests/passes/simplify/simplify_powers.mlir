// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-simplify-powers | FileCheck %s

// CHECK-LABEL: func.func @of_a_square
// CHECK-DAG: %[[S:.*]] = kiln.mul %arg0, %arg0
// CHECK-DAG: kiln.sqrt %[[S]]
// CHECK-NOT: kiln.pow
func.func @of_a_square(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = kiln.constant {value = dense<-1.5> : tensor<4xf32>} : () -> tensor<4xf32>
  %s = kiln.mul %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %p = kiln.pow %s, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %p : tensor<4xf32>
}

// A root of -inf is NaN, its power infinite.
// CHECK-LABEL: func.func @of_anything
// CHECK: kiln.pow
func.func @of_anything(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = kiln.constant {value = dense<0.5> : tensor<4xf32>} : () -> tensor<4xf32>
  %p = kiln.pow %x, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %p : tensor<4xf32>
}

// CHECK-LABEL: func.func @cube
// CHECK: %[[S:.*]] = kiln.mul %arg0, %arg0
// CHECK: kiln.mul %[[S]], %arg0
// CHECK-NOT: kiln.pow
func.func @cube(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = kiln.constant {value = dense<3.0> : tensor<4xf32>} : () -> tensor<4xf32>
  %p = kiln.pow %x, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %p : tensor<4xf32>
}
