// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/tensor_proto.h"

#include <google/protobuf/text_format.h>

#include "proto/codec/test_util.h"

namespace kiln::onnx {
namespace {

TensorProto protoOf(const std::string& text) {
  TensorProto proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("name: 't' " + text, &proto)) << text;
  return proto;
}

StatusOr<Tensor> read(const std::string& text) { return fromTensorProto(protoOf(text)); }

// The tensor of a message is the wanted one.
void expectTensor(const std::string& text, const Tensor& wanted) {
  const StatusOr<Tensor> found = read(text);
  ASSERT_TRUE(found.ok()) << text << ": " << found.status();
  EXPECT_TRUE(found->identicalTo(wanted)) << text << ": " << found->toString();
}

TEST(TensorProto, every_type_has_its_list) {
  expectTensor("data_type: 1 dims: 2 float_data: [1, -2.5]", Tensor::of<float>({2}, {1, -2.5F}));
  expectTensor("data_type: 2 dims: 2 int32_data: [0, 255]", Tensor::of<uint8_t>({2}, {0, 255}));
  expectTensor("data_type: 3 dims: 2 int32_data: [-128, 127]", Tensor::of<int8_t>({2}, {-128, 127}));
  expectTensor("data_type: 4 dims: 1 int32_data: 65535", Tensor::of<uint16_t>({1}, {65535}));
  expectTensor("data_type: 5 dims: 1 int32_data: -32768", Tensor::of<int16_t>({1}, {-32768}));
  expectTensor("data_type: 6 dims: [1, 2] int32_data: [-7, 8]", Tensor::of<int32_t>({1, 2}, {-7, 8}));
  expectTensor("data_type: 7 int64_data: -9", Tensor::scalar<int64_t>(-9));
  expectTensor("data_type: 9 dims: 3 int32_data: [0, 1, 2]", Tensor::of<bool>({3}, {false, true, true}));
  expectTensor("data_type: 10 dims: 2 int32_data: [15360, 49152]", [] {
    Tensor wanted(f16, {2});
    wanted.set(0, 1);
    wanted.set(1, -2);
    return wanted;
  }());
  expectTensor("data_type: 11 dims: 1 double_data: 0.1", Tensor::of<double>({1}, {0.1}));
  expectTensor("data_type: 12 dims: 1 uint64_data: 4294967295", Tensor::of<uint32_t>({1}, {4294967295U}));
  expectTensor("data_type: 13 dims: 1 uint64_data: 18446744073709551615", Tensor::of<uint64_t>({1}, {~uint64_t{0}}));
  expectTensor("data_type: 17 dims: 2 int32_data: [56, 255]", Tensor::of<uint8_t>({2}, {56, 255}));
}

TEST(TensorProto, raw_data_is_little_endian) {
  expectTensor("data_type: 6 dims: 2 raw_data: '\\001\\000\\000\\000\\377\\377\\377\\377'",
               Tensor::of<int32_t>({2}, {1, -1}));
  expectTensor("data_type: 9 dims: 2 raw_data: '\\000\\005'", Tensor::of<bool>({2}, {false, true}));
}

TEST(TensorProto, narrow_types_are_packed_from_the_low_bits) {
  expectTensor("data_type: 22 dims: 3 raw_data: '\\xF1\\x08'", Tensor::of<int8_t>({3}, {1, -1, -8}));
  expectTensor("data_type: 21 dims: [3, 1] int32_data: [241, 8]", Tensor::of<uint8_t>({3, 1}, {1, 15, 8}));
  expectTensor("data_type: 23 dims: 2 raw_data: '\\x9A'", Tensor::of<uint8_t>({2}, {10, 9}));
  expectTensor("data_type: 26 dims: 5 raw_data: '\\x1B\\x02'", Tensor::of<int8_t>({5}, {-1, -2, 1, 0, -2}));
  expectTensor("data_type: 25 dims: 5 int32_data: [27, 2]", Tensor::of<uint8_t>({5}, {3, 2, 1, 0, 2}));
}

TEST(TensorProto, tensors_without_elements_have_no_data) {
  expectTensor("data_type: 1 dims: [0, 3]", Tensor(f32, {0, 3}));
  expectTensor("data_type: 22 dims: 0 raw_data: ''", Tensor(i8, {0}));
}

TEST(TensorProto, what_is_written_is_read_again) {
  const std::pair<int, Tensor> rows[] = {
      {TensorProto::FLOAT, Tensor::of<float>({2, 1}, {1, 2})},
      {TensorProto::BOOL, Tensor::of<bool>({2}, {true, false})},
      {TensorProto::INT4, Tensor::of<int8_t>({3}, {-8, 7, -1})},
      {TensorProto::UINT2, Tensor::of<uint8_t>({5}, {3, 0, 1, 2, 3})},
      {TensorProto::INT2, Tensor::of<int8_t>({5}, {1, 0, -1, -2, 1})},
      {TensorProto::FLOAT4E2M1, Tensor::of<uint8_t>({3}, {15, 0, 7})},
      {TensorProto::FLOAT8E8M0, Tensor::of<uint8_t>({1}, {254})},
      {TensorProto::INT64, Tensor(i64, {4, 0})},
  };
  const TemporaryFolder folder;
  for (const auto& [type, tensor] : rows) {
    const std::string path = folder / "tensor.pb";
    ASSERT_TRUE(writeTensorFile(path, tensor, type, "name").ok());
    const StatusOr<Tensor> found = readTensorFile(path, type);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(found->identicalTo(tensor)) << elementTypeName(type) << " " << found->toString();
  }
}

TEST(TensorProto, p0063_dims_that_cannot_be_are_refused_before_anything_is_allocated) {
  EXPECT_TRUE(failsWith(read("data_type: 1 dims: -1"), "KILN-P0063", "tensor 't': it has a dimension of -1"));
  EXPECT_TRUE(failsWith(read("data_type: 1 dims: [4294967296, 4294967296]"), "KILN-P0063",
                        "more elements than can be counted"));
  EXPECT_TRUE(
      failsWith(read("data_type: 1 dims: [1099511627776]"), "KILN-P0063", "takes 4398046511104 bytes, and it has 0"));
  EXPECT_TRUE(failsWith(read("data_type: 7 dims: [1099511627776] int64_data: 1"), "KILN-P0063",
                        "takes 1099511627776 values, and it has 1"));
  std::string many = "data_type: 1";
  for (int i = 0; i < 65; ++i) {
    many += " dims: 1";
  }
  EXPECT_TRUE(failsWith(read(many + " float_data: 1"), "KILN-P0063", "65 dimensions"));
}

TEST(TensorProto, p0063_data_must_fit_the_type_and_be_in_one_place) {
  EXPECT_TRUE(failsWith(read("data_type: 1 dims: 2 raw_data: '1234567'"), "KILN-P0063",
                        "float[2] takes 8 bytes, and it has 7"));
  EXPECT_TRUE(failsWith(read("data_type: 22 dims: 3 raw_data: '1'"), "KILN-P0063", "takes 2 bytes, and it has 1"));
  EXPECT_TRUE(failsWith(read("data_type: 1 dims: 1 float_data: 1 raw_data: '1234'"), "KILN-P0063",
                        "in two places, raw_data and float_data"));
  EXPECT_TRUE(failsWith(read("data_type: 1 dims: 1 double_data: 1"), "KILN-P0063",
                        "float has its data in float_data, and it is in double_data"));
  EXPECT_TRUE(failsWith(read("data_type: 1 dims: 0 float_data: 1"), "KILN-P0063", "takes 0 values, and it has 1"));
  EXPECT_TRUE(
      failsWith(read("data_type: 3 dims: 1 int32_data: 128"), "KILN-P0063", "value 128 is out of range for int8"));
  EXPECT_TRUE(
      failsWith(read("data_type: 12 dims: 1 uint64_data: 4294967296"), "KILN-P0063", "out of range for uint32"));
  EXPECT_TRUE(failsWith(read("data_type: 10 dims: 1 int32_data: 65536"), "KILN-P0063", "no code of float16"));
  EXPECT_TRUE(failsWith(read("data_type: 22 dims: 1 int32_data: 256"), "KILN-P0063", "no code of int4"));
  EXPECT_TRUE(
      failsWith(read("data_type: 1 dims: 1 float_data: 1 segment { begin: 0 end: 1 }"), "KILN-P0063", "segment"));
  EXPECT_TRUE(failsWith(read("data_type: 1 dims: 1 data_location: EXTERNAL"), "KILN-P0063", "lies elsewhere"));
}

TEST(TensorProto, p0064_strings_and_complex_numbers_are_refused_by_name) {
  EXPECT_TRUE(failsWith(read("data_type: 8 string_data: 'a'"), "KILN-P0064", "tensor 't' has elements of type string"));
  EXPECT_TRUE(failsWith(read("data_type: 14 float_data: [1, 2]"), "KILN-P0064", "complex64"));
  EXPECT_TRUE(failsWith(read("data_type: 99"), "KILN-P0064", "type 99"));
  EXPECT_TRUE(failsWith(read("dims: 1 float_data: 1"), "KILN-P0064", "undefined"));
}

TEST(TensorProto, names_of_types_are_those_of_the_format) {
  for (int type = TensorProto::FLOAT; type <= TensorProto::INT2; ++type) {
    EXPECT_EQ(parseElementType(elementTypeName(type)), type);
  }
  EXPECT_EQ(parseElementType("float32"), TensorProto::FLOAT);
  EXPECT_EQ(parseElementType("int5"), 0);
  EXPECT_EQ(elementTypeOf(bf16), TensorProto::BFLOAT16);
  EXPECT_EQ(elementTypeOf(u8), TensorProto::UINT8);
  EXPECT_EQ(elementTypeOf(DType::kInvalid), 0);
  EXPECT_TRUE(isStored(TensorProto::INT4) && isNarrowInteger(TensorProto::INT4) && !isFloat8(TensorProto::INT4));
  EXPECT_TRUE(isStored(TensorProto::FLOAT8E8M0) && isFloat8(TensorProto::FLOAT8E8M0));
  EXPECT_TRUE(!isStored(TensorProto::UINT8) && !isStored(TensorProto::STRING) && !isStored(-1) && !isStored(77));
}

TEST(TensorFile, p0066_another_type_than_wanted_is_named) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.pb";
  ASSERT_TRUE(writeTensorFile(path, Tensor::of<int8_t>({1}, {1}), TensorProto::INT8, "x").ok());
  EXPECT_TRUE(
      failsWith(readTensorFile(path, TensorProto::FLOAT), "KILN-P0066", "holds elements of type int8, wanted float"));
  EXPECT_TRUE(readTensorFile(path).ok());
}

TEST(TensorFile, files_that_are_no_tensors_are_refused) {
  const TemporaryFolder folder;
  EXPECT_TRUE(failsWith(readTensorFile(folder / "missing.pb"), "KILN-P0001"));
  EXPECT_TRUE(failsWith(readTensorFile(folder.write("text.pb", "no tensor")), "KILN-P0006", "not an ONNX tensor"));
  EXPECT_TRUE(
      failsWith(readTensorFile(folder.write("cut.pb", std::string("\x4A\x7F\x01", 3))), "KILN-P0005", "raw_data"));
  // Its data would be anywhere in memory, if the fields that the reader of models sets were believed.
  TensorProto proto = protoOf("data_type: 1 dims: 4");
  proto.set_mapped_offset(64);
  proto.set_mapped_length(16);
  EXPECT_TRUE(
      failsWith(readTensorFile(folder.write("mapped.pb", proto.SerializeAsString())), "KILN-P0063", "and it has 0"));
}

}  // namespace
}  // namespace kiln::onnx
