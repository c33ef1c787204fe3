// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-fold-identities | FileCheck %s

// CHECK-LABEL: func.func @splat_takes_the_shape
// CHECK-NEXT: %[[C:.*]] = kiln.constant {{.*}}dense<2.000000e+00> : tensor<3x4xf32>
// CHECK-NEXT: return %[[C]]
func.func @splat_takes_the_shape() -> tensor<3x4xf32> {
  %c = kiln.constant {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %s = kiln.shape_value {shape = #kiln.shape<[3, 4]>} : () -> tensor<2xi64>
  %b = kiln.broadcast %c, %s : (tensor<f32>, tensor<2xi64>) -> tensor<3x4xf32>
  return %b : tensor<3x4xf32>
}

// CHECK-LABEL: func.func @transpose_of_a_column
// CHECK-NOT: kiln.transpose
// CHECK: kiln.reshape
func.func @transpose_of_a_column(%x: tensor<?x1xf32, #kiln.shape<[n, 1]>>) -> tensor<1x?xf32, #kiln.shape<[1, n]>> {
  %t = kiln.transpose %x {permutation = array<i64: 1, 0>} : (tensor<?x1xf32, #kiln.shape<[n, 1]>>) -> tensor<1x?xf32, #kiln.shape<[1, n]>>
  return %t : tensor<1x?xf32, #kiln.shape<[1, n]>>
}

// Through a wider type and back nothing is lost; through a narrower one something may be.
// CHECK-LABEL: func.func @casts
// CHECK: %[[F:.*]] = kiln.cast %arg0 {to = f32}
// CHECK: %[[D:.*]] = kiln.cast %[[F]] {to = f64}
// CHECK: return %arg1, %[[D]]
func.func @casts(%x: tensor<3xf64>, %i: tensor<3xi32>) -> (tensor<3xi32>, tensor<3xf64>) {
  %wide = kiln.cast %i {to = f64} : (tensor<3xi32>) -> tensor<3xf64>
  %back = kiln.cast %wide {to = i32} : (tensor<3xf64>) -> tensor<3xi32>
  %narrow = kiln.cast %x {to = f32} : (tensor<3xf64>) -> tensor<3xf32>
  %rounded = kiln.cast %narrow {to = f64} : (tensor<3xf32>) -> tensor<3xf64>
  return %back, %rounded : tensor<3xi32>, tensor<3xf64>
}

// CHECK-LABEL: func.func @signs
// CHECK-NEXT: %[[D:.*]] = kiln.sub %arg0, %arg1
// CHECK-NEXT: return %[[D]]
func.func @signs(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %n = kiln.neg %y : (tensor<3xf32>) -> tensor<3xf32>
  %d = kiln.add %x, %n : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %d : tensor<3xf32>
}
