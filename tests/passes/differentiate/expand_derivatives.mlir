// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-expand-derivatives | FileCheck %s

// Reverse mode: 1 - tanh^2, from the op's own result.
// CHECK-LABEL: func.func @reverse
// CHECK-NOT: kiln.vjp
// CHECK: %[[Y:.*]] = kiln.tanh %arg0
// CHECK: %[[SQUARE:.*]] = kiln.mul %[[Y]], %[[Y]]
// CHECK: %[[SLOPE:.*]] = kiln.sub %{{.*}}, %[[SQUARE]]
// CHECK: %[[D:.*]] = kiln.mul %{{.*}}, %[[SLOPE]]
// CHECK: return %[[D]]
func.func @reverse(%x: tensor<f64>) -> tensor<f64> {
  %d = kiln.vjp(%x) {
  ^bb0(%a: tensor<f64>):
    %y = kiln.tanh %a : (tensor<f64>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<f64>) -> tensor<f64>
  return %d : tensor<f64>
}

// Forward mode of the same rule.
// CHECK-LABEL: func.func @forward
// CHECK-NOT: kiln.jvp
// CHECK: %[[T:.*]] = kiln.mul %arg1, %{{.*}}
// CHECK: return %[[T]]
func.func @forward(%x: tensor<f64>, %t: tensor<f64>) -> tensor<f64> {
  %d = kiln.jvp(%x) tangents(%t) {
  ^bb0(%a: tensor<f64>):
    %y = kiln.tanh %a : (tensor<f64>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<f64>, tensor<f64>) -> tensor<f64>
  return %d : tensor<f64>
}

// A value from outside is a constant, also when it is the x itself: the derivative of a * x for a is x.
// CHECK-LABEL: func.func @captured
// CHECK: kiln.mul %arg0, %arg0
// CHECK: %[[D:.*]] = kiln.mul %{{.*}}, %arg0
// CHECK-NOT: kiln.add
// CHECK: return %[[D]]
func.func @captured(%x: tensor<f64>) -> tensor<f64> {
  %d = kiln.vjp(%x) {
  ^bb0(%a: tensor<f64>):
    %y = kiln.mul %a, %x : (tensor<f64>, tensor<f64>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<f64>) -> tensor<f64>
  return %d : tensor<f64>
}

// The mean over a symbolic axis divides by the length that the run has.
// CHECK-LABEL: func.func @symbolic
// CHECK: kiln.shape_value {{.*}}#kiln.shape<[batch]>
// CHECK: kiln.cast
// CHECK: kiln.div
// CHECK: kiln.broadcast
func.func @symbolic(%x: tensor<?xf64, #kiln.shape<[batch]>>) -> tensor<?xf64, #kiln.shape<[batch]>> {
  %d = kiln.vjp(%x) {
  ^bb0(%a: tensor<?xf64, #kiln.shape<[batch]>>):
    %y = kiln.reduce_mean %a {axes = array<i64: 0>} : (tensor<?xf64, #kiln.shape<[batch]>>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<?xf64, #kiln.shape<[batch]>>) -> tensor<?xf64, #kiln.shape<[batch]>>
  return %d : tensor<?xf64, #kiln.shape<[batch]>>
}

// A y that does not depend on the x has the gradient zero, and needs no rule.
// CHECK-LABEL: func.func @independent
// CHECK: %[[ZERO:.*]] = kiln.constant {{.*}}dense<0.000000e+00> : tensor<3xf64>
// CHECK: return %[[ZERO]]
func.func @independent(%x: tensor<3xf64>, %w: tensor<f64>) -> tensor<3xf64> {
  %d = kiln.vjp(%x) {
  ^bb0(%a: tensor<3xf64>):
    %i = kiln.argmax %a {axis = 0 : i64} : (tensor<3xf64>) -> tensor<i64>
    %f = kiln.cast %i {to = f64} : (tensor<i64>) -> tensor<f64>
    %y = kiln.mul %f, %w : (tensor<f64>, tensor<f64>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<3xf64>) -> tensor<3xf64>
  return %d : tensor<3xf64>
}
