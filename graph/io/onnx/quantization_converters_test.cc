// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx {
namespace {

using testing::integerAttribute;
using testing::integersAttribute;
using testing::runNode;

using Types = std::map<std::string, int>;

StatusOr<Tensor> run(const std::string& op, const std::vector<Tensor>& inputs, const Types& types = {},
                     const std::string& attributes = "", int64_t opset = 27) {
  std::string node = "op_type: '" + op + "' output: 'y'" + attributes;
  for (size_t i = 0; i < inputs.size(); ++i) {
    node += " input: '" + std::string(1, static_cast<char>('a' + i)) + "'";
  }
  auto results = runNode(node, inputs, opset, types);
  if (!results.ok()) {
    return results.status();
  }
  return (*results)[0];
}

void expectRun(const StatusOr<Tensor>& found, const Tensor& wanted) {
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->identicalTo(wanted)) << found->toString();
}

template <class T>
Tensor vectorOf(const std::vector<T>& values) {
  return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
}

TEST(QuantizeLinear, is_uint8_without_a_zero_point) {
  expectRun(run("QuantizeLinear", {vectorOf<float>({-1, 1, 3, 1000}), Tensor::scalar(2.0F)}),
            vectorOf<uint8_t>({0, 0, 2, 255}));
}

TEST(QuantizeLinear, has_the_type_of_the_zero_point_or_of_output_dtype) {
  const Tensor x = vectorOf<float>({-30, 3, 30}), scale = Tensor::scalar(1.0F);
  expectRun(run("QuantizeLinear", {x, scale, Tensor::scalar<int8_t>(1)}, {{"c", TensorProto::INT4}}),
            vectorOf<int8_t>({-8, 4, 7}));
  expectRun(run("QuantizeLinear", {x, scale}, {}, integerAttribute("output_dtype", TensorProto::INT2)),
            vectorOf<int8_t>({-2, 1, 1}));
  expectRun(run("QuantizeLinear", {x, scale, Tensor::scalar<uint8_t>(0)}, {{"c", TensorProto::FLOAT8E4M3FN}}),
            vectorOf<uint8_t>({0xDF, 0x44, 0x5F}));
  EXPECT_TRUE(failsWith(run("QuantizeLinear", {x, scale, Tensor::scalar<uint8_t>(0)}, {},
                            integerAttribute("output_dtype", TensorProto::INT8)),
                        "KILN-G0502", "output_dtype is int8, and the zero point is uint8"));
  EXPECT_TRUE(failsWith(run("QuantizeLinear", {x, scale}, {}, integerAttribute("output_dtype", TensorProto::FLOAT)),
                        "KILN-G0502", "the result would be float"));
}

TEST(QuantizeLinear, by_axis_and_by_blocks) {
  const Tensor x = Tensor::of<float>({2, 2}, {2, 4, 6, 8});
  expectRun(
      run("QuantizeLinear", {x, vectorOf<float>({1, 2}), vectorOf<uint8_t>({0, 10})}, {}, integerAttribute("axis", 0)),
      Tensor::of<uint8_t>({2, 2}, {2, 4, 13, 14}));
  expectRun(run("QuantizeLinear", {x, Tensor::of<float>({2, 1}, {1, 2})}, {},
                integerAttribute("axis", 1) + integerAttribute("block_size", 2)),
            Tensor::of<uint8_t>({2, 2}, {2, 4, 3, 4}));
  EXPECT_TRUE(
      failsWith(run("QuantizeLinear", {x, vectorOf<float>({1, 2, 3})}), "KILN-G0502", "scale has the shape [3]"));
  EXPECT_TRUE(failsWith(run("QuantizeLinear", {x, vectorOf<float>({1, 2})}, {}, integerAttribute("axis", 2)),
                        "KILN-G0502", "axis 2"));
}

TEST(QuantizeLinear, of_operator_set_10_has_one_scale) {
  expectRun(
      run("QuantizeLinear", {vectorOf<float>({4, 8}), Tensor::scalar(2.0F), Tensor::scalar<uint8_t>(1)}, {}, "", 10),
      vectorOf<uint8_t>({3, 5}));
}

TEST(DequantizeLinear, of_every_kind_of_type) {
  const Tensor scale = Tensor::scalar(2.0F);
  expectRun(run("DequantizeLinear", {vectorOf<uint8_t>({0, 128}), scale, Tensor::scalar<uint8_t>(128)}),
            vectorOf<float>({-256, 0}));
  expectRun(run("DequantizeLinear", {vectorOf<int16_t>({-300}), scale, Tensor::scalar<int16_t>(-1024)}),
            vectorOf<float>({1448}));
  expectRun(run("DequantizeLinear", {vectorOf<int32_t>({-7}), scale}), vectorOf<float>({-14}));
  expectRun(run("DequantizeLinear", {vectorOf<int8_t>({-8, 7}), scale, Tensor::scalar<int8_t>(1)},
                {{"a", TensorProto::INT4}, {"c", TensorProto::INT4}}),
            vectorOf<float>({-18, 12}));
  expectRun(run("DequantizeLinear", {vectorOf<uint8_t>({1, 15}), scale}, {{"a", TensorProto::FLOAT4E2M1}}),
            vectorOf<float>({1, -12}));
  expectRun(run("DequantizeLinear", {vectorOf<uint8_t>({0x38}), scale}, {{"a", TensorProto::FLOAT8E4M3FN}},
                integerAttribute("output_dtype", TensorProto::DOUBLE)),
            vectorOf<double>({2}));
}

TEST(DequantizeLinear, types_that_do_not_fit_are_named) {
  const Tensor scale = Tensor::scalar(2.0F);
  EXPECT_TRUE(failsWith(run("DequantizeLinear", {vectorOf<float>({1}), scale}), "KILN-G0502", "x is float"));
  EXPECT_TRUE(failsWith(run("DequantizeLinear", {vectorOf<uint8_t>({1}), scale, Tensor::scalar<int8_t>(0)}),
                        "KILN-G0502", "x is uint8, and the zero point is int8"));
}

TEST(DynamicQuantizeLinear, gives_codes_scale_and_zero_point) {
  const auto found = runNode("op_type: 'DynamicQuantizeLinear' input: 'a' output: 'y' output: 'z' output: 'w'",
                             {vectorOf<float>({0, 2, -3, -2.5F, 1.34F, 0.5F})});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE((*found)[0].identicalTo(vectorOf<uint8_t>({153, 255, 0, 26, 221, 179}))) << (*found)[0].toString();
  EXPECT_FLOAT_EQ(static_cast<float>((*found)[1].at(0)), 5.0F / 255);
  EXPECT_TRUE((*found)[2].identicalTo(Tensor::scalar<uint8_t>(153)));
}

TEST(MatMulInteger, subtracts_zero_points) {
  const Tensor a = Tensor::of<uint8_t>({1, 2}, {11, 7}), b = Tensor::of<uint8_t>({2, 1}, {1, 4});
  expectRun(run("MatMulInteger", {a, b, vectorOf<uint8_t>({12}), vectorOf<uint8_t>({0})}),
            Tensor::of<int32_t>({1, 1}, {-21}));
  expectRun(run("MatMulInteger", {a, b}), Tensor::of<int32_t>({1, 1}, {39}));
  EXPECT_TRUE(failsWith(run("MatMulInteger", {a, Tensor::of<float>({2, 1}, {1, 2})}), "KILN-G0502",
                        "input 1 is float, wanted int8 or uint8"));
}

TEST(QLinearMatMul, rounds_and_saturates) {
  const Tensor one = Tensor::scalar(1.0F), zero = Tensor::scalar<uint8_t>(0);
  expectRun(run("QLinearMatMul", {Tensor::of<uint8_t>({1, 1}, {5}), Tensor::scalar(0.5F), zero,
                                  Tensor::of<uint8_t>({1, 2}, {1, 200}), one, zero, one, Tensor::scalar<uint8_t>(3)}),
            Tensor::of<uint8_t>({1, 2}, {5, 255}));
  EXPECT_TRUE(failsWith(
      run("QLinearMatMul",
          {Tensor::of<uint8_t>({1, 1}, {5}), one, zero, Tensor::of<uint8_t>({1, 1}, {5}), one, zero, one, zero},
          {{"a", TensorProto::FLOAT8E5M2}}),
      "KILN-G0501", "operands of type float8e5m2"));
}

TEST(ConvInteger, pads_with_the_zero_point) {
  const Tensor x = Tensor::of<uint8_t>({1, 1, 3, 3}, {2, 3, 4, 5, 6, 7, 8, 9, 10}),
               w = Tensor::of<uint8_t>({1, 1, 2, 2}, {1, 1, 1, 1});
  expectRun(run("ConvInteger", {x, w, Tensor::scalar<uint8_t>(1)}),
            Tensor::of<int32_t>({1, 1, 2, 2}, {12, 16, 24, 28}));
  expectRun(run("ConvInteger", {x, w, Tensor::scalar<uint8_t>(1)}, {}, integersAttribute("pads", {1, 1, 1, 1})),
            Tensor::of<int32_t>({1, 1, 4, 4}, {1, 3, 5, 3, 5, 12, 16, 9, 11, 24, 28, 15, 7, 15, 17, 9}));
}

TEST(QLinearConv, has_scales_of_channels_and_a_bias) {
  const Tensor zero = Tensor::scalar<uint8_t>(0);
  expectRun(
      run("QLinearConv", {Tensor::of<uint8_t>({1, 1, 2}, {10, 20}), Tensor::scalar(0.5F), zero,
                          Tensor::of<uint8_t>({2, 1, 1}, {3, 5}), vectorOf<float>({1, 2}), vectorOf<uint8_t>({1, 2}),
                          Tensor::scalar(0.5F), Tensor::scalar<uint8_t>(7), vectorOf<int32_t>({4, -6})}),
      Tensor::of<uint8_t>({1, 2, 2}, {31, 51, 55, 115}));
}

}  // namespace
}  // namespace kiln::onnx
