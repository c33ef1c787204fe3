// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/narrow_types.h"

#include <cmath>
#include <limits>

#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using nn::NarrowType;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr NarrowType kFloat8[] = {NarrowType::kF8E4M3FN, NarrowType::kF8E4M3FNUZ, NarrowType::kF8E5M2,
                                  NarrowType::kF8E5M2FNUZ};

// f(x), interpreted.
Tensor map(const Tensor& x, const std::function<Value(Value)>& f) {
  GraphBuilder g("map");
  f(g.placeholder("x", x.dtype(), Shape::of(x.dims()))).named("y");
  const Graph graph = g.finish().value();
  VariableStore none;
  return Interpreter().evaluate(graph, makeEntry(graph, "test", {"x"}, {"y"}, {}).value(), {x.view()}, none).value()[0];
}

Tensor encode(const Tensor& x, NarrowType type, const nn::ConvertOptions& options = {}) {
  return map(x, [&](Value v) { return nn::encodeFloat(v, type, options); });
}

Tensor numbers(const std::vector<double>& values, DType dtype = f32) {
  Tensor x(dtype, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i) {
    x.set(static_cast<int64_t>(i), values[i]);
  }
  return x;
}

Tensor codes(const std::vector<uint8_t>& values) {
  return Tensor::of<uint8_t>({static_cast<int64_t>(values.size())}, values);
}

// What a code stands for, from the definition of its format.
double valueOf(NarrowType type, int code) {
  if (type == NarrowType::kF8E8M0) {
    return code == 255 ? kNan : std::ldexp(1.0, code - 127);
  }
  const bool is4 = type == NarrowType::kF4E2M1;
  const int mantissaBits = is4 ? 1 : type == NarrowType::kF8E4M3FN || type == NarrowType::kF8E4M3FNUZ ? 3 : 2;
  const int bias = is4                               ? 1
                   : type == NarrowType::kF8E4M3FN   ? 7
                   : type == NarrowType::kF8E4M3FNUZ ? 8
                   : type == NarrowType::kF8E5M2     ? 15
                                                     : 16;
  const int signBit = is4 ? 8 : 128;
  const double sign = (code & signBit) != 0 ? -1 : 1;
  const int magnitude = code & (signBit - 1);
  const int exponent = magnitude >> mantissaBits, mantissa = magnitude & ((1 << mantissaBits) - 1);
  if ((type == NarrowType::kF8E4M3FNUZ || type == NarrowType::kF8E5M2FNUZ) && code == 0x80) {
    return kNan;
  }
  if (type == NarrowType::kF8E4M3FN && magnitude == 0x7F) {
    return kNan;
  }
  if (type == NarrowType::kF8E5M2 && exponent == 31) {
    return mantissa == 0 ? sign * kInf : kNan;
  }
  return exponent == 0 ? sign * std::ldexp(mantissa, 1 - bias - mantissaBits)
                       : sign * std::ldexp(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
}

void expectEqualNumbers(double found, double wanted, const std::string& what) {
  if (std::isnan(wanted)) {
    EXPECT_TRUE(std::isnan(found)) << what << ": " << found;
  } else {
    EXPECT_EQ(found, wanted) << what;
    EXPECT_EQ(std::signbit(found), std::signbit(wanted)) << what;
  }
}

TEST(NarrowFloats, every_code_is_decoded_as_its_format_says) {
  for (NarrowType type : {NarrowType::kF4E2M1, NarrowType::kF8E4M3FN, NarrowType::kF8E4M3FNUZ, NarrowType::kF8E5M2,
                          NarrowType::kF8E5M2FNUZ, NarrowType::kF8E8M0}) {
    const int count = type == NarrowType::kF4E2M1 ? 16 : 256;
    std::vector<uint8_t> all;
    for (int code = 0; code < count; ++code) {
      all.push_back(static_cast<uint8_t>(code));
    }
    const Tensor found = map(codes(all), [&](Value v) { return nn::decodeFloat(v, type); });
    for (int code = 0; code < count; ++code) {
      expectEqualNumbers(found.at(code), valueOf(type, code),
                         "type " + std::to_string(static_cast<int>(type)) + " code " + std::to_string(code));
    }
  }
}

TEST(NarrowFloats, codes_stay_the_same_when_they_are_decoded_and_encoded) {
  for (NarrowType type : kFloat8) {
    std::vector<uint8_t> all;
    for (int code = 0; code < 256; ++code) {
      if (!std::isnan(valueOf(type, code))) {
        all.push_back(static_cast<uint8_t>(code));
      }
    }
    const Tensor found = map(
        codes(all), [&](Value v) { return nn::convert(nn::convert(v, type, f64), f64, type, {.saturate = false}); });
    EXPECT_TRUE(found.identicalTo(codes(all))) << static_cast<int>(type);
  }
}

TEST(NarrowFloats, numbers_get_the_nearest_code_and_ties_the_even_one) {
  for (NarrowType type : {NarrowType::kF4E2M1, NarrowType::kF8E4M3FN, NarrowType::kF8E4M3FNUZ, NarrowType::kF8E5M2,
                          NarrowType::kF8E5M2FNUZ}) {
    const int count = type == NarrowType::kF4E2M1 ? 8 : 128;
    std::vector<double> values;
    std::vector<uint8_t> wanted;
    for (int code = 0; code + 1 < count && std::isfinite(valueOf(type, code + 1)); ++code) {
      const double low = valueOf(type, code), high = valueOf(type, code + 1), middle = (low + high) / 2;
      const auto lower = static_cast<uint8_t>(code), upper = static_cast<uint8_t>(code + 1);
      for (auto [value, nearest] : {std::pair{low, lower},
                                    {std::nextafter(middle, 0.0), lower},
                                    {middle, code % 2 == 0 ? lower : upper},
                                    {std::nextafter(middle, 1e9), upper},
                                    {high, upper}}) {
        values.push_back(value);
        wanted.push_back(nearest);
      }
    }
    // f64 tells neighbours of a tie apart that f32 cannot: it is rounded once.
    EXPECT_TRUE(encode(numbers(values, f64), type).identicalTo(codes(wanted))) << static_cast<int>(type);
  }
}

TEST(NarrowFloats, numbers_beyond_the_range_saturate_or_become_infinite) {
  const Tensor x = numbers({1e6, kInf, -kInf, -1e6, kNan, -1e-9, 0, -0.0});
  EXPECT_TRUE(encode(x, NarrowType::kF8E4M3FN).identicalTo(codes({0x7E, 0x7E, 0xFE, 0xFE, 0x7F, 0x80, 0, 0x80})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E4M3FNUZ).identicalTo(codes({0x7F, 0x7F, 0xFF, 0xFF, 0x80, 0, 0, 0})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E5M2).identicalTo(codes({0x7B, 0x7B, 0xFB, 0xFB, 0x7E, 0x80, 0, 0x80})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E5M2FNUZ).identicalTo(codes({0x7F, 0x7F, 0xFF, 0xFF, 0x80, 0, 0, 0})));
  EXPECT_TRUE(encode(x, NarrowType::kF4E2M1).identicalTo(codes({7, 7, 15, 15, 8, 8, 0, 8})));
  const nn::ConvertOptions open = {.saturate = false};
  EXPECT_TRUE(encode(x, NarrowType::kF8E4M3FN, open).identicalTo(codes({0x7F, 0x7F, 0xFF, 0xFF, 0x7F, 0x80, 0, 0x80})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E4M3FNUZ, open).identicalTo(codes({0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 0})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E5M2, open).identicalTo(codes({0x7C, 0x7C, 0xFC, 0xFC, 0x7E, 0x80, 0, 0x80})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E5M2FNUZ, open).identicalTo(codes({0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 0})));
}

TEST(NarrowFloats, the_largest_number_reaches_up_to_half_a_step_beyond_it) {
  const nn::ConvertOptions open = {.saturate = false};
  EXPECT_TRUE(encode(numbers({464, 464.001}), NarrowType::kF8E4M3FN, open).identicalTo(codes({0x7E, 0x7F})));
  EXPECT_TRUE(encode(numbers({247.999, 248}), NarrowType::kF8E4M3FNUZ, open).identicalTo(codes({0x7F, 0x80})));
  EXPECT_TRUE(encode(numbers({61439, 61440}), NarrowType::kF8E5M2, open).identicalTo(codes({0x7B, 0x7C})));
}

TEST(NarrowFloats, powers_of_two_are_rounded_in_three_ways) {
  const Tensor x = numbers({0, 0.124, 0.25, 1.1, 1.5, 1.4999, 8, kNan, 3.4e38, kInf});
  EXPECT_TRUE(encode(x, NarrowType::kF8E8M0).identicalTo(codes({0, 124, 125, 128, 128, 128, 130, 255, 254, 254})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E8M0, {.powers = nn::PowerRounding::kDown})
                  .identicalTo(codes({0, 123, 125, 127, 127, 127, 130, 255, 254, 254})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E8M0, {.powers = nn::PowerRounding::kNearest})
                  .identicalTo(codes({0, 124, 125, 127, 128, 127, 130, 255, 254, 254})));
  EXPECT_TRUE(encode(x, NarrowType::kF8E8M0, {.saturate = false, .powers = nn::PowerRounding::kNearest})
                  .identicalTo(codes({255, 124, 125, 127, 128, 127, 130, 255, 255, 255})));
}

TEST(NarrowFloats, the_smallest_power_is_denormal_in_f32) {
  const Tensor x = numbers({0x1p-127, 0x1.8p-127, 0x1.7p-127, 0x1.1p-127, 0x1p-128});
  EXPECT_TRUE(encode(x, NarrowType::kF8E8M0).identicalTo(codes({0, 1, 1, 1, 0})));
  EXPECT_TRUE(
      encode(x, NarrowType::kF8E8M0, {.powers = nn::PowerRounding::kNearest}).identicalTo(codes({0, 1, 0, 0, 0})));
}

TEST(NarrowFloats, all_types_of_numbers_are_encoded) {
  for (DType dtype : {f16, bf16, f64, i8, i32, i64, u16, boolean}) {
    const double wanted = dtype == boolean ? 1 : 3;
    const Tensor found = map(numbers({3}, dtype), [&](Value v) {
      return nn::convert(nn::convert(v, dtype, NarrowType::kF8E4M3FN), NarrowType::kF8E4M3FN, f16);
    });
    EXPECT_EQ(found.at(0), wanted) << toString(dtype);
    EXPECT_EQ(found.dtype(), f16);
  }
}

TEST(NarrowIntegers, keep_the_low_bits_with_their_sign) {
  const Tensor x = numbers({-9, -8.9, -1, 0, 7, 8, 15, 16});
  const auto wrap = [&](NarrowType type) { return map(x, [&](Value v) { return nn::convert(v, f32, type); }); };
  EXPECT_TRUE(wrap(NarrowType::kI4).identicalTo(Tensor::of<int8_t>({8}, {7, -8, -1, 0, 7, -8, -1, 0})));
  EXPECT_TRUE(wrap(NarrowType::kU4).identicalTo(codes({7, 8, 15, 0, 7, 8, 15, 0})));
  EXPECT_TRUE(wrap(NarrowType::kI2).identicalTo(Tensor::of<int8_t>({8}, {-1, 0, -1, 0, -1, 0, -1, 0})));
  EXPECT_TRUE(wrap(NarrowType::kU2).identicalTo(codes({3, 0, 3, 0, 3, 0, 3, 0})));
}

TEST(NarrowIntegers, have_the_ranges_of_their_bits) {
  const auto rangeOf = [](const nn::NumberType& type) {
    return std::pair{nn::rangeOf(type).low, nn::rangeOf(type).high};
  };
  EXPECT_EQ(rangeOf(NarrowType::kI2), std::pair(int64_t{-2}, int64_t{1}));
  EXPECT_EQ(rangeOf(NarrowType::kU4), std::pair(int64_t{0}, int64_t{15}));
  EXPECT_EQ(rangeOf(i16), std::pair(int64_t{-32768}, int64_t{32767}));
  EXPECT_EQ(rangeOf(u32), std::pair(int64_t{0}, int64_t{4294967295}));
}

TEST(NarrowTypes, g0512_operands_of_other_types_are_refused) {
  GraphBuilder g("refused");
  const Value x = g.placeholder("x", f32, {2});
  EXPECT_TRUE(nn::decodeFloat(x, NarrowType::kF8E5M2).isPoisoned());
  EXPECT_TRUE(nn::encodeFloat(x, NarrowType::kI4).isPoisoned());
  EXPECT_TRUE(nn::wrapInteger(x, NarrowType::kF8E5M2).isPoisoned());
  EXPECT_TRUE(nn::convert(x, f64, f16).isPoisoned());
  const std::string errors(g.finish().status().message());
  EXPECT_NE(errors.find("KILN-G0512] layer 'decodeFloat': x is f32[2], wanted codes of a narrow float"),
            std::string::npos)
      << errors;
  EXPECT_NE(errors.find("layer 'convert'"), std::string::npos) << errors;
}

}  // namespace
}  // namespace kiln
