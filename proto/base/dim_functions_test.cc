// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include "proto/base/shape.h"

namespace kiln {
namespace {

const Dim n = dim("n"), m = dim("m");

int64_t at(const Dim& d, int64_t vn, int64_t vm = 0) {
  return d.evaluate([&](std::string_view symbol) { return symbol == "n" ? vn : vm; });
}

TEST(DimFunctions, EqualQuotientsAreWrittenTheSame) {
  EXPECT_EQ(Dim::ceilDiv(n, 2), Dim::floorDiv(n + 1, 2));
  EXPECT_EQ(Dim::floorDiv(Dim(3) * n + 5, 2), n + 2 + Dim::floorDiv(n + 1, 2));
  EXPECT_EQ(Dim::floorDiv(Dim(2) * n + 3, 4), Dim::floorDiv(n + 1, 2));
  EXPECT_EQ(Dim::floorDiv(n - 3, 2) + 1, Dim::floorDiv(n + 1, 2) - 1);
  EXPECT_EQ(Dim::ceilDiv(Dim::ceilDiv(n, 2), 2), Dim::ceilDiv(n, 4));
  EXPECT_EQ(Dim::floorDiv(n * m + n, m), n + Dim::floorDiv(n, m));
  EXPECT_NE(Dim::floorDiv(n, 2), Dim::floorDiv(m, 2));
}

TEST(DimFunctions, QuotientsThatAreKnownFold) {
  EXPECT_EQ(Dim::floorDiv(7, 2), Dim(3));
  EXPECT_EQ(Dim::floorDiv(-7, 2), Dim(-4));
  EXPECT_EQ(Dim::ceilDiv(-7, 2), Dim(-3));
  EXPECT_EQ(Dim::floorDiv(Dim(6) * n, 3), Dim(2) * n);
  EXPECT_EQ(Dim::floorDiv(n * m, m), n);
  EXPECT_EQ(Dim::floorDiv(n + 1, n + 1), Dim(1));
  EXPECT_EQ(Dim::floorDiv(n, 1), n);
  EXPECT_EQ(Dim::max(n + 2, n), n + 2);
  EXPECT_EQ(Dim::min(n + 2, n), n);
  EXPECT_EQ(Dim::max(n, 0), n);
  EXPECT_EQ(Dim::min(3, 4), Dim(3));
}

TEST(DimFunctions, ExtremesHaveOneForm) {
  EXPECT_EQ(Dim::max(n, m), Dim::max(m, n));
  EXPECT_EQ(Dim::max(n + 1, m + 1), Dim::max(m, n) + 1);
  EXPECT_EQ(Dim::max(Dim::max(n, 4), 8), Dim::max(n, 8));
  EXPECT_EQ(Dim::max(n + 3, 4), Dim::max(n, 1) + 3);
  EXPECT_EQ(Dim::max(Dim::min(n, 4), 5), Dim(5));
}

TEST(DimFunctions, SignsAreProvenThroughFunctions) {
  const auto isProven = [](const Dim& d) { return Dim::max(d, 0) == d; };
  EXPECT_TRUE(isProven(n - Dim::floorDiv(n, 2)));
  EXPECT_TRUE(isProven(n - Dim(2) * Dim::floorDiv(n, 2)));
  EXPECT_TRUE(isProven(Dim(2) * Dim::ceilDiv(n, 2) - n));
  EXPECT_TRUE(isProven(Dim::max(n, m) - m));
  EXPECT_TRUE(isProven(n - Dim::min(n, m)));
  EXPECT_TRUE(isProven(Dim::max(n, 4) - 4));
  EXPECT_FALSE(isProven(Dim::floorDiv(n, 2) - 1));
  EXPECT_FALSE(isProven(Dim::floorDiv(n - m, 2)));
  EXPECT_FALSE(isProven(n - Dim::max(n, 4)));
}

TEST(DimFunctions, TextRoundTrips) {
  EXPECT_EQ(Dim::floorDiv(n + 1, 2).toString(), "floor_div(n+1, 2)");
  EXPECT_EQ(Dim::max(n, 4).toString(), "max(n, 4)");
  EXPECT_EQ((Dim(2) * Dim::min(n, m) * n + 1).toString(), "2*min(m, n)*n+1");
  for (const Dim& d : {Dim::floorDiv(n + 1, 2), Dim::max(n, 4), Dim(2) * Dim::min(n, m) * n + 1,
                       Dim::max(Dim::floorDiv(n, 3) - m, Dim::min(n, 7)), Dim::floorDiv(n, m + 1) - 3}) {
    auto parsed = Dim::parse(d.toString());
    ASSERT_TRUE(parsed.ok()) << d.toString();
    EXPECT_EQ(*parsed, d) << d.toString();
  }
  EXPECT_EQ(*Dim::parse(" ceil_div( n , 2 ) "), Dim::ceilDiv(n, 2));
  EXPECT_EQ(*Dim::parse("3*ceil_div(n, 2)*m-max(n, m)"), Dim(3) * Dim::ceilDiv(n, 2) * m - Dim::max(n, m));
}

TEST(DimFunctions, MalformedAndHostileTextIsRefused) {
  std::string deep = "n";
  for (int i = 0; i < 200; ++i) {
    deep = "max(" + deep + ",m)";
  }
  for (const std::string& text :
       {std::string("max(n)"), std::string("max(n, 1"), std::string("abs(n, 1)"), std::string("floor_div(n, 0)"),
        std::string("floor_div(n, -2)"), std::string("max(n, 1)x"), std::string("max(, 1)"),
        std::string("max"
                    "(n 1)"),
        deep}) {
    EXPECT_EQ(errorIdOf(Dim::parse(text).status()).value_or(""), "KILN-P0021") << text;
  }
  EXPECT_TRUE(Dim::parse("max").ok());  // a symbol may be called so
}

TEST(DimFunctions, ValuesAreThoseOfTheNumbers) {
  for (int64_t vn = 0; vn < 40; ++vn) {
    for (int64_t vm = 0; vm < 7; ++vm) {
      for (int64_t k = 1; k < 6; ++k) {
        const int64_t a = 3 * vn - 2 * vm + 5;
        const Dim da = Dim(3) * n - Dim(2) * m + 5;
        EXPECT_EQ(at(Dim::floorDiv(da, k), vn, vm), (a - ((a % k) + k) % k) / k);
        EXPECT_EQ(at(Dim::floorDiv(Dim::ceilDiv(da, 2) + 1, k), vn, vm),
                  Dim::floorDiv(Dim::ceilDiv(a, 2) + 1, k).value());
        EXPECT_EQ(at(Dim::floorDiv(da, m + k), vn, vm), Dim::floorDiv(a, vm + k).value());
        EXPECT_EQ(at(Dim::max(da, n + k), vn, vm), std::max(a, vn + k));
        EXPECT_EQ(at(Dim::min(da, Dim::max(n, k)), vn, vm), std::min(a, std::max(vn, k)));
      }
    }
  }
  EXPECT_EQ(at(Dim::floorDiv(n, m), 5, 0), 0);  // and no trap
}

TEST(DimFunctions, SubstitutionReachesInside) {
  const Dim d = Dim::floorDiv(n + 1, 2) * m + Dim::max(n, 4);
  const auto with = [&](const Dim& forN) {
    return d.substitute([&](std::string_view symbol) { return symbol == "n" ? std::optional(forN) : std::nullopt; });
  };
  EXPECT_EQ(with(9), Dim(5) * m + 9);
  EXPECT_EQ(with(Dim(2) * m), m * m + Dim::max(Dim(2) * m, 4));
  EXPECT_EQ(d.symbols(), (std::vector<std::string>{"m", "n"}));
  EXPECT_FALSE(Dim::max(n, 4).asSymbol().has_value());
  EXPECT_FALSE(Dim::max(n, 4).isStatic());
}

TEST(DimFunctions, FunctionsDivideAsFactors) {
  const Dim half = Dim::ceilDiv(n, 2);
  EXPECT_EQ((half * m).dividedBy(half), m);
  EXPECT_EQ((Dim(4) * half).dividedBy(2), Dim(2) * half);
  EXPECT_FALSE(half.dividedBy(n).has_value());
  EXPECT_EQ((half * half - half).dividedBy(half), half - 1);
}

}  // namespace
}  // namespace kiln
