// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Activations: known values of PyTorch's definitions, attributes, ends.
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

struct Case {
  const char* op;
  Attributes attributes;
  std::vector<double> x, wanted;
};

const Case kCases[] = {
    {"leaky_relu", {}, {-2, 0.5, 0, kInf, kNan}, {-0.02, 0.5, 0, kInf, kNan}},
    {"leaky_relu", {{"alpha", 0.5}}, {-2, 2}, {-1, 2}},
    {"elu", {}, {-1, 2, -0.0, -kInf, kInf, kNan}, {-0.63212055882855767, 2, -0.0, -1, kInf, kNan}},
    {"elu", {{"alpha", 2.0}}, {-1, 2}, {-1.2642411176571153, 2}},
    {"selu", {}, {-1, 2, 0, kNan}, {-1.1113307378125625, 2.1014019747109609, 0, kNan}},
    {"celu", {{"alpha", 2.0}}, {-1, 3, kNan}, {-0.78693868057473315, 3, kNan}},
    {"gelu", {}, {-1, 2, 0, kInf, -kInf, kNan}, {-0.15865525393145707, 1.9544997361036416, 0, kInf, -0.0, kNan}},
    {"gelu_tanh", {}, {-1, 2, 0, kInf, -kInf, kNan}, {-0.15880800939172324, 1.9545976940877750, 0, kInf, -0.0, kNan}},
    {"silu", {}, {-1, 2, 0, kInf, -kInf, kNan}, {-0.2689414213699951, 1.7615941559557649, 0, kInf, -0.0, kNan}},
    {"mish", {}, {-1, 2, 0, kInf, -kInf, kNan}, {-0.30340146137410895, 1.9439589595339946, 0, kInf, -0.0, kNan}},
    {"softplus",
     {},
     {0, 2, -2, kInf, -kInf, kNan},
     {0.69314718055994531, 2.1269280110429727, 0.12692801104297249, kInf, 0, kNan}},
    {"softplus", {{"beta", 2.0}}, {0, 1}, {0.34657359027997264, 1.0634640055214863}},
    {"softsign", {}, {-1, 3, 0, kNan}, {-0.5, 0.75, 0, kNan}},
    {"hard_sigmoid", {}, {-4, -3, 0, 1.5, 3, 9, kNan}, {0, 0, 0.5, 0.75, 1, 1, kNan}},
    {"hard_swish", {}, {-4, -3, 0, 1.5, 3, 9, kNan}, {-0.0, -0.0, 0, 1.125, 3, 9, kNan}},
    {"hard_tanh", {}, {-4, 0.25, 7, kInf, kNan}, {-1, 0.25, 1, 1, kNan}},
    {"hard_tanh", {{"low", 0.0}, {"high", 4.0}}, {-4, 0.25, 7}, {0, 0.25, 4}},
    {"relu6", {}, {-4, 0.25, 7, kInf, kNan}, {0, 0.25, 6, 6, kNan}},
    {"squared_relu", {}, {-4, 0.5, 3, -kInf, kInf, kNan}, {0, 0.25, 9, 0, kInf, kNan}},
    {"log_sigmoid", {}, {0, -2, -kInf, kNan}, {-0.69314718055994531, -2.1269280110429727, -kInf, kNan}},
    {"thresholded_relu", {}, {0.5, 1, 1.5, -kInf, kNan}, {0, 0, 1.5, 0, kNan}},
    {"thresholded_relu", {{"alpha", 0.25}}, {0.5, 0.25}, {0.5, 0}},
    {"softshrink", {}, {-2, -0.5, 0.25, 2, kInf, kNan}, {-1.5, 0, 0, 1.5, kInf, kNan}},
    {"softshrink", {{"lambd", 1.0}}, {-2, 0.5}, {-1, 0}},
    {"hardshrink", {}, {-2, -0.5, 0.25, 2, kInf, kNan}, {-2, 0, 0, 2, kInf, kNan}},
    {"hardshrink", {{"lambd", 1.0}}, {-2, 0.5, 1}, {-2, 0, 0}},
};

TEST(Activations, known_values) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.op);
    const int64_t n = static_cast<int64_t>(c.x.size());
    for (DType dtype : {f32, f64}) {
      const Tensor found = run(c.op, {tensor(dtype, {n}, c.x)}, c.attributes);
      ASSERT_EQ(found.numElements(), n);
      for (int64_t i = 0; i < n; ++i) {
        const double wanted = c.wanted[static_cast<size_t>(i)], value = found.at(i);
        EXPECT_EQ(std::isnan(value), std::isnan(wanted)) << i;
        if (std::isinf(wanted) || wanted == 0) {
          EXPECT_EQ(value, wanted) << i;
          EXPECT_EQ(std::signbit(value), std::signbit(wanted)) << i;
        } else if (!std::isnan(wanted)) {
          EXPECT_NEAR(value, wanted, std::fabs(wanted) * (dtype == f32 ? 1e-7 : 1e-14)) << i;
        }
      }
    }
  }
}

TEST(Activations, take_every_float_type_and_shape) {  // C1 of each
  for (const OpSchema& op : allOps()) {
    if (op.family != "activation") {
      continue;
    }
    SCOPED_TRACE(std::string(op.name));
    for (DType dtype : {f16, bf16, f32, f64}) {
      const std::vector<ValueType> operands(op.operands.size(), type(dtype, {2, 3}));
      EXPECT_EQ(infer(op.name, operands), std::string(toString(dtype)) + "[2, 3]");
      const std::vector<Tensor> empty(op.operands.size(), Tensor(dtype, {0, 2}));
      EXPECT_EQ(run(op.name, empty).dims(), (std::vector<int64_t>{0, 2}));
      const std::vector<Tensor> scalar(op.operands.size(), tensor(dtype, {}, {0.5}));
      EXPECT_EQ(run(op.name, scalar).numElements(), 1);
    }
    EXPECT_THAT(infer(op.name, std::vector<ValueType>(op.operands.size(), type(i32, {2}))),
                fails("O0102", "float tensor"));
  }
}

TEST(Activations, prelu_has_a_slope_for_each_element) {
  expectValues(run("prelu", {tensor(f64, {4}, {-2, -2, 3, kNan}), tensor(f64, {4}, {0.5, -1, 7, 1})}), {4},
               {-1, 2, 3, kNan});
  EXPECT_THAT(infer("prelu", {type(f32, {2}), type(f32, {3})}), fails("O0109", "[3]"));  // C1
  EXPECT_THAT(infer("prelu", {type(f32, {2}), type(f64, {2})}), fails("O0108", "f64"));
}

TEST(Activations, small_results_keep_their_digits) {
  expectNear(run("gelu", {tensor(f64, {}, {-30})}), {}, {-1.4720141781444562e-196});
  expectNear(run("silu", {tensor(f64, {}, {-700})}), {}, {-700 * std::exp(-700.0)});
  expectNear(run("softplus", {tensor(f64, {}, {-50})}), {}, {1.9287498479639178e-22});
}

}  // namespace
}  // namespace kiln::ops
