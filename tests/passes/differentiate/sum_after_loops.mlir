// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-sum-after-loops | FileCheck %s
// RUN: kiln-opt %s "--kiln-sum-after-loops=mem-limit=600" | FileCheck %s --check-prefix=LIMIT

// The rows of one factor are scanned already; the other is stacked.
// CHECK-LABEL: func.func @products
// CHECK: %[[L:.*]]:2 = kiln.loop carries(%arg0) body
// CHECK-NOT: kiln.matmul
// CHECK: kiln.yield
// CHECK: %[[A:.*]] = kiln.reshape %arg1, {{.*}} -> tensor<10x4xf32>
// CHECK: %[[B:.*]] = kiln.reshape %[[L]]#1, {{.*}} -> tensor<10x3xf32>
// CHECK: %[[SUM:.*]] = kiln.matmul %[[A]], %[[B]] {transpose_a = true}
// CHECK: return %[[L]]#0, %[[SUM]]
// LIMIT-LABEL: func.func @products
// LIMIT: return
func.func @products(%h: tensor<2x3xf32>, %xs: tensor<5x2x4xf32>) -> (tensor<2x3xf32>, tensor<4x3xf32>) {
  %zeros = kiln.constant {value = dense<0.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %a:2 = kiln.loop carries(%h, %zeros) scanned(%xs) body {
  ^bb0(%i: tensor<i64>, %c: tensor<2x3xf32>, %sum: tensor<4x3xf32>, %r: tensor<2x4xf32>):
    %n = kiln.sin %c : (tensor<2x3xf32>) -> tensor<2x3xf32>
    %p = kiln.matmul %r, %n {transpose_a = true} : (tensor<2x4xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
    %s = kiln.add %sum, %p : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
    kiln.yield %n, %s : tensor<2x3xf32>, tensor<4x3xf32>
  } {length = #kiln.shape<[5]>} : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<5x2x4xf32>) -> (tensor<2x3xf32>, tensor<4x3xf32>)
  return %a#0, %a#1 : tensor<2x3xf32>, tensor<4x3xf32>
}

// More than the limit would be stacked: the sum stays.
// LIMIT-LABEL: func.func @too_large
// LIMIT: kiln.loop carries(%arg0, %{{.*}}) scanned
// LIMIT: kiln.matmul
// LIMIT: kiln.yield
func.func @too_large(%h: tensor<2x3xf32>, %xs: tensor<50x2x4xf32>) -> (tensor<2x3xf32>, tensor<4x3xf32>) {
  %zeros = kiln.constant {value = dense<0.0> : tensor<4x3xf32>} : () -> tensor<4x3xf32>
  %a:2 = kiln.loop carries(%h, %zeros) scanned(%xs) body {
  ^bb0(%i: tensor<i64>, %c: tensor<2x3xf32>, %sum: tensor<4x3xf32>, %r: tensor<2x4xf32>):
    %n = kiln.sin %c : (tensor<2x3xf32>) -> tensor<2x3xf32>
    %p = kiln.matmul %r, %n {transpose_a = true} : (tensor<2x4xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
    %s = kiln.add %sum, %p : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
    kiln.yield %n, %s : tensor<2x3xf32>, tensor<4x3xf32>
  } {length = #kiln.shape<[50]>} : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<50x2x4xf32>) -> (tensor<2x3xf32>, tensor<4x3xf32>)
  return %a#0, %a#1 : tensor<2x3xf32>, tensor<4x3xf32>
}
