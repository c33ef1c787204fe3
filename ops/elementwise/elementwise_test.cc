// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
constexpr int32_t kHighest = std::numeric_limits<int32_t>::max();

// One row for each line: op, inputs, wanted results; in f64 and, rounded, in f32.
struct UnaryCase {
  const char* op;
  std::vector<double> x, wanted;
};

TEST(Elementwise, unary_exact_values) {
  const UnaryCase cases[] = {
      {"abs", {-2, 3, -0.0, -kInf, kNan}, {2, 3, 0.0, kInf, kNan}},
      {"neg", {-2, 3, 0.0, -0.0, kInf, kNan}, {2, -3, -0.0, 0.0, -kInf, kNan}},
      {"sign", {-2, 3, 0.0, -0.0, -kInf, kNan}, {-1, 1, 0.0, -0.0, -1, kNan}},
      {"step", {-2, 3, 0.0, -0.0, kInf, kNan}, {0, 1, 0, 0, 1, kNan}},
      {"relu", {-2, 3, 0.0, -0.0, -kInf, kInf, kNan}, {0, 3, 0, 0, 0, kInf, kNan}},
      {"exp", {0, -0.0, -kInf, kInf, kNan, 1000, -1000}, {1, 1, 0, kInf, kNan, kInf, 0}},
      {"log", {1, 0, -0.0, -1, kInf, kNan}, {0, -kInf, -kInf, kNan, kInf, kNan}},
      {"sqrt", {4, 2.25, 0, -0.0, -1, kInf, kNan}, {2, 1.5, 0, -0.0, kNan, kInf, kNan}},
      {"rsqrt", {4, 0, -0.0, kInf, -1, kNan}, {0.5, kInf, -kInf, 0, kNan, kNan}},
      {"tanh", {0, -0.0, kInf, -kInf, kNan}, {0, -0.0, 1, -1, kNan}},
      {"sigmoid", {0, kInf, -kInf, kNan}, {0.5, 1, 0, kNan}},
  };
  for (const UnaryCase& c : cases) {
    for (DType dtype : {f16, bf16, f32, f64}) {
      SCOPED_TRACE(std::string(c.op) + " " + std::string(toString(dtype)));
      const int64_t n = static_cast<int64_t>(c.x.size());
      expectValues(run(c.op, {tensor(dtype, {n}, c.x)}), {n}, c.wanted);
    }
  }
}

TEST(Elementwise, unary_rounded_values) {
  const UnaryCase cases[] = {
      {"exp", {1, -1}, {2.718281828459045, 0.36787944117144233}},
      {"log", {2, 10}, {0.6931471805599453, 2.302585092994046}},
      {"rsqrt", {2}, {0.7071067811865475}},
      {"tanh", {0.5}, {0.46211715726000975}},
      {"sigmoid", {1, -2}, {0.7310585786300049, 0.11920292202211755}},
  };
  for (const UnaryCase& c : cases) {
    for (DType dtype : {f16, bf16, f32, f64}) {
      SCOPED_TRACE(c.op);
      const int64_t n = static_cast<int64_t>(c.x.size());
      expectNear(run(c.op, {tensor(dtype, {n}, c.x)}), {n}, c.wanted);
    }
  }
  // Small sigmoids are not flushed: e^-740 is a denormal of f64.
  expectValues(run("sigmoid", {tensor(f64, {}, {-740})}), {}, {std::exp(-740.0)});
}

struct BinaryCase {
  const char* op;
  std::vector<double> x, y, wanted;
};

TEST(Elementwise, binary_values) {
  const BinaryCase cases[] = {
      {"add", {1, -0.0, kInf, kInf}, {2, -0.0, 1, -kInf}, {3, -0.0, kInf, kNan}},
      {"sub", {1, 0.0, kInf}, {2, 0.0, kInf}, {-1, 0.0, kNan}},
      {"mul", {3, -0.0, kInf}, {-2, 5, 0}, {-6, -0.0, kNan}},
      {"div", {3, 1, -1, 0, kInf}, {-2, 0, 0, 0, kInf}, {-1.5, kInf, -kInf, kNan, kNan}},
      {"maximum", {1, 5, kNan, 1, -0.0, 0.0, -kInf}, {2, 3, 1, kNan, 0.0, -0.0, 1}, {2, 5, kNan, kNan, 0.0, 0.0, 1}},
      {"minimum", {1, 5, kNan, 1, -0.0, 0.0, kInf}, {2, 3, 1, kNan, 0.0, -0.0, 1}, {1, 3, kNan, kNan, -0.0, -0.0, 1}},
      {"pow", {2, 9, kNan, -2, -2, 0, 1}, {10, 0.5, 0, 3, 0.5, -1, kNan}, {1024, 3, 1, -8, kNan, kInf, 1}},
      {"equal", {1, 1, kNan, 0.0}, {1, 2, kNan, -0.0}, {1, 0, 0, 1}},
      {"not_equal", {1, 1, kNan, 0.0}, {1, 2, kNan, -0.0}, {0, 1, 1, 0}},
      {"less", {1, 2, kNan, 1}, {2, 2, 1, 0}, {1, 0, 0, 0}},
      {"less_equal", {1, 2, kNan, 1}, {2, 2, 1, 0}, {1, 1, 0, 0}},
      {"greater", {1, 2, kNan, 1}, {2, 2, 1, 0}, {0, 0, 0, 1}},
      {"greater_equal", {1, 2, kNan, 1}, {2, 2, 1, 0}, {0, 1, 0, 1}},
  };
  for (const BinaryCase& c : cases) {
    for (DType dtype : {f16, bf16, f32, f64}) {
      SCOPED_TRACE(std::string(c.op) + " " + std::string(toString(dtype)));
      const int64_t n = static_cast<int64_t>(c.x.size());
      expectValues(run(c.op, {tensor(dtype, {n}, c.x), tensor(dtype, {n}, c.y)}), {n}, c.wanted);
    }
  }
}

TEST(Elementwise, integers_wrap_around) {
  Tensor low = Tensor::scalar(kLowest), high = Tensor::scalar(kHighest), one = Tensor::scalar<int32_t>(1),
         minus = Tensor::scalar<int32_t>(-1);
  EXPECT_EQ(run("add", {high, one}).at(0), kLowest);
  EXPECT_EQ(run("sub", {low, one}).at(0), kHighest);
  EXPECT_EQ(run("mul", {high, Tensor::scalar<int32_t>(2)}).at(0), -2);
  EXPECT_EQ(run("neg", {low}).at(0), kLowest);
  EXPECT_EQ(run("abs", {low}).at(0), kLowest);
  EXPECT_EQ(run("div", {low, minus}).at(0), kLowest);
  EXPECT_EQ(run("div", {Tensor::scalar<int64_t>(-7), Tensor::scalar<int64_t>(2)}).at(0), -3);
  expectValues(run("sign", {Tensor::of<int32_t>({3}, {-5, 0, 7})}), {3}, {-1, 0, 1});
  expectValues(run("relu", {Tensor::of<int64_t>({3}, {-5, 0, 7})}), {3}, {0, 0, 7});
  EXPECT_EQ(run("maximum", {low, high}).at(0), kHighest);
}

TEST(Elementwise, integer_division_by_zero_ends_the_run) {
  EXPECT_EQ(
      errorIdOf(runReference("div", {Tensor::of<int32_t>({2}, {1, 2}), Tensor::of<int32_t>({2}, {1, 0})}).status()),
      "KILN-R0031");
  EXPECT_EQ(errorIdOf(runReference("div", {Tensor::scalar<int64_t>(1), Tensor::scalar<int64_t>(0)}).status()),
            "KILN-R0031");
}

TEST(Elementwise, logic) {
  Tensor x = Tensor::of<bool>({4}, {false, false, true, true}), y = Tensor::of<bool>({4}, {false, true, false, true});
  expectValues(run("logical_and", {x, y}), {4}, {0, 0, 0, 1});
  expectValues(run("logical_or", {x, y}), {4}, {0, 1, 1, 1});
  expectValues(run("logical_not", {x}), {4}, {1, 1, 0, 0});
}

TEST(Elementwise, empty_and_rank_0) {
  expectValues(run("tanh", {Tensor(f32, {0, 3})}), {0, 3}, {});
  expectValues(run("add", {Tensor(i64, {2, 0}), Tensor(i64, {2, 0})}), {2, 0}, {});
  expectValues(run("add", {Tensor::scalar(1.f), Tensor::scalar(2.f)}), {}, {3});
}

TEST(Elementwise, c1_types_differ) {
  EXPECT_THAT(infer("add", {type(f32, {2}), type(f64, {2})}),
              fails("O0108", "dtypes differ: x is f32[2], y is f64[2]"));
  EXPECT_THAT(infer("add", {type(f32, {2, 3}), type(f32, {2, 4})}),
              fails("O0109", "x is [2, 3], y is [2, 4] (dimension 1: 3 vs 4)"));
  EXPECT_THAT(infer("less", {type(f32, {dim("n")}), type(f32, {})}), fails("O0109", "x is [n], y is [] (rank 1 vs 0)"));
  EXPECT_EQ(infer("less", {type(f32, {dim("n")}), type(f32, {dim("n")})}), "bool[n]");
  EXPECT_EQ(infer("mul", {type(i32, {dim("n"), 2}), type(i32, {dim("n"), 2})}), "i32[n, 2]");
}

TEST(Cast, c1_c2_result_type) {
  EXPECT_EQ(infer("cast", {type(f32, {dim("n")})}, {{"to", boolean}}), "bool[n]");
  EXPECT_THAT(infer("cast", {type(f32, {2})}, {{"to", DType::kC64}}), fails("O0135", "c64[2]"));
}

TEST(Cast, float_to_integer_truncates_and_saturates) {
  Tensor x = tensor(f64, {8}, {1.9, -1.9, kNan, kInf, -kInf, 3e9, -3e9, -0.0});
  expectValues(run("cast", {x}, {{"to", i32}}), {8}, {1, -1, 0, kHighest, kLowest, kHighest, kLowest, 0});
  Tensor y = Tensor::of<float>({3}, {2147483648.f, -2147483648.f, 9.3e18f});
  expectValues(run("cast", {y}, {{"to", i32}}), {3}, {kHighest, kLowest, kHighest});
  EXPECT_EQ(run("cast", {y}, {{"to", i64}}).data<int64_t>()[2], std::numeric_limits<int64_t>::max());
}

TEST(Cast, other_conversions) {
  expectValues(run("cast", {tensor(f32, {4}, {0, -0.0, kNan, 0.5})}, {{"to", boolean}}), {4}, {0, 0, 1, 1});
  expectValues(run("cast", {Tensor::of<bool>({2}, {true, false})}, {{"to", f64}}), {2}, {1, 0});
  EXPECT_EQ(run("cast", {Tensor::scalar<int64_t>((int64_t{1} << 32) + 5)}, {{"to", i32}}).at(0), 5);
  EXPECT_EQ(run("cast", {Tensor::scalar<int32_t>(-5)}, {{"to", i64}}).at(0), -5);
  EXPECT_EQ(run("cast", {Tensor::scalar<int32_t>(16777217)}, {{"to", f32}}).at(0), 16777216);
  EXPECT_EQ(run("cast", {Tensor::scalar(0.1)}, {{"to", f32}}).data<float>()[0], 0.1f);
}

TEST(Select, c1_c2_types) {
  EXPECT_THAT(infer("select", {type(boolean, {2}), type(f32, {2}), type(f64, {2})}),
              fails("O0108", "x is f32[2], y is f64[2]"));
  EXPECT_THAT(infer("select", {type(boolean, {3}), type(f32, {2}), type(f32, {2})}),
              fails("O0109", "condition is [3], x is [2]"));
  EXPECT_THAT(infer("select", {type(f32, {2}), type(f32, {2}), type(f32, {2})}), fails("O0102", "operand 'condition'"));
}

TEST(Select, reference) {
  Tensor condition = Tensor::of<bool>({3}, {true, false, true});
  expectValues(run("select", {condition, tensor(f32, {3}, {1, 2, kNan}), tensor(f32, {3}, {kNan, -0.0, 6})}), {3},
               {1, -0.0, kNan});
  expectValues(run("select", {condition, condition, Tensor::of<bool>({3}, {false, true, false})}), {3}, {1, 1, 1});
}

}  // namespace
}  // namespace kiln::ops
