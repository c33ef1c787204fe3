// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives through loops and branches: against central differences, forward against reverse, and to second order.
#include "graph/build/control_flow.h"
#include "graph/build/operations.h"
#include "graph/build/tensor_list.h"
#include "graph/build/transforms.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::uniform;
using Args = std::vector<Value>;

Value sum(const Value& x, int rank) {
  std::vector<int64_t> axes;
  for (int axis = 0; axis < rank; ++axis) {
    axes.push_back(axis);
  }
  return rank == 0 ? x : reduceSum(x, axes);
}

TEST(LoopGradients, for_with_a_known_count_and_a_captured_matrix) {
  checkGradients({uniform({2, 3}, -1, 1), uniform({3, 3}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
    Values h = forRange(g, 0, 4, 1, {x[0]}, [&](Value, const Values& c) { return Values{tanh(matmul(c[0], x[1]))}; });
    return sum(h[0], 2);
  });
}

TEST(LoopGradients, for_whose_count_only_the_run_knows) {
  checkGradients({uniform({3}, -1, 1), uniform({3}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
    Value count = cast(reduceSum(x[0] * x[0], {0}), i64) + g.constant(Tensor::scalar<int64_t>(3));
    Values h =
        forRange(g, 0, count, 1, {x[0]}, [&](Value, const Values& c) { return Values{sin(c[0]) * x[1] + c[0]}; });
    return sum(h[0], 1);
  });
}

TEST(LoopGradients, while_without_a_bound) {
  checkGradients({uniform({}, 1, 1.5), uniform({}, 1.3, 1.6)}, [](GraphBuilder& g, const Args& x) {
    Values h = whileLoop(
        g, {x[0]}, [&](const Values& c) { return less(c[0], 6.0); },
        [&](Value, const Values& c) { return Values{c[0] * x[1] + sin(c[0]) * 0.1}; });
    return log(h[0]);
  });
}

TEST(LoopGradients, while_with_a_bound_and_stacked_values) {
  checkGradients({uniform({2}, 1, 1.5), uniform({2}, 1.3, 1.6)}, [](GraphBuilder& g, const Args& x) {
    Values h = whileLoop(
        g, {x[0]}, [&](const Values& c) { return less(reduceSum(c[0], {0}), 20.0); },
        [&](Value, const Values& c) {
          Value next = c[0] * x[1];
          return Values{next, sin(next) * c[0]};
        },
        {.name = "bounded", .maxSteps = 20});
    return sum(h[0], 1) + sum(h[1], 2);
  });
}

TEST(LoopGradients, while_that_takes_no_step) {
  checkGradients({uniform({}, 1, 1.5), uniform({}, 1.3, 1.6)}, [](GraphBuilder& g, const Args& x) {
    Values h = whileLoop(
        g, {x[0]}, [&](const Values& c) { return less(c[0], 0.0); },
        [&](Value, const Values& c) { return Values{c[0] * x[1]}; });
    return h[0] * h[0] + x[1];
  });
}

Value scanned(GraphBuilder& g, const Args& x, bool reverse) {
  ScanResult result = scan(g, {x[0], x[0] * 2.0}, {x[1], x[2]},
                           [&](Value step, const Values& c, const Values& rows) {
                             Value next = tanh(c[0] * rows[0] + c[1]) + x[3] * cast(step, f64);
                             return std::pair<Values, Values>{{next, c[1] * x[3]}, {next * rows[1], c[0]}};
                           },
                           {.name = "scan", .length = {}, .reverse = reverse});
  return sum(result.carries[0], 1) + sum(result.stacked[0] * result.stacked[0], 2) + sum(sin(result.stacked[1]), 2);
}

TEST(LoopGradients, scan_with_stacked_values_forward) {
  checkGradients({uniform({3}, -1, 1), uniform({5, 3}, -1, 1), uniform({5, 3}, -1, 1), uniform({3}, -1, 1)},
                 [](GraphBuilder& g, const Args& x) { return scanned(g, x, false); });
}

TEST(LoopGradients, scan_with_stacked_values_in_reverse) {
  checkGradients({uniform({3}, -1, 1), uniform({5, 3}, -1, 1), uniform({5, 3}, -1, 1), uniform({3}, -1, 1)},
                 [](GraphBuilder& g, const Args& x) { return scanned(g, x, true); });
}

TEST(LoopGradients, scan_over_a_symbolic_length) {
  const Dim time = dim("time");
  checkGradients({uniform({3}, -1, 1), uniform({time, 3}, -1, 1, {4, 3})}, [](GraphBuilder& g, const Args& x) {
    ScanResult result = scan(g, {x[0]}, {x[1]}, [&](Value, const Values& c, const Values& rows) {
      return std::pair<Values, Values>{{tanh(c[0] + rows[0])}, {c[0] * rows[0]}};
    });
    return sum(result.carries[0], 1) + sum(result.stacked[0], 2);
  });
}

TEST(LoopGradients, loops_within_loops) {
  checkGradients(
      {uniform({2}, -1, 1), uniform({3, 2}, -1, 1), uniform({2}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
        Values h = fold(g, {x[0]}, {x[1]}, [&](const Values& c, const Values& rows) {
          Values inner =
              forRange(g, 0, 3, 1, {c[0]}, [&](Value, const Values& d) { return Values{sin(d[0] * x[2]) + rows[0]}; });
          return Values{inner[0] * c[0]};
        });
        return sum(h[0], 1);
      });
}

TEST(LoopGradients, a_while_within_a_scan) {
  checkGradients({uniform({}, 0.5, 1), uniform({3}, 1.2, 1.9)}, [](GraphBuilder& g, const Args& x) {
    ScanResult result = scan(g, {x[0]}, {x[1]}, [&](Value, const Values& c, const Values& rows) {
      Values inner = whileLoop(
          g, {c[0]}, [&](const Values& d) { return less(d[0], 4.0); },
          [&](Value, const Values& d) { return Values{d[0] * rows[0] + x[0]}; });
      return std::pair<Values, Values>{{tanh(inner[0] * 0.2)}, {inner[0] * 0.3}};
    });
    return result.carries[0] + sum(result.stacked[0], 1);
  });
}

TEST(LoopGradients, branches_within_a_loop) {
  checkGradients({uniform({2}, -1, 1), uniform({4, 2}, -1, 1), uniform({2}, -1, 1)},
                 [](GraphBuilder& g, const Args& x) {
                   Values h = fold(g, {x[0]}, {x[1]}, [&](const Values& c, const Values& rows) {
                     return ifElse(
                         g, greater(reduceSum(c[0], {0}), 0.0), [&] { return Values{sin(c[0]) * x[2]}; },
                         [&] { return Values{c[0] + rows[0] * x[2]}; });
                   });
                   return sum(h[0] * h[0], 1);
                 });
}

TEST(LoopGradients, a_loop_within_a_branch) {
  checkGradients({uniform({}, 1, 1.5), uniform({}, 1.3, 1.6)}, [](GraphBuilder& g, const Args& x) {
    Values y = ifElse(
        g, greater(x[0], 0.0),
        [&] {
          return whileLoop(
              g, {x[0]}, [&](const Values& c) { return less(c[0], 30.0); },
              [&](Value, const Values& c) { return Values{c[0] * x[1]}; });
        },
        [&] { return Values{x[1]}; });
    return y[0] * x[0];
  });
}

TEST(LoopGradients, switch_takes_the_derivative_of_the_branch_that_runs) {
  for (int64_t which : {0, 1, 2}) {
    checkGradients({uniform({3}, 0.5, 1), uniform({3}, 0.5, 1)}, [&](GraphBuilder& g, const Args& x) {
      // A number that the compiler does not see through.
      Value index = g.constant(Tensor::scalar<int64_t>(which)) + cast(reduceSum(x[0], {0}) * 0.01, i64);
      Values y = switchCase(g, index,
                            {[&] { return Values{sin(x[0])}; }, [&] { return Values{x[0] * x[1]}; },
                             [&] { return Values{x[1] * x[1]}; }});
      return sum(y[0], 1);
    });
  }
}

TEST(LoopGradients, an_integer_carry_picks_rows) {
  checkGradients({uniform({5, 2}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
    Value start = g.constant(Tensor::scalar<int64_t>(0));
    Values h = forRange(g, 0, 6, 1, {start, reduceSum(x[0], {0})}, [&](Value, const Values& c) {
      Value row = gather(x[0], c[0]);
      return Values{mod(c[0] + g.constant(Tensor::scalar<int64_t>(2)), g.constant(Tensor::scalar<int64_t>(5))),
                    tanh(c[1] * row)};
    });
    return sum(h[1], 1);
  });
}

TEST(LoopGradients, a_carry_that_no_step_reads) {
  checkGradients({uniform({2}, -1, 1), uniform({2}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
    Values h =
        forRange(g, 0, 3, 1, {x[0], x[1]}, [&](Value, const Values& c) { return Values{sin(c[1]), c[1] * x[0]}; });
    return sum(h[0] * h[1], 1);
  });
}

TEST(TransformGradients, a_checkpoint_has_the_gradient_of_its_function) {
  checkGradients({uniform({3}, -1, 1), uniform({3}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
    Values y = checkpoint(g, [&](const Values& in) { return Values{sin(tanh(in[0]) * x[1])}; }, {x[0]});
    return sum(y[0] * y[0], 1);
  });
}

TEST(TransformGradients, a_checkpoint_within_a_loop) {
  checkGradients({uniform({3}, -1, 1), uniform({3}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
    Values h = forRange(g, 0, 3, 1, {x[0]}, [&](Value, const Values& c) {
      return checkpoint(g, [&](const Values& in) { return Values{sin(tanh(in[0]) * x[1])}; }, {c[0]});
    });
    return sum(h[0], 1);
  });
}

TEST(TransformGradients, a_tensor_list_as_a_carry) {
  checkGradients({uniform({2}, -1, 1), uniform({2}, -1, 1)}, [](GraphBuilder& g, const Args& x) {
    TensorList list = TensorList::create(g, f64, {2}, 6).append(x[0]);
    Values state = forRange(g, 1, 5, 1, list.state(), [&](Value i, const Values& c) {
      TensorList inner = TensorList::fromState(c);
      Value last = inner.get(i - g.constant(Tensor::scalar<int64_t>(1)));
      return inner.append(tanh(last * x[1]) + last).state();
    });
    return sum(TensorList::fromState(state).stack() * 0.5, 2);
  });
}

}  // namespace
}  // namespace kiln
