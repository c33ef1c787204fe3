// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <array>

#include "tests/numerics/sweep.h"

namespace kiln::numerics {

void addContractionRows(SweepRows& rows) {
  rows["matmul"] = [](Sweep& s) {
    for (auto [rows, inner, columns] : {std::array<int64_t, 3>{1, 1, 1},
                                        {0, 3, 2},
                                        {2, 0, 3},
                                        {1, 17, 5},
                                        {7, 13, 9},
                                        {3, 33, 1},
                                        {5, 20, 1030},
                                        {33, 65, 100},
                                        {70, 330, 130},
                                        {140, 330, 70}}) {
      const std::string_view kind = "unit";
      s.fetch(matmul(s.feed({rows, inner}, kind), s.feed({inner, columns}, kind)));
      s.fetch(matmul(s.feed({inner, rows}, kind), s.feed({inner, columns}, kind), true));
      s.fetch(matmul(s.feed({rows, inner}, kind), s.feed({columns, inner}, kind), false, true));
      s.fetch(matmul(s.feed({inner, rows}, kind), s.feed({columns, inner}, kind), true, true));
    }
    s.fetch(matmul(s.feed({3, 5, 6}, "unit"), s.feed({3, 6, 4}, "unit")));
    s.fetch(matmul(s.feed({3, 5, 6}, "unit"), s.feed({6, 4}, "unit")));
    s.fetch(matmul(s.feed({2, 1, 5, 6}, "unit"), s.feed({1, 3, 6, 4}, "unit")));
    s.fetch(matmul(s.feed({5, 6}, "unit"), s.feed({3, 4, 6}, "unit"), false, true));
    s.fetch(matmul(s.feed({19, 7}, {n, 7}, "unit"), s.feed({7, 11}, "unit")));
    s.fetch(matmul(s.feed({19, 7}, {n, 7}, "unit"), s.feed({19, 11}, {n, 11}, "unit"), true));
  };
  rows["einsum"] = [](Sweep& s) {
    auto x = [&](std::vector<int64_t> dims) { return s.feed(std::move(dims), "unit"); };
    s.fetch(einsum("ij,jk->ik", {x({17, 9}), x({9, 33})}));
    s.fetch(einsum("bhqd,bhkd->bhqk", {x({2, 3, 5, 8}), x({2, 3, 7, 8})}));
    s.fetch(einsum("ij,kj->ki", {x({4, 6}), x({5, 6})}));
    s.fetch(einsum("i,i", {x({37}), x({37})}));
    s.fetch(einsum("i,j->ji", {x({5}), x({19})}));
    s.fetch(einsum("ii->i", {x({7, 7})}));
    s.fetch(einsum("iji->j", {x({4, 5, 4})}));
    s.fetch(einsum("ij->", {x({5, 7})}));
    s.fetch(einsum("ab,bc,cd->ad", {x({3, 4}), x({4, 5}), x({5, 6})}));
    s.fetch(einsum("ij,jk,k->i", {x({3, 4}), x({4, 5}), x({5})}));
    s.fetch(einsum("ijk,ilm->jklm", {x({2, 3, 4}), x({2, 5, 3})}));
    s.fetch(einsum("...ij,...jk", {x({4, 1, 2, 3}), x({5, 3, 6})}));
    s.fetch(einsum("...,...->...", {x({1, 3}), x({4, 3})}));
    s.fetch(einsum("i...->...", {x({3, 2, 2})}));
    s.fetch(einsum("->", {x({})}));
    s.fetch(einsum("ij,jk->ik", {x({3, 0}), x({0, 4})}));
    s.fetch(einsum("ij,jk->ik", {x({0, 3}), x({3, 4})}));
    s.fetch(einsum("nij,jk->nik", {s.feed({5, 3, 4}, {n, 3, 4}, "unit"), x({4, 6})}));
    s.fetch(einsum("ni,nj->ij", {s.feed({5, 3}, {n, 3}, "unit"), s.feed({5, 4}, {n, 4}, "unit")}));
  };
}

}  // namespace kiln::numerics
