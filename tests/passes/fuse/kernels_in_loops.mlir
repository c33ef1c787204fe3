// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-form-kernels | FileCheck %s

// Kernels in both regions of a loop whose values are too large for registers; a broadcast from outside is part of the
// kernel that reads it, and a constant of several values moves to the entry.
// CHECK-LABEL: func.func @loop
// CHECK-NEXT: %[[C:.*]] = kiln.constant
// CHECK-NEXT: kiln.loop carries(%arg0)
// CHECK: kiln.kernel "less" kind("reduce")
// CHECK: kiln.yield %{{.*}} : tensor<i1>
// CHECK: body
// CHECK: kiln.kernel "tanh" kind("loop") ins(
// CHECK: kiln.broadcast
// CHECK: kiln.mul
// CHECK: kiln.tanh
func.func @loop(%x: tensor<64x8xf32> {kiln.feed = "x"}, %s: tensor<f32> {kiln.feed = "s"})
    -> (tensor<64x8xf32> {kiln.fetch = "r"}) attributes {kiln.entry} {
  %shape = kiln.shape_value {shape = #kiln.shape<[64, 8]>} : () -> tensor<2xi64>
  %scale = kiln.broadcast %s, %shape : (tensor<f32>, tensor<2xi64>) -> tensor<64x8xf32>
  %0 = kiln.loop carries(%x) while {
  ^bb0(%h: tensor<64x8xf32>):
    %m = kiln.reduce_max %h {axes = array<i64: 0, 1>} : (tensor<64x8xf32>) -> tensor<f32>
    %c = kiln.less %m, %s : (tensor<f32>, tensor<f32>) -> tensor<i1>
    kiln.yield %c : tensor<i1>
  } body {
  ^bb0(%i: tensor<i64>, %h: tensor<64x8xf32>):
    %c = kiln.constant {value = dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>} : () -> tensor<8xf32>
    %bshape = kiln.shape_value {shape = #kiln.shape<[64, 8]>} : () -> tensor<2xi64>
    %b = kiln.broadcast %c, %bshape : (tensor<8xf32>, tensor<2xi64>) -> tensor<64x8xf32>
    %p = kiln.mul %h, %scale : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
    %a = kiln.add %p, %b : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
    %t = kiln.tanh %a : (tensor<64x8xf32>) -> tensor<64x8xf32>
    kiln.yield %t : tensor<64x8xf32>
  } : (tensor<64x8xf32>) -> tensor<64x8xf32>
  return %0 : tensor<64x8xf32>
}

// What a region yields, and what a loop begins with, lies in memory: a broadcast there is a kernel of its own, outside the
// region when it comes from outside.
// CHECK-LABEL: func.func @yielded
// CHECK: %[[Z:.*]] = kiln.kernel "broadcast" kind("loop")
// CHECK: kiln.branch(%arg1)
// CHECK-NEXT: kiln.kernel "neg"
// CHECK: kiln.yield %{{.*}}
// CHECK: kiln.yield %[[Z]]
func.func @yielded(%x: tensor<64x8xf32> {kiln.feed = "x"}, %flag: tensor<i1> {kiln.feed = "flag"}, %s: tensor<f32> {kiln.feed = "s"})
    -> (tensor<64x8xf32> {kiln.fetch = "r"}) attributes {kiln.entry} {
  %shape = kiln.shape_value {shape = #kiln.shape<[64, 8]>} : () -> tensor<2xi64>
  %zero = kiln.broadcast %s, %shape : (tensor<f32>, tensor<2xi64>) -> tensor<64x8xf32>
  %0 = kiln.branch(%flag) {
    %n = kiln.neg %x : (tensor<64x8xf32>) -> tensor<64x8xf32>
    kiln.yield %n : tensor<64x8xf32>
  }, {
    kiln.yield %zero : tensor<64x8xf32>
  } : (tensor<i1>) -> tensor<64x8xf32>
  return %0 : tensor<64x8xf32>
}

// What is small becomes one kernel.
// CHECK-LABEL: func.func @small
// CHECK: kiln.kernel "loop" kind("native") ins(%arg0)
// CHECK: kiln.loop
func.func @small(%x: tensor<4xf64> {kiln.feed = "x"}) -> (tensor<4xf64> {kiln.fetch = "r"}) attributes {kiln.entry} {
  %0 = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<4xf64>):
    %t = kiln.neg %h : (tensor<4xf64>) -> tensor<4xf64>
    kiln.yield %t : tensor<4xf64>
  } {length = #kiln.shape<[100]>} : (tensor<4xf64>) -> tensor<4xf64>
  return %0 : tensor<4xf64>
}
