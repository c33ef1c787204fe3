// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/signature.h"

#include <gtest/gtest.h>

#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

// One manifest with its signature; feeds are given as lengths only.
struct Bound {
  explicit Bound(std::vector<Shape> feeds, std::vector<Shape> fetches, std::vector<SymbolSpec> symbols) {
    int i = 0;
    for (Shape& shape : feeds) {
      manifest.feeds.push_back({.name = "f" + std::to_string(i++), .dtype = f32, .shape = std::move(shape)});
    }
    for (Shape& shape : fetches) {
      manifest.fetches.push_back({.name = "out", .dtype = f32, .shape = std::move(shape)});
    }
    manifest.symbols = std::move(symbols);
  }

  Status bind(std::vector<std::vector<int64_t>> shapes) {
    KILN_ASSIGN_OR_RETURN(Signature signature, Signature::compile(manifest, "the test"));
    symbols = signature.initialSymbols();
    bytes.assign(manifest.feeds.size(), -1);
    std::vector<TensorView> views;
    for (const auto& shape : shapes) {
      views.push_back({.dtype = f32, .dims = shape, .data = this});
    }
    KILN_RETURN_IF_ERROR(signature.bind(views, symbols.data(), bytes.data()));
    dims.assign(static_cast<size_t>(signature.maxFetchRank()), -1);
    for (size_t i = 0; i < manifest.fetches.size(); ++i) {
      fetchBytes = signature.fetchDims(i, symbols.data(), dims.data());
      if (fetchBytes < 0) {
        return signature.badFetch(i, symbols.data());
      }
    }
    return absl::OkStatus();
  }

  EntryManifest manifest;
  std::vector<int64_t> symbols, bytes, dims;
  int64_t fetchBytes = -1;
};

const Dim n = dim("n"), m = dim("m");

TEST(Signature, binds_symbols_and_sizes_fetches) {
  Bound b({{n, 64}, {n}}, {{Dim(2) * n + 1, 3, n}}, {{"n", {1, 100}}});
  ASSERT_TRUE(b.bind({{5, 64}, {5}}).ok());
  EXPECT_EQ(b.symbols, std::vector<int64_t>{5});
  EXPECT_EQ(b.bytes, (std::vector<int64_t>{5 * 64 * 4, 20}));
  EXPECT_EQ(b.dims, (std::vector<int64_t>{11, 3, 5}));
  EXPECT_EQ(b.fetchBytes, 11 * 3 * 5 * 4);
}

TEST(Signature, products_and_late_symbols) {
  // The first feed is checked with symbols that later ones give.
  Bound b({{n * m, n + m}, {n}, {m}}, {{n * n * m}}, {{"n", {}}, {"m", {}}});
  ASSERT_TRUE(b.bind({{6, 5}, {2}, {3}}).ok());
  EXPECT_EQ(b.dims, std::vector<int64_t>{12});
  expectError(b.bind({{6, 4}, {2}, {3}}), "KILN-R0021", "dimension 1 is 4, wanted m+n = 5");
}

TEST(Signature, solves_linear_dims) {
  Bound b({{Dim(2) * n + 1}}, {{n}}, {{"n", {2, 8}}});
  ASSERT_TRUE(b.bind({{7}}).ok());
  EXPECT_EQ(b.dims, std::vector<int64_t>{3});
  expectError(b.bind({{8}}), "KILN-R0021", "shape [8] does not match the signature [2*n+1]");
  expectError(b.bind({{1}}), "KILN-R0024", "n = 0, outside its range [2, 8]");
  expectError(b.bind({{-1}}), "KILN-R0021", "-1");
}

TEST(Signature, symbols_that_nothing_determines) {
  Bound free({{n * n}}, {{n}}, {{"n", {0, 9}}});
  expectError(free.bind({{4}}), "KILN-R0006", "'n'");
  Bound fixed({{3}}, {{n}}, {{"n", {4, 4}}});
  ASSERT_TRUE(fixed.bind({{3}}).ok());
  EXPECT_EQ(fixed.dims, std::vector<int64_t>{4});
  Bound unknown({{m}}, {}, {{"n", {1, 1}}});
  expectError(unknown.bind({{4}}), "KILN-R0006", "'m'");
}

TEST(Signature, r0021_shape) {
  Bound b({{n, 16}}, {}, {{"n", {}}});
  expectError(b.bind({{4, 17}}), "KILN-R0021",
              "feed 'f0': shape [4, 17] does not match the signature [n, 16]: dimension 1 is 17, wanted 16");
  expectError(b.bind({{4}}), "KILN-R0021", "rank 1, wanted 2");
  expectError(b.bind({{4, 16, 1}}), "KILN-R0021", "rank 3, wanted 2");
  expectError(b.bind({{-4, 16}}), "KILN-R0021", "-4");
}

TEST(Signature, r0023_feeds_disagree) {
  Bound b({{n, 2}, {n}}, {}, {{"n", {}}});
  expectError(b.bind({{32, 2}, {31}}), "KILN-R0023",
              "feed 'f1': shape [31]: dimension 0 is 31, but 'n' is 32 by feed 'f0'");
  Bound diagonal({{n, n}}, {}, {{"n", {}}});
  expectError(diagonal.bind({{3, 4}}), "KILN-R0023", "dimension 1 is 4, but 'n' is 3");
}

TEST(Signature, r0024_range) {
  Bound b({{n}}, {}, {{"n", {2, 8}}});
  EXPECT_TRUE(b.bind({{2}}).ok());
  EXPECT_TRUE(b.bind({{8}}).ok());
  expectError(b.bind({{9}}), "KILN-R0024", "n = 9, outside its range [2, 8]");
  expectError(b.bind({{1}}), "KILN-R0024", "[2, 8]");
}

TEST(Signature, r0025_too_large) {
  int64_t large = int64_t{1} << 40;
  Bound b({{n, m}}, {}, {{"n", {}}, {"m", {}}});
  expectError(b.bind({{large, large}}), "KILN-R0025", "1099511627776");
  // Empty however long the other axis is.
  EXPECT_TRUE(b.bind({{large, 0}}).ok());
  EXPECT_EQ(b.bytes, std::vector<int64_t>{0});
}

TEST(Signature, r0029_fetch) {
  Bound difference({{n}}, {{n - 3}}, {{"n", {}}});
  EXPECT_TRUE(difference.bind({{3}}).ok());
  expectError(difference.bind({{2}}), "KILN-R0029", "[-1]");
  Bound power({{n}}, {{n * n * n * n}}, {{"n", {}}});
  expectError(power.bind({{1 << 20}}), "KILN-R0029", "out");
}

}  // namespace
}  // namespace kiln::runtime
