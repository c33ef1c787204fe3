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

// What mentions a dimension that the body binds stays behind the binding.
// CHECK-LABEL: func.func @bound
// CHECK: kiln.loop
// CHECK: kiln.bind_dim
// CHECK-NEXT: kiln.shape_value
// CHECK-NEXT: kiln.iota
func.func @bound(%n: tensor<i64>, %x: tensor<i64>) -> tensor<i64> {
  %r = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %a: tensor<i64>):
    %0 = kiln.bind_dim %n {symbol = "found.0"} : (tensor<i64>) -> tensor<i64>
    %1 = kiln.shape_value {shape = #kiln.shape<[found.0]>} : () -> tensor<1xi64>
    %2 = kiln.iota %1 {axis = 0 : i64, dtype = i64} : (tensor<1xi64>) -> tensor<?xi64, #kiln.shape<[found.0]>>
    %3 = kiln.reduce_sum %2 {axes = array<i64: 0>, keep_dims = false} : (tensor<?xi64, #kiln.shape<[found.0]>>) -> tensor<i64>
    %4 = kiln.add %a, %3 : (tensor<i64>, tensor<i64>) -> tensor<i64>
    kiln.yield %4 : tensor<i64>
  } {length = #kiln.shape<[4]>} : (tensor<i64>) -> tensor<i64>
  return %r : tensor<i64>
}
