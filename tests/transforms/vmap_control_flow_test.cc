// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// vmap of loops and branches whose examples go the same way, or ways of their own.
#include <gtest/gtest.h>

#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "tests/transforms/vmap_check.h"

namespace kiln::testing {
namespace {

using std::vector;

// The steps from x to 1 by halving and tripling, which no example takes equally many of.
Values stepsToOne(GraphBuilder& g, Value start) {
  return whileLoop(
      g, {start, g.scalar(0, i64)}, [](const Values& now) { return notEqual(now[0], 1); },
      [&](Value, const Values& now) {
        const Value isEven = equal(mod(now[0], 2), 0);
        return Values{select(isEven, now[0] / 2, now[0] * 3 + 1), now[1] + 1};
      });
}

TEST(VmapOfLoops, everyExampleTakesItsOwnNumberOfSteps) {
  const Tensor starts = Tensor::of<int64_t>({5}, {1, 27, 6, 2, 97});
  auto found = run({starts}, [](GraphBuilder& g, const Values& in) {
    return vmap(g, [&](const Values& x) { return stepsToOne(g, x[0]); }, {in[0]});
  });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(difference({(*found)[1]}, {Tensor::of<int64_t>({5}, {0, 111, 8, 1, 118})}, 0, "steps"), "");
}

TEST(VmapOfLoops, loopsInLoopsEndForEachExample) {
  // What the inner loop does to an example whose outer one has ended would never end.
  checkVmap({{.dims = {}, .dtype = i64, .low = 1, .high = 9}}, [](GraphBuilder& g, const Values& in) {
    return whileLoop(
        g, {in[0], g.scalar(0, i64)}, [](const Values& now) { return greater(now[0], 0); },
        [&](Value, const Values& now) {
          const Values inner = whileLoop(
              g, {g.scalar(0, i64)}, [&](const Values& k) { return notEqual(k[0], now[0] - 1); },
              [&](Value, const Values& k) { return Values{k[0] + 1}; });
          return Values{inner[0], now[1] + inner[0]};
        });
  });
}

TEST(VmapOfLoops, conditionOnWhatIsMapped) {
  checkVmap({real({}, 0.5, 3), real({3})}, [](GraphBuilder& g, const Values& in) {
    return whileLoop(
        g, {g.scalar(0, f64), in[1]}, [&](const Values& now) { return less(now[0], in[0]); },
        [&](Value i, const Values& now) { return Values{now[0] + 0.4, sin(now[1]) + cast(i, f64) * 0.1}; });
  });
}

TEST(VmapOfLoops, rowsOfEndedExamplesAreZero) {
  checkVmap({real({}, 0.2, 2), real({2})}, [](GraphBuilder& g, const Values& in) {
    return whileLoop(
        g, {g.scalar(0, f64), in[1]}, [&](const Values& now) { return less(now[0], in[0]); },
        [&](Value, const Values& now) { return Values{now[0] + 0.4, now[1] * 0.9, exp(now[1]) + now[0]}; },
        {.maxSteps = 4});
  });
}

TEST(VmapOfLoops, countsOfTheExamples) {
  checkVmap({indices({}, 6), real({2})}, [](GraphBuilder& g, const Values& in) {
    return forRange(g, 0, in[0], 1, {in[1]},
                    [&](Value i, const Values& now) { return Values{cos(now[0]) + cast(i, f64)}; });
  });
  checkVmap({indices({}, 5), indices({}, 3), real({})}, [](GraphBuilder& g, const Values& in) {
    return forRange(g, in[0], in[0] - 2 * in[1], -2, {in[2]},
                    [&](Value i, const Values& now) { return Values{now[0] * 1.5 + cast(i, f64)}; });
  });
}

TEST(VmapOfLoops, negativeCountOfOneExampleIsAFault) {
  auto found = run({Tensor::of<int64_t>({3}, {2, -1, 1})}, [](GraphBuilder& g, const Values& in) {
    return vmap(g,
                [&](const Values& n) {
                  return forRange(g, 0, n[0], 1, {g.scalar(1, f64)},
                                  [&](Value, const Values& now) { return Values{now[0] + 1}; });
                },
                {in[0]});
  });
  EXPECT_EQ(errorIdOf(found.status()), "KILN-R0034") << found.status();
}

TEST(VmapOfLoops, scansMapsAndFolds) {
  checkVmap({real({4, 2}), real({2})}, [](GraphBuilder& g, const Values& in) {
    ScanResult result = scan(g, {in[1]}, {in[0]},
                             [&](Value i, const Values& now, const Values& rows) {
                               const Value next = tanh(now[0] + rows[0]);
                               return std::pair(Values{next}, Values{next * cast(i, f64)});
                             },
                             {.length = {}, .reverse = true});
    const Values squares = map(g, {in[0]}, [&](const Values& rows) { return Values{square(rows[0]) + in[1]}; });
    const Values sum = fold(g, {in[1]}, {in[0]},
                            [&](const Values& now, const Values& rows) { return Values{now[0] * 0.5 + rows[0]}; });
    return Values{result.carries[0], result.stacked[0], squares[0], sum[0]};
  });
}

TEST(VmapOfLoops, onlyWhatDiffersIsCarriedForEachExample) {
  const auto graph = graphOf({Tensor(f64, {3, 2}), Tensor(f64, {2})}, [](GraphBuilder& g, const Values& in) {
    return vmap(g,
                [&](const Values& x) {
                  return forRange(g, 0, 5, 1, {x[0], in[1]},
                                  [&](Value, const Values& now) { return Values{now[0] + now[1], sin(now[1])}; });
                },
                {in[0]});
  });
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto made = expanded(*graph);
  ASSERT_TRUE(made.ok()) << made.status();
  bool isFound = false;
  for (const Node& node : made->body().nodes) {
    if (node.op->name == "for_range" || node.op->name == "scan" || node.op->name == "while_loop") {
      isFound = true;
      EXPECT_EQ(node.outputs[0].shape, (Shape{3, 2}));
      EXPECT_EQ(node.outputs[1].shape, (Shape{2})) << "the same for all examples";
    }
  }
  EXPECT_TRUE(isFound);
}

TEST(VmapOfBranches, eachExampleHasTheResultOfItsOwn) {
  checkVmap({real({}), real({2}), real({2})}, [](GraphBuilder& g, const Values& in) {
    return ifElse(
        g, greater(in[0], 0), [&] { return Values{in[1] * in[2], in[1]}; }, [&] { return Values{exp(in[1]), in[2]}; });
  });
  checkVmap({indices({}, 3), real({2})}, [](GraphBuilder& g, const Values& in) {
    return switchCase(g, in[0],
                      {[&] { return Values{in[1]}; }, [&] { return Values{square(in[1])}; },
                       [&] { return Values{sin(in[1]) * cast(in[0], f64)}; }});
  });
}

TEST(VmapOfBranches, whatIsNotTakenDoesNotFault) {
  // The position is out of range, the divisor zero and the matrix not definite in examples that do not go there.
  checkVmap({indices({}, 8), real({4})}, [](GraphBuilder& g, const Values& in) {
    const Value isInside = less(in[0], 4);
    const Values at =
        ifElse(g, isInside, [&] { return Values{gather(in[1], in[0])}; }, [&] { return Values{g.scalar(-1, f64)}; });
    const Values quotient = ifElse(
        g, isInside, [&] { return Values{g.scalar(1, i64)}; }, [&] { return Values{g.scalar(8, i64) / (in[0] - 3)}; });
    const Values root = ifElse(
        g, isInside,
        [&] {
          const Value a = g.constant(Tensor::of<double>({2, 2}, {1, 0, 0, 1})) * (5 - cast(in[0], f64));
          return Values{reduceSum(cholesky(a))};
        },
        [&] { return Values{assertThat(g.scalar(0, f64), greaterEqual(in[0], 4), "only beyond")}; });
    return Values{at[0], quotient[0], root[0]};
  });
}

TEST(VmapOfBranches, whatIsTakenDoesFault) {
  const auto pick = [](GraphBuilder& g, const Values& in) {
    return vmap(g,
                [&](const Values& i) {
                  return ifElse(
                      g, greater(i[0], 1), [&] { return Values{gather(in[1], i[0])}; },
                      [&] { return Values{g.scalar(0, f64)}; });
                },
                {in[0]});
  };
  auto found = run({Tensor::of<int64_t>({3}, {0, 7, 2}), Tensor(f64, {4})}, pick);
  EXPECT_EQ(errorIdOf(found.status()), "KILN-R0030") << found.status();
  EXPECT_TRUE(run({Tensor::of<int64_t>({3}, {0, -9, 2}), Tensor(f64, {4})}, pick).ok());
}

TEST(VmapOfBranches, selectorOutOfRangeIsAFault) {
  auto found = run({Tensor::of<int64_t>({2}, {0, 2})}, [](GraphBuilder& g, const Values& in) {
    return vmap(g,
                [&](const Values& i) {
                  return switchCase(
                      g, i[0], {[&] { return Values{g.scalar(1, f64)}; }, [&] { return Values{g.scalar(2, f64)}; }});
                },
                {in[0]});
  });
  EXPECT_EQ(errorIdOf(found.status()), "KILN-R0030") << found.status();
}

TEST(VmapOfBranches, gradientsAreFiniteWhereABranchThatIsNotTakenHasNone) {
  // The root has no derivative at zero; the other branch is taken there.
  const Tensor xs = Tensor::of<double>({4}, {0, 4, -1, 9});
  const auto rootOrZero = [](GraphBuilder& g, Value x) {
    return ifElse(g, greater(x, 0), [&] { return Values{sqrt(x)}; }, [&] { return Values{x * 0.5}; })[0];
  };
  auto found = run({xs}, [&](GraphBuilder& g, const Values& in) {
    const Values y = vmap(g, [&](const Values& x) { return Values{rootOrZero(g, x[0])}; }, {in[0]});
    return g.gradients({reduceSum(y[0])}, {in[0]});
  });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(difference(*found, {Tensor::of<double>({4}, {0.5, 0.25, 0.5, 1.0 / 6})}, 1e-12, "gradient"), "");
}

TEST(VmapOfRegions, checkpointAndOwnGradients) {
  checkVmap({real({3}), real({3})}, [](GraphBuilder& g, const Values& in) {
    return checkpoint(g, [&](const Values& x) { return Values{tanh(x[0]) * in[1]}; }, {in[0]});
  });
  checkVmap({real({3}), real({})}, [](GraphBuilder& g, const Values& in) {
    // Not the derivative of the sine, so that it is seen which one is taken.
    return customGradient(
        g, [](const Values& x) { return Values{sin(x[0]) * x[1]}; }, in,
        [](const Values& x, const Values& y, const Values& dy) {
          return Values{dy[0] * 7 + y[0], reduceSum(dy[0] * x[0])};
        });
  });
}

TEST(VmapOfRegions, nestedVmapsHaveAnAxisEach) {
  auto found = run({Tensor::of<double>({2}, {1, 2}), Tensor::of<double>({3}, {1, 10, 100})},
                   [](GraphBuilder& g, const Values& in) {
                     return vmap(g,
                                 [&](const Values& a) {
                                   return vmap(g, [&](const Values& b) { return Values{a[0] * b[0], b[0]}; }, {in[1]});
                                 },
                                 {in[0]}, {0}, {1, 0});
                   });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(difference(*found,
                       {Tensor::of<double>({3, 2}, {1, 2, 10, 20, 100, 200}),
                        Tensor::of<double>({2, 3}, {1, 10, 100, 1, 10, 100})},
                       0, "outer products"),
            "");
}

TEST(VmapOfDraws, everyExampleHasNumbersOfItsOwn) {
  auto found = run({Tensor(f64, {4})}, [](GraphBuilder& g, const Values& in) {
    return vmap(g,
                [&](const Values& x) {
                  const Value u = randomUniform(g, {2}, f64);
                  const Values walk = forRange(g, 0, 3, 1, {x[0]}, [&](Value, const Values& now) {
                    return Values{now[0] + randomUniform(g, {}, f64)};
                  });
                  return Values{u, walk[0], dropout(broadcastTo(x[0] + 1, {64}), 0.5)};
                },
                {in[0]});
  });
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t k = 0; k < 2; ++k) {
    const Tensor& draws = (*found)[k];
    for (int64_t i = 0; i < draws.numElements(); ++i) {
      for (int64_t j = 0; j < i; ++j) {
        EXPECT_NE(draws.at(i), draws.at(j)) << "elements " << i << " and " << j << " of value " << k;
      }
    }
  }
  const Tensor& dropped = (*found)[2];
  for (int64_t i = 1; i < 4; ++i) {
    int64_t numEqual = 0;
    for (int64_t e = 0; e < 64; ++e) {
      numEqual += dropped.at(i * 64 + e) == dropped.at(e) ? 1 : 0;
    }
    EXPECT_LT(numEqual, 64) << "example " << i << " drops what example 0 drops";
  }
}

TEST(VmapOfDraws, streamsDoNotDependOnTheBatch) {
  const auto draw = [](int64_t size) {
    return run({Tensor(f64, {size})}, [](GraphBuilder& g, const Values& in) {
      return vmap(g, [&](const Values& x) { return Values{x[0] + randomNormal(g, {2}, f64)}; }, {in[0]});
    });
  };
  auto few = draw(2), many = draw(5);
  ASSERT_TRUE(few.ok()) << few.status();
  ASSERT_TRUE(many.ok()) << many.status();
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*few)[0].at(i), (*many)[0].at(i));
  }
}

}  // namespace
}  // namespace kiln::testing
