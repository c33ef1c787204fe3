// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/transforms.h"
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

Values joined(const ScanResult& result) {
  Values values = result.carries;
  values.insert(values.end(), result.stacked.begin(), result.stacked.end());
  return values;
}

}  // namespace

void addControlRows(SweepRows& rows) {
  rows["if_else"] = [](Sweep& s) {
    for (double condition : {0.0, 1.0}) {
      for (const std::vector<int64_t>& dims : {std::vector<int64_t>{}, {0, 3}, {5, 33}}) {
        Value x = s.feed(dims), y = s.feed(dims);
        Tensor flag(boolean, {});
        flag.set(0, condition);
        s.fetchAll(ifElse(
            s.g, s.feedTensor(std::move(flag)),
            [&] { return Values{x, concat({reshape(x, {-1}), reshape(y, {-1})}, 0)}; },
            [&] { return Values{y, concat({reshape(y, {-1}), reshape(x, {-1})}, 0)}; }));
      }
    }
  };
  rows["switch_case"] = [](Sweep& s) {
    for (int64_t index = 0; index < 3; ++index) {
      Value x = s.feed({4, 9}), y = s.feed({4, 9});
      s.fetchAll(switchCase(s.g, s.indices({}, index, index + 1, i32),
                            {[&] { return Values{x}; }, [&] { return Values{transpose(reshape(y, {9, 4}))}; },
                             [&] { return Values{reverse(x, {1})}; }}));
    }
  };
  rows["while_loop"] = [](Sweep& s) {
    for (int64_t end : {0, 1, 7}) {
      Value stop = s.indices({}, end, end + 1), count = s.indices({}, 0, 1), x = s.feed({3, 5});
      s.fetchAll(whileLoop(
          s.g, {count, x}, [&](const Values& c) { return less(c[0], stop); },
          [&](Value, const Values& c) { return Values{c[0] + 1, reverse(c[1], {0}), concat({c[1], c[1]}, 1)}; },
          {.maxSteps = 5}));
    }
  };
  rows["for_range"] = [](Sweep& s) {
    for (int64_t trips : {0, 1, 6}) {
      Value x = s.feed({2, 40}), y = s.feed({2, 40});
      s.fetchAll(forRange(s.g, 0, s.indices({}, trips, trips + 1), 1, {x, y},
                          [&](Value, const Values& c) { return Values{c[1], reverse(c[0], {1})}; }));
    }
  };
  rows["scan"] = [](Sweep& s) {
    for (bool isReverse : {false, true}) {
      ScanResult walked = scan(s.g, {s.feed({3})}, {s.feed({6, 3}), s.feed({6, 2, 2})},
                               [&](Value, const Values& c, const Values& r) {
                                 return std::pair(Values{r[0]}, Values{concat({c[0], r[0]}, 0), reverse(r[1], {0})});
                               },
                               {.reverse = isReverse});
      s.fetchAll(joined(walked));
    }
    s.fetchAll(map(s.g, {s.feed({0, 4})}, [](const Values& r) { return Values{reverse(r[0], {0})}; }));
    s.fetchAll(map(s.g, {s.feed({5, 7}, {n, 7})}, [](const Values& r) { return Values{reverse(r[0], {0})}; }));
    s.fetch(map(s.g, {s.feed({3, 4})}, [](const Values& r) { return Values{reverse(r[0], {0})}; },
                {.name = "columns", .length = {}, .axis = 1})[0]);
  };
  rows["checkpoint"] = [](Sweep& s) {
    Value x = s.feed({4, 6});
    s.fetchAll(checkpoint(s.g, [](const Values& v) { return Values{reverse(v[0], {1}), v[0]}; }, {x}));
  };
  rows["custom_gradient"] = [](Sweep& s) {
    Value x = s.feed({4, 6});
    const bool hasGradient = isFloat(s.dtype);
    s.fetchAll(customGradient(
        s.g, [](const Values& v) { return Values{reverse(v[0], {1})}; }, {x},
        [&](const Values&, const Values&, const Values& c) { return hasGradient ? Values{c[0]} : Values{}; }));
  };
  rows["stop_gradient"] = [](Sweep& s) {
    s.fetch(stopGradient(s.feed({})));
    s.fetch(stopGradient(s.feed({0, 2})));
    s.fetch(stopGradient(s.feed({3, 19})));
  };
  rows["optimization_barrier"] = [](Sweep& s) {
    s.fetchAll(optimizationBarrier(s.g, {s.feed({}), s.feed({3, 19}), s.feed({0})}));
  };
  rows["assert_that"] = [](Sweep& s) {
    Tensor truths(boolean, {2, 3}), none(boolean, {0});
    for (int64_t i = 0; i < truths.numElements(); ++i) {
      truths.set(i, 1);
    }
    s.fetch(assertThat(s.feed({3, 19}), s.feedTensor(std::move(truths)), "all hold"));
    s.fetch(assertThat(s.feed({}), s.feedTensor(std::move(none)), "none to hold"));
  };
  rows["print"] = [](Sweep& s) {
    s.fetch(print(s.feed({2, 3}), 2));
    s.fetch(print(s.feed({}), 0));
  };
}

}  // namespace kiln::numerics
