// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rules of docs/dtypes.md, op by op: no promotion, one rounding, wrapping integers, saturating conversions.
#include "ops/spec/loops.h"
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

constexpr DType kFloats[] = {f16, bf16, f32, f64};
constexpr DType kIntegers[] = {i8, i16, i32, i64, u8, u16, u32, u64};

Tensor castTo(const Tensor& x, DType to) { return run("cast", {x}, {{"to", to}}); }

TEST(DTypes, o0108_operands_of_two_dtypes_are_refused_and_never_promoted) {
  EXPECT_THAT(infer("add", {type(f16, {2}), type(f32, {2})}), fails("O0108", "f16[2]"));
  EXPECT_THAT(infer("mul", {type(i8, {2}), type(u8, {2})}), fails("O0108", "u8[2]"));
  EXPECT_THAT(infer("equal", {type(bf16, {2}), type(f16, {2})}), fails("O0108", "bf16[2]"));
  EXPECT_EQ(infer("add", {type(bf16, {2}), type(bf16, {2})}), "bf16[2]");
}

TEST(DTypes, o0102_types_that_no_op_computes_with_are_named) {
  EXPECT_THAT(infer("add", {type(DType::kC64, {2}), type(DType::kC64, {2})}), fails("O0102", "c64"));
  EXPECT_THAT(infer("reshape", {type(DType::kC64, {2}), type(i64, {1})}), fails("O0102", "c64"));
  EXPECT_THAT(infer("exp", {type(i8, {2})}), fails("O0102", "i8"));
}

TEST(DTypes, halves_are_rounded_once_by_each_op) {
  // 1 + 2^-11 is the middle of 1 and the next f16: to even.
  expectValues(run("add", {tensor(f16, {2}, {1, 1}), tensor(f16, {2}, {0x1p-11, 0x3p-12})}), {2}, {1, 1 + 0x1p-10});
  expectValues(run("add", {tensor(bf16, {2}, {256, 256}), tensor(bf16, {2}, {1, 3})}), {2}, {256, 260});
  expectValues(run("mul", {tensor(f16, {2}, {256, -256}), tensor(f16, {2}, {256, 255.75})}), {2}, {kInf, -65472});
  expectValues(run("mul", {tensor(f16, {1}, {0x1p-14}), tensor(f16, {1}, {0x1p-10})}), {1}, {0x1p-24});
  expectValues(run("div", {tensor(bf16, {1}, {1}), tensor(bf16, {1}, {3})}), {1}, {0.333984375});
  expectValues(run("exp", {tensor(f16, {3}, {1, 12, kNan})}), {3}, {2.71875, kInf, kNan});
}

TEST(DTypes, sums_of_halves_are_rounded_once) {
  // One by one, a sum of ones in bf16 would stop at 256.
  const Tensor ones = tensor(bf16, {1000}, std::vector<double>(1000, 1.0));
  const std::vector<int64_t> axes = {0};
  expectValues(run("reduce_sum", {ones}, {{"axes", axes}}), {}, {1000});
  expectValues(run("reduce_mean", {ones}, {{"axes", axes}}), {}, {1});
}

TEST(DTypes, integers_wrap_in_their_own_type) {
  for (DType dtype : kIntegers) {
    SCOPED_TRACE(toString(dtype));
    const Status status = withInteger(dtype, [&]<class T>(T) {
      using Limits = std::numeric_limits<T>;
      const Tensor most = Tensor::of<T>({1}, {Limits::max()}), least = Tensor::of<T>({1}, {Limits::min()});
      const Tensor one = Tensor::of<T>({1}, {1}), two = Tensor::of<T>({1}, {2});
      EXPECT_TRUE(run("add", {most, one}).identicalTo(least));
      EXPECT_TRUE(run("sub", {least, one}).identicalTo(most));
      EXPECT_TRUE(run("mul", {most, two}).identicalTo(Tensor::of<T>({1}, {static_cast<T>(-2)})));
      EXPECT_TRUE(run("mul", {most, most}).identicalTo(one));
      EXPECT_TRUE(run("neg", {one}).identicalTo(Tensor::of<T>({1}, {static_cast<T>(-1)})));
      EXPECT_TRUE(run("maximum", {most, one}).identicalTo(most));
      EXPECT_TRUE(run("minimum", {most, one}).identicalTo(one));
      EXPECT_TRUE(run("div", {most, two}).identicalTo(Tensor::of<T>({1}, {static_cast<T>(Limits::max() / 2)})));
      const std::vector<int64_t> axes = {0};
      const Tensor both = Tensor::of<T>({2}, {Limits::max(), 2});
      EXPECT_TRUE(run("reduce_sum", {both}, {{"axes", axes}})
                      .identicalTo(Tensor::scalar<T>(static_cast<T>(static_cast<T>(Limits::min()) + 1))));
      EXPECT_TRUE(run("argmax", {both}, {{"axis", int64_t{0}}}).identicalTo(Tensor::scalar<int64_t>(0)));
      return Status();
    });
    EXPECT_TRUE(status.ok());
  }
  expectValues(run("div", {tensor(i8, {2}, {-128, -7}), tensor(i8, {2}, {-1, 2})}), {2}, {-128, -3});
  expectValues(run("abs", {tensor(i16, {1}, {-32768})}), {1}, {-32768});
  expectValues(run("abs", {tensor(u8, {1}, {255})}), {1}, {255});
  EXPECT_THAT(runReference("div", {tensor(u16, {1}, {1}), tensor(u16, {1}, {0})}, {}).status().message(),
              testing::HasSubstr("KILN-R0031"));
}

TEST(DTypes, floats_to_integers_truncate_and_saturate) {
  for (DType from : kFloats) {
    SCOPED_TRACE(toString(from));
    const Tensor x = tensor(from, {6}, {2.75, -2.75, kNan, kInf, -kInf, -0.5});
    expectValues(castTo(x, i8), {6}, {2, -2, 0, 127, -128, 0});
    expectValues(castTo(x, u8), {6}, {2, 0, 0, 255, 0, 0});
    expectValues(castTo(x, i16), {6}, {2, -2, 0, 32767, -32768, 0});
    expectValues(castTo(x, u16), {6}, {2, 0, 0, 65535, 0, 0});
    expectValues(castTo(x, u32), {6}, {2, 0, 0, 4294967295.0, 0, 0});
    EXPECT_EQ(castTo(x, u64).data<uint64_t>()[3], std::numeric_limits<uint64_t>::max());
    EXPECT_EQ(castTo(x, i64).data<int64_t>()[4], std::numeric_limits<int64_t>::min());
    expectValues(castTo(x, boolean), {6}, {1, 1, 1, 1, 1, 1});
  }
}

TEST(DTypes, integers_to_integers_keep_their_low_bits) {
  const Tensor x = tensor(i32, {4}, {-1, 256, 40000, -129});
  expectValues(castTo(x, u8), {4}, {255, 0, 64, 127});
  expectValues(castTo(x, i8), {4}, {-1, 0, 64, 127});
  expectValues(castTo(x, u16), {4}, {65535, 256, 40000, 65407});
  expectValues(castTo(x, i16), {4}, {-1, 256, -25536, -129});
  expectValues(castTo(tensor(u8, {1}, {200}), i64), {1}, {200});
  expectValues(castTo(tensor(i8, {1}, {-56}), i64), {1}, {-56});
}

TEST(DTypes, numbers_to_floats_are_rounded_once) {
  // By way of f32 this f64 would become the middle of two numbers of bf16, and then the even one.
  expectValues(castTo(tensor(f64, {1}, {1 + 0x1p-8 + 0x1p-40}), bf16), {1}, {1 + 0x1p-7});
  expectValues(castTo(tensor(f64, {2}, {65519.999999, 65520}), f16), {2}, {65504, kInf});
  EXPECT_EQ(castTo(Tensor::scalar<int64_t>((int64_t{1} << 54) + (int64_t{1} << 46) + 1), bf16).at(0),
            0x1p54 * (1 + 0x1p-7));
  EXPECT_EQ(castTo(Tensor::scalar<uint64_t>(std::numeric_limits<uint64_t>::max()), bf16).at(0), 0x1p64);
  expectValues(castTo(tensor(u32, {1}, {70000}), f16), {1}, {kInf});
  expectValues(castTo(tensor(boolean, {2}, {0, 1}), f16), {2}, {0, 1});
}

TEST(Bitcast, c1_the_type_is_a_numeric_one_of_the_same_width) {
  EXPECT_EQ(infer("bitcast", {type(f32, {2})}, {{"to", u32}}), "u32[2]");
  EXPECT_EQ(infer("bitcast", {type(i16, {2})}, {{"to", bf16}}), "bf16[2]");
  EXPECT_THAT(infer("bitcast", {type(f32, {2})}, {{"to", i64}}), fails("O0135", "numeric type of 32 bits"));
  EXPECT_THAT(infer("bitcast", {type(u8, {2})}, {{"to", boolean}}), fails("O0135", "bool"));
}

TEST(Bitcast, c2_the_shape_is_that_of_the_operand) {
  EXPECT_EQ(infer("bitcast", {type(f64, {dim("n"), 3})}, {{"to", i64}}), "i64[n, 3]");
}

TEST(Bitcast, keeps_the_bits) {
  const auto bitsOf = [](const Tensor& x, DType to) { return run("bitcast", {x}, {{"to", to}}); };
  expectValues(bitsOf(tensor(f32, {3}, {1, -0.0, kInf}), u32), {3}, {0x3F800000, 0x80000000, 0x7F800000});
  expectValues(bitsOf(tensor(u16, {2}, {0x3C00, 0xC000}), f16), {2}, {1, -2});
  expectValues(bitsOf(tensor(i8, {2}, {-1, 5}), u8), {2}, {255, 5});
  EXPECT_EQ(bitsOf(Tensor::scalar<double>(2), i64).data<int64_t>()[0], int64_t{1} << 62);
  EXPECT_EQ(bitsOf(Tensor(f32, {0}), i32).numElements(), 0);
}

}  // namespace
}  // namespace kiln::ops
