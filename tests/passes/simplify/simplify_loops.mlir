// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-simplify-loops | FileCheck %s

// CHECK-LABEL: func.func @known_branch
// CHECK-NEXT: %[[R:.*]] = kiln.neg %arg0
// CHECK-NEXT: return %[[R]]
func.func @known_branch(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = kiln.constant {value = dense<false> : tensor<i1>} : () -> tensor<i1>
  %r = kiln.branch(%c) {
    %0 = kiln.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    kiln.yield %0 : tensor<4xf32>
  }, {
    %0 = kiln.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    kiln.yield %0 : tensor<4xf32>
  } : (tensor<i1>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// The second result is %x whichever region runs, and nobody reads the third.
// CHECK-LABEL: func.func @pruned_branch
// CHECK: %[[R:.*]] = kiln.branch
// CHECK: return %[[R]], %arg1
func.func @pruned_branch(%c: tensor<i1>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:3 = kiln.branch(%c) {
    %0 = kiln.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    kiln.yield %0, %x, %0 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  }, {
    %0 = kiln.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    kiln.yield %0, %x, %x : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  } : (tensor<i1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}

// %b never changes, %d is read by nothing but itself.
// CHECK-LABEL: func.func @pruned_loop
// CHECK: kiln.loop carries(%arg0) body {
// CHECK: kiln.mul %{{.*}}, %arg1
func.func @pruned_loop(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  %r:3 = kiln.loop carries(%x, %y, %x) body {
  ^bb0(%i: tensor<i64>, %a: tensor<f32>, %b: tensor<f32>, %d: tensor<f32>):
    %0 = kiln.mul %a, %b : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %1 = kiln.exp %d : (tensor<f32>) -> tensor<f32>
    kiln.yield %0, %b, %1 : tensor<f32>, tensor<f32>, tensor<f32>
  } {length = #kiln.shape<[9]>} : (tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>)
  return %r#0 : tensor<f32>
}

// CHECK-LABEL: func.func @counted_while
// CHECK: kiln.loop carries(%arg0) body {
// CHECK-NOT: kiln.less
// CHECK: length = #kiln.shape<[10]>
func.func @counted_while(%x: tensor<f32>) -> tensor<f32> {
  %zero = kiln.constant {value = dense<0> : tensor<i64>} : () -> tensor<i64>
  %r:2 = kiln.loop carries(%zero, %x) while {
  ^bb0(%c: tensor<i64>, %a: tensor<f32>):
    %ten = kiln.constant {value = dense<10> : tensor<i64>} : () -> tensor<i64>
    %0 = kiln.less %c, %ten : (tensor<i64>, tensor<i64>) -> tensor<i1>
    kiln.yield %0 : tensor<i1>
  } body {
  ^bb0(%i: tensor<i64>, %c: tensor<i64>, %a: tensor<f32>):
    %one = kiln.constant {value = dense<1> : tensor<i64>} : () -> tensor<i64>
    %0 = kiln.add %c, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %1 = kiln.exp %a : (tensor<f32>) -> tensor<f32>
    kiln.yield %0, %1 : tensor<i64>, tensor<f32>
  } : (tensor<i64>, tensor<f32>) -> (tensor<i64>, tensor<f32>)
  return %r#1 : tensor<f32>
}

// CHECK-LABEL: func.func @short
// CHECK-NOT: kiln.loop
// CHECK: kiln.exp %arg0
func.func @short(%x: tensor<f32>) -> tensor<1xf32> {
  %r:2 = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %a: tensor<f32>):
    %1 = kiln.exp %a : (tensor<f32>) -> tensor<f32>
    kiln.yield %1, %1 : tensor<f32>, tensor<f32>
  } {length = #kiln.shape<[1]>} : (tensor<f32>) -> (tensor<f32>, tensor<1xf32>)
  return %r#1 : tensor<1xf32>
}
