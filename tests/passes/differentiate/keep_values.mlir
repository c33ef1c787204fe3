// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-expand-derivatives --kiln-merge-loops --kiln-keep-values --cse --kiln-merge-loops | FileCheck %s
// RUN: kiln-opt %s --kiln-expand-derivatives --kiln-merge-loops "--kiln-keep-values=mem-limit=80" | FileCheck %s --check-prefix=LEAST
// RUN: kiln-opt %s --kiln-expand-derivatives --kiln-merge-loops "--kiln-keep-values=mem-limit=24" | FileCheck %s --check-prefix=UNWIND

// Without a limit both factors are kept, so that neither cos nor exp is computed again; within 80 bytes one number a step,
// from which the other follows; within 24 bytes three checkpoints of the carry.
// CHECK-LABEL: func.func @chain
// CHECK: %[[F:.*]]:3 = kiln.loop carries(%arg0)
// CHECK: kiln.loop carries({{.*}}) scanned(%[[F]]#1, %[[F]]#2)
// CHECK-NOT: kiln.exp
// CHECK-NOT: kiln.cos
// CHECK: kiln.yield
// CHECK: return
// LEAST-LABEL: func.func @chain
// LEAST: %[[F:.*]]:2 = kiln.loop carries(%arg0)
// LEAST: kiln.loop carries({{.*}}) scanned(%[[F]]#1)
// LEAST: kiln.cos
// UNWIND-LABEL: func.func @chain
// UNWIND: kiln.unwind carries(%arg0) cotangents({{.*}}) step
// UNWIND: kiln.sin
// UNWIND: kiln.yield
// UNWIND: adjoint
// UNWIND: kiln.cos
// UNWIND: slots = 3
func.func @chain(%x: tensor<f64>) -> tensor<f64> {
  %g = kiln.vjp(%x) {
  ^bb0(%a: tensor<f64>):
    %h = kiln.loop carries(%a) body {
    ^bb0(%i: tensor<i64>, %c: tensor<f64>):
      %e = kiln.exp %c : (tensor<f64>) -> tensor<f64>
      %s = kiln.sin %e : (tensor<f64>) -> tensor<f64>
      kiln.yield %s : tensor<f64>
    } {length = #kiln.shape<[10]>} : (tensor<f64>) -> tensor<f64>
    kiln.yield %h : tensor<f64>
  } : (tensor<f64>) -> tensor<f64>
  return %g : tensor<f64>
}
