// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {

void addIndexingRows(SweepRows& rows) {
  rows["gather"] = [](Sweep& s) {
    s.fetch(gather(s.feed({9, 17}), s.indices({6}, -9, 9)));
    s.fetch(gather(s.feed({9, 17}), s.indices({2, 3}, -17, 17, i32), 1));
    s.fetch(gather(s.feed({9}), s.indices({}, 0, 9)));
    s.fetch(gather(s.feed({4, 9}), s.indices({4}, -9, 9), 1, 1));
    s.fetch(gather(s.feed({3, 9, 5}), s.indices({3, 2}, 0, 9), 1, 1));
    s.fetch(gather(s.feed({9, 17}), s.indices({0}, 0, 9)));
    s.fetch(gather(s.feed({0, 4}), s.indices({0}, 0, 1)));
    s.fetch(gather(s.feed({9, 17}, {n, 17}), s.indices({5, 2}, {m, 2}, -9, 9)));
  };
  rows["scatter_add"] = [](Sweep& s) {
    s.fetch(scatterAdd(s.feed({9, 17}, "unit"), s.indices({4}, -9, 9), s.feed({4, 17}, "unit")));
    s.fetch(scatterAdd(s.feed({9, 17}, "unit"), s.indices({2, 3}, 0, 17, i32), s.feed({9, 2, 3}, "unit"), 1));
    s.fetch(scatterAdd(s.feed({9}, "unit"), s.indices({}, 0, 9), s.feed({}, "unit")));
    s.fetch(scatterAdd(s.feed({4, 9}, "unit"), s.indices({4}, -9, 9), s.feed({4}, "unit"), 1, 1));
    s.fetch(scatterAdd(s.feed({3, 9, 5}, "unit"), s.indices({3, 2}, 0, 9), s.feed({3, 2, 5}, "unit"), 1, 1));
    s.fetch(scatterAdd(s.feed({0, 4}, "unit"), s.indices({0}, 0, 1), s.feed({0, 4}, "unit")));
    s.fetch(scatterAdd(s.feed({9, 17}, {n, 17}, "unit"), s.indices({5}, {m}, -9, 9), s.feed({5, 17}, {m, 17}, "unit")));
    // Where rounding at each step would show in 16-bit floats.
    s.fetch(scatterAdd(s.feed({3}, "unit"), s.indices({400}, 0, 3), s.feed({400}, "unit")));
  };
  rows["one_hot"] = [](Sweep& s) {
    for (DType type : {i32, i64}) {
      s.fetch(oneHot(s.indices({7}, -12, 14, type), 10, s.dtype));
      s.fetch(oneHot(s.indices({}, 0, 3, type), 3, s.dtype));
      s.fetch(oneHot(s.indices({0}, 0, 3, type), 3, s.dtype));
      s.fetch(oneHot(s.indices({3, 5}, -2, 5, type), 37, s.dtype));
    }
    s.fetch(oneHot(s.indices({5}, {n}, 0, 10), 10, s.dtype));
  };
  rows["iota"] = [](Sweep& s) {
    s.fetch(iota(s.g, {40}, 0, s.dtype));
    s.fetch(iota(s.g, {5, 9}, 0, s.dtype));
    s.fetch(iota(s.g, {5, 9}, -1, s.dtype));
    s.fetch(iota(s.g, {0, 9}, 1, s.dtype));
    s.fetch(iota(s.g, {n, 3}, 0, s.dtype));
    s.feed({11}, {n});
  };
  rows["gather_elements"] = [](Sweep& s) {
    s.fetch(gatherElements(s.feed({9}), s.indices({5}, -9, 9)));
    s.fetch(gatherElements(s.feed({5, 17}), s.indices({5, 8}, -17, 17, i32), 1));
    s.fetch(gatherElements(s.feed({5, 17}), s.indices({9, 6}, 0, 5), 0));
    s.fetch(gatherElements(s.feed({3, 4, 5}), s.indices({2, 7, 5}, -4, 4), 1));
    s.fetch(gatherElements(s.feed({3, 4}), s.indices({3, 0}, 0, 1), -1));
    s.fetch(gatherElements(s.feed({6, 9}, {n, 9}), s.indices({6, 4}, {n, 4}, -9, 9), 1));
  };
  rows["gather_nd"] = [](Sweep& s) {
    s.fetch(gatherNd(s.feed({4, 4, 17}), s.indices({6, 2}, -4, 4)));
    s.fetch(gatherNd(s.feed({4, 4}), s.indices({2, 3, 2}, -4, 4, i32)));
    s.fetch(gatherNd(s.feed({9, 5}), s.indices({3, 1}, 0, 9)));
    s.fetch(gatherNd(s.feed({3, 5, 5, 2}), s.indices({3, 4, 2}, -5, 5), 1));
    s.fetch(gatherNd(s.feed({4, 4}), s.indices({2}, 0, 4)));
    s.fetch(gatherNd(s.feed({4, 4}), s.indices({0, 2}, 0, 4)));
    s.fetch(gatherNd(s.feed({6, 9}, {n, 9}), s.indices({5, 2}, {m, 2}, -6, 6)));
  };
  rows["scatter"] = [](Sweep& s) {
    for (const char* how : {"none", "add", "mul", "min", "max"}) {
      if (s.dtype == boolean && std::string_view(how) != "none") {
        continue;
      }
      s.fetch(scatter(s.feed({9}, "unit"), s.indices({6}, -9, 9), s.feed({6}, "unit"), 0, how));
      s.fetch(scatter(s.feed({5, 17}, "unit"), s.indices({5, 8}, -17, 17, i32), s.feed({5, 8}, "unit"), 1, how));
      s.fetch(scatter(s.feed({5, 4}, "unit"), s.indices({7, 3}, 0, 5), s.feed({7, 3}, "unit"), -2, how));
      s.fetch(scatter(s.feed({5, 4}, "unit"), s.indices({0, 4}, 0, 5), s.feed({0, 4}, "unit"), 0, how));
      s.fetch(scatter(s.feed({6, 9}, {n, 9}, "unit"), s.indices({6, 4}, {n, 4}, -9, 9), s.feed({6, 4}, {n, 4}, "unit"),
                      1, how));
    }
  };
  rows["scatter_nd"] = [](Sweep& s) {
    for (const char* how : {"none", "add", "mul", "min", "max"}) {
      if (s.dtype == boolean && std::string_view(how) != "none") {
        continue;
      }
      s.fetch(scatterNd(s.feed({4, 4, 17}, "unit"), s.indices({6, 2}, -4, 4), s.feed({6, 17}, "unit"), how));
      s.fetch(scatterNd(s.feed({4, 4}, "unit"), s.indices({2, 3, 2}, -4, 4, i32), s.feed({2, 3}, "unit"), how));
      s.fetch(scatterNd(s.feed({9, 5}, "unit"), s.indices({1}, 0, 9), s.feed({5}, "unit"), how));
      s.fetch(scatterNd(s.feed({4, 4}, "unit"), s.indices({0, 2}, 0, 4), s.feed({0}, "unit"), how));
      s.fetch(scatterNd(s.feed({6, 9}, {n, 9}, "unit"), s.indices({5, 1}, {m, 1}, -6, 6),
                        s.feed({5, 9}, {m, 9}, "unit"), how));
    }
  };
  rows["scatter_slices"] = [](Sweep& s) {
    for (const char* how : {"none", "mul", "min", "max"}) {
      if (s.dtype == boolean && std::string_view(how) != "none") {
        continue;
      }
      s.fetch(scatterSlices(s.feed({9, 17}), s.indices({14}, -9, 9), s.feed({14, 17}), 0, 0, true, how));
      s.fetch(scatterSlices(s.feed({9, 17}), s.indices({2, 3}, 0, 17, i32), s.feed({9, 2, 3}), 1, 0, false, how));
      s.fetch(scatterSlices(s.feed({3, 9, 5}), s.indices({3, 2}, -9, 9), s.feed({3, 2, 5}), 1, 1, true, how));
      s.fetch(scatterSlices(s.feed({9}), s.indices({}, 0, 9), s.feed({}), 0, 0, true, how));
      s.fetch(scatterSlices(s.feed({9, 17}, {n, 17}), s.indices({5}, {m}, -9, 9), s.feed({5, 17}, {m, 17}), 0, 0, true,
                            how));
    }
  };
  rows["embedding"] = [](Sweep& s) {
    s.fetch(embedding(s.feed({9, 17}), s.indices({6}, 0, 9)));
    s.fetch(embedding(s.feed({9, 3}), s.indices({2, 5}, 0, 9, i32), 4));
    s.fetch(embedding(s.feed({9, 3}), s.indices({}, 0, 9), 0));
    s.fetch(embedding(s.feed({9, 3}), s.indices({0}, 0, 9), 0));
    s.fetch(embedding(s.feed({9, 17}, {n, 17}), s.indices({5, 2}, {m, 2}, 0, 9), 1));
  };
  auto segments = [](auto&& op) {
    return [op](Sweep& s) {
      s.fetch(op(s.feed({20, 17}, "unit"), s.indices({20}, 0, 4), 5));
      s.fetch(op(s.feed({7}, "unit"), s.indices({7}, 0, 3, i32), 9));
      s.fetch(op(s.feed({3, 4, 2}, "unit"), s.indices({3, 4}, 0, 3), 3));
      s.fetch(op(s.feed({0, 2}, "unit"), s.indices({0}, 0, 1), 2));
      s.fetch(op(s.feed({11, 3}, {n, 3}, "unit"), s.indices({11}, {n}, 0, 4), 4));
    };
  };
  rows["segment_sum"] = segments([](Value x, Value ids, int64_t count) { return segmentSum(x, ids, count); });
  rows["segment_mean"] = segments([](Value x, Value ids, int64_t count) { return segmentMean(x, ids, count); });
  rows["segment_max"] = segments([](Value x, Value ids, int64_t count) { return segmentMax(x, ids, count); });
  rows["segment_min"] = segments([](Value x, Value ids, int64_t count) { return segmentMin(x, ids, count); });
}

}  // namespace kiln::numerics
