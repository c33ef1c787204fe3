// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "proto/base/dtype.h"
#include "proto/base/shape.h"
#include "proto/base/status.h"
#include "proto/base/tensor.h"

namespace kiln {
namespace {

TEST(Dim, NormalFormDecidesEquality) {
  Dim b = dim("b"), n = dim("n");
  EXPECT_EQ(b + b, Dim(2) * b);
  EXPECT_EQ((b + 1) * (b - 1), b * b - 1);
  EXPECT_EQ(b * n, n * b);
  EXPECT_EQ(b - b, Dim(0));
  EXPECT_TRUE((b - b).isStatic());
  EXPECT_NE(b, n);
  EXPECT_EQ(b.asSymbol().value(), "b");
  EXPECT_FALSE((b + 1).asSymbol().has_value());
}

TEST(Dim, TextRoundTrips) {
  for (Dim d : {Dim(0), Dim(64), Dim(-3), dim("batch"), Dim(2) * dim("batch") + 1,
                dim("a") * dim("b") - Dim(7) * dim("c"), Dim(0) - dim("x")}) {
    auto parsed = Dim::parse(d.toString());
    ASSERT_TRUE(parsed.ok()) << d.toString();
    EXPECT_EQ(*parsed, d) << d.toString();
  }
  EXPECT_EQ(Dim::parse(" 2 * batch + 1 ")->toString(), "2*batch+1");
}

TEST(Dim, MalformedTextIsRefused) {
  for (const char* text : {"", "+", "2*", "b b", "b+", "1.5", "(b)", "$x", "99999999999999999999"}) {
    EXPECT_EQ(errorIdOf(Dim::parse(text).status()).value_or(""), "KILN-P0021") << text;
  }
  std::string longText = "a";
  for (int i = 0; i < 10000; ++i) {
    longText += "*a";
  }
  Status status = Dim::parse(longText).status();
  EXPECT_EQ(errorIdOf(status).value_or(""), "KILN-P0021");
  EXPECT_LT(status.message().size(), 300u);
}

TEST(Dim, DividesExactlyOrNotAtAll) {
  Dim b = dim("b"), n = dim("n");
  EXPECT_EQ((Dim(6) * b).dividedBy(3), Dim(2) * b);
  EXPECT_EQ((b * n).dividedBy(n), b);
  EXPECT_EQ((b + 1).dividedBy(b + 1), Dim(1));
  EXPECT_EQ((Dim(8) * b * (n + b)).dividedBy(Dim(4) * n + Dim(4) * b), Dim(2) * b);
  EXPECT_EQ((b * b - n * n).dividedBy(n - b), Dim(-1) * (b + n));
  EXPECT_FALSE((b * b + n * n).dividedBy(n + b).has_value());
  EXPECT_FALSE((b + 1).dividedBy(2).has_value());
  EXPECT_FALSE(b.dividedBy(0).has_value());
  EXPECT_FALSE(Dim(0).dividedBy(0).has_value());
  EXPECT_EQ(Dim(INT64_MIN).dividedBy(-1), Dim(INT64_MIN));  // wraps, as the other operations do
}

TEST(Dim, SmallestNumberPrints) { EXPECT_EQ((Dim(INT64_MIN) * dim("b")).toString(), "-9223372036854775808*b"); }

TEST(Dim, Evaluates) {
  Dim d = Dim(2) * dim("b") * dim("b") + dim("n");
  EXPECT_EQ(d.evaluate([](std::string_view name) { return name == "b" ? 3 : 5; }), 23);
}

TEST(Shape, Prints) { EXPECT_EQ((Shape{dim("batch"), 64}).toString(), "[batch, 64]"); }

TEST(DType, NamesRoundTrip) {
  std::set<std::string_view> names;
  for (int number = 0; number <= 1000; ++number) {
    if (isKnownDType(number)) {
      auto type = static_cast<DType>(number);
      EXPECT_EQ(parseDType(toString(type)), type);
      EXPECT_TRUE(names.insert(toString(type)).second);
    }
  }
  EXPECT_EQ(names.size(), 25u);
  EXPECT_EQ(parseDType("float32"), f32);
  EXPECT_FALSE(parseDType("float33").has_value());
}

TEST(DType, SubByteTypesArePacked) {
  EXPECT_EQ(byteSize(DType::kI4, 3), 2);
  EXPECT_EQ(byteSize(DType::kU2, 5), 2);
  EXPECT_EQ(byteSize(f64, 3), 24);
}

TEST(Tensor, CopiesAreDeepAndMovesLeaveNothing) {
  Tensor a = Tensor::of<float>({2}, {1, 2});
  Tensor b = a;
  b.set(0, 9);
  EXPECT_EQ(a.at(0), 1);
  Tensor& alias = b;
  b = std::move(alias);
  EXPECT_EQ(b.at(0), 9);
  Tensor c = std::move(b);
  EXPECT_EQ(c.at(0), 9);
  EXPECT_EQ(b.dtype(), DType::kInvalid);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(c.data()) % kBufferAlignment, 0u);
}

TEST(Tensor, Prints) {
  EXPECT_EQ(Tensor::of<int32_t>({2, 2}, {1, 2, 3, 4}).toString(), "i32[2, 2] [[1, 2], [3, 4]]");
  EXPECT_EQ(Tensor(f32, {0, 3}).toString(), "f32[0, 3] []");
  EXPECT_EQ(Tensor(DType::kI4, {3}).toString(), "i4[3] (2 bytes)");
  EXPECT_EQ(Tensor::of<int32_t>({3}, {1, 2, 3}).toString(2), "i32[3] [1, 2, ...");
}

TEST(Tensor, HalfFloatsRoundToNearestEven) {
  // Bits from IEEE 754 binary16 and bfloat16.
  const std::pair<double, uint16_t> halves[] = {{1, 0x3c00},
                                                {-2, 0xc000},
                                                {65504, 0x7bff},
                                                {65520, 0x7c00},
                                                {65519, 0x7bff},
                                                {5.9604644775390625e-8, 0x0001},
                                                {2.9802322387695312e-8, 0x0000},
                                                {-0.0, 0x8000},
                                                {INFINITY, 0x7c00},
                                                {1.00048828125, 0x3c00},
                                                {1.00146484375, 0x3c02},
                                                {6.103515625e-05, 0x0400},
                                                {6.09755516e-05, 0x03ff}};
  Tensor half(f16, {1});
  for (auto [value, bits] : halves) {
    half.set(0, value);
    EXPECT_EQ(*half.data<uint16_t>(), bits) << value;
  }
  half.set(0, NAN);
  EXPECT_TRUE(std::isnan(half.at(0)));
  // Every finite pattern survives the way through double.
  for (DType type : {f16, bf16}) {
    Tensor from(type, {1}), to(type, {1});
    for (int bits = 0; bits < 65536; ++bits) {
      *from.mutableData<uint16_t>() = static_cast<uint16_t>(bits);
      if (!std::isnan(from.at(0))) {
        to.set(0, from.at(0));
        ASSERT_EQ(*to.data<uint16_t>(), bits);
      }
    }
  }
}

TEST(Tensor, AllocateRefusesWhatCannotBe) {
  EXPECT_EQ(errorIdOf(Tensor::allocate(f32, {-1}).status()).value_or(""), "KILN-P0022");
  EXPECT_EQ(errorIdOf(Tensor::allocate(f32, {int64_t{1} << 40, int64_t{1} << 40}).status()).value_or(""), "KILN-P0022");
  EXPECT_EQ(errorIdOf(Tensor::allocate(f64, {int64_t{1} << 50}).status()).value_or(""), "KILN-P0023");
  EXPECT_EQ(Tensor::allocate(f32, {2})->at(1), 0);
}

TEST(Tensor, CountsElementsWithoutOverflow) {
  EXPECT_EQ(checkedNumElements(std::vector<int64_t>{}), 1);
  EXPECT_EQ(checkedNumElements(std::vector<int64_t>{3, 0, 5}), 0);
  EXPECT_FALSE(checkedNumElements(std::vector<int64_t>{2, -1}).has_value());
  EXPECT_FALSE(checkedNumElements(std::vector<int64_t>{int64_t{1} << 32, int64_t{1} << 31}).has_value());
  EXPECT_FALSE(checkedNumElements(std::vector<int64_t>{INT64_MAX, INT64_MAX, 0}).has_value());
}

TEST(Errors, IdsAreUniqueAndHavePages) {
  std::set<std::string_view> ids;
  for (const ErrorInfo& info : allErrors()) {
    EXPECT_TRUE(ids.insert(info.id).second) << info.id << " is used twice";
    EXPECT_GT(info.page.size(), 50u) << info.id;
    EXPECT_NE(info.code, absl::StatusCode::kOk) << info.id;
  }
}

TEST(Errors, KeepTheirIdWhenAnnotated) {
  Status status = annotate(makeError<ErrorId::kP0021>("x y"), "model.cc:41");
  EXPECT_EQ(errorIdOf(status).value(), "KILN-P0021");
  EXPECT_EQ(std::string(status.message()).find("model.cc:41: [KILN-P0021] dimension 'x y'"), 0u);
  EXPECT_FALSE(errorIdOf(absl::UnknownError("x")).has_value());
  EXPECT_TRUE(annotate(absl::OkStatus(), "x").ok());
}

TEST(Errors, AreFoundByAnySpellingOfTheirId) {
  ASSERT_NE(findError("KILN-P0021"), nullptr);
  EXPECT_EQ(findError("p0021"), findError("KILN-P0021"));
  EXPECT_EQ(findError("KILN-P9999"), nullptr);
}

TEST(Errors, NearestNames) {
  std::vector<std::string> known = {"logits", "loss", "x", "labels"};
  EXPECT_EQ(nearestNames("logit", known).find("'logits'"), 0u);
  EXPECT_EQ(didYouMean("zzz", {}), "");
  EXPECT_EQ(nearestNames("q", {"x"}), "'x'");
  std::vector<std::string> many(200000, std::string(5000, 'a'));
  EXPECT_NE(nearestNames(std::string(100000, 'b'), many), "");  // bounded work, whatever the input
}

}  // namespace
}  // namespace kiln
