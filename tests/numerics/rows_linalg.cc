// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

// Matrices that are well conditioned, and positive definite when seen as symmetric: numbers below 1 and a larger
// diagonal.
Value matrices(Sweep& s, const std::vector<int64_t>& dims, const Shape& shape) {
  Tensor tensor(s.dtype, dims);
  fill(tensor, "unit", s.numbers);
  const int64_t size = dims.back();
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    if (i / size % size == i % size) {
      tensor.set(i, tensor.at(i) + 2 + static_cast<double>(size));
    }
  }
  return s.feedTensor(std::move(tensor), shape);
}
Value matrices(Sweep& s, const std::vector<int64_t>& dims) { return matrices(s, dims, Shape::of(dims)); }

// As above, with the rows in another order, so that pivots are sought.
Value shuffled(Sweep& s, const std::vector<int64_t>& dims, const Shape& shape) {
  Tensor tensor(s.dtype, dims);
  fill(tensor, "unit", s.numbers);
  const int64_t size = dims.back();
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    if ((i / size * 5 + 2) % size == i % size) {
      tensor.set(i, tensor.at(i) + 2 + static_cast<double>(size));
    }
  }
  return s.feedTensor(std::move(tensor), shape);
}
Value shuffled(Sweep& s, const std::vector<int64_t>& dims) { return shuffled(s, dims, Shape::of(dims)); }

void sweepMatrices(Sweep& s, const std::function<void(Value)>& apply) {
  apply(shuffled(s, {1, 1}));
  apply(shuffled(s, {0, 0}));
  apply(shuffled(s, {0, 3, 3}));
  apply(shuffled(s, {7, 7}));
  apply(shuffled(s, {2, 3, 11, 11}));
  apply(shuffled(s, {63, 63}));
  apply(shuffled(s, {2, 6, 6}, {m, n, n}));
}

}  // namespace

void addLinalgRows(SweepRows& rows) {
  rows["cholesky"] = [](Sweep& s) {
    s.fetch(cholesky(matrices(s, {1, 1})));
    s.fetch(cholesky(matrices(s, {0, 0})));
    s.fetch(cholesky(matrices(s, {0, 3, 3})));
    s.fetch(cholesky(matrices(s, {7, 7})));
    s.fetch(cholesky(matrices(s, {2, 3, 11, 11})));
    s.fetch(cholesky(matrices(s, {63, 63})));
    s.fetch(cholesky(matrices(s, {2, 6, 6}, {m, n, n})));
  };
  rows["triangular_solve"] = [](Sweep& s) {
    for (const bool lower : {false, true}) {
      for (const bool transposed : {false, true}) {
        for (const bool unit : {false, true}) {
          const auto apply = [&](Value a, Value b) { s.fetch(triangularSolve(a, b, lower, transposed, unit)); };
          apply(matrices(s, {1, 1}), s.feed({1, 1}, "unit"));
          apply(matrices(s, {5, 5}), s.feed({5, 40}, "unit"));
          apply(matrices(s, {2, 6, 6}, {m, n, n}), s.feed({2, 6, 3}, {m, n, 3}, "unit"));
        }
      }
    }
    s.fetch(triangularSolve(matrices(s, {3, 3}), s.feed({3, 0}, "unit")));
    s.fetch(triangularSolve(matrices(s, {2, 80, 80}), s.feed({2, 80, 70}, "unit")));
  };
  rows["lu"] = [](Sweep& s) {
    sweepMatrices(s, [&](Value a) {
      const auto [factors, pivots, permutation] = lu(a);
      s.fetchAll({factors, pivots, permutation});
    });
  };
  rows["inverse"] = [](Sweep& s) { sweepMatrices(s, [&](Value a) { s.fetch(inverse(a)); }); };
  rows["det"] = [](Sweep& s) { sweepMatrices(s, [&](Value a) { s.fetch(det(a)); }); };
  rows["solve"] = [](Sweep& s) {
    s.fetch(solve(shuffled(s, {1, 1}), s.feed({1, 1}, "unit")));
    s.fetch(solve(shuffled(s, {0, 0}), s.feed({0, 2}, "unit")));
    s.fetch(solve(shuffled(s, {3, 9, 9}), s.feed({3, 9, 4}, "unit")));
    s.fetch(solve(shuffled(s, {41, 41}), s.feed({41, 1}, "unit")));
    s.fetch(solve(shuffled(s, {2, 6, 6}, {m, n, n}), s.feed({2, 6, 3}, {m, n, 3}, "unit")));
  };
}

}  // namespace kiln::numerics
