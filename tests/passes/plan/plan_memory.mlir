// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: kiln-opt %s --kiln-plan-memory | FileCheck %s
// RUN: kiln-opt %s --kiln-phase-plan | FileCheck %s

// The kernel that may fail comes first, the update goes into the variable, what is fetched to the caller.
// CHECK-LABEL: func.func @step
// CHECK-SAME: kiln.plan = {bytes = 256 : i64, copies = [], slots = []}
func.func @step(%x: tensor<64xi32> {kiln.feed = "x"}, %w: tensor<64xi32> {kiln.variable = "w"})
    -> (tensor<64xi32> {kiln.fetch = "quotient"}, tensor<64xi32> {kiln.assign = "w"}) attributes {kiln.entry} {
  %0 = kiln.kernel "update" kind("loop") ins(%w, %x) {
  ^bb0(%a: tensor<64xi32>, %b: tensor<64xi32>):
    %r = kiln.add %a, %b : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
    kiln.yield %r : tensor<64xi32>
  } {may_alias = [[0, 0]]} : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
  %1 = kiln.kernel "negate" kind("loop") ins(%x) {
  ^bb0(%a: tensor<64xi32>):
    %r = kiln.neg %a : (tensor<64xi32>) -> tensor<64xi32>
    kiln.yield %r : tensor<64xi32>
  } : (tensor<64xi32>) -> tensor<64xi32>
  %2 = kiln.kernel "divide" kind("loop") ins(%1, %w) {
  ^bb0(%a: tensor<64xi32>, %b: tensor<64xi32>):
    %r = kiln.div %a, %b : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
    kiln.yield %r : tensor<64xi32>
  } : (tensor<64xi32>, tensor<64xi32>) -> tensor<64xi32>
  // CHECK: kiln.kernel "negate"
  // CHECK: kiln.out = ["arena 0"]
  // CHECK: kiln.kernel "divide"
  // CHECK: kiln.out = ["fetch 0"]
  // CHECK: kiln.kernel "update"
  // CHECK: kiln.commit
  // CHECK-SAME: kiln.out = ["variable 0"]
  return %2, %0 : tensor<64xi32>, tensor<64xi32>
}

// Two variables exchange their values: both old values are staged before either is written.
// CHECK-LABEL: func.func @swap
// CHECK-SAME: copies = {{\[}}["variable 1", "arena
// CHECK-SAME: "variable 0", "256", true]
func.func @swap(%v: tensor<64xf32> {kiln.variable = "v"}, %w: tensor<64xf32> {kiln.variable = "w"})
    -> (tensor<64xf32> {kiln.assign = "v"}, tensor<64xf32> {kiln.assign = "w"}) attributes {kiln.entry} {
  return %w, %v : tensor<64xf32>, tensor<64xf32>
}

// Sizes with symbols take slots.
// CHECK-LABEL: func.func @symbolic
// CHECK-SAME: slots = ["256*batch"]
func.func @symbolic(%x: tensor<?x64xf32, #kiln.shape<[batch, 64]>> {kiln.feed = "x"})
    -> (tensor<?x64xf32, #kiln.shape<[batch, 64]>> {kiln.fetch = "y"}) attributes {kiln.entry} {
  %0 = kiln.kernel "a" kind("loop") ins(%x) {
  ^bb0(%a: tensor<?x64xf32, #kiln.shape<[batch, 64]>>):
    %r = kiln.neg %a : (tensor<?x64xf32, #kiln.shape<[batch, 64]>>) -> tensor<?x64xf32, #kiln.shape<[batch, 64]>>
    kiln.yield %r : tensor<?x64xf32, #kiln.shape<[batch, 64]>>
  } : (tensor<?x64xf32, #kiln.shape<[batch, 64]>>) -> tensor<?x64xf32, #kiln.shape<[batch, 64]>>
  // CHECK: kiln.out = ["slot 0"]
  %1 = kiln.kernel "b" kind("loop") ins(%0) {
  ^bb0(%a: tensor<?x64xf32, #kiln.shape<[batch, 64]>>):
    %r = kiln.neg %a : (tensor<?x64xf32, #kiln.shape<[batch, 64]>>) -> tensor<?x64xf32, #kiln.shape<[batch, 64]>>
    kiln.yield %r : tensor<?x64xf32, #kiln.shape<[batch, 64]>>
  } : (tensor<?x64xf32, #kiln.shape<[batch, 64]>>) -> tensor<?x64xf32, #kiln.shape<[batch, 64]>>
  return %1 : tensor<?x64xf32, #kiln.shape<[batch, 64]>>
}
