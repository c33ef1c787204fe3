// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/codegen/cpu/native_test_support.h"

namespace kiln::compiler {
namespace {

constexpr const char* kOrbit = R"(
!s = tensor<f32>
func.func @f(%n: tensor<i64>, %x0: !s, %y0: !s, %vx0: !s, %vy0: !s) -> (!s, !s, !s, !s) {
  %dt = kiln.constant {value = dense<0.01> : !s} : () -> !s
  %one = kiln.constant {value = dense<1.0> : !s} : () -> !s
  %r:4 = kiln.loop count(%n) carries(%x0, %y0, %vx0, %vy0) body {
  ^bb0(%i: tensor<i64>, %x: !s, %y: !s, %vx: !s, %vy: !s):
    %xx = kiln.mul %x, %x : (!s, !s) -> !s
    %yy = kiln.mul %y, %y : (!s, !s) -> !s
    %r2 = kiln.add %xx, %yy : (!s, !s) -> !s
    %root = kiln.sqrt %r2 : (!s) -> !s
    %cube = kiln.mul %r2, %root : (!s, !s) -> !s
    %a = kiln.div %one, %cube : (!s, !s) -> !s
    %dx = kiln.mul %dt, %x : (!s, !s) -> !s
    %ax = kiln.mul %dx, %a : (!s, !s) -> !s
    %vx1 = kiln.sub %vx, %ax : (!s, !s) -> !s
    %dy = kiln.mul %dt, %y : (!s, !s) -> !s
    %ay = kiln.mul %dy, %a : (!s, !s) -> !s
    %vy1 = kiln.sub %vy, %ay : (!s, !s) -> !s
    %sx = kiln.mul %dt, %vx1 : (!s, !s) -> !s
    %x1 = kiln.add %x, %sx : (!s, !s) -> !s
    %sy = kiln.mul %dt, %vy1 : (!s, !s) -> !s
    %y1 = kiln.add %y, %sy : (!s, !s) -> !s
    kiln.yield %x1, %y1, %vx1, %vy1 : !s, !s, !s, !s
  } : (tensor<i64>, !s, !s, !s, !s) -> (!s, !s, !s, !s)
  return %r#0, %r#1, %r#2, %r#3 : !s, !s, !s, !s
}
)";

std::vector<Tensor> orbitInputs(int64_t steps) {
  return {Tensor::scalar(steps), Tensor::scalar(1.0f), Tensor::scalar(0.1f), Tensor::scalar(0.05f),
          Tensor::scalar(0.9f)};
}

TEST(NativeTest, CountedLoopCarriesScalars) {
  for (const int64_t steps : {0, 1, 2, 5000}) {
    NativeFunction function(kOrbit);
    ASSERT_TRUE(function.isNative());
    const std::vector<Tensor> wanted = function.evaluate(orbitInputs(steps));
    function.compile();
    const std::vector<Tensor> found = function.run(orbitInputs(steps));
    EXPECT_EQ(function.status, KILN_STATUS_OK);
    expectClose(found, wanted, 1e-4);
  }
}

TEST(NativeTest, CountOutOfRangeIsATripCountFault) {
  NativeFunction function(kOrbit);
  function.compile();
  for (const int64_t steps : {int64_t{-1}, (int64_t{1} << 40) + 1, INT64_MAX, INT64_MIN}) {
    function.run(orbitInputs(steps));
    EXPECT_EQ(function.status, KILN_STATUS_TRIP_COUNT);
    EXPECT_EQ(function.error.code, KILN_STATUS_TRIP_COUNT);
    EXPECT_EQ(function.error.values[0], steps);
    EXPECT_EQ(function.error.values[1], int64_t{1} << 40);
    EXPECT_EQ(function.faultNode(), "kiln.loop");
  }
}

TEST(NativeTest, CancelFlagEndsALongLoop) {
  NativeFunction function(kOrbit);
  function.compile();
  const volatile int32_t set = 1, unset = 0;
  function.run(orbitInputs(int64_t{1} << 40), {}, &set);
  EXPECT_EQ(function.status, KILN_STATUS_CANCELLED);
  EXPECT_EQ(function.error.code, KILN_STATUS_OK);
  function.run(orbitInputs(3000), {}, &unset);
  EXPECT_EQ(function.status, KILN_STATUS_OK);
}

TEST(NativeTest, RowsAreScannedAndStackedBothWaysAtEveryLength) {
  for (const char* reverse : {"", "reverse, "}) {
    NativeFunction function(std::string(R"(
!rows = tensor<?x3xf32, #kiln.shape<[n, 3]>>
!v = tensor<3xf32>
func.func @f(%h0: !v, %xs: !rows, %w: !v) -> (!v, !rows, tensor<?xi64, #kiln.shape<[n]>>) {
  %r:3 = kiln.loop carries(%h0) scanned(%xs) body {
  ^bb0(%i: tensor<i64>, %h: !v, %x: !v):
    %a = kiln.mul %h, %w : (!v, !v) -> !v
    %b = kiln.add %a, %x : (!v, !v) -> !v
    %c = kiln.tanh %b : (!v) -> !v
    %d = kiln.mul %c, %c : (!v, !v) -> !v
    kiln.yield %c, %d, %i : !v, !v, tensor<i64>
  } {)") + reverse + R"(length = #kiln.shape<[n]>} : (!v, !rows) -> (!v, !rows, tensor<?xi64, #kiln.shape<[n]>>)
  return %r#0, %r#1, %r#2 : !v, !rows, tensor<?xi64, #kiln.shape<[n]>>
}
)");
    ASSERT_TRUE(function.isNative());
    std::vector<std::vector<Tensor>> inputs, wanted;
    for (const int64_t n : {0, 1, 2, 7, 1500}) {
      inputs.push_back({filled(f32, {3}), filled(f32, {n, 3}, 0.1), filled(f32, {3}, 0.9)});
      wanted.push_back(function.evaluate(inputs.back(), {{"n", n}}));
    }
    function.compile({"n"});
    for (size_t i = 0; i < inputs.size(); ++i) {
      expectClose(function.run(inputs[i], {{"n", inputs[i][1].dims()[0]}}), wanted[i]);
    }
  }
}

TEST(NativeTest, RowsOfStepsThatDoNotRunAreZero) {
  check(R"(
!s = tensor<f64>
func.func @f(%x0: !s, %limit: !s, %xs: tensor<20xf64>) -> (!s, tensor<20xf64>, tensor<20x2xf64>) {
  %shape = kiln.constant {value = dense<2> : tensor<1xi64>} : () -> tensor<1xi64>
  %r:3 = kiln.loop carries(%x0) scanned(%xs) while {
  ^bb0(%x: !s):
    %go = kiln.less %x, %limit : (!s, !s) -> tensor<i1>
    kiln.yield %go : tensor<i1>
  } body {
  ^bb0(%i: tensor<i64>, %x: !s, %row: !s):
    %y = kiln.add %x, %row : (!s, !s) -> !s
    %pair = kiln.broadcast %y, %shape : (!s, tensor<1xi64>) -> tensor<2xf64>
    kiln.yield %y, %x, %pair : !s, !s, tensor<2xf64>
  } {length = #kiln.shape<[20]>} : (!s, tensor<20xf64>) -> (!s, tensor<20xf64>, tensor<20x2xf64>)
  return %r#0, %r#1, %r#2 : !s, tensor<20xf64>, tensor<20x2xf64>
}
)",
        {Tensor::scalar(0.5), Tensor::scalar(4.2), Tensor::of<double>({20}, std::vector<double>(20, 0.4))});
}

TEST(NativeTest, ACountBelowTheLengthLeavesRowsZero) {
  for (const int64_t count : {0, 3, 9, 12}) {
    check(R"(
func.func @f(%n: tensor<i64>, %x0: tensor<f32>, %xs: tensor<9xf32>) -> (tensor<f32>, tensor<9xf32>) {
  %r:2 = kiln.loop count(%n) carries(%x0) scanned(%xs) body {
  ^bb0(%i: tensor<i64>, %x: tensor<f32>, %row: tensor<f32>):
    %y = kiln.sub %row, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
    kiln.yield %y, %y : tensor<f32>, tensor<f32>
  } {length = #kiln.shape<[9]>, reverse} : (tensor<i64>, tensor<f32>, tensor<9xf32>) -> (tensor<f32>, tensor<9xf32>)
  return %r#0, %r#1 : tensor<f32>, tensor<9xf32>
}
)",
          {Tensor::scalar(count), Tensor::scalar(0.25f), filled(f32, {9})});
  }
}

TEST(NativeTest, RandomNumbersOfAStateThatTheLoopMixes) {
  check(R"(
!state = tensor<2xi64>
func.func @f(%s0: !state, %h0: tensor<5xf32>) -> (tensor<5xf32>, tensor<4x5xf32>) {
  %r:2 = kiln.loop carries(%h0) body {
  ^bb0(%i: tensor<i64>, %h: tensor<5xf32>):
    %shape = kiln.shape_value {shape = #kiln.shape<[2]>} : () -> tensor<1xi64>
    %both = kiln.broadcast %i, %shape : (tensor<i64>, tensor<1xi64>) -> !state
    %state = kiln.add %s0, %both : (!state, !state) -> !state
    %five = kiln.shape_value {shape = #kiln.shape<[5]>} : () -> tensor<1xi64>
    %a = kiln.random_normal %state, %five {op_id = 3, dtype = f32} : (!state, tensor<1xi64>) -> tensor<5xf32>
    %b = kiln.random_uniform %state, %five {op_id = 4, dtype = f32} : (!state, tensor<1xi64>) -> tensor<5xf32>
    %c = kiln.mul %a, %b : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
    %n = kiln.add %h, %c : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
    kiln.yield %n, %a : tensor<5xf32>, tensor<5xf32>
  } {length = #kiln.shape<[4]>} : (tensor<5xf32>) -> (tensor<5xf32>, tensor<4x5xf32>)
  return %r#0, %r#1 : tensor<5xf32>, tensor<4x5xf32>
}
)",
        {Tensor::of<int64_t>({2}, {42, 3}), filled(f32, {5})});
}

TEST(NativeTest, NestsOfLoopsAndBranches) {
  const std::string text = R"(
!s = tensor<f64>
!v = tensor<3xf64>
func.func @f(%x0: !v, %n: tensor<i64>, %w: tensor<7x3xf64>, %small: !s) -> (!v, tensor<?x3xf64, #kiln.shape<[m, 3]>>, tensor<?x7xf64, #kiln.shape<[m, 7]>>) {
  %r:3 = kiln.loop carries(%x0) body {
  ^bb0(%i: tensor<i64>, %x: !v):
    %inner:2 = kiln.loop carries(%x) scanned(%w) body {
    ^bb0(%j: tensor<i64>, %y: !v, %row: !v):
      %d = kiln.mul %y, %row : (!v, !v) -> !v
      %t = kiln.reduce_sum %d {axes = array<i64: 0>} : (!v) -> !s
      %isSmall = kiln.less %t, %small : (!s, !s) -> tensor<i1>
      %z = kiln.branch(%isSmall) {
        %e = kiln.add %y, %row : (!v, !v) -> !v
        kiln.yield %e : !v
      }, {
        %two = kiln.constant {value = dense<2> : tensor<i64>} : () -> tensor<i64>
        %which = kiln.mod %j, %two : (tensor<i64>, tensor<i64>) -> tensor<i64>
        %u = kiln.branch(%which) {
          %e = kiln.sub %y, %d : (!v, !v) -> !v
          kiln.yield %e : !v
        }, {
          %l = kiln.loop count(%i) carries(%y) body {
          ^bb0(%k: tensor<i64>, %a: !v):
            %h = kiln.tanh %a : (!v) -> !v
            kiln.yield %h : !v
          } : (tensor<i64>, !v) -> !v
          kiln.yield %l : !v
        } : (tensor<i64>) -> !v
        kiln.yield %u : !v
      } : (tensor<i1>) -> !v
      kiln.yield %z, %t : !v, !s
    } {length = #kiln.shape<[7]>} : (!v, tensor<7x3xf64>) -> (!v, tensor<7xf64>)
    %again = kiln.loop carries(%inner#0) scanned(%inner#1) body {
    ^bb0(%j: tensor<i64>, %y: !v, %t: !s):
      %shape = kiln.shape_value {shape = #kiln.shape<[3]>} : () -> tensor<1xi64>
      %b = kiln.broadcast %t, %shape : (!s, tensor<1xi64>) -> !v
      %c = kiln.tanh %b : (!v) -> !v
      %e = kiln.sub %y, %c : (!v, !v) -> !v
      kiln.yield %e : !v
    } {length = #kiln.shape<[7]>, reverse} : (!v, tensor<7xf64>) -> !v
    kiln.yield %again, %x, %inner#1 : !v, !v, tensor<7xf64>
  } {length = #kiln.shape<[m]>} : (!v) -> (!v, tensor<?x3xf64, #kiln.shape<[m, 3]>>, tensor<?x7xf64, #kiln.shape<[m, 7]>>)
  return %r#0, %r#1, %r#2 : !v, tensor<?x3xf64, #kiln.shape<[m, 3]>>, tensor<?x7xf64, #kiln.shape<[m, 7]>>
}
)";
  check(text, {filled(f64, {3}), Tensor::scalar(int64_t{2}), filled(f64, {7, 3}, 0.2, 0.61), Tensor::scalar(0.1)},
        {{{"m", 0}}, {{"m", 1}}, {{"m", 40}}}, 1e-8);
}

TEST(NativeTest, ABranchAloneTakesOneRegion) {
  for (const int64_t which : {0, 1, 2, 3}) {
    NativeFunction function(R"(
func.func @f(%k: tensor<i64>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %r = kiln.branch(%k) {
    %y = kiln.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    kiln.yield %y : tensor<4xf32>
  }, {
    kiln.yield %x : tensor<4xf32>
  }, {
    %y = kiln.neg %x : (tensor<4xf32>) -> tensor<4xf32>
    kiln.yield %y : tensor<4xf32>
  } : (tensor<i64>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
)");
    ASSERT_TRUE(function.isNative());
    const std::vector<Tensor> inputs{Tensor::scalar(which), filled(f32, {4})};
    std::vector<Tensor> wanted;
    if (which < 3) {
      wanted = function.evaluate(inputs);
    }
    function.compile();
    const std::vector<Tensor> found = function.run(inputs);
    if (which < 3) {
      expectClose(found, wanted);
    } else {
      EXPECT_EQ(function.status, KILN_STATUS_INDEX_RANGE);
      EXPECT_EQ(function.error.values[0], 3);
      EXPECT_EQ(function.error.values[1], 3);
      EXPECT_EQ(function.faultNode(), "kiln.branch");
    }
  }
}

TEST(NativeTest, FaultsNameTheirOpAndEndTheLoop) {
  const auto run = [](const std::string& body, int64_t start) {
    NativeFunction function(R"(
!v = tensor<6xi64>
func.func @f(%x0: tensor<i64>, %table: !v) -> tensor<i64> {
  %one = kiln.constant {value = dense<1> : tensor<i64>} : () -> tensor<i64>
  %count = kiln.constant {value = dense<1000000000000> : tensor<i64>} : () -> tensor<i64>
  %r = kiln.loop count(%count) carries(%x0) body {
  ^bb0(%i: tensor<i64>, %x: tensor<i64>):
    %y = kiln.sub %x, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
)" + body + R"(
    kiln.yield %y : tensor<i64>
  } : (tensor<i64>, tensor<i64>) -> tensor<i64>
  return %r : tensor<i64>
}
)");
    EXPECT_TRUE(function.isNative());
    function.compile();
    function.run({Tensor::scalar(start), Tensor::of<int64_t>({6}, {4, 5, 6, 7, 8, 9})});
    return std::make_tuple(function.status, function.error.code, function.faultNode(), function.error.values[0],
                           function.error.values[1]);
  };
  EXPECT_EQ(run("%q = kiln.div %one, %x : (tensor<i64>, tensor<i64>) -> tensor<i64>", 1500),
            std::make_tuple(KILN_STATUS_DIVIDE_BY_ZERO, KILN_STATUS_DIVIDE_BY_ZERO, "kiln.div", 1, 0));
  EXPECT_EQ(run("%q = kiln.gather %table, %x {axis = 0} : (!v, tensor<i64>) -> tensor<i64>", 3),
            std::make_tuple(KILN_STATUS_INDEX_RANGE, KILN_STATUS_INDEX_RANGE, "kiln.gather", -7, 6));
  EXPECT_EQ(run(R"(
    %zero = kiln.constant {value = dense<-3> : tensor<i64>} : () -> tensor<i64>
    %ok = kiln.greater %x, %zero : (tensor<i64>, tensor<i64>) -> tensor<i1>
    %q = kiln.assert_that %x, %ok {message = "x stays"} : (tensor<i64>, tensor<i1>) -> tensor<i64>)",
                7),
            std::make_tuple(KILN_STATUS_ASSERT, KILN_STATUS_ASSERT, "kiln.assert_that", 0, 0));
  EXPECT_EQ(run(R"(
    %s = kiln.shape_value {shape = #kiln.shape<[6]>} : () -> tensor<1xi64>
    %b = kiln.broadcast %x, %s : (tensor<i64>, tensor<1xi64>) -> !v
    %d = kiln.sub %table, %b : (!v, !v) -> !v
    %q = kiln.mod %table, %d : (!v, !v) -> !v)",
                12),
            std::make_tuple(KILN_STATUS_DIVIDE_BY_ZERO, KILN_STATUS_DIVIDE_BY_ZERO, "kiln.mod", 9, 0));
}

TEST(NativeTest, RowsOfLargeValuesAreReadInPlace) {
  check(R"(
!big = tensor<?x4xf32, #kiln.shape<[n, 4]>>
func.func @f(%big: !big, %at: tensor<50xi64>, %h0: tensor<4xf32>) -> (tensor<4xf32>, tensor<50x4xf32>) {
  %r:2 = kiln.loop carries(%h0) scanned(%at) body {
  ^bb0(%i: tensor<i64>, %h: tensor<4xf32>, %k: tensor<i64>):
    %row = kiln.gather %big, %k {axis = 0} : (!big, tensor<i64>) -> tensor<4xf32>
    %column = kiln.gather %big, %k {axis = 0, allow_negative = true} : (!big, tensor<i64>) -> tensor<4xf32>
    %n = kiln.sub %row, %h : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    kiln.yield %n, %column : tensor<4xf32>, tensor<4xf32>
  } {length = #kiln.shape<[50]>} : (tensor<4xf32>, tensor<50xi64>) -> (tensor<4xf32>, tensor<50x4xf32>)
  return %r#0, %r#1 : tensor<4xf32>, tensor<50x4xf32>
}
)",
        {filled(f32, {90, 4}),
         [] {
           Tensor at(i64, {50});
           for (int64_t i = 0; i < 50; ++i) {
             at.set(i, static_cast<double>(i * 37 % 180 - 90));
           }
           return at;
         }(),
         filled(f32, {4})},
        {{{"n", 90}}});
}

TEST(NativeTest, WhatIsTooLargeOrHasNoStraightFormIsNotNative) {
  const auto isNative = [](const std::string& type, const std::string& body) {
    return NativeFunction("!t = " + type + R"(
func.func @f(%x0: !t) -> !t {
  %r = kiln.loop carries(%x0) body {
  ^bb0(%i: tensor<i64>, %x: !t):
)" + body + R"(
    kiln.yield %y : !t
  } {length = #kiln.shape<[10]>} : (!t) -> !t
  return %r : !t
}
)")
        .isNative();
  };
  const std::string add = "%y = kiln.add %x, %x : (!t, !t) -> !t";
  EXPECT_TRUE(isNative("tensor<64xf32>", add));
  EXPECT_FALSE(isNative("tensor<65xf32>", add));
  EXPECT_FALSE(isNative("tensor<?xf32, #kiln.shape<[n]>>", add));
  EXPECT_FALSE(isNative("tensor<8x8xf32>", "%y = kiln.cumsum %x {axis = 0} : (!t) -> !t"));
  const std::string product = "kiln.matmul %x, %x : (!t, !t) -> !t\n";
  EXPECT_TRUE(isNative("tensor<8x8xf32>", "%y = " + product));
  EXPECT_FALSE(
      isNative("tensor<8x8xf32>", "%a = " + product + "%b = " + product + "%c = " + product + "%y = " + product));
}

TEST(NativeTest, UnwindFindsEveryStateAgainFromAFewSlots) {
  for (const int64_t slots : {2, 3, 4, 5, 9, 40}) {
    const std::string text =
        R"(
!s = tensor<f64>
!xs = tensor<?xf64, #kiln.shape<[n]>>
func.func @f(%x0: !s, %y0: tensor<2xf32>, %g0: !s, %xs: !xs) -> (!s, !s, !xs, tensor<?x2xf32, #kiln.shape<[n, 2]>>) {
  %zero = kiln.constant {value = dense<0.0> : !s} : () -> !s
  %r:4 = kiln.unwind carries(%x0, %y0) cotangents(%g0, %zero) scanned(%xs) step {
  ^bb0(%i: tensor<i64>, %x: !s, %y: tensor<2xf32>, %row: !s):
    %a = kiln.mul %x, %row : (!s, !s) -> !s
    %b = kiln.sigmoid %a : (!s) -> !s
    %z = kiln.tanh %y : (tensor<2xf32>) -> tensor<2xf32>
    kiln.yield %b, %z : !s, tensor<2xf32>
  } adjoint {
  ^bb0(%i: tensor<i64>, %x: !s, %y: tensor<2xf32>, %g: !s, %t: !s, %row: !s):
    %a = kiln.mul %g, %x : (!s, !s) -> !s
    %f = kiln.cast %i {to = f64} : (tensor<i64>) -> !s
    %c = kiln.add %t, %f : (!s, !s) -> !s
    %d = kiln.mul %a, %row : (!s, !s) -> !s
    kiln.yield %d, %c, %x, %y : !s, !s, !s, tensor<2xf32>
  } {length = #kiln.shape<[n]>, slots = )" +
        std::to_string(slots) +
        R"(} : (!s, tensor<2xf32>, !s, !s, !xs) -> (!s, !s, !xs, tensor<?x2xf32, #kiln.shape<[n, 2]>>)
  return %r#0, %r#1, %r#2, %r#3 : !s, !s, !xs, tensor<?x2xf32, #kiln.shape<[n, 2]>>
}
)";
    NativeFunction function(text);
    ASSERT_TRUE(function.isNative());
    std::vector<std::vector<Tensor>> inputs, wanted;
    for (const int64_t n : {0, 1, 2, 3, 4, 5, 6, 7, 10, 31, 57, 200}) {
      inputs.push_back({Tensor::scalar(0.4), filled(f32, {2}), Tensor::scalar(1.0), filled(f64, {n}, 0.2, 0.9)});
      wanted.push_back(function.evaluate(inputs.back(), {{"n", n}}));
    }
    function.compile({"n"});
    for (size_t i = 0; i < inputs.size(); ++i) {
      const int64_t n = inputs[i][3].dims()[0];
      SCOPED_TRACE("slots " + std::to_string(slots) + ", steps " + std::to_string(n));
      expectClose(function.run(inputs[i], {{"n", n}}), wanted[i], 1e-6);
      EXPECT_EQ(function.status, KILN_STATUS_OK);
    }
  }
}

}  // namespace
}  // namespace kiln::compiler
