// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Jacobians, Hessians and what is composed of transforms, beside closed forms and central differences.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "tests/transforms/vmap_check.h"

namespace kiln::testing {
namespace {

using Tensors = std::vector<Tensor>;

Tensors drawn(const std::vector<Dims>& dims, uint64_t seed = 3) {
  Tensors tensors;
  for (const Dims& each : dims) {
    tensors.push_back(randomTensor(each, seed));
  }
  return tensors;
}

// d f / d feed `x` by central differences: [outputs..., x...].
Tensor slopes(const Function& f, const Tensors& feeds, size_t x, double step = 1e-5) {
  auto graph = graphOf(feeds, f);
  EXPECT_TRUE(graph.ok()) << graph.status();
  auto lowered = expanded(*graph);
  EXPECT_TRUE(lowered.ok()) << lowered.status();
  const auto at = [&](int64_t e, double by) {
    Tensors moved = feeds;
    moved[x].set(e, moved[x].at(e) + by);
    return interpret(*lowered, moved).value()[0];
  };
  const int64_t width = feeds[x].numElements();
  const Tensor base = at(0, 0);
  Dims dims = base.dims();
  dims.insert(dims.end(), feeds[x].dims().begin(), feeds[x].dims().end());
  Tensor result(f64, dims);
  for (int64_t e = 0; e < width; ++e) {
    const Tensor up = at(e, step), down = at(e, -step);
    for (int64_t i = 0; i < base.numElements(); ++i) {
      result.set(i * width + e, (up.at(i) - down.at(i)) / (2 * step));
    }
  }
  return result;
}

// Runs the transform of f and of central differences of f.
void expectSlopes(const Function& transform, const Function& f, const Tensors& feeds, size_t x, double tolerance) {
  auto found = run(feeds, transform);
  ASSERT_TRUE(found.ok()) << found.status();
  const Tensor wanted = slopes(f, feeds, x);
  for (const Tensor& tensor : *found) {
    EXPECT_EQ(difference({tensor}, {wanted}, tolerance, "derivatives"), "");
  }
}

TEST(Jacobian, isTheMatrixOfALinearMap) {
  const Tensors feeds = drawn({{3, 4}, {4}});
  for (const JacobianMode mode : {JacobianMode::kAuto, JacobianMode::kForward, JacobianMode::kReverse}) {
    auto found = run(feeds, [&](GraphBuilder& g, const Values& in) {
      return Values{jacobian(g, reshape(matmul(in[0], reshape(in[1], {4, 1})), {3}), in[1], mode)};
    });
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(difference(*found, {feeds[0]}, 1e-15, "jacobian"), "");
  }
}

TEST(Jacobian, hasTheAxesOfTheResultThenThoseOfTheInput) {
  const Function f = [](GraphBuilder&, const Values& in) { return Values{sin(matmul(in[0], in[1]))}; };
  expectSlopes(
      [&](GraphBuilder& g, const Values& in) {
        const Value y = f(g, in)[0];
        return Values{jacobian(g, y, in[0], JacobianMode::kForward), jacobian(g, y, in[0], JacobianMode::kReverse)};
      },
      f, drawn({{2, 3}, {3, 2}}), 0, 1e-8);
}

TEST(Jacobian, ofAndForScalars) {
  const Tensors feeds = drawn({{}, {3}});
  auto found = run(feeds, [](GraphBuilder& g, const Values& in) {
    const Value y = reduceSum(sin(in[1])) * in[0];
    Values all;
    for (const JacobianMode mode : {JacobianMode::kForward, JacobianMode::kReverse}) {
      all.push_back(jacobian(g, y, in[0], mode));
      all.push_back(jacobian(g, in[1] * in[0], in[0], mode));
      all.push_back(jacobian(g, y, in[1], mode));
    }
    return all;
  });
  ASSERT_TRUE(found.ok()) << found.status();
  Tensor slope(f64, {3});
  double sum = 0;
  for (int64_t i = 0; i < 3; ++i) {
    sum += std::sin(feeds[1].at(i));
    slope.set(i, std::cos(feeds[1].at(i)) * feeds[0].at(0));
  }
  Tensor first(f64, {});
  first.set(0, sum);
  EXPECT_EQ(difference(*found, {first, feeds[1], slope, first, feeds[1], slope}, 1e-14, "jacobian"), "");
}

TEST(Jacobian, throughAScan) {
  const Function f = [](GraphBuilder& g, const Values& in) {
    return Values{fold(g, {in[1]}, {in[0]},
                       [](const Values& now, const Values& rows) { return Values{tanh(now[0] * 1.2 + rows[0])}; })[0]};
  };
  expectSlopes(
      [&](GraphBuilder& g, const Values& in) {
        const Value y = f(g, in)[0];
        return Values{jacobian(g, y, in[0], JacobianMode::kForward), jacobian(g, y, in[0], JacobianMode::kReverse)};
      },
      f, drawn({{3, 2}, {2}}), 0, 1e-8);
}

TEST(Jacobian, throughALoopOfUnknownLength) {
  const Function f = [](GraphBuilder& g, const Values& in) {
    return Values{whileLoop(
        g, {in[0], g.scalar(0, f64)}, [&](const Values& now) { return less(now[1], in[1] + 2.5); },
        [&](Value, const Values& now) { return Values{sin(now[0]) * 1.5 + in[1], now[1] + 0.7}; })[0]};
  };
  expectSlopes(
      [&](GraphBuilder& g, const Values& in) {
        const Value y = f(g, in)[0];
        return Values{jacobian(g, y, in[0], JacobianMode::kForward), jacobian(g, y, in[0], JacobianMode::kReverse)};
      },
      f, drawn({{2}, {}}), 0, 1e-8);
}

TEST(Jacobian, drawsTheNumbersOfTheForwardPass) {
  auto found = run(drawn({{8}}), [](GraphBuilder& g, const Values& in) {
    const Value y = dropout(in[0], 0.5);
    return Values{y / in[0], jacobian(g, y, in[0], JacobianMode::kForward),
                  jacobian(g, y, in[0], JacobianMode::kReverse)};
  });
  ASSERT_TRUE(found.ok()) << found.status();
  Tensor diagonal(f64, {8, 8});
  for (int64_t i = 0; i < 8; ++i) {
    diagonal.set(i * 9, (*found)[0].at(i));
  }
  EXPECT_EQ(difference({(*found)[1], (*found)[2]}, {diagonal, diagonal}, 1e-12, "mask"), "");
}

TEST(Hessian, ofAQuadraticFormIsItsMatrixBothWays) {
  const Tensors feeds = drawn({{3, 3}, {3}});
  auto found = run(feeds, [](GraphBuilder& g, const Values& in) {
    const Value column = reshape(in[1], {3, 1});
    const Value y = reshape(matmul(reshape(in[1], {1, 3}), matmul(in[0], column)), {});
    return Values{hessian(g, y, in[1])};
  });
  ASSERT_TRUE(found.ok()) << found.status();
  Tensor wanted(f64, {3, 3});
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      wanted.set(i * 3 + j, feeds[0].at(i * 3 + j) + feeds[0].at(j * 3 + i));
    }
  }
  EXPECT_EQ(difference(*found, {wanted}, 1e-14, "hessian"), "");
}

TEST(Hessian, isTheSlopeOfTheGradient) {
  const auto loss = [](GraphBuilder& g, const Values& in) {
    const Value h = fold(g, {in[0]}, {in[1]}, [](const Values& now, const Values& rows) {
      return Values{tanh(now[0] + rows[0]) * now[0]};
    })[0];
    return reduceSum(exp(h * 0.5)) + reduceLogSumExp(in[0]);
  };
  expectSlopes([&](GraphBuilder& g, const Values& in) { return Values{hessian(g, loss(g, in), in[0])}; },
               [&](GraphBuilder& g, const Values& in) { return g.gradients({loss(g, in)}, {in[0]}); },
               drawn({{3}, {2, 3}}), 0, 1e-8);
}

TEST(Hessian, productIsTheHessianTimesTheVector) {
  const Tensors feeds = drawn({{2, 2}, {2, 2}});
  auto found = run(feeds, [](GraphBuilder& g, const Values& in) {
    const Value y = reduceSum(square(sin(matmul(in[0], in[0]))));
    const Value h = reshape(hessian(g, y, in[0]), {4, 4});
    return Values{hvp(g, y, in[0], in[1]), reshape(matmul(h, reshape(in[1], {4, 1})), {2, 2})};
  });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(difference({(*found)[0]}, {(*found)[1]}, 1e-12, "product"), "");
}

TEST(Derivatives, thirdOrderByJacobianOfHessian) {
  Tensor x(f64, {2});
  x.set(0, 0.3);
  x.set(1, -1.1);
  auto found = run({x}, [](GraphBuilder& g, const Values& in) {
    const Value y = reduceSum(in[0] * in[0] * in[0]);
    return Values{jacobian(g, hessian(g, y, in[0]), in[0])};
  });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(difference(*found, {Tensor::of<double>({2, 2, 2}, {6, 0, 0, 0, 0, 0, 0, 6})}, 1e-13, "third"), "");
}

// --- compositions
// -----------------------------------------------------------------------------------------------------

Value mlp(const Values& weights, Value x) { return matmul(tanh(matmul(x, weights[0]) + weights[1]), weights[2]); }

TEST(Compositions, gradientsOfEachExample) {
  const Tensors feeds = drawn({{3, 4}, {4}, {4, 2}, {5, 3}, {5, 2}});
  const auto lossOf = [](const Values& weights, Value x, Value target) {
    return reduceSum(square(mlp(weights, reshape(x, {1, 3})) - reshape(target, {1, 2})));
  };
  auto found = run(feeds, [&](GraphBuilder& g, const Values& in) {
    const Values weights(in.begin(), in.begin() + 3);
    Values each = vmap(g, [&](const Values& one) { return g.gradients({lossOf(weights, one[0], one[1])}, weights); },
                       {in[3], in[4]});
    Values sums;
    for (const Value& gradient : each) {
      sums.push_back(reduceSum(gradient, {0}));
    }
    const Value loss = reduceSum(square(mlp(weights, in[3]) - in[4]));
    const Values whole = g.gradients({loss}, weights);
    each.insert(each.end(), sums.begin(), sums.end());
    each.insert(each.end(), whole.begin(), whole.end());
    return each;
  });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0].dims(), (Dims{5, 3, 4}));
  EXPECT_EQ(difference({(*found)[3], (*found)[4], (*found)[5]}, {(*found)[6], (*found)[7], (*found)[8]}, 1e-12, "sum"),
            "");
  // Example 2 alone.
  Tensors alone(feeds.begin(), feeds.begin() + 3);
  for (size_t k : {3, 4}) {
    const int64_t width = feeds[k].dims()[1];
    Tensor row(f64, {1, width});
    for (int64_t i = 0; i < width; ++i) {
      row.set(i, feeds[k].at(2 * width + i));
    }
    alone.push_back(row);
  }
  const Tensor wanted = slopes(
      [&](GraphBuilder&, const Values& in) { return Values{lossOf({in[0], in[1], in[2]}, in[3], in[4])}; }, alone, 0);
  Tensor second(f64, {3, 4});
  for (int64_t i = 0; i < 12; ++i) {
    second.set(i, (*found)[0].at(24 + i));
  }
  EXPECT_EQ(difference({second}, {wanted}, 1e-8, "example 2"), "");
}

TEST(Compositions, ensemblesShareTheirInput) {
  const Tensors feeds = drawn({{4, 3, 5}, {4, 5}, {4, 5, 1}, {6, 3}});
  auto found = run(feeds, [](GraphBuilder& g, const Values& in) {
    return vmap(g, [&](const Values& weights) { return Values{mlp(weights, in[3])}; }, {in[0], in[1], in[2]});
  });
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ((*found)[0].dims(), (Dims{4, 6, 1}));
  for (int64_t member = 0; member < 4; ++member) {
    Tensors own;
    for (size_t k = 0; k < 3; ++k) {
      Tensor weights(f64, Dims(feeds[k].dims().begin() + 1, feeds[k].dims().end()));
      for (int64_t i = 0; i < weights.numElements(); ++i) {
        weights.set(i, feeds[k].at(member * weights.numElements() + i));
      }
      own.push_back(weights);
    }
    own.push_back(feeds[3]);
    auto graph = graphOf(own, [](GraphBuilder&, const Values& in) { return Values{mlp(in, in[3])}; });
    const Tensor wanted = interpret(*graph, own).value()[0];
    Tensor output(f64, {6, 1});
    for (int64_t i = 0; i < 6; ++i) {
      output.set(i, (*found)[0].at(member * 6 + i));
    }
    EXPECT_EQ(difference({output}, {wanted}, 1e-13, "member " + std::to_string(member)), "");
  }
}

// Some steps of gradient descent on a task's own data, then the loss on other data.
Value adaptedLoss(GraphBuilder& g, Value weights, Value rate, Value inner, Value outer, int64_t steps) {
  const auto loss = [](Value w, Value data) {
    const Value x = slice(data, {0, 0}, {3, 2}), y = slice(data, {0, 2}, {3, 3});
    return reduceSum(square(sin(matmul(x, w)) - y));
  };
  const Values adapted = forRange(g, 0, steps, 1, {weights}, [&](Value, const Values& now) {
    return Values{now[0] - rate * g.gradients({loss(now[0], inner)}, {now[0]})[0]};
  });
  return loss(adapted[0], outer);
}

TEST(Compositions, innerTrainingLoopIsDifferentiated) {
  const Tensors feeds = drawn({{2, 1}, {}, {3, 3}, {3, 3}});
  const Function f = [](GraphBuilder& g, const Values& in) {
    return Values{adaptedLoss(g, in[0], sigmoid(in[1]) * 0.3, in[2], in[3], 4)};
  };
  for (size_t x : {0, 1, 2}) {
    expectSlopes([&](GraphBuilder& g, const Values& in) { return g.gradients({f(g, in)[0]}, {in[x]}); }, f, feeds, x,
                 1e-7);
  }
}

TEST(Compositions, metaLearningOverABatchOfTasks) {
  const Tensors feeds = drawn({{2, 1}, {}, {4, 3, 3}, {4, 3, 3}});
  const auto meta = [](GraphBuilder& g, const Values& in) {
    const Value losses = vmap(
        g, [&](const Values& task) { return Values{adaptedLoss(g, in[0], sigmoid(in[1]) * 0.3, task[0], task[1], 3)}; },
        {in[2], in[3]})[0];
    return Values{reduceMean(losses)};
  };
  for (size_t x : {0, 1}) {
    expectSlopes([&](GraphBuilder& g, const Values& in) { return g.gradients({meta(g, in)[0]}, {in[x]}); }, meta, feeds,
                 x, 1e-7);
  }
}

TEST(Compositions, tangentsOfGradientsThroughTraining) {
  const Tensors feeds = drawn({{2, 1}, {2, 1}, {3, 3}, {3, 3}});
  auto found = run(feeds, [](GraphBuilder& g, const Values& in) {
    const Value y = adaptedLoss(g, in[0], g.scalar(0.1, f64), in[2], in[3], 2);
    const Value h = reshape(hessian(g, y, in[0]), {2, 2});
    return Values{hvp(g, y, in[0], in[1]), matmul(h, in[1])};
  });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(difference({(*found)[0]}, {(*found)[1]}, 1e-11, "product"), "");
}

TEST(Compositions, vmapOverAVariableBatch) {
  // One graph for any number of examples.
  GraphBuilder g("any");
  const Dim n = dim("n");
  const Value x = g.placeholder("x", f64, {n, 3}), w = g.placeholder("w", f64, {3, 2});
  const Value y =
      vmap(g,
           [&](const Values& one) {
             const Value h = reshape(matmul(reshape(one[0], {1, 3}), w), {2});
             return ifElse(
                 g, greater(reduceSum(h), 0), [&] { return Values{log(square(h) + 1)}; }, [&] { return Values{h}; });
           },
           {x})[0];
  g.entry("main", {.feeds = {{"x", x}, {"w", w}}, .fetches = {{"y", y}}});
  auto graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto lowered = expanded(*graph);
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  for (int64_t size : {0, 1, 4}) {
    const Tensors feeds = drawn({{size, 3}, {3, 2}}, 5);
    auto found = interpret(*lowered, feeds);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ((*found)[0].dims(), (Dims{size, 2}));
    for (int64_t i = 0; i < size; ++i) {
      double h[2] = {0, 0};
      for (int64_t k = 0; k < 6; ++k) {
        h[k % 2] += feeds[0].at(i * 3 + k / 2) * feeds[1].at(k);
      }
      for (int64_t j = 0; j < 2; ++j) {
        EXPECT_NEAR((*found)[0].at(i * 2 + j), h[0] + h[1] > 0 ? std::log(h[j] * h[j] + 1) : h[j], 1e-12);
      }
    }
  }
}

}  // namespace
}  // namespace kiln::testing
