// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/quantization.h"

#include <limits>

#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using nn::NarrowType;
using Values = std::vector<Value>;

// f of the tensors, interpreted.
Tensor run(const std::vector<Tensor>& inputs, const std::function<Value(const Values&)>& f) {
  GraphBuilder g("layer");
  Values values;
  std::vector<std::string> names;
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) {
    names.push_back("x" + std::to_string(names.size()));
    values.push_back(g.placeholder(names.back(), input.dtype(), Shape::of(input.dims())));
    views.push_back(input.view());
  }
  f(values).named("y");
  const StatusOr<Graph> graph = g.finish();
  if (!graph.ok()) {
    ADD_FAILURE() << graph.status();
    return Tensor();
  }
  VariableStore none;
  return Interpreter().evaluate(*graph, makeEntry(*graph, "test", names, {"y"}, {}).value(), views, none).value()[0];
}

template <class T>
Tensor vectorOf(const std::vector<T>& values) {
  return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
}

TEST(QuantizeLinear, rounds_halves_to_even_and_saturates) {
  const Tensor x = vectorOf<float>({0, 1, 3, 5, -1, 1000, -1000, std::numeric_limits<float>::quiet_NaN(), 1e30F});
  const Tensor found = run({x, Tensor::scalar(2.0F), Tensor::scalar<uint8_t>(10)},
                           [](const Values& v) { return nn::quantizeLinear(v[0], v[1], v[2]); });
  EXPECT_TRUE(found.identicalTo(vectorOf<uint8_t>({10, 10, 12, 12, 10, 255, 0, 10, 255}))) << found.toString();
}

TEST(QuantizeLinear, has_a_scale_for_each_row_of_an_axis) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor found = run({x, vectorOf<float>({1, 2, 3}), vectorOf<int8_t>({0, 1, 2})}, [](const Values& v) {
    return nn::quantizeLinear(v[0], v[1], v[2], {.type = i8, .granularity = {.axis = -1}});
  });
  EXPECT_TRUE(found.identicalTo(Tensor::of<int8_t>({2, 3}, {1, 2, 3, 4, 3, 4}))) << found.toString();
}

TEST(QuantizeLinear, has_a_scale_for_each_block_and_the_last_may_be_shorter) {
  const Tensor x = Tensor::of<float>({1, 5}, {1, 2, 6, 8, 30});
  const Tensor found = run({x, Tensor::of<float>({1, 3}, {1, 2, 10})}, [](const Values& v) {
    return nn::quantizeLinear(v[0], v[1], {}, {.type = NarrowType::kI4, .granularity = {.axis = 1, .blockSize = 2}});
  });
  EXPECT_TRUE(found.identicalTo(Tensor::of<int8_t>({1, 5}, {1, 2, 3, 4, 3}))) << found.toString();
}

TEST(QuantizeLinear, divides_in_the_precision_that_is_asked_for) {
  Tensor x(f16, {1}), scale(f16, {});
  x.set(0, 64064);
  scale.set(0, 3);
  const auto quantized = [&](DType precision) {
    return run({x, scale}, [&](const Values& v) {
      return nn::quantizeLinear(v[0], v[1], {}, {.type = u16, .precision = precision});
    });
  };
  EXPECT_EQ(quantized(DType::kInvalid).at(0), 21360);  // f16 has multiples of 16 there.
  EXPECT_EQ(quantized(f32).at(0), 21355);
}

TEST(QuantizeLinear, gives_codes_of_floats) {
  const Tensor found = run({vectorOf<float>({1, 3, 1e6F, -2}), Tensor::scalar(2.0F)}, [](const Values& v) {
    return nn::quantizeLinear(v[0], v[1], {}, {.type = NarrowType::kF8E4M3FN});
  });
  EXPECT_TRUE(found.identicalTo(vectorOf<uint8_t>({0x30, 0x3C, 0x7E, 0xB8}))) << found.toString();
}

TEST(DequantizeLinear, subtracts_the_zero_point_and_scales) {
  const Tensor found = run({vectorOf<uint8_t>({0, 128, 255}), Tensor::scalar(0.5F), Tensor::scalar<uint8_t>(128)},
                           [](const Values& v) { return nn::dequantizeLinear(v[0], v[1], v[2]); });
  EXPECT_TRUE(found.identicalTo(vectorOf<float>({-64, 0, 63.5F}))) << found.toString();
}

TEST(DequantizeLinear, takes_32_bits_without_a_zero_point) {
  const Tensor found = run({vectorOf<int32_t>({-100000, 7}), Tensor::scalar(0.25F)},
                           [](const Values& v) { return nn::dequantizeLinear(v[0], v[1], {}, {.type = i32}); });
  EXPECT_TRUE(found.identicalTo(vectorOf<float>({-25000, 1.75F}))) << found.toString();
}

TEST(DequantizeLinear, works_by_blocks_and_in_codes) {
  const Tensor x = Tensor::of<uint8_t>({2, 3}, {0x38, 0x40, 0x30, 0xB8, 0x7E, 0x01});
  const Tensor found = run({x, Tensor::of<float>({1, 3}, {1, 10, 100})}, [](const Values& v) {
    return nn::dequantizeLinear(v[0], v[1], {},
                                {.type = NarrowType::kF8E4M3FN, .granularity = {.axis = 0, .blockSize = 2}});
  });
  EXPECT_TRUE(found.identicalTo(Tensor::of<float>({2, 3}, {1, 20, 50, -1, 4480, 0.1953125F}))) << found.toString();
}

TEST(DynamicQuantizeLinear, covers_the_range_and_zero) {
  GraphBuilder g("dynamic");
  const nn::DynamicQuantizeResult result = nn::dynamicQuantizeLinear(g.placeholder("x", f32, {dim("n")}));
  result.codes.named("codes");
  result.scale.named("scale");
  result.zeroPoint.named("zero");
  const Graph graph = g.finish().value();
  VariableStore none;
  const Entry entry = makeEntry(graph, "test", {"x"}, {"codes", "scale", "zero"}, {}).value();
  const auto quantize = [&](const Tensor& x) { return Interpreter().evaluate(graph, entry, {x.view()}, none).value(); };
  std::vector<Tensor> found = quantize(vectorOf<float>({0, 2, -3, -2.5, 1.34F, 0.5}));
  EXPECT_TRUE(found[0].identicalTo(vectorOf<uint8_t>({153, 255, 0, 26, 221, 179}))) << found[0].toString();
  EXPECT_FLOAT_EQ(static_cast<float>(found[1].at(0)), 5.0F / 255);
  EXPECT_EQ(found[2].at(0), 153);
  found = quantize(vectorOf<float>({1, 4}));  // Zero is in the range too.
  EXPECT_EQ(found[2].at(0), 0);
  EXPECT_TRUE(found[0].identicalTo(vectorOf<uint8_t>({64, 255}))) << found[0].toString();
  found = quantize(vectorOf<float>({0, 0}));
  EXPECT_EQ(found[1].at(0), 1);
  EXPECT_TRUE(found[0].identicalTo(vectorOf<uint8_t>({0, 0})));
}

TEST(MatmulInteger, subtracts_zero_points_of_rows_and_columns) {
  const Tensor a = Tensor::of<uint8_t>({2, 2}, {1, 2, 3, 4}), b = Tensor::of<int8_t>({2, 2}, {1, -1, 2, -2});
  const Tensor found = run({a, b, vectorOf<uint8_t>({1, 3}), vectorOf<int8_t>({0, 1})},
                           [](const Values& v) { return nn::matmulInteger(v[0], v[1], v[2], v[3]); });
  // [[0, 1], [0, 1]] times [[1, -2], [2, -3]]
  EXPECT_TRUE(found.identicalTo(Tensor::of<int32_t>({2, 2}, {2, -3, 2, -3}))) << found.toString();
}

TEST(MatmulInteger, multiplies_vectors_and_batches) {
  const Tensor row = vectorOf<uint8_t>({200, 100}), column = vectorOf<uint8_t>({255, 1});
  const Tensor product = run({row, column}, [](const Values& v) { return nn::matmulInteger(v[0], v[1]); });
  EXPECT_TRUE(product.identicalTo(Tensor::scalar<int32_t>(51100))) << product.toString();
  const Tensor batch = Tensor::of<uint8_t>({2, 1, 2}, {1, 2, 3, 4});
  const Tensor products = run({batch, column}, [](const Values& v) { return nn::matmulInteger(v[0], v[1]); });
  EXPECT_TRUE(products.identicalTo(Tensor::of<int32_t>({2, 1}, {257, 769}))) << products.toString();
}

TEST(QuantizedMatmul, scales_rounds_and_saturates) {
  const Tensor a = Tensor::of<uint8_t>({1, 2}, {2, 4}), b = Tensor::of<uint8_t>({2, 3}, {1, 2, 100, 1, 3, 100});
  const Tensor found = run({a, b, Tensor::scalar(0.5F), Tensor::scalar<uint8_t>(3)}, [](const Values& v) {
    // Sums of 6, 16 and 600, times a half twice and divided by a half.
    return nn::quantizedMatmul({v[0], v[2], {}}, {v[1], v[2], {}}, v[2], v[3]);
  });
  EXPECT_TRUE(found.identicalTo(Tensor::of<uint8_t>({1, 3}, {6, 11, 255}))) << found.toString();
}

TEST(ConvInteger, pads_with_the_zero_point) {
  const Tensor x = Tensor::of<uint8_t>({1, 1, 3, 3}, {2, 3, 4, 5, 6, 7, 8, 9, 10}),
               w = Tensor::of<uint8_t>({1, 1, 2, 2}, {1, 1, 1, 1});
  const Tensor found = run({x, w, Tensor::scalar<uint8_t>(1)}, [](const Values& v) {
    ConvOptions options;
    options.padding = 1;
    options.layout = "NCHW";
    options.filterLayout = "OIHW";
    return nn::convInteger(v[0], v[1], options, v[2]);
  });
  EXPECT_TRUE(
      found.identicalTo(Tensor::of<int32_t>({1, 1, 4, 4}, {1, 3, 5, 3, 5, 12, 16, 9, 11, 24, 28, 15, 7, 15, 17, 9})))
      << found.toString();
}

TEST(QuantizedConv, has_scales_zero_points_and_biases_of_channels) {
  const Tensor x = Tensor::of<uint8_t>({1, 1, 2}, {10, 20}), w = Tensor::of<uint8_t>({2, 1, 1}, {3, 5});
  const Tensor found = run({x, w, Tensor::scalar(0.5F), vectorOf<float>({1, 2}), vectorOf<uint8_t>({1, 2}),
                            Tensor::scalar<uint8_t>(7), vectorOf<int32_t>({4, -6})},
                           [](const Values& v) {
                             ConvOptions options;
                             options.layout = "NCW";
                             options.filterLayout = "OIW";
                             return nn::quantizedConv({v[0], v[2], {}}, {v[1], v[3], v[4]}, v[2], v[5], v[6], options);
                           });
  // 10 * 2 + 4, 20 * 2 + 4 times 1; 10 * 3 - 6, 20 * 3 - 6 times 2; plus 7.
  EXPECT_TRUE(found.identicalTo(Tensor::of<uint8_t>({1, 2, 2}, {31, 51, 55, 115}))) << found.toString();
}

TEST(Quantization, g0512_operands_that_do_not_fit_are_named) {
  GraphBuilder g("refused");
  const Value x = g.placeholder("x", f32, {2, 3}), codes = g.placeholder("codes", u8, {2, 3});
  const Value scales = g.placeholder("scales", f32, {4}), zeros = g.placeholder("zeros", u8, {2});
  EXPECT_TRUE(nn::quantizeLinear(x, scales, {}).isPoisoned());
  EXPECT_TRUE(nn::quantizeLinear(x, g.scalar(1, f32), zeros).isPoisoned());
  EXPECT_TRUE(nn::quantizeLinear(x, g.scalar(1, f32), {}, {.type = i32}).isPoisoned());
  EXPECT_TRUE(nn::dequantizeLinear(x, g.scalar(1, f32), {}).isPoisoned());
  EXPECT_TRUE(nn::dequantizeLinear(codes, scales, {}, {.granularity = {.axis = 5}}).isPoisoned());
  EXPECT_TRUE(nn::dequantizeLinear(codes, scales, {}, {.granularity = {.axis = 1, .blockSize = 2}}).isPoisoned());
  EXPECT_TRUE(nn::dynamicQuantizeLinear(codes).codes.isPoisoned());
  EXPECT_TRUE(nn::matmulInteger(x, codes).isPoisoned());
  EXPECT_TRUE(nn::matmulInteger(codes, codes, g.placeholder("rows", u8, {5})).isPoisoned());
  const std::string errors(g.finish().status().message());
  for (const char* text :
       {"layer 'quantizeLinear': scale has the shape [4], wanted one for each row along axis 1 of [2, 3]",
        "the zero point has the shape [2], and scale []", "axis 5 is outside of a tensor of rank 2",
        "wanted [2, 2] for blocks of 2 along axis 1 of [2, 3]", "layer 'dynamicQuantizeLinear'",
        "layer 'matmulInteger': a is f32[2, 3]"}) {
    EXPECT_NE(errors.find(text), std::string::npos) << text << "\n" << errors;
  }
}

}  // namespace
}  // namespace kiln
