// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-merge-loops | FileCheck %s

// A loop that another one contains is that one; what it stacks is added.
// CHECK-LABEL: func.func @contained
// CHECK: %[[L:.*]]:4 = kiln.loop carries(%arg0, %arg0)
// CHECK: kiln.yield %[[H:.*]], %{{.*}}, %[[H]], %[[M:.*]] :
// CHECK-NOT: kiln.loop
// CHECK: return %[[L]]#0, %[[L]]#3, %[[L]]#1, %[[L]]#2
func.func @contained(%x: tensor<f32>) -> (tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4xf32>) {
  %a:2 = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<f32>):
    %m = kiln.mul %h, %h : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %n = kiln.sin %m : (tensor<f32>) -> tensor<f32>
    kiln.yield %n, %m : tensor<f32>, tensor<f32>
  } {length = #kiln.shape<[4]>} : (tensor<f32>) -> (tensor<f32>, tensor<4xf32>)
  %b:3 = kiln.loop carries(%x, %x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<f32>, %k: tensor<f32>):
    %m = kiln.mul %h, %h : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %n = kiln.sin %m : (tensor<f32>) -> tensor<f32>
    %o = kiln.mul %k, %n : (tensor<f32>, tensor<f32>) -> tensor<f32>
    kiln.yield %n, %o, %n : tensor<f32>, tensor<f32>, tensor<f32>
  } {length = #kiln.shape<[4]>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<4xf32>)
  return %a#0, %a#1, %b#1, %b#2 : tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4xf32>
}

// Another number of steps is another loop.
// CHECK-LABEL: func.func @other_length
// CHECK-COUNT-2: kiln.loop
func.func @other_length(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %a = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<f32>):
    %n = kiln.sin %h : (tensor<f32>) -> tensor<f32>
    kiln.yield %n : tensor<f32>
  } {length = #kiln.shape<[4]>} : (tensor<f32>) -> tensor<f32>
  %b = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<f32>):
    %n = kiln.sin %h : (tensor<f32>) -> tensor<f32>
    kiln.yield %n : tensor<f32>
  } {length = #kiln.shape<[5]>} : (tensor<f32>) -> tensor<f32>
  return %a, %b : tensor<f32>, tensor<f32>
}

// A carry that only makes itself, a stacked value without use and a row that nothing reads go.
// CHECK-LABEL: func.func @unused
// CHECK: %[[L:.*]] = kiln.loop carries(%arg0) body
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[H:.*]]: tensor<f32>):
// CHECK-NOT: kiln.cos
// CHECK: return %[[L]]
func.func @unused(%x: tensor<f32>, %rows: tensor<4xf32>) -> tensor<f32> {
  %a:3 = kiln.loop carries(%x, %x) scanned(%rows) body {
  ^bb0(%i: tensor<i64>, %h: tensor<f32>, %k: tensor<f32>, %r: tensor<f32>):
    %n = kiln.sin %h : (tensor<f32>) -> tensor<f32>
    %o = kiln.cos %k : (tensor<f32>) -> tensor<f32>
    kiln.yield %n, %o, %r : tensor<f32>, tensor<f32>, tensor<f32>
  } {length = #kiln.shape<[4]>} : (tensor<f32>, tensor<f32>, tensor<4xf32>) -> (tensor<f32>, tensor<f32>, tensor<4xf32>)
  return %a#0 : tensor<f32>
}

// A value that is stacked twice is stacked once, whichever of the two is read.
// CHECK-LABEL: func.func @stacked_twice
// CHECK: %[[R:.*]] = kiln.loop
// CHECK: kiln.reduce_sum %[[R]]
func.func @stacked_twice(%x: tensor<4xf64>) -> tensor<4xf64> {
  %r:2 = kiln.loop carries() body {
  ^bb0(%i: tensor<i64>):
    %0 = kiln.cos %x : (tensor<4xf64>) -> tensor<4xf64>
    kiln.yield %0, %0 : tensor<4xf64>, tensor<4xf64>
  } {length = #kiln.shape<[5]>} : () -> (tensor<5x4xf64>, tensor<5x4xf64>)
  %s = kiln.reduce_sum %r#1 {axes = array<i64: 0>} : (tensor<5x4xf64>) -> tensor<4xf64>
  return %s : tensor<4xf64>
}
