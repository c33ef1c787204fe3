// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/safetensors.h"

#include <cstring>

#include "proto/codec/test_util.h"

namespace kiln {
namespace {

std::string fileOf(const std::string& header, const std::string& data) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

StatusOr<std::vector<NamedTensor>> parse(const std::string& bytes) {
  return parseSafetensors({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "w.safetensors");
}

TEST(Safetensors, RoundTripsEveryType) {
  TemporaryFolder folder;
  std::vector<NamedTensor> tensors;
  for (DType dtype : {f64, i64, u64, f32, i32, u32, f16, bf16, i16, u16, i8, u8, boolean}) {
    Tensor tensor(dtype, {2, 3});
    for (int i = 0; i < 6; ++i) {
      tensor.set(i, i);
    }
    tensors.push_back({std::string(toString(dtype)), tensor});
  }
  tensors.push_back({"scalar \"\xc3\xa9\"", Tensor::scalar(int8_t{7})});
  tensors.push_back({"empty", Tensor(u8, {0, 5})});
  ASSERT_TRUE(writeSafetensors(folder / "w", tensors, {{"format", "kiln"}, {"a", "b"}}).ok());
  auto read = readSafetensors(folder / "w");
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ((*read)[i].name, tensors[i].name);
    EXPECT_TRUE((*read)[i].tensor.identicalTo(tensors[i].tensor)) << tensors[i].name;
  }
  auto file = SafetensorsFile::open(folder / "w");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->metadata().at("format"), "kiln");
  EXPECT_EQ(file->entries()[0].begin % 64, 0);
}

TEST(Safetensors, AlignsByStoringWideTypesFirst) {
  TemporaryFolder folder;
  std::vector<NamedTensor> tensors = {{"byte", Tensor::scalar(uint8_t{1})}, {"wide", Tensor::scalar(2.0)}};
  ASSERT_TRUE(writeSafetensors(folder / "w", tensors).ok());
  auto read = readSafetensors(folder / "w").value();
  EXPECT_EQ(read[0].name, "wide");
  EXPECT_TRUE(read[1].tensor.identicalTo(tensors[0].tensor));
}

// As the safetensors library of Python writes {"x": array([1, 2], float32)}.
TEST(Safetensors, ReadsForeignBytes) {
  auto read =
      parse(fileOf(R"({"__metadata__":{"format":"np"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}    )",
                   std::string("\x00\x00\x80?\x00\x00\x00@", 8)));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE((*read)[0].tensor.identicalTo(Tensor::of<float>({2}, {1, 2})));
}

TEST(Safetensors, ReadsOneTensorByName) {
  TemporaryFolder folder;
  ASSERT_TRUE(
      writeSafetensors(folder / "w", {{"hidden/w", Tensor::scalar(1.0f)}, {"hidden/b", Tensor::scalar(2.0f)}}).ok());
  auto file = SafetensorsFile::open(folder / "w");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->read(**file->find("hidden/b"))->at(0), 2);
  EXPECT_TRUE(failsWith(file->find("hiden/w"), "KILN-P0047", "did you mean 'hidden/w'"));
}

TEST(Safetensors, MissingFile) {
  EXPECT_TRUE(failsWith(readSafetensors("none.safetensors"), "KILN-P0001", "none.safetensors"));
}

TEST(Safetensors, HeaderMustBeWhole) {
  EXPECT_TRUE(failsWith(parse("abc"), "KILN-P0041", "3 bytes"));
  EXPECT_TRUE(
      failsWith(parse(std::string(8, '\xff')), "KILN-P0041", "claims 18446744073709551615 bytes, and 0 follow"));
  EXPECT_TRUE(failsWith(parse(fileOf("{}", "").substr(0, 9)), "KILN-P0041"));
  EXPECT_TRUE(failsWith(parse(fileOf("{} trailing", "")), "KILN-P0041", "no JSON"));
  EXPECT_TRUE(failsWith(parse(fileOf("[1]", "")), "KILN-P0041", "array"));
  EXPECT_TRUE(failsWith(parse(fileOf("", "")), "KILN-P0041"));
  EXPECT_TRUE(failsWith(parse(fileOf("{\"a\xff\": 1}", "")), "KILN-P0041", "UTF-8"));
  EXPECT_TRUE(failsWith(parse(fileOf(std::string(100000, '['), "")), "KILN-P0041"));
  EXPECT_TRUE(parse(fileOf("{}", "")).ok());
}

TEST(Safetensors, HeaderFieldsAreWhatTheFormatHas) {
  EXPECT_TRUE(failsWith(parse(fileOf(R"({"a":{"dtype":"U8","shape":[1]}})", "x")), "KILN-P0041",
                        "no 'data_offsets' in tensor 'a'"));
  EXPECT_TRUE(failsWith(parse(fileOf(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", "x")), "KILN-P0041",
                        "negative"));
  EXPECT_TRUE(
      failsWith(parse(fileOf(R"({"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}})", "x")), "KILN-P0041"));
  EXPECT_TRUE(
      failsWith(parse(fileOf(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", "x")), "KILN-P0041"));
  EXPECT_TRUE(failsWith(parse(fileOf(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", "x")),
                        "KILN-P0041", "'dtype' twice"));
  EXPECT_TRUE(
      failsWith(parse(fileOf(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}})", "x")), "KILN-P0041"));
}

TEST(Safetensors, NamesAreUnique) {
  EXPECT_TRUE(failsWith(
      parse(fileOf(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
          "xy")),
      "KILN-P0042", "'a' occurs twice"));
}

TEST(Safetensors, TypesAreKnown) {
  EXPECT_TRUE(failsWith(parse(fileOf(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", "x")),
                        "KILN-P0043", "'a' has the type 'F8_E4M3'"));
}

TEST(Safetensors, OffsetsFillTheData) {
  auto one = [](const char* offsets) {
    return parse(fileOf(std::string(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)") + offsets + "}}", "xy"));
  };
  EXPECT_TRUE(one("[0,2]").ok());
  EXPECT_TRUE(failsWith(one("[0,3]"), "KILN-P0044", "reach beyond the 2 bytes"));
  EXPECT_TRUE(failsWith(one("[2,0]"), "KILN-P0044", "reversed"));
  EXPECT_TRUE(failsWith(one("[1,2]"), "KILN-P0044", "gap"));
  EXPECT_TRUE(failsWith(one("[4611686018427387904,4611686018427387904]"), "KILN-P0044"));
  EXPECT_TRUE(failsWith(
      parse(fileOf(
          R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
          "xyz")),
      "KILN-P0044", "'b': data_offsets [1, 3] overlap"));
  EXPECT_TRUE(failsWith(parse(fileOf(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "xy")), "KILN-P0041",
                        "ends at byte 1 of 2"));
}

TEST(Safetensors, BytesFitTypeAndShape) {
  EXPECT_TRUE(failsWith(parse(fileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "abcd")),
                        "KILN-P0045", "'a' is f32[2] and needs 8 bytes, but its data_offsets hold 4"));
  EXPECT_TRUE(
      failsWith(parse(fileOf(R"({"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,4]}})", "abcd")),
                "KILN-P0022"));
}

TEST(Safetensors, RefusesToStoreWhatTheFormatLacks) {
  TemporaryFolder folder;
  EXPECT_TRUE(
      failsWith(writeSafetensors(folder / "w", {{"a", Tensor(DType::kC64, {1})}}), "KILN-P0046", "'a' of type c64"));
  EXPECT_TRUE(failsWith(writeSafetensors(folder / "w", {{"a", Tensor(u8, {1})}, {"a", Tensor(u8, {1})}}), "KILN-P0046",
                        "taken"));
  EXPECT_TRUE(failsWith(writeSafetensors(folder / "w", {{"__metadata__", Tensor(u8, {1})}}), "KILN-P0046"));
  EXPECT_EQ(folder.numFiles(), 0u);
}

}  // namespace
}  // namespace kiln
