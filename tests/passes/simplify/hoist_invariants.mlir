// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-hoist-invariants | FileCheck %s

// The exponential leaves both loops; the division by an integer may fault, so it stays.
// CHECK-LABEL: func.func @nested
// CHECK: kiln.exp %arg1
// CHECK: kiln.loop
// CHECK: kiln.loop
// CHECK: kiln.div %arg2, %arg2
// CHECK: kiln.mul
func.func @nested(%x: tensor<f32>, %y: tensor<f32>, %n: tensor<i64>) -> (tensor<f32>, tensor<i64>) {
  %r:2 = kiln.loop carries(%x, %n) body {
  ^bb0(%i: tensor<i64>, %a: tensor<f32>, %k: tensor<i64>):
    %s:2 = kiln.loop carries(%a, %k) body {
    ^bb0(%j: tensor<i64>, %b: tensor<f32>, %l: tensor<i64>):
      %0 = kiln.exp %y : (tensor<f32>) -> tensor<f32>
      %q = kiln.div %n, %n : (tensor<i64>, tensor<i64>) -> tensor<i64>
      %1 = kiln.mul %b, %0 : (tensor<f32>, tensor<f32>) -> tensor<f32>
      kiln.yield %1, %q : tensor<f32>, tensor<i64>
    } {length = #kiln.shape<[3]>} : (tensor<f32>, tensor<i64>) -> (tensor<f32>, tensor<i64>)
    kiln.yield %s#0, %s#1 : tensor<f32>, tensor<i64>
  } {length = #kiln.shape<[4]>} : (tensor<f32>, tensor<i64>) -> (tensor<f32>, tensor<i64>)
  return %r#0, %r#1 : tensor<f32>, tensor<i64>
}
