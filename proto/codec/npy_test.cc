// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/npy.h"

#include "proto/codec/file.h"
#include "proto/codec/test_util.h"

namespace kiln {
namespace {

StatusOr<Tensor> parse(const std::string& bytes) {
  return parseNpy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "a.npy");
}

std::string npyOf(const std::string& header, const std::string& data,
                  const std::string& version = std::string("\x01\x00", 2)) {
  auto length = static_cast<uint32_t>(header.size());
  return "\x93NUMPY" + version + std::string(reinterpret_cast<const char*>(&length), version[0] == 1 ? 2 : 4) + header +
         data;
}

// What NumPy 1.24 writes for arange(6, float32).reshape(2, 3).
const std::string kFloats(
    "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }                                 "
    "   "
    "                      \x0a\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@\x00\x00\xa0@",
    152);
// asfortranarray(arange(6, int16).reshape(2, 3)).
const std::string kFortran(
    "\x93NUMPY\x01\x00v\x00{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }                                  "
    "   "
    "                      \x0a\x00\x00\x03\x00\x01\x00\x04\x00\x02\x00\x05\x00",
    140);
// savez_compressed(x=array([1, 2], int32), w=array([True, False])).
const std::string kArchive(
    "PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00!\x00\x0b\xf9\xaa-K\x00\x00\x00\x88\x00\x00\x00\x05\x00\x14\x00x.npy\x01"
    "\x00\x10\x00\x88\x00\x00\x00\x00\x00\x00\x00K\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8P\xc6P"
    "\xad"
    "\x9e\x92Z\x9c\x5c\xa4n\xa5\xa0n\x93i\xa2\xae\xa3\xa0\x9e\x96_TR\x94\x98\x17\x9f_\x94\x92\x0a\x12wK\xcc)N\x05\x8a"
    "\x17g$\x16\xa4\x02\xf9\x1a"
    "F:\x9a:\x0a\xb5\x0a\x14\x00.F\x06\x06\x06& "
    "\x06\x00PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00!\x00\xee\x19\xbb]"
    "F\x00\x00\x00\x82\x00\x00\x00\x05\x00\x14\x00w."
    "npy\x01\x00\x10\x00\x82\x00\x00\x00\x00\x00\x00\x00"
    "F\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8P\xc6P\xad\x9e\x92Z\x9c\x5c\xa4n\xa5\xa0^\x93"
    "d\xa8\xae\xa3\xa0\x9e\x96_TR\x94\x98\x17\x9f_\x94\x92\x0a\x12wK\xcc)N\x05\x8a\x17g$\x16\xa4\x02\xf9\x1a"
    "F:\x9a:\x0a\xb5\x0a\x14\x00.F\x06\x00PK\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00\x00\x00!\x00\x0b\xf9\xaa-K\x00\x00"
    "\x00\x88\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00x."
    "npyPK\x01\x02\x14\x03"
    "\x14\x00\x00\x00\x08\x00\x00\x00!\x00\xee\x19\xbb]"
    "F\x00\x00\x00\x82\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x80\x01\x82\x00\x00\x00w.npyPK\x05\x06\x00\x00\x00\x00\x02\x00\x02\x00"
    "f\x00\x00\x00\xff\x00\x00\x00\x00\x00",
    379);

// The archive of x=arange(5, int32) with all sizes and places in the records for large files.
const std::string kLargeForm(
    "\x50\x4b\x03\x04\x2d\x00\x00\x00\x08\x00\x00\x00\x00\x00\x35\xfc\x65\x63\xff\xff\xff\xff\xff\xff\xff\xff"
    "\x05\x00\x14\x00\x78\x2e\x6e\x70\x79\x01\x00\x10\x00\x94\x00\x00\x00\x00\x00\x00\x00\x51\x00\x00\x00\x00"
    "\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8\x50\xc6\x50\xad\x9e\x92\x5a\x9c\x5c\xa4\x6e\xa5\xa0\x6e\x93"
    "\x69\xa2\xae\xa3\xa0\x9e\x96\x5f\x54\x52\x94\x98\x17\x9f\x5f\x94\x92\x0a\x12\x77\x4b\xcc\x29\x4e\x05\x8a"
    "\x17\x67\x24\x16\xa4\x02\xf9\x1a\xa6\x3a\x9a\x3a\x0a\xb5\x0a\x14\x00\x2e\x06\x20\x60\x04\x62\x26\x20\x66"
    "\x06\x62\x16\x20\x06\x00\x50\x4b\x01\x02\x2d\x00\x2d\x00\x00\x00\x08\x00\x00\x00\x00\x00\x35\xfc\x65\x63"
    "\xff\xff\xff\xff\xff\xff\xff\xff\x05\x00\x1c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"
    "\x78\x2e\x6e\x70\x79\x01\x00\x18\x00\x94\x00\x00\x00\x00\x00\x00\x00\x51\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x50\x4b\x06\x06\x2c\x00\x00\x00\x00\x00\x00\x00\x2d\x00\x2d\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x4f\x00\x00\x00\x00"
    "\x00\x00\x00\x88\x00\x00\x00\x00\x00\x00\x00\x50\x4b\x06\x07\x00\x00\x00\x00\xd7\x00\x00\x00\x00\x00\x00"
    "\x00\x01\x00\x00\x00\x50\x4b\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"
    "\x00",
    313);

TEST(Npy, ReadsNumPysBytes) {
  auto read = parse(kFloats);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->identicalTo(Tensor::of<float>({2, 3}, {0, 1, 2, 3, 4, 5}))) << read->toString();
}

TEST(Npy, WritesNumPysBytes) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeNpy(folder / "a.npy", Tensor::of<float>({2, 3}, {0, 1, 2, 3, 4, 5})).ok());
  EXPECT_EQ(readFile(folder / "a.npy", 1000).value(), kFloats);
}

TEST(Npy, FortranOrderBecomesRowMajor) {
  auto read = parse(kFortran);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->identicalTo(Tensor::of<int16_t>({2, 3}, {0, 1, 2, 3, 4, 5}))) << read->toString();
  std::string cube;
  for (char i : {0, 4, 2, 6, 1, 5, 3, 7}) {
    cube += i;
  }
  read = parse(npyOf("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 2, 2)}\n", cube));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->identicalTo(Tensor::of<int8_t>({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}))) << read->toString();
}

TEST(Npy, RoundTripsEveryType) {
  TemporaryFolder folder;
  for (DType dtype : {f64, f32, f16, i64, i32, i16, i8, u64, u32, u16, u8, boolean, DType::kC64, DType::kC128}) {
    for (std::vector<int64_t> dims : {std::vector<int64_t>{}, {3}, {2, 1, 3}, {0, 4}}) {
      Tensor tensor(dtype, dims);
      for (int64_t i = 0; i < tensor.numElements(); ++i) {
        tensor.set(i, static_cast<double>(i));
      }
      ASSERT_TRUE(writeNpy(folder / "a.npy", tensor).ok());
      auto read = readNpy(folder / "a.npy");
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_TRUE(read->identicalTo(tensor)) << tensor.toString();
    }
  }
}

TEST(Npy, AcceptsEveryWayToWriteTheHeader) {
  const std::string one("\x01\x00\x00\x00", 4);
  for (const char* header : {"{'shape':(1,),'fortran_order':False,'descr':'<i4'}",
                             "{\"descr\": \"=i4\", 'fortran_order': True, 'shape': (1L,), }\n",
                             " { 'descr' : '<i4' , 'fortran_order' : False , 'shape' : ( 1 , ) } "}) {
    for (const auto& version : {std::string("\x01\x00", 2), std::string("\x02\x00", 2), std::string("\x03\x00", 2)}) {
      auto read = parse(npyOf(header, one, version));
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_TRUE(read->identicalTo(Tensor::of<int32_t>({1}, {1})));
    }
  }
}

TEST(Npy, RefusesBadHeaders) {
  EXPECT_TRUE(failsWith(parse(""), "KILN-P0051", "a.npy"));
  EXPECT_TRUE(failsWith(parse("hello, world: no array"), "KILN-P0051", "mark"));
  EXPECT_TRUE(failsWith(parse(kFloats.substr(0, 11)), "KILN-P0051"));
  EXPECT_TRUE(failsWith(parse(kFloats.substr(0, 60)), "KILN-P0051", "claims 118 bytes, and 50 follow"));
  std::string newer = kFloats;
  newer[6] = 9;
  EXPECT_TRUE(failsWith(parse(newer), "KILN-P0051", "version 9"));
  for (const char* header : {"", "{", "{}", "{'descr': '<i4'}", "{'descr': '<i4', 'fortran_order': 0, 'shape': ()}",
                             "{'descr': '<i4', 'fortran_order': False, 'shape': (-1,)}",
                             "{'descr': '<i4', 'fortran_order': False, 'shape': [1]}",
                             "{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (1,)}",
                             "{'descr': '<i4', 'fortran_order': False, 'shape': (1,)} x",
                             "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
                             "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}"}) {
    EXPECT_TRUE(failsWith(parse(npyOf(header, "abcd")), "KILN-P0051")) << header;
  }
}

TEST(Npy, RefusesOtherTypes) {
  EXPECT_TRUE(failsWith(parse(npyOf("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "abcd")), "KILN-P0052",
                        "big endian"));
  EXPECT_TRUE(
      failsWith(parse(npyOf("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "abcd")), "KILN-P0052", "'|O'"));
  EXPECT_TRUE(failsWith(parse(npyOf("{'descr': '', 'fortran_order': False, 'shape': (1,)}", "abcd")), "KILN-P0052"));
}

TEST(Npy, DataMustFit) {
  EXPECT_TRUE(failsWith(parse(kFloats.substr(0, 150)), "KILN-P0053",
                        "array f32[2, 3] needs 24 bytes of data, and the file has 22"));
  EXPECT_TRUE(failsWith(parse(kFloats + "x"), "KILN-P0053"));
  EXPECT_TRUE(failsWith(parse(npyOf("{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000, 4000000000)}", "")),
                        "KILN-P0053"));
}

TEST(Npy, CannotWriteTypesThatNumPyLacks) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(writeNpy(folder / "a.npy", Tensor(bf16, {1})), "KILN-P0046", "bf16"));
}

TEST(Npy, MissingFile) {
  EXPECT_TRUE(failsWith(readNpy("none.npy"), "KILN-P0001", "none.npy"));
  EXPECT_TRUE(failsWith(readNpz("none.npz", "x"), "KILN-P0001", "none.npz"));
}

TEST(Npz, ReadsAnArray) {
  TemporaryFolder folder;
  std::string path = folder.write("a.npz", kArchive);
  auto x = readNpz(path, "x");
  ASSERT_TRUE(x.ok()) << x.status();
  EXPECT_TRUE(x->identicalTo(Tensor::of<int32_t>({2}, {1, 2})));
  EXPECT_TRUE(readNpz(path, "w")->identicalTo(Tensor::of<bool>({2}, {true, false})));
}

TEST(Npz, ReadsTheFormOfLargeArchives) {
  TemporaryFolder folder;
  auto x = readNpz(folder.write("a.npz", kLargeForm), "x");
  ASSERT_TRUE(x.ok()) << x.status();
  EXPECT_TRUE(x->identicalTo(Tensor::of<int32_t>({5}, {0, 1, 2, 3, 4})));
}

TEST(Npz, UnknownKeyNamesTheNearest) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(readNpz(folder.write("a.npz", kArchive), "xs"), "KILN-P0055", "'xs'; did you mean 'x'"));
}

TEST(Npz, DamagedArchive) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(readNpz(folder.write("a.npz", kFloats), "x"), "KILN-P0054", "a.npz"));
  EXPECT_TRUE(failsWith(readNpz(folder.write("b.npz", kArchive.substr(0, 200)), "x"), "KILN-P0054"));
  std::string flipped = kArchive;
  flipped[120] ^= 0x20;  // in the compressed data of x
  EXPECT_TRUE(failsWith(readNpz(folder.write("c.npz", flipped), "x"), "KILN-P0054"));
  EXPECT_TRUE(readNpz(folder / "c.npz", "w").ok());
  flipped = kArchive;
  flipped[130] ^= 0x20;  // the header of w
  EXPECT_TRUE(failsWith(readNpz(folder.write("d.npz", flipped), "w"), "KILN-P0054"));
}

}  // namespace
}  // namespace kiln
