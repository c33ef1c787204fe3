// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-fold-transposes | FileCheck %s

// A matrix from before the loop is transposed there, once for both products; one of the loop itself by the flag.
// CHECK-LABEL: func.func @steps
// CHECK: %[[T:.*]] = kiln.transpose %arg1 {permutation = array<i64: 1, 0>}
// CHECK-NEXT: kiln.loop
// CHECK: kiln.matmul %[[H:.*]], %[[T]] :
// CHECK: kiln.matmul %{{.*}}, %[[T]] {transpose_a = true}
func.func @steps(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %0 = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<16x16xf32>):
    %a = kiln.matmul %h, %w {transpose_b = true} : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %t = kiln.transpose %a {permutation = array<i64: 1, 0>} : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %b = kiln.matmul %t, %w {transpose_b = true} : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    kiln.yield %b : tensor<16x16xf32>
  } {length = #kiln.shape<[100]>} : (tensor<16x16xf32>) -> tensor<16x16xf32>
  return %0 : tensor<16x16xf32>
}

// CHECK-LABEL: func.func @outside
// CHECK: %[[T:.*]] = kiln.transpose %arg1
// CHECK: kiln.matmul %{{.*}}, %[[T]] :
func.func @outside(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %t = kiln.transpose %w {permutation = array<i64: 1, 0>} : (tensor<16x16xf32>) -> tensor<16x16xf32>
  %0 = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<16x16xf32>):
    %a = kiln.matmul %h, %t : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    kiln.yield %a : tensor<16x16xf32>
  } {length = #kiln.shape<[100]>} : (tensor<16x16xf32>) -> tensor<16x16xf32>
  return %0 : tensor<16x16xf32>
}
