// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-plan-memory | FileCheck %s

// A carry that its kernel may write over is updated in the caller's buffer; the step's temporary takes the same bytes in
// every step.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME: kiln.plan = {bytes = 256 : i64, copies = [], slots = []}
// CHECK: kiln.kernel "a"
// CHECK: kiln.out = ["arena 0"]
// CHECK: kiln.kernel "b"
// CHECK: kiln.out = ["carry 0"]
// CHECK: kiln.carries = ["in place"], kiln.out = ["fetch 0"]
func.func @in_place(%x: tensor<64xf32> {kiln.feed = "x"}) -> (tensor<64xf32> {kiln.fetch = "r"}) attributes {kiln.entry} {
  %0 = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<64xf32>):
    %a = kiln.kernel "a" kind("loop") ins(%h) {
    ^bb0(%p: tensor<64xf32>):
      %r = kiln.exp %p : (tensor<64xf32>) -> tensor<64xf32>
      kiln.yield %r : tensor<64xf32>
    } : (tensor<64xf32>) -> tensor<64xf32>
    %b = kiln.kernel "b" kind("loop") ins(%h, %a) {
    ^bb0(%p: tensor<64xf32>, %q: tensor<64xf32>):
      %r = kiln.add %p, %q : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
      kiln.yield %r : tensor<64xf32>
    } {may_alias = [[0, 0], [0, 1]]} : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
    kiln.yield %b : tensor<64xf32>
  } {length = #kiln.shape<[10]>} : (tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// Without that two buffers take turns; what is stacked is made in its row.
// CHECK-LABEL: func.func @swap
// CHECK: kiln.out = ["carry 0", "row 0"]
// CHECK: kiln.carries = ["swap slot 0"], kiln.number = "arena 0", kiln.out = ["fetch 0", "fetch 1"]
func.func @swap(%x: tensor<?xf32, #kiln.shape<[n]>> {kiln.feed = "x"})
    -> (tensor<?xf32, #kiln.shape<[n]>> {kiln.fetch = "r"}, tensor<10x?xf32, #kiln.shape<[10, n]>> {kiln.fetch = "s"}) attributes {kiln.entry} {
  %0, %1 = kiln.loop carries(%x) body {
  ^bb0(%i: tensor<i64>, %h: tensor<?xf32, #kiln.shape<[n]>>):
    %a, %b = kiln.kernel "a" kind("loop") ins(%h, %i) {
    ^bb0(%p: tensor<?xf32, #kiln.shape<[n]>>, %q: tensor<i64>):
      %r = kiln.exp %p : (tensor<?xf32, #kiln.shape<[n]>>) -> tensor<?xf32, #kiln.shape<[n]>>
      %t = kiln.neg %p : (tensor<?xf32, #kiln.shape<[n]>>) -> tensor<?xf32, #kiln.shape<[n]>>
      kiln.yield %r, %t : tensor<?xf32, #kiln.shape<[n]>>, tensor<?xf32, #kiln.shape<[n]>>
    } : (tensor<?xf32, #kiln.shape<[n]>>, tensor<i64>) -> (tensor<?xf32, #kiln.shape<[n]>>, tensor<?xf32, #kiln.shape<[n]>>)
    kiln.yield %a, %b : tensor<?xf32, #kiln.shape<[n]>>, tensor<?xf32, #kiln.shape<[n]>>
  } {length = #kiln.shape<[10]>} : (tensor<?xf32, #kiln.shape<[n]>>) -> (tensor<?xf32, #kiln.shape<[n]>>, tensor<10x?xf32, #kiln.shape<[10, n]>>)
  return %0, %1 : tensor<?xf32, #kiln.shape<[n]>>, tensor<10x?xf32, #kiln.shape<[10, n]>>
}
