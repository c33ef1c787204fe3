// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {

void addMovementRows(SweepRows& rows) {
  rows["reshape"] = [](Sweep& s) {
    s.fetch(reshape(s.feed({6, 4}), {8, 3}));
    s.fetch(reshape(s.feed({1}), {}));
    s.fetch(reshape(s.feed({0, 3}), {3, 0}));
    s.fetch(reshape(s.feed({5, 6}, {n, 6}), {n, 2, 3}));
    s.fetch(reshape(s.feed({5, 6}, {n, 6}), {-1}));
    s.fetch(reshape(transpose(s.feed({4, 6})), {3, 8}));
  };
  rows["transpose"] = [](Sweep& s) {
    s.fetch(transpose(s.feed({7, 33})));
    s.fetch(transpose(s.feed({3, 4, 5}), {2, 0, 1}));
    s.fetch(transpose(s.feed({3, 4, 5}), {1, 0, 2}));
    s.fetch(transpose(s.feed({0, 4})));
    s.fetch(transpose(s.feed({5, 19}, {n, m})));
  };
  rows["broadcast"] = [](Sweep& s) {
    s.fetch(broadcastTo(s.feed({}), {3, 17}));
    s.fetch(broadcastTo(s.feed({17}), {3, 17}));
    s.fetch(broadcastTo(s.feed({3, 1}), {3, 17}));
    s.fetch(broadcastTo(s.feed({1, 5, 1}), {2, 5, 9}));
    s.fetch(broadcastTo(s.feed({1, 5}), {0, 5}));
    s.fetch(broadcastTo(s.feed({1, 5}), {s.g.dim("n", 0, 100), 5}));
    s.feed({4}, {n});
  };
  rows["slice"] = [](Sweep& s) {
    s.fetch(slice(s.feed({20}), {3}, {17}));
    s.fetch(slice(s.feed({9, 40}), {1, 2}, {8, 37}, {2, 3}));
    s.fetch(slice(s.feed({9, 40}), {3, 0}, {3, 40}));
    s.fetch(slice(s.feed({3, 5, 8}), {1, 0, 2}, {3, 5, 7}));
    s.feed({7}, {n});
    s.fetch(slice(s.feed({9, 12}, {n + 2, 12}), {2, 1}, {n + 2, 12}));
  };
  rows["concat"] = [](Sweep& s) {
    s.fetch(concat({s.feed({3, 4}), s.feed({2, 4})}, 0));
    s.fetch(concat({s.feed({3, 4}), s.feed({3, 9}), s.feed({3, 0})}, 1));
    s.fetch(concat({s.feed({5})}, 0));
    s.fetch(concat({s.feed({2, 3, 4}), s.feed({2, 1, 4})}, 1));
    s.fetch(concat({s.feed({5, 4}, {n, 4}), s.feed({3, 4})}, 0));
  };
  rows["pad"] = [](Sweep& s) {
    s.fetch(pad(s.feed({5}), s.feed({}), {2}, {3}));
    s.fetch(pad(s.feed({5, 4}), s.feed({}), {1, 0}, {0, 2}));
    s.fetch(pad(s.feed({5, 4}), s.feed({}), {1, 2}, {0, 1}, {2, 1}));
    s.fetch(pad(s.feed({0, 4}), s.feed({}), {1, 0}, {1, 0}));
    s.fetch(pad(s.feed({6, 4}, {n, 4}), s.feed({}), {1, 0}, {2, 0}));
  };
  rows["tile"] = [](Sweep& s) {
    s.fetch(tile(s.feed({3, 5}), {2, 3}));
    s.fetch(tile(s.feed({17}), {4}));
    s.fetch(tile(s.feed({3, 2}), {1, 0}));
    s.fetch(tile(s.feed({}), {}));
    s.fetch(tile(s.feed({5, 4}, {n, 4}), {3, 2}));
  };
  rows["reverse"] = [](Sweep& s) {
    s.fetch(reverse(s.feed({37}), {0}));
    s.fetch(reverse(s.feed({5, 19}), {1}));
    s.fetch(reverse(s.feed({5, 19}), {0, -1}));
    s.fetch(reverse(s.feed({2, 3, 4}), {1}));
    s.fetch(reverse(s.feed({3, 0}), {0, 1}));
    s.fetch(reverse(s.feed({1}), {0}));
    s.fetch(reverse(s.feed({}), {}));
    s.fetch(reverse(s.feed({7, 18}, {n, m}), {0, 1}));
  };
  rows["roll"] = [](Sweep& s) {
    s.fetch(roll(s.feed({37}), {5}, {0}));
    s.fetch(roll(s.feed({5, 19}), {-21, 3}, {1, 0}));
    s.fetch(roll(s.feed({0, 3}), {2, 2}, {0, 1}));
    s.fetch(roll(s.feed({1}), {4}, {0}));
    s.fetch(roll(s.feed({7, 18}, {n, m}), {-9, 40}, {0, 1}));
  };
  rows["pad_extend"] = [](Sweep& s) {
    for (const char* mode : {"reflect", "edge", "wrap"}) {
      s.fetch(padExtend(s.feed({5}), {2}, {4}, mode));
      s.fetch(padExtend(s.feed({3, 17}), {1, 0}, {2, 3}, mode));
      s.fetch(padExtend(s.feed({2, 3, 4, 5}), {0, 0, 1, 2}, {0, 0, 1, 0}, mode));
      s.fetch(padExtend(s.feed({5, 4}, {n, 4}), {0, 3}, {0, 1}, mode));
      s.fetch(padExtend(s.feed({0, 2}), {0, 1}, {0, 1}, mode));
    }
    s.fetch(padExtend(s.feed({1}), {3}, {9}, "edge"));
  };
  rows["diagonal"] = [](Sweep& s) {
    s.fetch(diagonal(s.feed({5, 7})));
    s.fetch(diagonal(s.feed({5, 7}), 4));
    s.fetch(diagonal(s.feed({5, 7}), -3));
    s.fetch(diagonal(s.feed({5, 7}), 9));
    s.fetch(diagonal(s.feed({3, 4, 5}), 1, 2, 0));
    s.fetch(diagonal(s.feed({3, 4, 5}), 0, -1, 1));
    s.fetch(diagonal(s.feed({6, 6}, {n, n})));
    s.fetch(diagonal(s.feed({0, 4})));
  };
  rows["triangular"] = [](Sweep& s) {
    for (bool upper : {false, true}) {
      for (int64_t k : {-2, 0, 1}) {
        s.fetch(triangular(s.feed({5, 7}), upper, k));
      }
      s.fetch(triangular(s.feed({2, 3, 3}), upper));
      s.fetch(triangular(s.feed({0, 3}), upper));
      s.fetch(triangular(s.feed({5, 6}, {n, m}), upper));
    }
  };
}

}  // namespace kiln::numerics
