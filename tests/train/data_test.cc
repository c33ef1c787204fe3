// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Data files: what is read from them, and KILN-T0032 with the file, the row, what was found and what was wanted.
#include <zlib.h>

#include "proto/codec/npy.h"
#include "tests/train/train_testing.h"

namespace kiln::train {
namespace {

using testing::expectError;
using testing::Folder;
using testing::parsed;

class TrainData : public ::testing::Test {
 protected:
  StatusOr<Dataset> read(const std::string& data, bool hasClasses = true) {
    return readDataset(parsed("data {\n" + data + "\n}", folder_ / "net.textproto"), {f32, hasClasses});
  }
  void expectFailure(const std::string& data, const std::string& id, const std::vector<std::string>& texts,
                     bool hasClasses = true) {
    expectError(read(data, hasClasses).status(), id, texts);
  }
  // An IDX file of these bytes.
  static std::string idx(const std::vector<uint8_t>& dims, const std::string& bytes) {
    std::string file = {0, 0, 8, static_cast<char>(dims.size())};
    for (uint8_t length : dims) {
      file += std::string(3, '\0') + static_cast<char>(length);
    }
    return file + bytes;
  }
  Folder folder_;
};

TEST_F(TrainData, csv_with_scaled_columns_and_the_last_rows_held_back) {
  folder_.write("a.csv", "1,2,0\n3,4,1\n\n5,6,2\n");
  const auto data = read("csv { path: 'a.csv' features { last: 1 scale: 0.5 offset: 1 } } test { last_rows: 1 }");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.features.toString(), "f32[2, 2] [[1.5, 2], [2.5, 3]]");
  EXPECT_EQ(data->train.labels.toString(), "i32[2] [0, 1]");
  EXPECT_EQ(data->test.features.toString(), "f32[1, 2] [[3.5, 4]]");
  EXPECT_EQ(data->numClasses, 3);
}

TEST_F(TrainData, csv_by_names_with_numbers_as_labels) {
  folder_.write("a.csv", "\"a\";b;c\r\n 1 ; 2; 3\r\n4;5;6e1\r\n");
  const auto data =
      read("csv { path: 'a.csv' header: true separator: ';' features { name: 'b' } labels { name: 'c' } }", false);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.features.toString(), "f32[2, 1] [[2], [5]]");
  EXPECT_EQ(data->train.labels.toString(), "f32[2] [3, 60]");
  EXPECT_EQ(data->numClasses, 0);
}

TEST_F(TrainData, compressed_csv_equals_the_plain_one) {
  const std::string text = "1,2,0\n3,4,1\n";
  gzFile file = gzopen((folder_ / "a.csv.gz").c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  folder_.write("a.csv", text);
  const auto packed = read("csv { path: 'a.csv.gz' }"), plain = read("csv { path: 'a.csv' }");
  ASSERT_TRUE(packed.ok() && plain.ok()) << packed.status() << plain.status();
  EXPECT_TRUE(packed->train.features.identicalTo(plain->train.features));
}

TEST_F(TrainData, t0032_compressed_file_that_is_cut_off) {
  std::string noise;
  for (int i = 0; i < 50000; ++i) {
    noise += std::to_string(i * 7919 % 10007) + ",1\n";
  }
  gzFile file = gzopen((folder_ / "a.csv.gz").c_str(), "wb");
  gzwrite(file, noise.data(), static_cast<unsigned>(noise.size()));
  gzclose(file);
  std::filesystem::resize_file(folder_ / "a.csv.gz", std::filesystem::file_size(folder_ / "a.csv.gz") / 2);
  expectFailure("csv { path: 'a.csv.gz' }", "T0032", {"a.csv.gz", "damaged"});
}

TEST_F(TrainData, test_rows_by_fraction_and_from_a_second_file) {
  folder_.write("a.csv", "1,0\n2,1\n3,0\n4,1\n");
  folder_.write("b.csv", "9,1\n");
  const auto fraction = read("csv { path: 'a.csv' } test { fraction: 0.25 }");
  ASSERT_TRUE(fraction.ok()) << fraction.status();
  EXPECT_EQ(fraction->train.numRows(), 3);
  EXPECT_EQ(fraction->test.features.toString(), "f32[1, 1] [[4]]");
  const auto second = read("csv { path: 'a.csv' } test { path: 'b.csv' }");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->train.numRows(), 4);
  EXPECT_EQ(second->test.features.toString(), "f32[1, 1] [[9]]");
}

TEST_F(TrainData, t0032_csv_names_file_line_and_column) {
  folder_.write("a.csv", "1,2,0\n3,x,1\n");
  expectFailure("csv { path: 'a.csv' }", "T0032", {"a.csv", "line 2, column 1", "'x'", "wanted a number"});
  folder_.write("a.csv", "1,2,0\n3,1\n");
  expectFailure("csv { path: 'a.csv' }", "T0032", {"line 2 has 2 columns, and line 1 has 3"});
  folder_.write("a.csv", "1,2,0\n3,1,1.5\n");
  expectFailure("csv { path: 'a.csv' }", "T0032", {"row 2: the label is 1.5, wanted a class: a whole number from 0"});
  folder_.write("a.csv", "a,b,c\n3,1,1\n");
  expectFailure("csv { path: 'a.csv' }", "T0032", {"line 1", "csv.header"});
  folder_.write("a.csv", "\n\n");
  expectFailure("csv { path: 'a.csv' }", "T0032", {"has no rows"});
  folder_.write("a.csv", "a,b\n1,2,3\n");
  expectFailure("csv { path: 'a.csv' header: true }", "T0032", {"the header has 2 columns, and line 2 has 3"});
  folder_.write("a.csv", "1,0\n");
  expectFailure("csv { path: 'a.csv' } test { last_rows: 1 }", "T0032", {"has 1 rows", "none is left"});
  expectFailure("csv { path: 'none.csv' }", "P0001", {"none.csv"});
}

TEST_F(TrainData, t0031_csv_columns_that_are_not_there) {
  folder_.write("a.csv", "first,second,label\n1,2,0\n");
  expectFailure("csv { path: 'a.csv' header: true features { name: 'secnd' } }", "T0031",
                {"net.textproto:2", "no column 'secnd'", "nearest are 'second'"});
  expectFailure("csv { path: 'a.csv' header: true features { first: 1 last: 7 } }", "T0031",
                {"data.csv.features[0]", "columns 1 to 7", "has 3"});
  expectFailure("csv { path: 'a.csv' features { name: 'first' } }", "T0031", {"csv.header is not set"});
  expectFailure("csv { path: 'a.csv' header: true labels { first: 0 last: 1 } }", "T0031", {"a class has one"});
  expectFailure("csv { path: 'a.csv' header: true separator: '::' }", "T0031", {"one character"});
  expectFailure("csv { }", "T0031", {"data.csv.path", "is missing"});
  expectFailure("", "T0031", {"names no source"});
  expectFailure("csv { path: 'a.csv' header: true } test { last_rows: 1 fraction: 0.5 }", "T0031", {"wanted one of"});
  expectFailure("csv { path: 'a.csv' header: true } test { fraction: 1.5 }", "T0031", {"data.test.fraction"});
}

TEST_F(TrainData, arrays) {
  ASSERT_TRUE(writeNpy(folder_ / "x.npy", Tensor::of<uint8_t>({2, 2}, {0, 10, 20, 30})).ok());
  ASSERT_TRUE(writeNpy(folder_ / "y.npy", Tensor::of<int64_t>({2}, {1, 0})).ok());
  const auto data = read("arrays { features: 'x.npy' labels: 'y.npy' scale: 0.1 }");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.features.toString(), "f32[2, 2] [[0, 1], [2, 3]]");
  EXPECT_EQ(data->train.labels.toString(), "i32[2] [1, 0]");
  const auto numbers = read("arrays { features: 'x.npy' labels: 'x.npy' } integer_features: true", false);
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  EXPECT_EQ(numbers->train.features.dtype(), i32);
  EXPECT_EQ(numbers->train.labels.toString(), "f32[2, 2] [[0, 10], [20, 30]]");
}

TEST_F(TrainData, t0032_arrays_that_do_not_fit) {
  ASSERT_TRUE(writeNpy(folder_ / "x.npy", Tensor::of<float>({2, 2}, {0, 1, 2, 3})).ok());
  ASSERT_TRUE(writeNpy(folder_ / "y.npy", Tensor::of<int64_t>({3}, {1, 0, 1})).ok());
  ASSERT_TRUE(writeNpy(folder_ / "n.npy", Tensor::of<int64_t>({2}, {1, -1})).ok());
  expectFailure("arrays { features: 'x.npy' labels: 'y.npy' }", "T0032", {"y.npy", "for 3 rows", "x.npy' has 2 rows"});
  expectFailure("arrays { features: 'x.npy' labels: 'n.npy' }", "T0032", {"n.npy", "row 1", "-1"});
  expectFailure("arrays { features: 'x.npy' }", "T0031", {"data.arrays.labels"});
  expectFailure("arrays { features: 'x.npy' labels: 'n.npy' } test { path: 'x.npy' }", "T0031", {"no labels"});
}

TEST_F(TrainData, idx_files_of_mnist) {
  folder_.write("images", idx({2, 1, 2}, {0, 51, static_cast<char>(102), static_cast<char>(255)}));
  folder_.write("labels", idx({2}, {7, 1}));
  const auto data = read("idx { images: 'images' labels: 'labels' }");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.features.toString(), "f32[2, 1, 2] [[[0, 0.2]], [[0.4, 1]]]");
  EXPECT_EQ(data->train.labels.toString(), "i32[2] [7, 1]");
  EXPECT_EQ(data->numClasses, 8);
}

TEST_F(TrainData, t0032_idx_files_that_are_damaged) {
  folder_.write("labels", idx({2}, {7, 1}));
  folder_.write("images", idx({2, 1, 2}, {1, 2, 3}));
  expectFailure("idx { images: 'images' labels: 'labels' }", "T0032",
                {"images", "has 19 bytes, and its header says 20"});
  folder_.write("images", "PNG");
  expectFailure("idx { images: 'images' labels: 'labels' }", "T0032", {"is no IDX file"});
  folder_.write("images", std::string("\0\0\x0d\1", 4) + "aaaa");
  expectFailure("idx { images: 'images' labels: 'labels' }", "T0032", {"IDX type 13"});
  folder_.write("images", std::string("\0\0\x08\3", 4) + "aaaa");
  expectFailure("idx { images: 'images' labels: 'labels' }", "T0032", {"ends within the header"});
  folder_.write("images", std::string("\0\0\x08\3", 4) + std::string(12, '\xff'));
  expectFailure("idx { images: 'images' labels: 'labels' }", "T0032", {"images"});
}

TEST_F(TrainData, text_by_characters_in_utf8) {
  folder_.write("a.txt", "abäcab");
  const auto data = read("text { path: 'a.txt' sequence_length: 2 stride: 1 }");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->characters, (std::vector<std::string>{"a", "b", "c", "ä"}));
  EXPECT_EQ(data->train.features.toString(), "i32[4, 2] [[0, 1], [1, 3], [3, 2], [2, 0]]");
  EXPECT_EQ(data->train.labels.toString(), "i32[4, 2] [[1, 3], [3, 2], [2, 0], [0, 1]]");
  EXPECT_EQ(data->numClasses, 4);
}

TEST_F(TrainData, t0032_texts_that_cannot_be_read) {
  folder_.write("a.txt", "ab\xff");
  expectFailure("text { path: 'a.txt' sequence_length: 2 }", "T0032", {"a.txt", "byte 2", "UTF-8"});
  folder_.write("a.txt", "ab");
  expectFailure("text { path: 'a.txt' sequence_length: 2 }", "T0032", {"has 2 characters", "3"});
  folder_.write("a.txt", "abc");
  folder_.write("b.txt", "abz");
  expectFailure("text { path: 'a.txt' sequence_length: 2 } test { path: 'b.txt' }", "T0032",
                {"b.txt", "character 2, 'z'", "does not occur"});
  expectFailure("text { path: 'a.txt' sequence_length: 0 }", "T0031", {"sequence_length"});
  expectFailure("text { path: 'a.txt' sequence_length: 2 }", "T0031", {"labels of a text are characters"}, false);
}

}  // namespace
}  // namespace kiln::train
