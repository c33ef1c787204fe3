// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/tensor_codec.h"

#include <google/protobuf/text_format.h>

#include "proto/codec/test_util.h"

namespace kiln {
namespace {

wire::TensorProto fromText(const std::string& text) {
  wire::TensorProto proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &proto)) << text;
  return proto;
}

StatusOr<Tensor> decode(const std::string& text, int64_t budgetBytes = 1 << 20) {
  ExpansionBudget budget{budgetBytes};
  return tensorFromProto(fromText(text), budget);
}

template <class T>
void expectRoundTrip(const std::vector<T>& values) {
  ExpansionBudget budget;
  for (std::vector<int64_t> dims :
       {std::vector<int64_t>{static_cast<int64_t>(values.size())}, {1, static_cast<int64_t>(values.size()), 1}}) {
    Tensor tensor = Tensor::of<T>(dims, values);
    wire::TensorProto proto;
    tensorToProto(tensor, &proto);
    auto read = tensorFromProto(proto, budget);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(read->identicalTo(tensor)) << read->toString();
  }
}

TEST(TensorCodec, RoundTrips) {
  expectRoundTrip<float>({1.5f, -0.0f, INFINITY});
  expectRoundTrip<double>({0.1, -1e300});
  expectRoundTrip<Half>({Half(1.5f), -Half(0.0f), std::numeric_limits<Half>::denorm_min()});
  expectRoundTrip<BFloat16>({BFloat16(1e30f), std::numeric_limits<BFloat16>::infinity()});
  expectRoundTrip<int8_t>({-128, 127});
  expectRoundTrip<uint8_t>({255});
  expectRoundTrip<int16_t>({-32768});
  expectRoundTrip<int32_t>({INT32_MIN});
  expectRoundTrip<uint32_t>({UINT32_MAX});
  expectRoundTrip<uint16_t>({65535});
  expectRoundTrip<int64_t>({INT64_MIN, INT64_MAX});
  expectRoundTrip<uint64_t>({UINT64_MAX});
  expectRoundTrip<bool>({true, false});
  expectRoundTrip<float>({});
}

TEST(TensorCodec, ReadsListsOfValues) {
  EXPECT_TRUE(decode("dtype: DT_INT8 tensor_shape { dim { size: 3 } } int_val: [-1, 2, 3]")
                  ->identicalTo(Tensor::of<int8_t>({3}, {-1, 2, 3})));
  EXPECT_TRUE(decode("dtype: DT_BOOL tensor_shape { dim { size: 2 } } bool_val: [true, false]")
                  ->identicalTo(Tensor::of<bool>({2}, {true, false})));
  EXPECT_TRUE(decode("dtype: DT_DOUBLE double_val: 2.5")->identicalTo(Tensor::scalar(2.5)));
  EXPECT_TRUE(decode("dtype: DT_UINT32 uint32_val: 4294967295")->identicalTo(Tensor::scalar(uint32_t{4294967295})));
  EXPECT_TRUE(decode("dtype: DT_UINT64 uint64_val: 18446744073709551615")->identicalTo(Tensor::scalar(UINT64_MAX)));
  EXPECT_EQ(decode("dtype: DT_HALF half_val: 15872")->at(0), 1.5);
  EXPECT_EQ(decode("dtype: DT_BFLOAT16 half_val: 16320")->at(0), 1.5);
  Tensor complex = decode("dtype: DT_COMPLEX64 tensor_shape { dim { size: 2 } } scomplex_val: [1, 2]").value();
  EXPECT_EQ(std::vector<float>(complex.data<float>(), complex.data<float>() + 4), (std::vector<float>{1, 2, 1, 2}));
}

TEST(TensorCodec, ShortListRepeatsItsLastValue) {
  EXPECT_TRUE(decode("dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 2 } } float_val: [1, 7]")
                  ->identicalTo(Tensor::of<float>({2, 2}, {1, 7, 7, 7})));
  EXPECT_TRUE(decode("dtype: DT_FLOAT tensor_shape { dim { size: 2 } }")->identicalTo(Tensor::of<float>({2}, {0, 0})));
}

TEST(TensorCodec, BoolsAreZeroOrOne) {
  Tensor tensor = decode("dtype: DT_BOOL tensor_shape { dim { size: 3 } } tensor_content: '\\002\\000\\377'").value();
  EXPECT_TRUE(tensor.identicalTo(Tensor::of<bool>({3}, {true, false, true})));
}

TEST(TensorCodec, TypesWithoutTensors) {
  EXPECT_TRUE(failsWith(decode("dtype: DT_STRING string_val: 'a'"), "KILN-P0031", "string"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_RESOURCE"), "KILN-P0031", "20"));
  EXPECT_TRUE(failsWith(decode("int_val: 1"), "KILN-P0031"));
}

TEST(TensorCodec, ShapesMustBeFixedAndCountable) {
  EXPECT_TRUE(failsWith(decode("dtype: DT_FLOAT tensor_shape { unknown_rank: true }"), "KILN-P0032", "rank"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_FLOAT tensor_shape { dim { size: -1 name: 'n' } }"), "KILN-P0032", "'n'"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_FLOAT tensor_shape { dim { size: 4611686018427387904 } dim { size: 8 } }"),
                        "KILN-P0022"));
  std::string deep;
  for (int i = 0; i < 100; ++i) {
    deep += "dim { size: 1 } ";
  }
  EXPECT_TRUE(failsWith(decode("dtype: DT_FLOAT tensor_shape { " + deep + "} float_val: 1"), "KILN-P0032", "100"));
}

TEST(TensorCodec, BytesMustFitShape) {
  EXPECT_TRUE(failsWith(decode("dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: 'abcd'"), "KILN-P0033",
                        "needs 8 bytes, and the file has 4"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: [1, 2]"), "KILN-P0033"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_COMPLEX64 scomplex_val: 1"), "KILN-P0033"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_FLOAT tensor_shape { dim { size: 70368744177664 } } tensor_content: 'abcd'"),
                        "KILN-P0033"));
}

TEST(TensorCodec, RepeatedValuesHaveABudget) {
  const char* text = "dtype: DT_FLOAT tensor_shape { dim { size: 1000 } } float_val: 1";
  EXPECT_TRUE(failsWith(decode(text, 100), "KILN-P0034", "3996 bytes, and at most 100"));
  ExpansionBudget budget{5000};
  EXPECT_TRUE(tensorFromProto(fromText(text), budget).ok());
  EXPECT_TRUE(failsWith(tensorFromProto(fromText(text), budget), "KILN-P0034"));
  EXPECT_TRUE(
      failsWith(decode("dtype: DT_FLOAT tensor_shape { dim { size: 70368744177664 } } float_val: 1"), "KILN-P0034"));
}

TEST(TensorCodec, ValuesOutOfRange) {
  EXPECT_TRUE(failsWith(decode("dtype: DT_INT8 int_val: 128"), "KILN-P0035", "value 128 is out of range for i8"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_UINT16 int_val: -1"), "KILN-P0035"));
  EXPECT_TRUE(failsWith(decode("dtype: DT_HALF half_val: 65536"), "KILN-P0035"));
}

TEST(TensorCodec, ShapesRoundTrip) {
  Shape shape{dim("batch"), 64, Dim(2) * dim("n") + 1};
  wire::TensorShapeProto proto;
  shapeToProto(shape, &proto);
  EXPECT_EQ(proto.dim(0).size(), -1);
  EXPECT_EQ(proto.dim(2).name(), "2*n+1");
  EXPECT_EQ(shapeFromProto(proto).value(), shape);
}

TEST(TensorCodec, DimensionsMustBeNumbersOrExpressions) {
  wire::TensorShapeProto proto;
  proto.add_dim()->set_size(-1);
  EXPECT_TRUE(failsWith(shapeFromProto(proto), "KILN-P0014"));
  proto.mutable_dim(0)->set_name("2*");
  EXPECT_TRUE(failsWith(shapeFromProto(proto), "KILN-P0021"));
  proto.mutable_dim(0)->set_size(-2);
  EXPECT_TRUE(failsWith(shapeFromProto(proto), "KILN-P0014", "-2"));
  proto.set_unknown_rank(true);
  EXPECT_TRUE(failsWith(shapeFromProto(proto), "KILN-P0032"));
}

}  // namespace
}  // namespace kiln
