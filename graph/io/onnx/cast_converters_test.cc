// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <limits>

#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx {
namespace {

using testing::integerAttribute;
using testing::runNode;
using testing::textAttribute;

// a, whose elements are `from`, cast to `to`.
StatusOr<Tensor> cast(const Tensor& a, int from, int to, const std::string& more = "", int64_t opset = 27) {
  const std::string node = "op_type: 'Cast' input: 'a' output: 'y'" + integerAttribute("to", to) + more;
  auto results = runNode(node, {a}, opset, {{"a", from}});
  if (!results.ok()) {
    return results.status();
  }
  return (*results)[0];
}

void expectCast(const Tensor& a, int from, int to, const Tensor& wanted, const std::string& more = "") {
  const StatusOr<Tensor> found = cast(a, from, to, more);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->identicalTo(wanted))
      << elementTypeName(from) << " to " << elementTypeName(to) << ": " << found->toString();
}

template <class T>
Tensor vectorOf(const std::vector<T>& values) {
  return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
}

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Cast, between_types_of_kernels) {
  expectCast(vectorOf<float>({1.75F, -1.75F}), TensorProto::FLOAT, TensorProto::INT64, vectorOf<int64_t>({1, -1}));
  expectCast(vectorOf<int16_t>({200, -1}), TensorProto::INT16, TensorProto::INT8, vectorOf<int8_t>({-56, -1}));
  expectCast(vectorOf<float>({0, -0.0F, 0.1F}), TensorProto::FLOAT, TensorProto::BOOL,
             vectorOf<bool>({false, false, true}));
  expectCast(vectorOf<bool>({false, true}), TensorProto::BOOL, TensorProto::DOUBLE, vectorOf<double>({0, 1}));
}

TEST(Cast, the_same_type_is_the_value_itself) {
  expectCast(vectorOf<float>({1, 2}), TensorProto::FLOAT, TensorProto::FLOAT, vectorOf<float>({1, 2}));
  expectCast(vectorOf<int8_t>({-8, 7}), TensorProto::INT4, TensorProto::INT4, vectorOf<int8_t>({-8, 7}));
}

TEST(Cast, integers_of_4_and_2_bits_wrap) {
  const Tensor x = vectorOf<float>({-9, -8, 7, 8, 15});
  expectCast(x, TensorProto::FLOAT, TensorProto::INT4, vectorOf<int8_t>({7, -8, 7, -8, -1}));
  expectCast(x, TensorProto::FLOAT, TensorProto::UINT4, vectorOf<uint8_t>({7, 8, 7, 8, 15}));
  expectCast(vectorOf<float>({-3, 2}), TensorProto::FLOAT, TensorProto::INT2, vectorOf<int8_t>({1, -2}));
  expectCast(vectorOf<int8_t>({-8, 7}), TensorProto::INT4, TensorProto::UINT8, vectorOf<uint8_t>({248, 7}));
  expectCast(vectorOf<int8_t>({-8, 7}), TensorProto::INT4, TensorProto::UINT2, vectorOf<uint8_t>({0, 3}));
}

TEST(Cast, floats_of_8_and_4_bits) {
  const Tensor x = vectorOf<float>({0.47892547F, 1e6F, -kInf});
  expectCast(x, TensorProto::FLOAT, TensorProto::FLOAT8E4M3FN, vectorOf<uint8_t>({0x2F, 0x7E, 0xFE}));
  expectCast(x, TensorProto::FLOAT, TensorProto::FLOAT8E5M2, vectorOf<uint8_t>({0x38, 0x7C, 0xFC}),
             integerAttribute("saturate", 0));
  expectCast(x, TensorProto::FLOAT, TensorProto::FLOAT4E2M1, vectorOf<uint8_t>({1, 7, 15}));
  expectCast(vectorOf<uint8_t>({0x2F, 0x7E}), TensorProto::FLOAT8E4M3FN, TensorProto::FLOAT,
             vectorOf<float>({0.46875F, 448}));
  expectCast(vectorOf<uint8_t>({0x7E}), TensorProto::FLOAT8E4M3FN, TensorProto::FLOAT8E5M2, vectorOf<uint8_t>({0x5F}));
  expectCast(vectorOf<uint8_t>({5}), TensorProto::FLOAT4E2M1, TensorProto::INT8, vectorOf<int8_t>({3}));
}

TEST(Cast, powers_of_two_are_rounded_as_the_mode_says) {
  const Tensor x = vectorOf<float>({0, 1.1F, 1.5F});
  expectCast(x, TensorProto::FLOAT, TensorProto::FLOAT8E8M0, vectorOf<uint8_t>({0, 128, 128}));
  expectCast(x, TensorProto::FLOAT, TensorProto::FLOAT8E8M0, vectorOf<uint8_t>({0, 127, 127}),
             textAttribute("round_mode", "down"));
  expectCast(x, TensorProto::FLOAT, TensorProto::FLOAT8E8M0, vectorOf<uint8_t>({0, 127, 128}),
             textAttribute("round_mode", "nearest"));
  EXPECT_TRUE(failsWith(cast(x, TensorProto::FLOAT, TensorProto::FLOAT8E8M0, textAttribute("round_mode", "odd")),
                        "KILN-G0502", "round_mode is 'odd'"));
}

TEST(Cast, empty_tensors_and_old_operator_sets) {
  expectCast(Tensor(f32, {0, 2}), TensorProto::FLOAT, TensorProto::FLOAT8E5M2, Tensor(u8, {0, 2}));
  const StatusOr<Tensor> found = cast(vectorOf<float>({2.5F}), TensorProto::FLOAT, TensorProto::INT32, "", 6);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->identicalTo(vectorOf<int32_t>({2})));
}

TEST(Cast, types_without_kernels_are_named) {
  const Tensor x = vectorOf<float>({1});
  EXPECT_TRUE(failsWith(cast(x, TensorProto::FLOAT, TensorProto::STRING), "KILN-G0501", "elements of type string"));
  EXPECT_TRUE(failsWith(cast(x, TensorProto::FLOAT, 99), "KILN-G0501", "type 99"));
  EXPECT_TRUE(failsWith(runNode("op_type: 'Cast' input: 'a' output: 'y'", {x}), "KILN-G0502", "'to' is missing"));
}

TEST(CastLike, takes_the_type_of_the_other_input) {
  const auto found = runNode("op_type: 'CastLike' input: 'a' input: 'b' output: 'y'" + integerAttribute("saturate", 0),
                             {vectorOf<float>({1, 1e9F}), Tensor(u8, {0})}, 27, {{"b", TensorProto::FLOAT8E4M3FNUZ}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE((*found)[0].identicalTo(vectorOf<uint8_t>({0x40, 0x80}))) << (*found)[0].toString();
}

StatusOr<Tensor> bitCast(const Tensor& a, int from, int to) {
  auto results =
      runNode("op_type: 'BitCast' input: 'a' output: 'y'" + integerAttribute("to", to), {a}, 27, {{"a", from}});
  if (!results.ok()) {
    return results.status();
  }
  return (*results)[0];
}

TEST(BitCast, keeps_the_bits_of_every_width) {
  const auto expectBits = [](const Tensor& a, int from, int to, const Tensor& wanted) {
    const StatusOr<Tensor> found = bitCast(a, from, to);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(found->identicalTo(wanted)) << elementTypeName(to) << " " << found->toString();
  };
  expectBits(vectorOf<float>({1, -2}), TensorProto::FLOAT, TensorProto::INT32,
             vectorOf<int32_t>({0x3F800000, -0x40000000}));
  expectBits(vectorOf<int64_t>({int64_t{1} << 62}), TensorProto::INT64, TensorProto::DOUBLE, vectorOf<double>({2}));
  expectBits(vectorOf<bool>({true, false}), TensorProto::BOOL, TensorProto::INT8, vectorOf<int8_t>({1, 0}));
  expectBits(vectorOf<int8_t>({1, 0}), TensorProto::INT8, TensorProto::BOOL, vectorOf<bool>({true, false}));
  expectBits(vectorOf<uint8_t>({0x80}), TensorProto::FLOAT8E5M2, TensorProto::INT8, vectorOf<int8_t>({-128}));
  expectBits(vectorOf<uint8_t>({0x80}), TensorProto::FLOAT8E5M2, TensorProto::UINT8, vectorOf<uint8_t>({0x80}));
  expectBits(vectorOf<int8_t>({-1, 5}), TensorProto::INT4, TensorProto::UINT4, vectorOf<uint8_t>({15, 5}));
  expectBits(vectorOf<uint8_t>({15, 5}), TensorProto::FLOAT4E2M1, TensorProto::INT4, vectorOf<int8_t>({-1, 5}));
  expectBits(vectorOf<int8_t>({-1, -8}), TensorProto::INT4, TensorProto::FLOAT4E2M1, vectorOf<uint8_t>({15, 8}));
  expectBits(vectorOf<uint8_t>({3, 1}), TensorProto::UINT2, TensorProto::INT2, vectorOf<int8_t>({-1, 1}));
}

TEST(BitCast, another_width_is_refused) {
  EXPECT_TRUE(failsWith(bitCast(vectorOf<float>({1}), TensorProto::FLOAT, TensorProto::INT64), "KILN-G0502",
                        "elements of float have another width than those of int64"));
  EXPECT_TRUE(
      failsWith(bitCast(vectorOf<int8_t>({1}), TensorProto::INT4, TensorProto::INT8), "KILN-G0502", "another width"));
}

}  // namespace
}  // namespace kiln::onnx
