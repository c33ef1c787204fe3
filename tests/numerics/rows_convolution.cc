// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

using Lengths = std::vector<int64_t>;

// Convolution sums cancel and overflow with special values, as matmul's do.
Value feed(Sweep& s, const Lengths& dims) { return s.feed(dims, "near one"); }
Value feed(Sweep& s, const Lengths& dims, const Shape& shape) { return s.feed(dims, shape, "near one"); }

void fetch(Sweep& s, const MaxPoolResult& pooled) { s.fetchAll({pooled.values, pooled.indices}); }

}  // namespace

void addConvolutionRows(SweepRows& rows) {
  rows["unfold"] = [](Sweep& s) {
    Value outside = s.feed({});
    s.fetch(unfold(s.feed({2, 9, 3}), outside, {.kernel = {3}, .padding = 1}));
    s.fetch(unfold(s.feed({2, 5, 7, 1}), outside, {.kernel = {3, 2}, .strides = {2, 1}, .padding = {{2, 1}, {0, 3}}}));
    s.fetch(unfold(s.feed({1, 6, 7, 19}), outside, {.kernel = {2, 3}, .dilations = {2}, .padding = 2}));
    s.fetch(unfold(s.feed({2, 3, 4, 5, 2}), outside, {.kernel = {2, 2, 3}, .strides = {1, 2, 2}, .padding = 1}));
    s.fetch(unfold(s.feed({2, 40, 1}), outside, {.kernel = {33}, .padding = {{-2}, {-1}}}));
    s.fetch(unfold(s.feed({0, 4, 4, 3}), outside, {.kernel = {2}}));
    s.fetch(unfold(s.feed({2, 0, 4, 3}), outside, {.kernel = {1, 2}, .padding = {{2, 0}, {1, 0}}}));
    s.fetch(unfold(s.feed({3, 6, 5, 4}, {n, m, 5, 4}), outside, {.kernel = {3}, .padding = 1}));
  };
  rows["fold"] = [](Sweep& s) {
    s.fetch(fold(feed(s, {2, 9, 3, 3}), {9}, {.kernel = {3}, .padding = 1}));
    s.fetch(
        fold(feed(s, {2, 3, 9, 3, 2, 1}), {5, 7}, {.kernel = {3, 2}, .strides = {2, 1}, .padding = {{2, 1}, {0, 2}}}));
    s.fetch(fold(feed(s, {1, 8, 7, 2, 3, 19}), {6, 7}, {.kernel = {2, 3}, .dilations = {2}, .padding = 2}));
    s.fetch(
        fold(feed(s, {2, 4, 3, 3, 2, 2, 3, 2}), {3, 4, 5}, {.kernel = {2, 2, 3}, .strides = {1, 2, 2}, .padding = 1}));
    s.fetch(fold(feed(s, {0, 3, 3, 2, 2, 3}), {4, 4}, {.kernel = {2}}));
    s.fetch(fold(feed(s, {2, 2, 2, 2, 2, 40}), {5, 7}, {.kernel = {2}, .strides = {3, 3}}));
    s.fetch(fold(feed(s, {3, 6, 5, 3, 3, 4}, {n, m, 5, 3, 3, 4}), {m, 5}, {.kernel = {3}, .padding = 1}));
  };
  rows["conv"] = [](Sweep& s) {
    s.fetch(conv(feed(s, {2, 9, 3}), feed(s, {3, 3, 5}), {.padding = Padding::same()}));
    s.fetch(conv(feed(s, {2, 8, 8, 1}), feed(s, {3, 3, 1, 16})));
    s.fetch(conv(feed(s, {2, 6, 7, 16}), feed(s, {3, 3, 16, 8}), {.strides = {2}, .padding = 1}));
    s.fetch(conv(feed(s, {2, 6, 7, 4}), feed(s, {1, 1, 4, 8})));
    s.fetch(conv(feed(s, {2, 6, 7, 4}), feed(s, {2, 3, 2, 6}), {.dilations = {2}, .padding = 2, .groups = 2}));
    s.fetch(conv(feed(s, {2, 6, 7, 20}), feed(s, {3, 3, 1, 20}), {.padding = 1, .groups = 20}));
    s.fetch(conv(feed(s, {2, 3, 6, 7}), feed(s, {5, 3, 3, 2}),
                 {.padding = Padding::sameLower(), .layout = "NCHW", .filterLayout = "OIHW"}));
    s.fetch(conv(feed(s, {3, 6, 7, 2}), feed(s, {2, 5, 3, 3}), {.layout = "CHWN", .filterLayout = "HOWI"}));
    s.fetch(conv(feed(s, {2, 3, 4, 5, 2}), feed(s, {2, 2, 2, 2, 3}), {.strides = {1, 2, 1}, .padding = 1}));
    s.fetch(conv(feed(s, {0, 5, 5, 2}), feed(s, {3, 3, 2, 4})));
    s.fetch(conv(feed(s, {2, 5, 5, 0}), feed(s, {3, 3, 0, 4})));
    s.fetch(conv(feed(s, {3, 6, 5, 4}, {n, m, 5, 4}), feed(s, {3, 3, 4, 6}), {.padding = 1}));
  };
  rows["conv_transpose"] = [](Sweep& s) {
    s.fetch(convTranspose(feed(s, {2, 5, 3}), feed(s, {3, 3, 4})));
    s.fetch(convTranspose(feed(s, {2, 4, 5, 6}), feed(s, {3, 3, 6, 20}), {.strides = {2}, .padding = 1}));
    s.fetch(
        convTranspose(feed(s, {2, 4, 5, 6}), feed(s, {3, 2, 6, 2}),
                      {.strides = {2, 3}, .dilations = {2, 1}, .padding = 1, .outputPadding = {1, 2}, .groups = 3}));
    s.fetch(convTranspose(feed(s, {2, 3, 4, 5}), feed(s, {3, 2, 3, 3}),
                          {.strides = {2}, .padding = Padding::same(), .layout = "NCHW", .filterLayout = "IOHW"}));
    s.fetch(convTranspose(feed(s, {1, 2, 3, 2, 3}), feed(s, {2, 2, 2, 3, 2}), {.strides = {2}}));
    s.fetch(convTranspose(feed(s, {0, 4, 3}), feed(s, {2, 3, 2})));
    s.feed({5}, {m});
    s.fetch(convTranspose(feed(s, {3, 6, 4}, {n, m + 1, 4}), feed(s, {3, 4, 5}), {.strides = {2}}));
  };
  rows["max_pool"] = [](Sweep& s) {
    fetch(s, maxPoolWithIndices(s.feed({2, 8, 8, 16}), {.kernel = {2}}));
    fetch(s, maxPoolWithIndices(s.feed({2, 7, 9, 3}), {.kernel = {3}, .strides = {2}, .padding = 1}));
    fetch(s, maxPoolWithIndices(s.feed({2, 7, 3}), {.kernel = {3}, .strides = {2}, .padding = 1, .ceilMode = true}));
    fetch(s, maxPoolWithIndices(s.feed({2, 3, 6, 6}), {.kernel = {2}, .dilations = {2}, .layout = "NCHW"}));
    fetch(s, maxPoolWithIndices(s.feed({2, 3, 4, 5, 2}), {.kernel = {2, 2, 3}, .strides = {1}}));
    fetch(s, maxPoolWithIndices(s.feed({0, 4, 4, 2}), {.kernel = {2}}));
    fetch(s, maxPoolWithIndices(s.feed({3, 5, 4, 2}, {n, m, 4, 2}), {.kernel = {3}, .strides = {1}, .padding = 1}));
  };
  rows["avg_pool"] = [](Sweep& s) {
    s.fetch(avgPool(feed(s, {2, 8, 8, 16}), {.kernel = {2}}));
    for (bool countPadding : {false, true}) {
      s.fetch(avgPool(feed(s, {2, 7, 9, 3}), {.kernel = {3}, .strides = {2}, .padding = 1}, countPadding));
      s.fetch(avgPool(feed(s, {2, 8, 6, 3}), {.kernel = {3}, .strides = {2}, .padding = 1, .ceilMode = true},
                      countPadding));
    }
    s.fetch(avgPool(feed(s, {2, 3, 6}), {.kernel = {2}, .dilations = {2}, .layout = "NCW"}));
    s.fetch(avgPool(feed(s, {2, 3, 4, 5, 2}), {.kernel = {2, 2, 3}, .strides = {1}}));
    s.fetch(avgPool(feed(s, {0, 4, 4, 2}), {.kernel = {2}}));
    s.fetch(avgPool(feed(s, {3, 5, 4, 2}, {n, m, 4, 2}), {.kernel = {3}, .strides = {1}, .padding = 1}, false));
  };
  rows["adaptive_avg_pool"] = [](Sweep& s) {
    s.fetch(adaptiveAvgPool(feed(s, {2, 8, 6, 3}), {4, 3}));
    s.fetch(adaptiveAvgPool(feed(s, {2, 7, 5, 3}), {3}));
    s.fetch(adaptiveAvgPool(feed(s, {2, 3, 4, 5}), {7, 2}, "NCHW"));
    s.fetch(adaptiveAvgPool(feed(s, {2, 5, 20}), {2}));
    s.fetch(adaptiveAvgPool(feed(s, {0, 5, 3}), {2}));
    s.fetch(adaptiveAvgPool(feed(s, {3, 5, 4, 2}, {n, 5, 4, 2}), {3, 2}));
  };
  rows["adaptive_max_pool"] = [](Sweep& s) {
    fetch(s, adaptiveMaxPool(s.feed({2, 8, 6, 3}), {4, 3}));
    fetch(s, adaptiveMaxPool(s.feed({2, 7, 5, 3}), {3}));
    fetch(s, adaptiveMaxPool(s.feed({2, 3, 4, 5}), {7, 2}, "NCHW"));
    fetch(s, adaptiveMaxPool(s.feed({0, 5, 3}), {2}));
    fetch(s, adaptiveMaxPool(s.feed({3, 5, 4, 2}, {n, 5, 4, 2}), {3, 2}));
  };
}

}  // namespace kiln::numerics
