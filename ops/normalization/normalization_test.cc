// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

Attributes along(int64_t axis, double epsilon = 0) { return {{"axis", axis}, {"epsilon", epsilon}}; }

Attributes grouped(int64_t groups, int64_t axis, double epsilon = 0) {
  return {{"groups", groups}, {"axis", axis}, {"epsilon", epsilon}};
}

std::vector<ValueType> operands(const Shape& x, const Shape& parameter, size_t count = 2) {
  std::vector<ValueType> types = {type(f32, x)};
  types.insert(types.end(), count, type(f32, parameter));
  return types;
}

// Ops with x, scale and bias of the channels.
const char* const kOfChannels[] = {"batch_norm", "instance_norm", "group_norm"};

Attributes attributesFor(const std::string& op, int64_t axis, double epsilon = 1e-5) {
  return op == "group_norm" ? grouped(2, axis, epsilon) : along(axis, epsilon);
}

TEST(Norms, c1_axis) {
  for (const std::string op : kOfChannels) {
    EXPECT_THAT(infer(op, operands({2, 3, 4}, {4}), attributesFor(op, 3)), fails("O0111", "axis 3")) << op;
  }
  EXPECT_THAT(infer("instance_norm", operands({2, 3}, {2}), along(0)), fails("O0133", "the batch"));
  EXPECT_THAT(infer("group_norm", operands({2, 3}, {2}), grouped(1, -2)), fails("O0133", "the batch"));
  EXPECT_THAT(infer("layer_norm", operands({2, 3}, {3}), along(2)), fails("O0111", "axis 2"));
  EXPECT_THAT(infer("rms_norm", operands({2, 3}, {3}, 1), along(-3)), fails("O0111", "axis -3"));
  EXPECT_THAT(infer("batch_norm_inference", operands({2, 3}, {3}, 4), along(2)), fails("O0111", "axis 2"));
}

TEST(Norms, c2_scale_and_bias) {
  for (const std::string op : kOfChannels) {
    EXPECT_EQ(infer(op, operands({dim("n"), 3, 4}, {4}), attributesFor(op, -1)), "f32[n, 3, 4]") << op;
    EXPECT_THAT(infer(op, operands({2, 3, 4}, {3}), attributesFor(op, -1)), fails("O0138", "'scale' is f32[3]")) << op;
    EXPECT_THAT(infer(op, {type(f32, {2, 3, 4}), type(f32, {4}), type(f64, {4})}, attributesFor(op, -1)),
                fails("O0138", "'bias' is f64[4]"))
        << op;
  }
  EXPECT_EQ(infer("layer_norm", operands({dim("n"), 3, 4}, {3, 4}), along(1)), "f32[n, 3, 4]");
  EXPECT_THAT(infer("layer_norm", operands({2, 3, 4}, {4}), along(1)), fails("O0138", "wanted f32[3, 4]"));
  EXPECT_THAT(infer("rms_norm", operands({2, 3, 4}, {4}, 1), along(1)), fails("O0138", "wanted f32[3, 4]"));
  EXPECT_THAT(infer("batch_norm_inference", operands({2, 3}, {2}, 4), along(1)), fails("O0138", "wanted f32[3]"));
}

TEST(Norms, c3_types_of_statistics_and_groups) {
  const ValueType half = type(f16, {2, 4}), channels = type(f16, {4});
  auto types = inferTypes("batch_norm", {half, channels, channels}, along(-1), {});
  if (types.ok()) {
    EXPECT_EQ((*types)[1].toString(), "f32[4]");
    EXPECT_EQ((*types)[2].toString(), "f32[4]");
  }
  types = inferTypes("batch_norm", operands({2, 4}, {4}), along(-1), {});
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_EQ((*types)[1].toString(), "f32[4]");
  EXPECT_THAT(infer("batch_norm_inference",
                    {type(f32, {2, 3}), type(f32, {3}), type(f32, {3}), type(f32, {3}), type(f64, {3})}, along(1)),
              fails("O0138", "'variance' is f64[3]"));
  EXPECT_THAT(infer("group_norm", operands({2, 4}, {4}), grouped(3, 1)), fails("O0133", "divides the 4 channels"));
  EXPECT_THAT(infer("group_norm", operands({2, 4}, {4}), grouped(0, 1)), fails("O0133", "groups"));
  EXPECT_THAT(infer("group_norm", operands({2, dim("c")}, {dim("c")}), grouped(1, 1)), fails("O0138", "axis 1"));
}

TEST(Norms, c4_epsilon) {
  for (double wrong : {-1e-5, kInf, kNan}) {
    for (const std::string op : kOfChannels) {
      EXPECT_THAT(infer(op, operands({2, 4}, {4}), attributesFor(op, 1, wrong)), fails("O0133", "epsilon")) << op;
    }
    EXPECT_THAT(infer("layer_norm", operands({2, 4}, {4}), along(1, wrong)), fails("O0133", "epsilon"));
    EXPECT_THAT(infer("rms_norm", operands({2, 4}, {4}, 1), along(1, wrong)), fails("O0133", "epsilon"));
    EXPECT_THAT(infer("batch_norm_inference", operands({2, 4}, {4}, 4), along(1, wrong)), fails("O0133", "epsilon"));
  }
}

TEST(BatchNorm, reference) {
  auto results = runReference(
      "batch_norm",
      {tensor(f64, {4, 2}, {1, 0, 3, 0, 5, 4, 7, 4}), tensor(f64, {2}, {1, 10}), tensor(f64, {2}, {0, 1})}, along(-1));
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[1], {2}, {4, 2});
  expectValues((*results)[2], {2}, {5, 4});
  const double a = 3 / std::sqrt(5.0), b = 1 / std::sqrt(5.0);
  expectNear((*results)[0], {4, 2}, {-a, -9, -b, -9, b, 11, a, 11});
  // Channels in the middle; epsilon below the root.
  expectNear(
      run("batch_norm", {tensor(f64, {1, 2, 2}, {1, 3, 5, 5}), tensor(f64, {2}, {1, 1}), tensor(f64, {2}, {0, 2})},
          along(1, 3)),
      {1, 2, 2}, {-0.5, 0.5, 2, 2});
}

TEST(BatchNorm, inference_reference) {
  expectNear(run("batch_norm_inference",
                 {tensor(f64, {1, 2}, {3, 5}), tensor(f64, {2}, {2, 1}), tensor(f64, {2}, {1, 0}),
                  tensor(f64, {2}, {1, 1}), tensor(f64, {2}, {3, 15})},
                 along(-1, 1)),
             {1, 2}, {3, 1});
}

TEST(LayerNorm, reference) {
  expectNear(
      run("layer_norm", {tensor(f64, {2, 2}, {1, 3, 10, 10}), tensor(f64, {2}, {1, 2}), tensor(f64, {2}, {0, 5})},
          along(-1, 3)),
      {2, 2}, {-0.5, 6, 0, 5});
  // Over both axes.
  expectNear(
      run("layer_norm",
          {tensor(f64, {2, 2}, {1, 1, 3, 3}), tensor(f64, {2, 2}, {1, 1, 1, 1}), tensor(f64, {2, 2}, {0, 0, 0, 1})},
          along(0)),
      {2, 2}, {-1, -1, 1, 2});
  expectValues(run("layer_norm", {Tensor(f32, {0, 2}), Tensor(f32, {2}), Tensor(f32, {2})}, along(-1)), {0, 2}, {});
}

TEST(LayerNorm, large_mean_does_not_cancel) {
  const Tensor y = run(
      "layer_norm",
      {tensor(f32, {1, 4}, {4096, 4097, 4098, 4099}), tensor(f32, {4}, {1, 1, 1, 1}), tensor(f32, {4}, {0, 0, 0, 0})},
      along(-1));
  expectNear(y, {1, 4}, {-1.5 / std::sqrt(1.25), -0.5 / std::sqrt(1.25), 0.5 / std::sqrt(1.25), 1.5 / std::sqrt(1.25)});
}

TEST(RmsNorm, reference) {
  expectNear(run("rms_norm", {tensor(f64, {1, 2}, {3, 4}), tensor(f64, {2}, {1, 10})}, along(-1)), {1, 2},
             {3 / std::sqrt(12.5), 40 / std::sqrt(12.5)});
}

TEST(InstanceNorm, reference) {
  // Each channel of each image by itself.
  expectNear(run("instance_norm", {tensor(f64, {2, 2, 1}, {1, 3, 2, 10}), tensor(f64, {1}, {1}), tensor(f64, {1}, {0})},
                 along(-1)),
             {2, 2, 1}, {-1, 1, -1, 1});
}

TEST(GroupNorm, reference) {
  // Channels 0 and 1 together, 2 and 3 together; scale and bias are per channel.
  expectNear(run("group_norm",
                 {tensor(f64, {1, 4}, {1, 3, 10, 30}), tensor(f64, {4}, {1, 1, 1, 2}), tensor(f64, {4}, {0, 0, 0, 1})},
                 grouped(2, 1)),
             {1, 4}, {-1, 1, -1, 3});
}

TEST(Norms, nan_spreads_over_its_set_only) {
  const Tensor y =
      run("layer_norm", {tensor(f32, {2, 2}, {1, kNan, 1, 3}), tensor(f32, {2}, {1, 1}), tensor(f32, {2}, {0, 0})},
          along(-1));
  expectValues(y, {2, 2}, {kNan, kNan, -1, 1});
}

}  // namespace
}  // namespace kiln::ops
