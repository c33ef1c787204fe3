// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-inline-calls | FileCheck %s

// The callee's symbol becomes the caller's dim, in types and in shapes; the function goes.

// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @entry
// CHECK: %[[S:.*]] = kiln.shape_value {shape = #kiln.shape<[batch, 4]>}
// CHECK: %[[B:.*]] = kiln.broadcast %arg1, %[[S]] {{.*}} -> tensor<?x4xf32, #kiln.shape<[batch, 4]>>
// CHECK: %[[Y:.*]] = kiln.add %arg0, %[[B]]
// CHECK: return %[[Y]]
func.func private @shift(%x: tensor<?x4xf32, #kiln.shape<[n, 4]>>, %b: tensor<4xf32>) -> tensor<?x4xf32, #kiln.shape<[n, 4]>> {
  %s = kiln.shape_value {shape = #kiln.shape<[n, 4]>} : () -> tensor<2xi64>
  %0 = kiln.broadcast %b, %s : (tensor<4xf32>, tensor<2xi64>) -> tensor<?x4xf32, #kiln.shape<[n, 4]>>
  %1 = kiln.add %x, %0 : (tensor<?x4xf32, #kiln.shape<[n, 4]>>, tensor<?x4xf32, #kiln.shape<[n, 4]>>) -> tensor<?x4xf32, #kiln.shape<[n, 4]>>
  return %1 : tensor<?x4xf32, #kiln.shape<[n, 4]>>
}
func.func @entry(%x: tensor<?x4xf32, #kiln.shape<[batch, 4]>>, %b: tensor<4xf32>) -> tensor<?x4xf32, #kiln.shape<[batch, 4]>> {
  %0 = kiln.call %x, %b {callee = @shift} : (tensor<?x4xf32, #kiln.shape<[batch, 4]>>, tensor<4xf32>) -> tensor<?x4xf32, #kiln.shape<[batch, 4]>>
  return %0 : tensor<?x4xf32, #kiln.shape<[batch, 4]>>
}
