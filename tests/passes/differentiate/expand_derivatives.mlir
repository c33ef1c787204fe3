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

// The gradient of a loop: one that stacks the carries, and one in reverse whose carries are the cotangent and the sum for
// the captured value.
// CHECK-LABEL: func.func @loop
// CHECK: %[[F:.*]]:2 = kiln.loop carries(%arg0) body
// CHECK: ^bb0(%{{.*}}: tensor<i64>, %[[H:.*]]: tensor<f64>):
// CHECK: kiln.yield %{{.*}}, %[[H]]
// CHECK: %[[R:.*]]:2 = kiln.loop carries(%{{.*}}, %{{.*}}) scanned(%[[F]]#1) body
// CHECK: kiln.adjoint
// CHECK-SAME: reverse
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @loop(%x: tensor<f64>, %w: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
  %d:2 = kiln.vjp(%x, %w) {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    %y = kiln.loop carries(%a) body {
    ^bb0(%i: tensor<i64>, %h: tensor<f64>):
      %m = kiln.mul %h, %b : (tensor<f64>, tensor<f64>) -> tensor<f64>
      kiln.yield %m : tensor<f64>
    } {length = #kiln.shape<[4]>} : (tensor<f64>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %d#0, %d#1 : tensor<f64>, tensor<f64>
}

// Where only the run knows how often, a copy counts first and the number becomes a dimension.
// CHECK-LABEL: func.func @counted
// CHECK: %[[C:.*]]:2 = kiln.loop carries(%arg0, %{{.*}}) while
// CHECK: %[[N:.*]] = kiln.bind_dim %[[C]]#1 {symbol = "steps.0"}
// CHECK: kiln.loop count(%[[N]])
// CHECK: kiln.loop count(%[[N]])
// CHECK: length = #kiln.shape<[steps.0]>
// CHECK-SAME: reverse
func.func @counted(%x: tensor<f64>) -> tensor<f64> {
  %d = kiln.vjp(%x) {
  ^bb0(%a: tensor<f64>):
    %y = kiln.loop carries(%a) while {
    ^bb0(%h: tensor<f64>):
      %limit = kiln.constant {value = dense<9.0> : tensor<f64>} : () -> tensor<f64>
      %go = kiln.less %h, %limit : (tensor<f64>, tensor<f64>) -> tensor<i1>
      kiln.yield %go : tensor<i1>
    } body {
    ^bb0(%i: tensor<i64>, %h: tensor<f64>):
      %m = kiln.exp %h : (tensor<f64>) -> tensor<f64>
      kiln.yield %m : tensor<f64>
    } : (tensor<f64>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<f64>) -> tensor<f64>
  return %d : tensor<f64>
}

// A branch's derivative is a branch.
// CHECK-LABEL: func.func @branch
// CHECK-COUNT-2: kiln.branch(%arg1)
// CHECK: kiln.exp
// CHECK: kiln.yield
// CHECK: return
func.func @branch(%x: tensor<f64>, %c: tensor<i1>) -> tensor<f64> {
  %d = kiln.vjp(%x) {
  ^bb0(%a: tensor<f64>):
    %y = kiln.branch(%c) {
      %e = kiln.exp %a : (tensor<f64>) -> tensor<f64>
      kiln.yield %e : tensor<f64>
    }, {
      kiln.yield %a : tensor<f64>
    } : (tensor<i1>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<f64>) -> tensor<f64>
  return %d : tensor<f64>
}

// What is computed again reads new values, which wait for the cotangent.
// CHECK-LABEL: func.func @recompute
// CHECK: kiln.sin %arg0
// CHECK: %[[HELD:.*]]:2 = kiln.optimization_barrier %arg0, %arg1
// CHECK: kiln.cos %[[HELD]]#0
func.func @recompute(%x: tensor<f64>, %s: tensor<f64>) -> tensor<f64> {
  %d = kiln.vjp(%x) seeds(%s) {
  ^bb0(%a: tensor<f64>):
    %y = kiln.recompute(%a) {
    ^bb0(%b: tensor<f64>):
      %e = kiln.sin %b : (tensor<f64>) -> tensor<f64>
      kiln.yield %e : tensor<f64>
    } : (tensor<f64>) -> tensor<f64>
    kiln.yield %y : tensor<f64>
  } : (tensor<f64>, tensor<f64>) -> tensor<f64>
  return %d : tensor<f64>
}
