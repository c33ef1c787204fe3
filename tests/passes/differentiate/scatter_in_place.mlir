// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-scatter-in-place | FileCheck %s

// CHECK-LABEL: func.func @into_the_sum
// CHECK: %[[S:.*]] = kiln.scatter_add %arg0, %arg1, %arg2
// CHECK-NOT: kiln.add
// CHECK: return %[[S]]
func.func @into_the_sum(%x: tensor<9x4xf32>, %i: tensor<2xi64>, %u: tensor<2x4xf32>) -> tensor<9x4xf32> {
  %zeros = kiln.constant {value = dense<0.0> : tensor<9x4xf32>} : () -> tensor<9x4xf32>
  %s = kiln.scatter_add %zeros, %i, %u : (tensor<9x4xf32>, tensor<2xi64>, tensor<2x4xf32>) -> tensor<9x4xf32>
  %y = kiln.add %x, %s : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return %y : tensor<9x4xf32>
}

// What is scattered is used by itself too.
// CHECK-LABEL: func.func @used_twice
// CHECK: kiln.add
func.func @used_twice(%x: tensor<9x4xf32>, %i: tensor<2xi64>, %u: tensor<2x4xf32>) -> (tensor<9x4xf32>, tensor<9x4xf32>) {
  %zeros = kiln.constant {value = dense<0.0> : tensor<9x4xf32>} : () -> tensor<9x4xf32>
  %s = kiln.scatter_add %zeros, %i, %u : (tensor<9x4xf32>, tensor<2xi64>, tensor<2x4xf32>) -> tensor<9x4xf32>
  %y = kiln.add %x, %s : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return %y, %s : tensor<9x4xf32>, tensor<9x4xf32>
}

// A reader comes before what writes over the tensor, unless it needs what is written.
// CHECK-LABEL: func.func @readers_first
// CHECK: %[[R:.*]] = kiln.gather %arg0, %arg1
// CHECK: %[[S:.*]] = kiln.scatter_add %arg0, %arg1, %arg2
// CHECK: kiln.add %arg0, %[[S]]
func.func @readers_first(%x: tensor<9x4xf32>, %i: tensor<2xi64>, %u: tensor<2x4xf32>)
    -> (tensor<9x4xf32>, tensor<2x4xf32>) {
  %s = kiln.scatter_add %x, %i, %u : (tensor<9x4xf32>, tensor<2xi64>, tensor<2x4xf32>) -> tensor<9x4xf32>
  %r = kiln.gather %x, %i : (tensor<9x4xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  %y = kiln.add %x, %s : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return %y, %r : tensor<9x4xf32>, tensor<2x4xf32>
}
