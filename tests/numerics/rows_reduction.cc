// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

void sweepReduction(Sweep& s, const std::function<Value(Value, std::vector<int64_t>, bool)>& reduce) {
  // Special values in one tensor; the others have numbers of one size, so that sums are not all NaN.
  const bool isExtreme = s.op.name == "reduce_max" || s.op.name == "reduce_min";
  if (isExtreme || !isFloat(s.dtype)) {
    s.fetch(reduce(s.feed({40}), {0}, false));
  }
  s.fetch(reduce(s.feed({}, "unit"), {}, false));
  s.fetch(reduce(s.feed({1}, "unit"), {0}, true));
  s.fetch(reduce(s.feed({0}, "unit"), {0}, false));
  s.fetch(reduce(s.feed({3, 0}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({0, 3}, "unit"), {0}, true));
  s.fetch(reduce(s.feed({7, 13}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({7, 13}, "unit"), {0}, true));
  s.fetch(reduce(s.feed({7, 13}, "unit"), {0, 1}, false));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {-1}, true));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {0, 2}, false));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {1, 2}, false));
  s.fetch(reduce(s.feed({4, 1, 9, 1}, "unit"), {1, 3}, false));
  // The reference adds in f64 too, so only whole numbers give it the digits to judge long sums of f64.
  const std::string_view longSweep = s.dtype == f64 ? "whole" : "positive";
  s.fetch(reduce(s.feed({100003}, longSweep), {0}, false));
  s.fetch(reduce(s.feed({2000, 9}, longSweep), {0}, false));
  s.fetch(reduce(s.feed({300, 700}, s.dtype == f64 ? "whole" : "unit"), {1}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, "unit"), {0}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, "unit"), {0, 1}, false));
}

// Reductions whose values for long lines are not judged by a reference that adds or multiplies in f64.
void sweepShortReduction(Sweep& s, std::string_view sweep,
                         const std::function<Value(Value, std::vector<int64_t>, bool)>& reduce) {
  s.fetch(reduce(s.feed({}, sweep), {}, false));
  s.fetch(reduce(s.feed({1}, sweep), {0}, true));
  s.fetch(reduce(s.feed({0}, sweep), {0}, false));
  s.fetch(reduce(s.feed({3, 0}, sweep), {1}, false));
  s.fetch(reduce(s.feed({7, 13}, sweep), {1}, false));
  s.fetch(reduce(s.feed({7, 13}, sweep), {0}, true));
  s.fetch(reduce(s.feed({3, 5, 17}, sweep), {-1}, true));
  s.fetch(reduce(s.feed({3, 5, 17}, sweep), {1}, false));
  s.fetch(reduce(s.feed({3, 5, 17}, sweep), {0, 2}, false));
  s.fetch(reduce(s.feed({300, 70}, sweep), {1}, false));
  s.fetch(reduce(s.feed({70, 300}, sweep), {0}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, sweep), {1}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, sweep), {0}, true));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, sweep), {0, 1}, false));
}

// Calls `apply` for lines along each axis, symbolic, of one element and of none, in all variants of a scan.
void sweepLines(Sweep& s, std::string_view sweep, const std::function<void(Value, int64_t, bool, bool)>& apply) {
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      apply(s.feed({1}, sweep), 0, exclusive, reverse);
      apply(s.feed({37}, sweep), -1, exclusive, reverse);
      apply(s.feed({3, 5, 17}, sweep), 1, exclusive, reverse);
    }
  }
  apply(s.feed({0}, sweep), 0, false, false);
  apply(s.feed({0, 3}, sweep), 1, true, false);
  apply(s.feed({3, 0}, sweep), 1, false, true);
  apply(s.feed({60, 70}, sweep), 0, false, false);
  apply(s.feed({60, 70}, sweep), 1, false, false);
  apply(s.feed({5, 9}, {n, m}, sweep), 1, true, false);
  apply(s.feed({5, 9}, {n, m}, sweep), 0, false, true);
}

void sweepSoftmax(Sweep& s, const std::function<Value(Value, int64_t)>& apply) {
  s.fetch(apply(s.feed({1}, "unit"), 0));
  s.fetch(apply(s.feed({0, 5}, "unit"), -1));
  s.fetch(apply(s.feed({5, 10}, "unit"), -1));
  s.fetch(apply(s.feed({33, 7}, "positive"), 0));
  s.fetch(apply(s.feed({3, 4, 67}, "unit"), 1));
  s.fetch(apply(s.feed({4, 1000}, "unit"), -1));
  s.fetch(apply(s.feed({6, 11}, {n, m}, "unit"), -1));
}

}  // namespace

void addReductionRows(SweepRows& rows) {
  rows["reduce_sum"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceSum(x, a, k); });
  };
  rows["reduce_mean"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceMean(x, a, k); });
  };
  rows["reduce_max"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceMax(x, a, k); });
  };
  rows["reduce_min"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceMin(x, a, k); });
  };
  rows["reduce_any"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceAny(x, a, k); });
  };
  rows["reduce_all"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceAll(x, a, k); });
  };
  rows["reduce_l1"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceL1(x, a, k); });
  };
  rows["reduce_l2"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceL2(x, a, k); });
  };
  rows["reduce_sum_square"] = [](Sweep& s) {
    sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceSumSquare(x, a, k); });
  };
  rows["reduce_prod"] = [](Sweep& s) {
    sweepShortReduction(s, isFloat(s.dtype) ? "near one" : "small",
                        [](Value x, std::vector<int64_t> a, bool k) { return reduceProd(x, a, k); });
    s.fetch(reduceProd(s.feed({40}), {0}, false));
  };
  rows["reduce_log_sum_exp"] = [](Sweep& s) {
    sweepShortReduction(s, "unit", [](Value x, std::vector<int64_t> a, bool k) { return reduceLogSumExp(x, a, k); });
    s.fetch(reduceLogSumExp(s.feed({40, 1}), {1}));
    s.fetch(reduceLogSumExp(s.feed({2, 20}), {0}));
  };
  rows["reduce_variance"] = [](Sweep& s) {
    for (const int64_t correction : {0, 1}) {
      sweepShortReduction(s, "unit",
                          [=](Value x, std::vector<int64_t> a, bool k) { return reduceVariance(x, a, k, correction); });
    }
  };
  rows["cumsum"] = [](Sweep& s) {
    sweepLines(s, "unit", [&](Value x, int64_t axis, bool exclusive, bool reverse) {
      s.fetch(cumsum(x, axis, exclusive, reverse));
    });
  };
  rows["cumprod"] = [](Sweep& s) {
    sweepLines(s, isFloat(s.dtype) ? "near one" : "small", [&](Value x, int64_t axis, bool exclusive, bool reverse) {
      s.fetch(cumprod(x, axis, exclusive, reverse));
    });
    s.fetch(cumprod(s.feed({40})));
  };
  rows["cummax"] = [](Sweep& s) {
    sweepLines(s, "any", [&](Value x, int64_t axis, bool exclusive, bool reverse) {
      const auto [values, indices] = cummax(x, axis, exclusive, reverse);
      s.fetchAll({values, indices});
    });
  };
  rows["cummin"] = [](Sweep& s) {
    sweepLines(s, "any", [&](Value x, int64_t axis, bool exclusive, bool reverse) {
      const auto [values, indices] = cummin(x, axis, exclusive, reverse);
      s.fetchAll({values, indices});
    });
  };
  rows["linear_recurrence"] = [](Sweep& s) {
    for (const bool reverse : {false, true}) {
      s.fetch(linearRecurrence(s.feed({1}, "unit"), s.feed({1}, "unit"), 0, reverse));
      s.fetch(linearRecurrence(s.feed({0, 3}, "unit"), s.feed({0, 3}, "unit"), 0, reverse));
      s.fetch(linearRecurrence(s.feed({4, 31}, "unit"), s.feed({4, 31}, "unit"), 1, reverse));
      s.fetch(linearRecurrence(s.feed({3, 50, 40}, "unit"), s.feed({3, 50, 40}, "unit"), 1, reverse));
      s.fetch(linearRecurrence(s.feed({5, 9}, {n, m}, "unit"), s.feed({5, 9}, {n, m}, "unit"), 0, reverse));
    }
  };
  rows["sort"] = [](Sweep& s) {
    sweepLines(s, "any", [&](Value x, int64_t axis, bool descending, bool) {
      const auto [values, indices] = sort(x, axis, descending);
      s.fetchAll({values, indices});
    });
    const auto [values, indices] = sort(s.feed({3000}, "small"));
    s.fetchAll({values, indices});
  };
  rows["top_k"] = [](Sweep& s) {
    const auto apply = [&](Value x, int64_t k, int64_t axis, bool largest) {
      const auto [values, indices] = topK(x, k, axis, largest);
      s.fetchAll({values, indices});
    };
    for (const bool largest : {false, true}) {
      apply(s.feed({1}), 1, 0, largest);
      apply(s.feed({40}), 5, -1, largest);
      apply(s.feed({40}), 40, -1, largest);
      apply(s.feed({3, 5, 17}), 3, 1, largest);
      apply(s.feed({0, 3}), 2, 1, largest);
      apply(s.feed({5, 9}, {n, m}), 4, 1, largest);
      apply(s.feed({2, 3000}, "small"), 100, 1, largest);
    }
    apply(s.feed({3, 4}), 0, 0, true);
  };
  rows["argmin"] = [](Sweep& s) {
    s.fetch(argmin(s.feed({1}), 0));
    s.fetch(argmin(s.feed({40}), 0, true));
    s.fetch(argmin(s.feed({0, 3}), 1));
    s.fetch(argmin(s.feed({9, 33}), -1));
    s.fetch(argmin(s.feed({9, 33}), 0));
    s.fetch(argmin(s.feed({3, 4, 18}), 1, true));
    s.fetch(argmin(s.feed({5, 10}, {n, 10}, "unit"), -1));
  };
  rows["argmax"] = [](Sweep& s) {
    s.fetch(argmax(s.feed({1}), 0));
    s.fetch(argmax(s.feed({40}), 0, true));
    s.fetch(argmax(s.feed({0, 3}), 1));
    s.fetch(argmax(s.feed({9, 33}), -1));
    s.fetch(argmax(s.feed({9, 33}), 0));
    s.fetch(argmax(s.feed({3, 4, 18}), 1, true));
    s.fetch(argmax(s.feed({5, 10}, {n, 10}, "unit"), -1));
  };
  rows["softmax"] = [](Sweep& s) { sweepSoftmax(s, [](Value x, int64_t axis) { return softmax(x, axis); }); };
  rows["log_softmax"] = [](Sweep& s) { sweepSoftmax(s, [](Value x, int64_t axis) { return logSoftmax(x, axis); }); };
  rows["softmax_cross_entropy"] = [](Sweep& s) {
    s.fetch(softmaxCrossEntropy(s.feed({7, 10}, "unit"), s.indices({7}, 0, 10)));
    s.fetch(softmaxCrossEntropy(s.feed({3, 4, 33}, "unit"), s.indices({3, 4}, 0, 33, i32)));
    s.fetch(softmaxCrossEntropy(s.feed({0, 10}, "unit"), s.indices({0}, 0, 10)));
    s.fetch(softmaxCrossEntropy(s.feed({10}, "unit"), s.indices({}, 0, 10)));
    s.fetch(softmaxCrossEntropy(s.feed({9, 10}, {n, 10}, "unit"), s.indices({9}, {n}, 0, 10)));
  };
  rows["softmax_cross_entropy_dense"] = [](Sweep& s) {
    s.fetch(softmaxCrossEntropy(s.feed({7, 10}, "unit"), softmax(s.feed({7, 10}, "unit"))));
    s.fetch(softmaxCrossEntropy(s.feed({0, 10}, "unit"), softmax(s.feed({0, 10}, "unit"))));
    s.fetch(softmaxCrossEntropy(s.feed({9, 10}, {n, 10}, "unit"), softmax(s.feed({9, 10}, {n, 10}, "unit"))));
  };
}

}  // namespace kiln::numerics
