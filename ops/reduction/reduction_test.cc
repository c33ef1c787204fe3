// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

using Integers = std::vector<int64_t>;
Attributes over(Integers axes, bool keepDims = false) { return {{"axes", std::move(axes)}, {"keep_dims", keepDims}}; }

TEST(Reduce, c1_axes) {
  for (const char* op : {"reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min", "reduce_l1",
                         "reduce_l2", "reduce_log_sum_exp", "reduce_variance"}) {
    EXPECT_THAT(infer(op, {type(f32, {2, 3})}, over({2})),
                fails("O0111", "axis 2 is outside [-2, 2): x has the shape [2, 3]"));
    EXPECT_THAT(infer(op, {type(f32, {2, 3})}, over({1, -1})), fails("O0112", "axis 1 occurs twice in [1, -1]"));
  }
}

TEST(Reduce, c2_shapes) {
  const std::vector<ValueType> x = {type(f32, {dim("n"), 3, 4})};
  for (const char* op : {"reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min", "reduce_l1",
                         "reduce_l2", "reduce_log_sum_exp", "reduce_variance"}) {
    EXPECT_EQ(infer(op, x, over({-1, 0})), "f32[3]");
    EXPECT_EQ(infer(op, x, over({1}, true)), "f32[n, 1, 4]");
    EXPECT_EQ(infer(op, x, over({})), "f32[n, 3, 4]");
  }
  EXPECT_THAT(infer("reduce_mean", {type(i32, {2})}, over({0})), fails("O0102", "operand 'x' is i32[2]"));
}

TEST(Reduce, sums) {
  Tensor x = tensor(f32, {2, 3}, {1, 2, 3, 4, 5, 6});
  expectValues(run("reduce_sum", {x}, over({0})), {3}, {5, 7, 9});
  expectValues(run("reduce_sum", {x}, over({-1}, true)), {2, 1}, {6, 15});
  expectValues(run("reduce_sum", {x}, over({0, 1})), {}, {21});
  expectValues(run("reduce_sum", {x}, over({})), {2, 3}, {1, 2, 3, 4, 5, 6});
  expectValues(run("reduce_sum", {tensor(f32, {3}, {1, kInf, -kInf})}, over({0})), {}, {kNan});
  expectValues(run("reduce_sum", {Tensor(f32, {0, 2})}, over({0})), {2}, {0, 0});
  expectValues(run("reduce_sum", {Tensor::of<int32_t>({2}, {2147483647, 1})}, over({0})), {}, {-2147483648.0});
  expectValues(run("reduce_sum", {tensor(f32, {3}, {1e8, 1, -1e8})}, over({0})), {}, {1});
}

TEST(Reduce, means) {
  Tensor x = tensor(f64, {2, 3}, {1, 2, 3, 4, 5, 6});
  expectValues(run("reduce_mean", {x}, over({0, 1})), {}, {3.5});
  expectValues(run("reduce_mean", {x}, over({1})), {2}, {2, 5});
  expectValues(run("reduce_mean", {Tensor(f32, {2, 0})}, over({1})), {2}, {kNan, kNan});
  expectValues(run("reduce_mean", {Tensor(f32, {2, 0})}, over({0})), {0}, {});
}

TEST(Reduce, maxima) {
  expectValues(run("reduce_max", {tensor(f32, {2, 3}, {1, 7, 3, kNan, 5, 6})}, over({1})), {2}, {7, kNan});
  expectValues(run("reduce_max", {tensor(f32, {2}, {-0.0, 0.0})}, over({0})), {}, {0.0});
  expectValues(run("reduce_max", {Tensor(f64, {0})}, over({0})), {}, {-kInf});
  expectValues(run("reduce_max", {Tensor(i32, {0})}, over({0})), {}, {-2147483648.0});
  expectValues(run("reduce_max", {Tensor::of<int64_t>({3}, {-5, -2, -9})}, over({0})), {}, {-2});
}

TEST(Reduce, bools_c1_c2) {
  for (const char* op : {"reduce_any", "reduce_all"}) {
    EXPECT_THAT(infer(op, {type(boolean, {2, 3})}, over({2})), fails("O0111", "axis 2"));
    EXPECT_THAT(infer(op, {type(boolean, {2, 3})}, over({0, -2})), fails("O0112", "axis 0 occurs twice in [0, -2]"));
    EXPECT_EQ(infer(op, {type(boolean, {dim("n"), 3})}, over({1}, true)), "bool[n, 1]");
    EXPECT_THAT(infer(op, {type(f32, {2})}, over({0})), fails("O0102", "operand 'x' is f32[2]"));
  }
}

TEST(Reduce, any_and_all) {
  const Tensor x = tensor(boolean, {2, 2}, {1, 0, 0, 0});
  expectValues(run("reduce_any", {x}, over({1})), {2}, {1, 0});
  expectValues(run("reduce_all", {x}, over({1})), {2}, {0, 0});
  expectValues(run("reduce_all", {tensor(boolean, {2}, {1, 1})}, over({0})), {}, {1});
  expectValues(run("reduce_any", {Tensor(boolean, {0, 2})}, over({0})), {2}, {0, 0});
  expectValues(run("reduce_all", {Tensor(boolean, {0, 2})}, over({0})), {2}, {1, 1});
}

TEST(Reduce, minima) {
  expectValues(run("reduce_min", {tensor(f32, {2, 3}, {1, 7, 3, kNan, 5, 6})}, over({1})), {2}, {1, kNan});
  expectValues(run("reduce_min", {tensor(f32, {2}, {0.0, -0.0})}, over({0})), {}, {-0.0});
  expectValues(run("reduce_min", {Tensor(f64, {0})}, over({0})), {}, {kInf});
  expectValues(run("reduce_min", {Tensor(i32, {0})}, over({0})), {}, {2147483647.0});
  expectValues(run("reduce_min", {Tensor::of<int64_t>({3}, {-5, -2, -9})}, over({0})), {}, {-9});
}

TEST(Reduce, products) {
  const Tensor x = tensor(f32, {2, 3}, {1, 2, 3, 4, 5, 6});
  expectValues(run("reduce_prod", {x}, over({1})), {2}, {6, 120});
  expectValues(run("reduce_prod", {x}, over({})), {2, 3}, {1, 2, 3, 4, 5, 6});
  expectValues(run("reduce_prod", {tensor(f32, {}, {-3})}, over({})), {}, {-3});
  expectValues(run("reduce_prod", {Tensor(f32, {0, 2})}, over({0})), {2}, {1, 1});
  expectValues(run("reduce_prod", {tensor(f32, {2}, {0, kInf})}, over({0})), {}, {kNan});
  // The product of the first two would be infinite in f32.
  expectValues(run("reduce_prod", {tensor(f32, {3}, {0x1p100, 0x1p100, 0x1p-120})}, over({0})), {}, {0x1p80});
  expectValues(run("reduce_prod", {Tensor::of<int32_t>({2}, {65536, 65537})}, over({0})), {}, {65536});
}

TEST(Reduce, norms) {
  expectValues(run("reduce_l1", {tensor(f32, {2, 2}, {1, -2, 3, -4})}, over({1})), {2}, {3, 7});
  expectValues(run("reduce_l1", {Tensor(f32, {0})}, over({0})), {}, {0});
  expectValues(run("reduce_l2", {tensor(f64, {2, 2}, {3, -4, 0, 0})}, over({1})), {2}, {5, 0});
  expectValues(run("reduce_l2", {tensor(f32, {2}, {kInf, 1})}, over({0})), {}, {kInf});
  expectValues(run("reduce_l2", {tensor(f32, {2}, {kNan, 1})}, over({0})), {}, {kNan});
  expectValues(run("reduce_l2", {tensor(f64, {}, {-2})}, over({})), {}, {2});
}

TEST(Reduce, log_sum_exp) {
  const char* op = "reduce_log_sum_exp";
  expectNear(run(op, {tensor(f64, {2, 2}, {1000, 1000, -1000, -1000})}, over({1})), {2},
             {1000 + std::log(2.0), -1000 + std::log(2.0)});
  expectValues(run(op, {tensor(f64, {3, 2}, {-kInf, -kInf, kInf, 3, -kInf, 5})}, over({1})), {3}, {-kInf, kInf, 5});
  expectValues(run(op, {tensor(f32, {2}, {kNan, kInf})}, over({0})), {}, {kNan});
  expectValues(run(op, {tensor(f32, {2}, {kInf, -kInf})}, over({0})), {}, {kInf});
  expectValues(run(op, {Tensor(f32, {0})}, over({0})), {}, {-kInf});
  expectValues(run(op, {tensor(f32, {}, {3})}, over({})), {}, {3});
}

TEST(Reduce, variance) {
  const Tensor x = tensor(f64, {1, 4}, {1, 2, 3, 4});
  expectValues(run("reduce_variance", {x}, over({1})), {1}, {1.25});
  Attributes sample = over({1}, true);
  sample.set("correction", int64_t{1});
  expectNear(run("reduce_variance", {x}, sample), {1, 1}, {5.0 / 3});
  expectValues(run("reduce_variance", {tensor(f32, {2, 1}, {3, 4})}, sample), {2, 1}, {kNan, kNan});
  expectValues(run("reduce_variance", {tensor(f32, {2, 1}, {3, 4})}, over({1})), {2}, {0, 0});
  expectValues(run("reduce_variance", {Tensor(f32, {0})}, over({0})), {}, {kNan});
  // Two passes keep what a sum of squares would lose.
  expectValues(run("reduce_variance", {tensor(f64, {2}, {1e9 + 1, 1e9 - 1})}, over({0})), {}, {1});
}

TEST(Reduce, variance_c3_correction) {
  Attributes attributes = over({0});
  attributes.set("correction", int64_t{-1});
  EXPECT_THAT(infer("reduce_variance", {type(f32, {3})}, attributes),
              fails("O0133", "attribute 'correction' is -1, wanted 0 or more"));
}

TEST(Argmax, c1_to_c3) {
  EXPECT_THAT(infer("argmax", {type(f32, {2, 3})}, {{"axis", int64_t{2}}}), fails("O0111", "axis 2"));
  EXPECT_THAT(infer("argmax", {type(f32, {2, 0})}, {{"axis", int64_t{1}}}),
              fails("O0139", "axis 1 of [2, 0] is empty"));
  EXPECT_EQ(infer("argmax", {type(i32, {dim("n"), 3})}, {{"axis", int64_t{-1}}}), "i64[n]");
  EXPECT_EQ(infer("argmax", {type(f32, {2, 3})}, {{"axis", int64_t{0}}, {"keep_dims", true}}), "i64[1, 3]");
}

TEST(Argmax, reference) {
  const Attributes last = {{"axis", int64_t{-1}}};
  expectValues(run("argmax", {tensor(f32, {2, 3}, {1, 5, 5, 9, 2, 3})}, last), {2}, {1, 0});
  expectValues(run("argmax", {tensor(f32, {2, 3}, {1, kNan, kInf, kNan, kNan, 3})}, last), {2}, {1, 0});
  expectValues(run("argmax", {tensor(i64, {2, 2}, {1, 5, 3, 2})}, {{"axis", int64_t{0}}}), {2}, {1, 0});
}

TEST(Argmin, c1_to_c3) {
  EXPECT_THAT(infer("argmin", {type(f32, {2, 3})}, {{"axis", int64_t{-3}}}), fails("O0111", "axis -3"));
  EXPECT_THAT(infer("argmin", {type(f32, {2, 0})}, {{"axis", int64_t{1}}}),
              fails("O0139", "axis 1 of [2, 0] is empty"));
  EXPECT_EQ(infer("argmin", {type(u8, {dim("n"), 3})}, {{"axis", int64_t{-1}}}), "i64[n]");
}

TEST(Argmin, reference) {
  const Attributes last = {{"axis", int64_t{-1}}};
  expectValues(run("argmin", {tensor(f32, {2, 3}, {5, 1, 1, -9, 2, 3})}, last), {2}, {1, 0});
  expectValues(run("argmin", {tensor(f32, {2, 3}, {1, kNan, -kInf, kNan, kNan, 3})}, last), {2}, {1, 0});
  expectValues(run("argmin", {tensor(u8, {2, 2}, {255, 5, 3, 200})}, {{"axis", int64_t{0}}, {"keep_dims", true}}),
               {1, 2}, {1, 0});
}

TEST(Softmax, c2_axis) {
  for (const char* op : {"softmax", "log_softmax"}) {
    EXPECT_THAT(infer(op, {type(f32, {})}), fails("O0111", "axis -1 is outside [0, 0)"));
    EXPECT_EQ(infer(op, {type(f64, {dim("n"), 3})}, {{"axis", int64_t{0}}}), "f64[n, 3]");
  }
}

TEST(Softmax, reference) {
  Tensor x = tensor(f64, {2, 3}, {1, 2, 3, 1, 2, 4});
  expectNear(run("softmax", {x}), {2, 3},
             {0.09003057317038046, 0.24472847105479764, 0.6652409557748218, 0.04201006613406605, 0.11419519938459449,
              0.8437947344813395});
  expectNear(run("log_softmax", {x}), {2, 3},
             {-2.4076059644443806, -1.4076059644443804, -0.4076059644443804, -3.1698460195562856, -2.1698460195562856,
              -0.16984601955628567});
  expectNear(run("softmax", {x}, {{"axis", int64_t{0}}}), {2, 3},
             {0.5, 0.5, 0.2689414213699951, 0.5, 0.5, 0.7310585786300049});
}

TEST(Softmax, special_values) {
  expectValues(run("softmax", {tensor(f32, {2}, {1000, -1000})}), {2}, {1, 0});
  expectValues(run("softmax", {tensor(f32, {2}, {0, -kInf})}), {2}, {1, 0});
  expectValues(run("log_softmax", {tensor(f32, {2}, {0, -kInf})}), {2}, {0, -kInf});
  expectValues(run("softmax", {tensor(f32, {2}, {0, kNan})}), {2}, {kNan, kNan});
  expectValues(run("softmax", {tensor(f32, {2}, {0, kInf})}), {2}, {kNan, kNan});
  expectValues(run("softmax", {Tensor(f32, {2, 0})}), {2, 0}, {});
}

TEST(CrossEntropy, c1_c2_types) {
  EXPECT_THAT(infer("softmax_cross_entropy", {type(f32, {4, 10}), type(i32, {5})}),
              fails("O0109", "labels is [5], logits without its last axis is [4] (dimension 0: 5 vs 4)"));
  EXPECT_THAT(infer("softmax_cross_entropy", {type(f32, {}), type(i32, {})}), fails("O0111", "logits"));
  EXPECT_EQ(infer("softmax_cross_entropy", {type(f64, {dim("n"), 10}), type(i64, {dim("n")})}), "f64[n]");
  EXPECT_THAT(infer("softmax_cross_entropy_dense", {type(f32, {4, 10}), type(f32, {4, 9})}),
              fails("O0109", "labels is [4, 9]"));
  EXPECT_THAT(infer("softmax_cross_entropy_dense", {type(f32, {}), type(f32, {})}), fails("O0111", "logits"));
  EXPECT_EQ(infer("softmax_cross_entropy_dense", {type(f32, {4, 10}), type(f32, {4, 10})}), "f32[4]");
}

TEST(CrossEntropy, reference) {
  Tensor logits = tensor(f64, {2, 3}, {1, 2, 3, 1, 2, 3});
  expectNear(run("softmax_cross_entropy", {logits, Tensor::of<int32_t>({2}, {2, 0})}), {2},
             {0.4076059644443803, 2.4076059644443804});
  expectNear(run("softmax_cross_entropy_dense", {logits, tensor(f64, {2, 3}, {0.2, 0.3, 0.5, 0, 0, 1})}), {2},
             {1.1076059644443804, 0.4076059644443804});
  expectValues(run("softmax_cross_entropy", {Tensor(f32, {0, 3}), Tensor(i64, {0})}), {0}, {});
}

TEST(CrossEntropy, label_outside_ends_the_run) {
  Tensor logits = tensor(f32, {1, 3}, {1, 2, 3});
  EXPECT_EQ(errorIdOf(runReference("softmax_cross_entropy", {logits, Tensor::of<int32_t>({1}, {3})}).status()),
            "KILN-R0030");
  EXPECT_EQ(errorIdOf(runReference("softmax_cross_entropy", {logits, Tensor::of<int64_t>({1}, {-1})}).status()),
            "KILN-R0030");
}

}  // namespace
}  // namespace kiln::ops
