// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Mathematical functions, whole numbers, remainders, bits and shifts: constraints and known values.
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

constexpr double kLow = std::numeric_limits<double>::denorm_min();

struct Case {
  const char* op;
  std::vector<double> x, wanted;
};

TEST(SpecialFunctions, exact_values_are_those_of_ieee_754) {
  const Case cases[] = {
      {"expm1", {0, -0.0, -kInf, kInf, kNan, kLow}, {0, -0.0, -1, kInf, kNan, kLow}},
      {"log1p", {0, -0.0, -1, kInf, -2, kNan, kLow}, {0, -0.0, -kInf, kInf, kNan, kNan, kLow}},
      {"exp2", {0, 10, -3, -kInf, kInf, kNan, -1074}, {1, 1024, 0.125, 0, kInf, kNan, kLow}},
      {"log2", {1, 8, 0.125, 0, -1, kInf, kNan, kLow}, {0, 3, -3, -kInf, kNan, kInf, kNan, -1074}},
      {"log10", {1, 1000, 0, -1, kInf, kNan}, {0, 3, -kInf, kNan, kInf, kNan}},
      {"erf", {0, -0.0, kInf, -kInf, kNan}, {0, -0.0, 1, -1, kNan}},
      {"erfc", {0, kInf, -kInf, kNan}, {1, 0, 2, kNan}},
      {"erfinv", {0, -0.0, 1, -1, 1.5, -2, kNan}, {0, -0.0, kInf, -kInf, kNan, kNan, kNan}},
      {"lgamma", {1, 2, 0, -0.0, -1, kInf, -kInf, kNan}, {0, 0, kInf, kInf, kInf, kInf, kInf, kNan}},
      {"digamma", {0, -0.0, -1, kInf, -kInf, kNan}, {-kInf, kInf, kNan, kInf, kNan, kNan}},
      {"trigamma", {0, -0.0, -1, kInf, -kInf, kNan}, {kInf, kInf, kInf, 0, kNan, kNan}},
      {"sin", {0, -0.0, kInf, -kInf, kNan}, {0, -0.0, kNan, kNan, kNan}},
      {"cos", {0, -0.0, kInf, kNan}, {1, 1, kNan, kNan}},
      {"tan", {0, -0.0, kInf, kNan}, {0, -0.0, kNan, kNan}},
      {"asin", {0, -0.0, 1.5, kNan}, {0, -0.0, kNan, kNan}},
      {"acos", {1, -1.5, kNan}, {0, kNan, kNan}},
      {"atan", {0, -0.0, kNan}, {0, -0.0, kNan}},
      {"sinh", {0, -0.0, kInf, -kInf, kNan}, {0, -0.0, kInf, -kInf, kNan}},
      {"cosh", {0, kInf, -kInf, kNan}, {1, kInf, kInf, kNan}},
      {"asinh", {0, -0.0, kInf, -kInf, kNan}, {0, -0.0, kInf, -kInf, kNan}},
      {"acosh", {1, 0.5, -2, kInf, kNan}, {0, kNan, kNan, kInf, kNan}},
      {"atanh", {0, -0.0, 1, -1, 1.5, kNan}, {0, -0.0, kInf, -kInf, kNan, kNan}},
      {"cbrt", {27, -8, 0, -0.0, kInf, -kInf, kNan}, {3, -2, 0, -0.0, kInf, -kInf, kNan}},
      {"reciprocal", {4, 0, -0.0, kInf, -kInf, kNan}, {0.25, kInf, -kInf, 0, -0.0, kNan}},
      {"square", {-3, -0.0, kInf, kNan}, {9, 0, kInf, kNan}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.op);
    const int64_t n = static_cast<int64_t>(c.x.size());
    expectValues(run(c.op, {tensor(f64, {n}, c.x)}), {n}, c.wanted);
    EXPECT_EQ(run(c.op, {Tensor(f32, {0, 3})}).dims(), (std::vector<int64_t>{0, 3}));
    EXPECT_EQ(run(c.op, {tensor(f32, {}, {1})}).dims(), (std::vector<int64_t>{}));
  }
}

TEST(SpecialFunctions, rounded_values_in_every_float_type) {
  const Case cases[] = {
      {"expm1", {1, -0.5}, {1.718281828459045, -0.3934693402873666}},
      {"log1p", {1, -0.5}, {0.6931471805599453, -0.6931471805599453}},
      {"exp2", {0.5}, {1.4142135623730951}},
      {"log2", {10}, {3.321928094887362}},
      {"log10", {2}, {0.30102999566398120}},
      {"erf", {0.5, -2}, {0.5204998778130465, -0.9953222650189527}},
      {"erfc", {0.5, 1}, {0.4795001221869535, 0.15729920705028513}},
      {"erfinv", {0.5, -0.9375}, {0.4769362762044699, -1.3171503349861307}},
      {"lgamma", {0.5, 10, -0.5}, {0.5723649429247001, 12.801827480081469, 1.2655121234846454}},
      {"digamma", {0.5, 10, -0.5}, {-1.9635100260214235, 2.2517525890667211, 0.03648997397857652}},
      {"trigamma", {0.5, 10, -0.5}, {4.934802200544679, 0.10516633568168575, 8.934802200544679}},
      {"sin", {1}, {0.8414709848078965}},
      {"cos", {1}, {0.5403023058681398}},
      {"tan", {1}, {1.5574077246549023}},
      {"asin", {0.5, 1}, {0.5235987755982989, 1.5707963267948966}},
      {"acos", {0.5, -1}, {1.0471975511965979, 3.141592653589793}},
      {"atan", {1, kInf}, {0.7853981633974483, 1.5707963267948966}},
      {"sinh", {1}, {1.1752011936438014}},
      {"cosh", {1}, {1.5430806348152437}},
      {"asinh", {1}, {0.881373587019543}},
      {"acosh", {2}, {1.3169578969248166}},
      {"atanh", {0.5}, {0.5493061443340548}},
      {"cbrt", {2}, {1.2599210498948732}},
      {"reciprocal", {3}, {0.3333333333333333}},
  };
  for (const Case& c : cases) {
    for (DType dtype : {f16, bf16, f32, f64}) {
      SCOPED_TRACE(std::string(c.op) + " " + std::string(toString(dtype)));
      const int64_t n = static_cast<int64_t>(c.x.size());
      expectNear(run(c.op, {tensor(dtype, {n}, c.x)}), {n}, c.wanted);
    }
  }
  // The sine of a large number is that of the number itself.
  expectNear(run("sin", {tensor(f64, {}, {1e22})}), {}, {-0.8522008497671888});
}

TEST(WholeNumbers, round_as_their_names_say) {
  const std::vector<double> x = {1.5, 2.5, -0.5, -1.5, 0.3, -0.3, 1.7, -1.7, -0.0, kInf, kNan};
  const Case cases[] = {
      {"floor", x, {1, 2, -1, -2, 0, -1, 1, -2, -0.0, kInf, kNan}},
      {"ceil", x, {2, 3, -0.0, -1, 1, -0.0, 2, -1, -0.0, kInf, kNan}},
      {"trunc", x, {1, 2, -0.0, -1, 0, -0.0, 1, -1, -0.0, kInf, kNan}},
      {"round", x, {2, 2, -0.0, -2, 0, -0.0, 2, -2, -0.0, kInf, kNan}},
  };
  for (const Case& c : cases) {
    for (DType dtype : {f16, bf16, f32, f64}) {
      SCOPED_TRACE(c.op);
      expectValues(run(c.op, {tensor(dtype, {11}, x)}), {11}, c.wanted);
    }
  }
  expectValues(run("round", {tensor(f64, {2}, {0.49999999999999994, 4503599627370497.0})}), {2},
               {0, 4503599627370497.0});
}

struct BinaryCase {
  const char* op;
  std::vector<double> x, y, wanted;
};

TEST(SpecialFunctions, two_operands) {
  const BinaryCase cases[] = {
      {"atan2", {0, 0.0, -0.0, kInf, kNan}, {1, -0.0, 1, kNan, 1}, {0, M_PI, -0.0, kNan, kNan}},
      {"hypot", {3, kInf, kNan, 1e300, -0.0}, {-4, kNan, 1, 0, 0}, {5, kInf, kNan, 1e300, 0}},
      {"copysign", {3, -3, kInf, 0}, {-0.0, 1, -1, -5}, {-3, 3, -kInf, -0.0}},
      {"mod",
       {7, -7, 7, -7, 6, -6, 1, 1, kInf, 1, 5.5},
       {3, 3, -3, -3, 3, 3, kInf, -kInf, 3, 0, 2},
       {1, 2, -2, -1, 0, 0, 1, -kInf, kNan, kNan, 1.5}},
      {"remainder",
       {7, -7, 7, -7, -6, 1, kInf, 1},
       {3, 3, -3, -3, 3, -kInf, 3, 0},
       {1, -1, 1, -1, -0.0, 1, kNan, kNan}},
  };
  for (const BinaryCase& c : cases) {
    SCOPED_TRACE(c.op);
    const int64_t n = static_cast<int64_t>(c.x.size());
    expectValues(run(c.op, {tensor(f64, {n}, c.x), tensor(f64, {n}, c.y)}), {n}, c.wanted);
  }
  // An exact quotient: 1e17 is 1 mod 3, though 1e17 / 3 rounds.
  expectValues(run("mod", {tensor(f64, {}, {1e17}), tensor(f64, {}, {3})}), {}, {1});
}

TEST(Remainders, of_integers_and_their_fault) {
  const Tensor x = Tensor::of<int32_t>({6}, {7, -7, 7, -7, std::numeric_limits<int32_t>::min(), 0});
  const Tensor y = Tensor::of<int32_t>({6}, {3, 3, -3, -3, -1, 5});
  expectValues(run("mod", {x, y}), {6}, {1, 2, -2, -1, 0, 0});
  expectValues(run("remainder", {x, y}), {6}, {1, -1, 1, -1, 0, 0});
  expectValues(run("mod", {Tensor::of<uint8_t>({1}, {250}), Tensor::of<uint8_t>({1}, {7})}), {1}, {5});
  for (const char* op : {"mod", "remainder"}) {
    const auto results = runReference(op, {Tensor::of<int64_t>({1}, {7}), Tensor::of<int64_t>({1}, {0})});
    ASSERT_FALSE(results.ok());
    EXPECT_THAT(std::string(results.status().message()), testing::HasSubstr("KILN-R0031"));
  }
}

TEST(Fma, rounds_once) {
  // 1 + 2^-29 + 2^-60 less 1 + 2^-29: nothing would be left after rounding the product.
  const Tensor x = tensor(f64, {1}, {1 + 0x1p-30});
  expectValues(run("fma", {x, x, tensor(f64, {1}, {-(1 + 0x1p-29)})}), {1}, {0x1p-60});
  const Tensor i = Tensor::of<int8_t>({1}, {100});
  expectValues(run("fma", {i, i, i}), {1}, {static_cast<double>(static_cast<int8_t>(10100))});
  // bf16: 1 + 2^-8 is halfway between two numbers, and 2^-100 decides.
  const Tensor a = tensor(bf16, {1}, {1.0625}), b = tensor(bf16, {1}, {1.0625 * 4});
  const double exact = 1.0625 * 1.0625 * 4;
  EXPECT_GE(run("fma", {a, b, tensor(bf16, {1}, {0x1p-100})}).at(0), exact - 0.02);
}

TEST(Clamp, limits) {
  expectValues(run("clamp", {tensor(f32, {5}, {-3, 0.5, 9, kNan, 2}), tensor(f32, {5}, {-1, -1, -1, -1, 3}),
                             tensor(f32, {5}, {1, 1, 1, 1, 1})}),
               {5}, {-1, 0.5, 1, kNan, 1});
  expectValues(run("clamp", {tensor(i64, {2}, {-3, 5}), tensor(i64, {2}, {0, 0}), tensor(i64, {2}, {4, 4})}), {2},
               {0, 4});
}

TEST(TestsOfFloats, give_bools) {
  const std::vector<double> x = {1, kNan, kInf, -kInf, 0};
  for (DType dtype : {f16, bf16, f32, f64}) {
    expectValues(run("is_nan", {tensor(dtype, {5}, x)}), {5}, {0, 1, 0, 0, 0});
    expectValues(run("is_inf", {tensor(dtype, {5}, x)}), {5}, {0, 0, 1, 1, 0});
    expectValues(run("is_finite", {tensor(dtype, {5}, x)}), {5}, {1, 0, 0, 0, 1});
  }
  EXPECT_EQ(infer("is_nan", {type(f32, {2, 3})}), "bool[2, 3]");  // C1, C2
  EXPECT_THAT(infer("is_nan", {type(i32, {2})}), fails("O0102", "float tensor"));
}

TEST(Bits, operations) {
  const Tensor x = Tensor::of<int8_t>({4}, {12, -1, 5, 0}), y = Tensor::of<int8_t>({4}, {10, 7, -8, 0});
  expectValues(run("bitwise_and", {x, y}), {4}, {8, 7, 0, 0});
  expectValues(run("bitwise_or", {x, y}), {4}, {14, -1, -3, 0});
  expectValues(run("bitwise_xor", {x, y}), {4}, {6, -8, -3, 0});
  expectValues(run("bitwise_not", {x}), {4}, {-13, 0, -6, -1});
  const Tensor p = tensor(boolean, {4}, {0, 0, 1, 1}), q = tensor(boolean, {4}, {0, 1, 0, 1});
  expectValues(run("bitwise_and", {p, q}), {4}, {0, 0, 0, 1});
  expectValues(run("bitwise_or", {p, q}), {4}, {0, 1, 1, 1});
  expectValues(run("bitwise_xor", {p, q}), {4}, {0, 1, 1, 0});
  expectValues(run("logical_xor", {p, q}), {4}, {0, 1, 1, 0});
  expectValues(run("bitwise_not", {p}), {4}, {1, 1, 0, 0});
}

TEST(Bits, shifts_beyond_the_width_shift_everything_out) {
  const Tensor x = Tensor::of<int8_t>({6}, {-5, -5, -5, 5, 5, 5}), y = Tensor::of<int8_t>({6}, {1, 8, -1, 1, 8, 7});
  expectValues(run("shift_left", {x, y}), {6}, {-10, 0, 0, 10, 0, -128});
  expectValues(run("shift_right", {x, y}), {6}, {-3, -1, -1, 2, 0, 0});
  const Tensor u = Tensor::of<uint8_t>({3}, {250, 250, 250}), n = Tensor::of<uint8_t>({3}, {1, 7, 200});
  expectValues(run("shift_right", {u, n}), {3}, {125, 1, 0});
  expectValues(run("shift_left", {u, n}), {3}, {244, 0, 0});
}

TEST(SpecialFunctions, types_are_those_of_the_operands) {  // C1 of each
  for (const OpSchema& op : allOps()) {
    if (op.family != "elementwise" || !op.isElementwise || op.name == "cast" || op.name == "bitcast" ||
        op.name == "select") {
      continue;
    }
    SCOPED_TRACE(std::string(op.name));
    const DType allowed = op.operands[0].dtypes[0];
    const std::vector<ValueType> same(op.operands.size(), type(allowed, {2, 3}));
    const DType result = op.results[0].dtypes.size() == 1 ? op.results[0].dtypes[0] : allowed;
    EXPECT_EQ(infer(op.name, same), std::string(toString(result)) + "[2, 3]");
    if (same.size() > 1) {
      std::vector<ValueType> other = same;
      other.back() = type(allowed, {2, 4});
      EXPECT_THAT(infer(op.name, other), fails("O0109", "[2, 4]"));
    }
  }
}

}  // namespace
}  // namespace kiln::ops
