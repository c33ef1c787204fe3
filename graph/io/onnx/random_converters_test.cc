// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <set>

#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx::testing {
namespace {

// The single result of a node.
Tensor resultOf(const TestNode& node, const std::vector<Tensor>& inputs) {
  auto found = node.run(inputs);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() && !found->empty() ? found->at(0) : Tensor();
}

double meanOf(const Tensor& tensor) {
  double sum = 0;
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    sum += tensor.at(i);
  }
  return sum / static_cast<double>(tensor.numElements());
}

Tensor filled(std::vector<int64_t> dims, float value) {
  Tensor tensor(f32, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, value);
  }
  return tensor;
}

TEST(OnnxRandom, shapes_and_types_are_attributes) {
  const Tensor x = resultOf({"RandomNormal", integersAttribute("shape", {1000, 4}) + numberAttribute("mean", 5) +
                                                 numberAttribute("scale", 0.5)},
                            {});
  EXPECT_EQ(x.dims(), (std::vector<int64_t>{1000, 4}));
  EXPECT_EQ(x.dtype(), f32);
  EXPECT_NEAR(meanOf(x), 5, 0.1);
  const Tensor u =
      resultOf({"RandomUniform", integersAttribute("shape", {4000}) + numberAttribute("low", 2) +
                                     numberAttribute("high", 3) + integerAttribute("dtype", TensorProto::DOUBLE)},
               {});
  EXPECT_EQ(u.dtype(), f64);
  EXPECT_NEAR(meanOf(u), 2.5, 0.05);
  EXPECT_GE(u.at(0), 2);
  EXPECT_LT(u.at(0), 3);
}

TEST(OnnxRandom, two_nodes_draw_differently) {
  ModelProto model = nodeModel("op_type: 'RandomUniformLike' input: 'a' output: 'y'", {filled({64}, 0)});
  ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString(
      "graph { node { op_type: 'RandomUniformLike' input: 'a' output: 'z' } output { name: 'z' } }", &model));
  auto found = runModel(model, {filled({64}, 0)});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_FALSE(found->at(0).identicalTo(found->at(1)));
}

TEST(OnnxRandom, bad_attributes_are_refused) {
  EXPECT_TRUE(failsWith(TestNode{"RandomNormal"}.run({}), "KILN-G0502", "'shape'"));
  EXPECT_TRUE(failsWith(
      TestNode{"RandomNormal", integersAttribute("shape", {1}) + integerAttribute("dtype", TensorProto::INT32)}.run({}),
      "KILN-G0502", "wanted floats"));
  EXPECT_TRUE(
      failsWith(TestNode{"RandomUniformLike", integerAttribute("dtype", TensorProto::FLOAT8E5M2)}.run({filled({1}, 0)}),
                "KILN-G0501", "float8e5m2"));
}

TEST(OnnxRandom, bernoulli_takes_probabilities) {
  EXPECT_TRUE(gives({"Bernoulli", integerAttribute("dtype", TensorProto::INT32)}, {floats({2}, {0, 1})},
                    in(i32, floats({2}, {0, 1}))));
  const Tensor drawn = resultOf({"Bernoulli"}, {filled({4000}, 0.25F)});
  EXPECT_EQ(drawn.dtype(), f32);
  EXPECT_NEAR(meanOf(drawn), 0.25, 0.05);
}

TEST(OnnxRandom, multinomial_takes_logarithms) {
  const Tensor drawn = resultOf({"Multinomial", integerAttribute("sample_size", 5)},
                                {floats({2, 3}, {-1000, 0, -1000, -1000, -1000, 0})});
  EXPECT_TRUE(holds(drawn, in(i32, floats({2, 5}, {1, 1, 1, 1, 1, 2, 2, 2, 2, 2}))));
  EXPECT_TRUE(failsWith(TestNode{"Multinomial"}.run({floats({3}, {1, 2, 3})}), "KILN-G0502", "float matrix"));
}

TEST(OnnxRandom, dropout_of_inference_is_the_identity) {
  const Tensor x = floats({2}, {1, 2});
  EXPECT_TRUE(gives({"Dropout"}, {x}, x));
  EXPECT_TRUE(gives({"Dropout"}, {x, floats({}, {0.5F}), bools({}, {false})}, {x, bools({2}, {true, true})}));
}

TEST(OnnxRandom, dropout_of_training_drops_and_scales) {
  const Tensor x = filled({4000}, 1);
  const TestNode node{"Dropout", "", 27, 2};
  auto found = node.run({x, floats({}, {0.75F}), bools({}, {true})});
  ASSERT_TRUE(found.ok()) << found.status();
  const Tensor &y = found->at(0), &mask = found->at(1);
  EXPECT_EQ(mask.dtype(), boolean);
  EXPECT_NEAR(meanOf(mask), 0.25, 0.05);
  for (int64_t i = 0; i < y.numElements(); ++i) {
    ASSERT_EQ(y.at(i), mask.at(i) != 0 ? 4 : 0);
  }
}

TEST(OnnxRandom, dropout_of_nothing_is_exact) {
  const Tensor x = floats({3}, {1.1F, -2.3F, 0});
  EXPECT_TRUE(gives({"Dropout"}, {x, floats({}, {0}), bools({}, {true})}, {x, bools({3}, {true, true, true})}, 0));
  EXPECT_TRUE(gives({"Dropout"}, {x, floats({}, {1}), bools({}, {true})}, floats({3}, {0, 0, 0})));
}

TEST(OnnxRandom, dropout_of_older_sets) {
  const Tensor x = filled({1000}, 1);
  EXPECT_TRUE(gives({"Dropout", numberAttribute("ratio", 0.9), 7}, {x}, {x, x}));
  EXPECT_TRUE(gives({"Dropout", numberAttribute("ratio", 0.9), 10}, {floats({1}, {2})},
                    {floats({1}, {2}), bools({1}, {true})}));
  EXPECT_TRUE(gives({"Dropout", integerAttribute("is_test", 1), 6}, {x}, x));
  EXPECT_NEAR(meanOf(resultOf({"Dropout", "", 6}, {x})), 1, 0.2);
  EXPECT_FALSE(holds(resultOf({"Dropout", "", 6}, {x}), x));
}

}  // namespace
}  // namespace kiln::onnx::testing
