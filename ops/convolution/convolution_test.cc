// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

using Lengths = std::vector<Dim>;
using Integers = std::vector<int64_t>;

Attributes windows(Integers kernel, Integers strides, Integers dilations, Integers low, Integers high) {
  return {{"kernel", kernel}, {"strides", strides}, {"dilations", dilations}, {"low", low}, {"high", high}};
}

// One spatial axis.
Attributes line(int64_t kernel, int64_t stride = 1, int64_t dilation = 1, int64_t low = 0, int64_t high = 0) {
  return windows({kernel}, {stride}, {dilation}, {low}, {high});
}

Attributes with(Attributes attributes, const std::vector<std::pair<std::string, Attribute>>& more) {
  for (const auto& [name, value] : more) {
    attributes.set(name, value);
  }
  return attributes;
}

Attributes pool(Attributes attributes, const std::string& layout, bool ceilMode = false) {
  return with(std::move(attributes), {{"layout", layout}, {"ceil_mode", ceilMode}});
}

Attributes convolution(Integers strides, Integers dilations, Integers low, Integers high, const std::string& layout,
                       const std::string& filterLayout, int64_t groups = 1) {
  return {{"strides", strides}, {"dilations", dilations},       {"low", low}, {"high", high}, {"groups", groups},
          {"layout", layout},   {"filter_layout", filterLayout}};
}

std::vector<double> counting(int64_t count, double first = 1) {
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(first + static_cast<double>(i));
  }
  return values;
}

TEST(Unfold, c1_value) {
  EXPECT_THAT(infer("unfold", {type(f32, {1, 5, 1}), type(f64, {})}, line(2)), fails("O0108", "value"));
  EXPECT_THAT(infer("unfold", {type(f32, {1, 5, 1}), type(f32, {1})}, line(2)), fails("O0110", "value"));
}

TEST(Unfold, c2_entries) {
  const std::vector<ValueType> x = {type(f32, {1, 5, 1}), type(f32, {})};
  EXPECT_THAT(infer("unfold", {type(f32, {1, 5}), type(f32, {})}, line(2)), fails("O0138", "spatial axes"));
  EXPECT_THAT(infer("unfold", x, windows({2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0})), fails("O0133", "kernel"));
  EXPECT_THAT(infer("unfold", x, with(line(2), {{"strides", Integers{1, 1}}})), fails("O0133", "strides"));
  EXPECT_THAT(infer("unfold", x, line(0)), fails("O0133", "kernel"));
  EXPECT_THAT(infer("unfold", x, line(2, 0)), fails("O0133", "strides"));
  EXPECT_THAT(infer("unfold", x, line(2, 1, 0)), fails("O0133", "dilations"));
  EXPECT_THAT(infer("unfold", x, line(2, int64_t{1} << 40)), fails("O0133", "strides"));
}

TEST(Unfold, c3_lengths) {
  const Dim n = dim("n");
  auto of = [](const Dim& length, Attributes attributes) {
    return infer("unfold", {type(f32, {dim("b"), length, 3}), type(f32, {})}, std::move(attributes));
  };
  EXPECT_EQ(of(7, line(3, 2)), "f32[b, 3, 3, 3]");
  EXPECT_EQ(of(8, line(3, 2, 1, 1, 0)), "f32[b, 4, 3, 3]");
  EXPECT_EQ(of(0, line(3, 1, 1, 1, 1)), "f32[b, 0, 3, 3]");
  EXPECT_THAT(of(2, line(3)), fails("O0138", "a window of 3 fits into"));
  EXPECT_THAT(of(0, line(3)), fails("O0138", "a window of 3 fits into"));
  EXPECT_EQ(of(n, line(3, 1, 1, 1, 1)), "f32[b, n, 3, 3]");
  EXPECT_EQ(of(n + n, line(2, 2)), "f32[b, n, 2, 3]");
  EXPECT_THAT(of(n, line(3)), fails("O0138", "of axis 1"));
  EXPECT_EQ(of(n, line(3, 2, 1, 1, 1)), "f32[b, floor_div(n+1, 2), 3, 3]");
  EXPECT_EQ(of(n, line(2, 2)), "f32[b, floor_div(n, 2), 2, 3]");
  EXPECT_THAT(of(n, line(4, 2)), fails("O0138", "a window of 4 fits into"));
}

TEST(Unfold, reference) {
  expectValues(run("unfold", {tensor(f32, {1, 4, 1}, {1, 2, 3, 4}), Tensor::scalar<float>(-1)}, line(3, 1, 1, 1, 1)),
               {1, 4, 3, 1}, {-1, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, -1});
  expectValues(run("unfold", {tensor(i32, {1, 5, 1}, {1, 2, 3, 4, 5}), Tensor::scalar<int32_t>(0)}, line(2, 2, 2)),
               {1, 2, 2, 1}, {1, 3, 3, 5});
  expectValues(run("unfold", {tensor(f64, {1, 4, 1}, {1, 2, 3, 4}), Tensor::scalar<double>(0)}, line(2, 1, 1, -1, 0)),
               {1, 2, 2, 1}, {2, 3, 3, 4});
  expectValues(run("unfold", {tensor(f32, {1, 2, 2, 2}, counting(8)), Tensor::scalar<float>(0)},
                   windows({2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0})),
               {1, 1, 1, 2, 2, 2}, counting(8));
}

TEST(Fold, c1_lengths) {
  const std::vector<ValueType> x = {type(f32, {1, 3, 2, 1}), type(i64, {1})};
  EXPECT_THAT(infer("fold", x, line(2)), fails("O0113", "lengths"));
  EXPECT_THAT(infer("fold", {type(f32, {1, 3, 2}), type(i64, {1})}, line(2), {std::nullopt, Lengths{4}}),
              fails("O0138", "windows and as many of taps"));
  EXPECT_THAT(infer("fold", {x[0], type(i64, {2})}, line(2), {std::nullopt, Lengths{4, 4}}), fails("O0138", "lengths"));
  EXPECT_THAT(infer("fold", x, line(0), {std::nullopt, Lengths{4}}), fails("O0133", "kernel"));
}

TEST(Fold, c2_shape_of_unfold) {
  const std::vector<ValueType> x = {type(f32, {1, 3, 2, 1}), type(i64, {1})};
  EXPECT_EQ(infer("fold", x, line(2), {std::nullopt, Lengths{4}}), "f32[1, 4, 1]");
  EXPECT_THAT(infer("fold", x, line(2), {std::nullopt, Lengths{5}}), fails("O0109", "unfold of the result"));
  EXPECT_EQ(infer("fold", {type(f32, {1, dim("n"), 3, 1}), type(i64, {1})}, line(3, 1, 1, 1, 1),
                  {std::nullopt, Lengths{dim("n")}}),
            "f32[1, n, 1]");
}

TEST(Fold, reference) {
  expectValues(run("fold", {tensor(f32, {1, 3, 2, 1}, {1, 2, 3, 4, 5, 6}), vector64({4})}, line(2)), {1, 4, 1},
               {1, 5, 9, 6});
  expectValues(run("fold", {tensor(i32, {1, 2, 2, 1}, {1, 2, 3, 4}), vector64({6})}, line(2, 3, 1, 0, 0)), {1, 6, 1},
               {1, 2, 0, 3, 4, 0});
  // What lies in the padding is dropped.
  expectValues(run("fold", {tensor(f64, {1, 2, 3, 1}, {1, 2, 3, 4, 5, 6}), vector64({2})}, line(3, 1, 1, 1, 1)),
               {1, 2, 1}, {2 + 4, 3 + 5});
}

TEST(Conv, c1_dtypes) {
  EXPECT_THAT(
      infer("conv", {type(f32, {1, 5, 2}), type(f64, {3, 2, 4})}, convolution({1}, {1}, {0}, {0}, "NWC", "WIO")),
      fails("O0108", "filter"));
}

TEST(Conv, c2_layouts) {
  auto of = [](const std::string& layout, const std::string& filterLayout) {
    return infer("conv", {type(f32, {1, 2, 5, 6}), type(f32, {4, 2, 3, 3})},
                 convolution({1, 1}, {1, 1}, {0, 0}, {0, 0}, layout, filterLayout));
  };
  EXPECT_EQ(of("NCHW", "OIHW"), "f32[1, 4, 3, 4]");
  for (const char* wrong : {"", "NC", "NCHH", "NCHX", "NHW", "NNCHW"}) {
    EXPECT_THAT(of(wrong, "OIHW"), fails("O0133", "layout")) << wrong;
  }
  EXPECT_THAT(of("NCW", "OIW"), fails("O0133", "a letter for each axis of x"));
  for (const char* wrong : {"OIHD", "OIH", "OHW", "IIHW", ""}) {
    EXPECT_THAT(of("NCHW", wrong), fails("O0133", "filter_layout")) << wrong;
  }
}

TEST(Conv, c3_entries) {
  const std::vector<ValueType> operands = {type(f32, {1, 5, 2}), type(f32, {3, 2, 4})};
  EXPECT_THAT(infer("conv", operands, convolution({1, 1}, {1}, {0}, {0}, "NWC", "WIO")), fails("O0133", "strides"));
  EXPECT_THAT(infer("conv", operands, convolution({1}, {0}, {0}, {0}, "NWC", "WIO")), fails("O0133", "dilations"));
  EXPECT_THAT(infer("conv", operands, convolution({1}, {1}, {}, {0}, "NWC", "WIO")), fails("O0133", "low"));
}

TEST(Conv, c4_groups) {
  auto of = [](int64_t groups, const Shape& x, const Shape& filter) {
    return infer("conv", {type(f32, x), type(f32, filter)}, convolution({1}, {1}, {0}, {0}, "NWC", "WIO", groups));
  };
  EXPECT_EQ(of(2, {1, 5, 4}, {3, 2, 6}), "f32[1, 3, 6]");
  EXPECT_THAT(of(3, {1, 5, 4}, {3, 2, 6}), fails("O0133", "groups"));
  EXPECT_THAT(of(0, {1, 5, 4}, {3, 2, 6}), fails("O0133", "groups"));
  EXPECT_THAT(of(1, {1, 5, 4}, {3, 2, 6}), fails("O0138", "the length 4 of axis 1"));
  EXPECT_THAT(of(1, {1, 5, dim("c")}, {3, 2, 6}), fails("O0138", "a number as the length of axis 2"));
  EXPECT_THAT(of(1, {1, 5, 2}, {dim("k"), 2, 6}), fails("O0138", "numbers as lengths"));
  EXPECT_THAT(of(1, {1, 5, 2}, {0, 2, 6}), fails("O0138", "at least one tap"));
}

TEST(Conv, c5_lengths) {
  auto of = [](const Dim& length, int64_t stride, int64_t padding) {
    return infer("conv", {type(f32, {dim("n"), length, 2}), type(f32, {3, 2, 4})},
                 convolution({stride}, {1}, {padding}, {padding}, "NWC", "WIO"));
  };
  EXPECT_EQ(of(7, 2, 1), "f32[n, 4, 4]");
  EXPECT_EQ(of(dim("w"), 1, 1), "f32[n, w, 4]");
  EXPECT_EQ(of(dim("w"), 2, 1), "f32[n, floor_div(w+1, 2), 4]");
  EXPECT_THAT(of(1, 1, 0), fails("O0138", "fits into"));
}

TEST(Conv, reference) {
  // A correlation: the filter is not turned around.
  expectValues(run("conv", {tensor(f32, {1, 4, 1}, {1, 2, 3, 4}), tensor(f32, {2, 1, 1}, {10, 1})},
                   convolution({1}, {1}, {0}, {0}, "NWC", "WIO")),
               {1, 3, 1}, {12, 23, 34});
  // torch.nn.functional.conv2d(arange(1, 10).view(1, 1, 3, 3), ones(1, 1, 2, 2), stride=2, padding=1)
  expectValues(run("conv", {tensor(f32, {1, 1, 3, 3}, counting(9)), tensor(f32, {1, 1, 2, 2}, {1, 1, 1, 1})},
                   convolution({2, 2}, {1, 1}, {1, 1}, {1, 1}, "NCHW", "OIHW")),
               {1, 1, 2, 2}, {1, 5, 11, 28});
  // Two groups of one channel each, dilated.
  expectValues(run("conv", {tensor(i32, {1, 3, 2}, {1, 10, 2, 20, 3, 30}), tensor(i32, {2, 1, 2}, {1, 2, 3, 4})},
                   convolution({1}, {2}, {0}, {0}, "NWC", "WIO", 2)),
               {1, 1, 2}, {1 + 9, 20 + 120});
  expectValues(
      run("conv", {Tensor(f32, {2, 4, 0}), Tensor(f32, {2, 0, 1})}, convolution({1}, {1}, {0}, {0}, "NWC", "WIO")),
      {2, 3, 1}, {0, 0, 0, 0, 0, 0});
  // Padding takes part in no product: an infinity in the filter meets no zero.
  expectValues(run("conv", {tensor(f32, {1, 2, 1}, {1, 1}), tensor(f32, {2, 1, 1}, {kInf, 1})},
                   convolution({1}, {1}, {0}, {1}, "NWC", "WIO")),
               {1, 2, 1}, {kInf, kInf});
}

TEST(ConvTranspose, c1_to_c5) {
  auto of = [](const ValueType& x, const ValueType& filter, Integers padding, int64_t groups = 1, int64_t cut = 0) {
    Attributes attributes = convolution({2}, {1}, {cut}, {cut}, "NWC", "WIO", groups);
    attributes.set("output_padding", padding);
    return infer("conv_transpose", {x, filter}, std::move(attributes));
  };
  EXPECT_EQ(of(type(f32, {1, 4, 6}), type(f32, {3, 6, 5}), {1}, 2), "f32[1, 10, 10]");
  EXPECT_EQ(of(type(f32, {1, dim("w"), 6}), type(f32, {3, 6, 5}), {0}), "f32[1, 2*w+1, 5]");
  EXPECT_THAT(of(type(f32, {1, 4, 6}), type(f64, {3, 6, 5}), {0}), fails("O0108", "filter"));
  EXPECT_THAT(of(type(f32, {1, 4}), type(f32, {3, 6, 5}), {0}), fails("O0133", "layout"));
  EXPECT_THAT(of(type(f32, {1, 4, 6}), type(f32, {3, 6, 5}), {2}), fails("O0133", "output_padding"));
  EXPECT_THAT(of(type(f32, {1, 4, 6}), type(f32, {3, 6, 5}), {}), fails("O0133", "output_padding"));
  EXPECT_THAT(of(type(f32, {1, 4, 6}), type(f32, {3, 5, 5}), {0}), fails("O0138", "the length 6 of axis 1"));
  EXPECT_THAT(of(type(f32, {1, 4, 6}), type(f32, {3, 6, 5}), {0}, 4), fails("O0133", "groups"));
  EXPECT_THAT(of(type(f32, {1, 1, 6}), type(f32, {3, 6, 5}), {0}, 1, 2), fails("O0138", "not negative"));
}

TEST(ConvTranspose, reference) {
  Attributes attributes = convolution({2}, {1}, {0}, {0}, "NWC", "WIO");
  attributes.set("output_padding", Integers{1});
  expectValues(
      run("conv_transpose", {tensor(f32, {1, 2, 1}, {1, 2}), tensor(f32, {3, 1, 1}, {1, 10, 100})}, attributes),
      {1, 6, 1}, {1, 10, 102, 20, 200, 0});
  // torch.nn.functional.conv_transpose1d with groups=2: channels stay in their groups.
  attributes = convolution({1}, {1}, {0}, {0}, "NCW", "IOW", 2);
  attributes.set("output_padding", Integers{0});
  expectValues(run("conv_transpose", {tensor(f32, {1, 2, 2}, {1, 2, 3, 4}), tensor(f32, {2, 1, 2}, {1, 1, 10, 100})},
                   attributes),
               {1, 2, 3}, {1, 3, 2, 30, 340, 400});
}

TEST(MaxPool, c1_to_c4) {
  auto of = [](const Shape& x, Attributes attributes) {
    return infer("max_pool", {type(f32, x)}, std::move(attributes));
  };
  EXPECT_EQ(of({2, 7, 3}, pool(line(3, 2, 1, 1, 1), "NWC")), "f32[2, 4, 3]");
  EXPECT_THAT(of({2, 7, 3}, pool(line(3), "NHWC")), fails("O0133", "layout"));
  EXPECT_THAT(of({2, 7, 3}, pool(windows({2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}), "NWC")), fails("O0133", "kernel"));
  EXPECT_THAT(of({2, 7, 3}, pool(line(3, 1, 1, 2, 0), "NWC")), fails("O0133", "half of the window"));
  EXPECT_THAT(of({2, 7, 3}, pool(line(3, 1, 1, 0, -1), "NWC")), fails("O0133", "high"));
  EXPECT_EQ(of({2, 6, 3}, pool(line(3, 2), "NWC")), "f32[2, 2, 3]");
  EXPECT_EQ(of({2, 6, 3}, pool(line(3, 2), "NWC", true)), "f32[2, 3, 3]");
  // The third window would begin in the padding.
  EXPECT_EQ(of({2, 3, 3}, pool(line(2, 2, 1, 1, 1), "NWC", true)), "f32[2, 2, 3]");
  EXPECT_EQ(of({2, dim("w"), 3}, pool(line(3, 1, 1, 1, 1), "NWC", true)), "f32[2, w, 3]");
  EXPECT_THAT(of({2, dim("w") + dim("w"), 3}, pool(line(2, 2), "NWC")), fails("O0134", "2*w"));
}

TEST(MaxPool, reference_and_indices) {
  auto results = runReference("max_pool", {tensor(f32, {1, 2, 4, 1}, {1, 5, 5, 0, -1, kNan, 2, 9})},
                              pool(windows({2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}), "NHWC"));
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[0], {1, 1, 3, 1}, {kNan, kNan, 9});
  expectValues((*results)[1], {1, 1, 3, 1}, {5, 5, 7});
  // The first of equal ones; padding never wins, also where nothing is larger.
  results = runReference("max_pool", {tensor(f32, {1, 1, 4}, {-kInf, -kInf, 3, 3})}, pool(line(3, 1, 1, 1, 1), "NCW"));
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[0], {1, 1, 4}, {-kInf, 3, 3, 3});
  expectValues((*results)[1], {1, 1, 4}, {0, 2, 2, 2});
  results = runReference("max_pool", {tensor(i32, {1, 1, 2}, {-7, -9})}, pool(line(2, 1, 1, 1, 1), "NCW"));
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[0], {1, 1, 3}, {-7, -7, -9});
  expectValues((*results)[1], {1, 1, 3}, {0, 0, 1});
}

TEST(AvgPool, c1_to_c3) {
  auto of = [](Attributes attributes) {
    return infer("avg_pool", {type(f32, {2, 7, 3})}, with(std::move(attributes), {{"count_padding", true}}));
  };
  EXPECT_EQ(of(pool(line(3, 2, 1, 1, 1), "NWC")), "f32[2, 4, 3]");
  EXPECT_THAT(of(pool(line(3), "WC")), fails("O0133", "layout"));
  EXPECT_THAT(of(pool(line(3, 1, 1, 2, 2), "NWC")), fails("O0133", "half of the window"));
  EXPECT_THAT(of(pool(line(9), "NWC")), fails("O0138", "fits into"));
}

TEST(AvgPool, reference) {
  auto of = [](Attributes attributes, bool countPadding) {
    return run("avg_pool", {tensor(f32, {1, 4, 1}, {2, 4, 6, 8})},
               with(pool(std::move(attributes), "NWC", true), {{"count_padding", countPadding}}));
  };
  expectValues(of(line(2, 2), true), {1, 2, 1}, {3, 7});
  expectValues(of(line(3, 1, 1, 1, 1), true), {1, 4, 1}, {2, 4, 6, 14.0f / 3});
  expectValues(of(line(3, 1, 1, 1, 1), false), {1, 4, 1}, {3, 4, 6, 7});
  // What ceil_mode adds beyond the padding never counts: torch.nn.AvgPool1d(3, 2, ceil_mode=True).
  expectValues(of(line(3, 2), true), {1, 2, 1}, {4, 7});
}

TEST(AdaptivePools, c1_to_c3) {
  for (const char* op : {"adaptive_avg_pool", "adaptive_max_pool"}) {
    auto of = [&](const Shape& x, Integers size, const std::string& layout) {
      return infer(op, {type(f32, x)}, {{"output_size", size}, {"layout", layout}});
    };
    EXPECT_EQ(of({dim("n"), 7, 3}, {2}, "NWC"), "f32[n, 2, 3]");
    EXPECT_THAT(of({2, 7, 3}, {2}, "NW"), fails("O0133", "layout"));
    EXPECT_THAT(of({2, 7, 3}, {2, 2}, "NWC"), fails("O0133", "output_size"));
    EXPECT_THAT(of({2, 7, 3}, {0}, "NWC"), fails("O0133", "output_size"));
    EXPECT_THAT(of({2, dim("w"), 3}, {2}, "NWC"), fails("O0138", "axis 1"));
    EXPECT_THAT(of({2, 0, 3}, {2}, "NWC"), fails("O0138", "axis 1"));
  }
}

TEST(AdaptivePools, reference) {
  const Attributes attributes = {{"output_size", Integers{3}}, {"layout", std::string("NCW")}};
  const Tensor x = tensor(f32, {1, 1, 5}, {1, 2, 3, 8, 5});
  // Windows [0, 2), [1, 4), [3, 5).
  expectValues(run("adaptive_avg_pool", {x}, attributes), {1, 1, 3}, {1.5, 13.0f / 3, 6.5});
  auto results = runReference("adaptive_max_pool", {x}, attributes);
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[0], {1, 1, 3}, {2, 8, 8});
  expectValues((*results)[1], {1, 1, 3}, {1, 3, 3});
  // More windows than elements.
  expectValues(run("adaptive_avg_pool", {tensor(f64, {1, 2, 1}, {1, 2})},
                   {{"output_size", Integers{4}}, {"layout", std::string("NWC")}}),
               {1, 4, 1}, {1, 1, 2, 2});
}

}  // namespace
}  // namespace kiln::ops
