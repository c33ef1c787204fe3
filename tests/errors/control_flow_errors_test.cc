// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the builder refuses of branches, loops and transforms, each at the line that caused it: one error, and poison
// for all that depends on it.
#include "graph/graph.h"
#include "tests/errors/expect_error.h"

namespace kiln {
namespace {

class ControlFlowErrors : public testing::Test {
 protected:
  void expectAt(int line, const std::string& id, std::vector<std::string> texts) {
    texts.insert(texts.begin(), errorAt("control_flow_errors_test.cc", line, id));
    const Status status = g.finish().status();
    expectError(status, id, texts);
    const std::string message(status.message());
    EXPECT_EQ(message.find("error:"), message.rfind("error:")) << "one cause, one error: " << message;
  }

  GraphBuilder g{"model"};
  Value x = g.placeholder("x", f32, {3});
  Value flag = g.placeholder("flag", boolean, {});
  Value n = g.placeholder("n", i64, {});
};

Values same(Value, const Values& carries) { return carries; }

TEST_F(ControlFlowErrors, O0141CarryThatChangesItsShape) {
  auto y = forRange(g, 0, n, 1, {n, x}, [&](Value, const Values& c) { return Values{c[0], concat({c[1], c[1]}, 0)}; });
  EXPECT_TRUE(y[0].isPoisoned());
  EXPECT_TRUE((y[1] + 1).isPoisoned());
  expectAt(__LINE__ - 3, "O0141",
           {"kiln.for_range 'for'", "carry 1 starts as f32[3], and the body 'for/body' makes it f32[6]"});
}

TEST_F(ControlFlowErrors, O0141CarryThatChangesItsDType) {
  const int line = __LINE__ + 1;
  auto y = whileLoop(
      g, {x}, [&](const Values&) { return flag; }, [&](Value, const Values& c) { return Values{cast(c[0], f64)}; });
  EXPECT_TRUE(y[0].isPoisoned());
  expectAt(line, "O0141",
           {"kiln.while_loop 'while'", "carry 0 starts as f32[3], and the body 'while/body' makes it f64[3]"});
}

TEST_F(ControlFlowErrors, O0141CarryOfAScan) {
  auto y =
      scan(g, {n}, {x}, [&](Value, const Values&, const Values& rows) { return std::pair(Values{rows[0]}, Values()); });
  EXPECT_TRUE(y.carries[0].isPoisoned());
  expectAt(__LINE__ - 2, "O0141",
           {"kiln.scan 'scan'", "carry 0 starts as i64[], and the body 'scan/body' makes it f32[]"});
}

TEST_F(ControlFlowErrors, O0142BranchesThatDisagree) {
  auto y = ifElse(g, flag, [&] { return Values{x}; }, [&] { return Values{reduceSum(x)}; });
  EXPECT_TRUE(y[0].isPoisoned());
  expectAt(__LINE__ - 2, "O0142", {"branches disagree: result 0 of 'if/then' is f32[3], and of 'if/else' it is f32[]"});
}

TEST_F(ControlFlowErrors, O0142BranchesOfASwitch) {
  auto y = switchCase(g, n, {[&] { return Values{x, x}; }, [&] { return Values{x}; }});
  EXPECT_TRUE(y[1].isPoisoned());
  expectAt(__LINE__ - 2, "O0142", {"the number of results of 'switch/branch0' is 2, and of 'switch/branch1' it is 1"});
}

TEST_F(ControlFlowErrors, O0143IfOnATensor) {
  auto y = ifElse(g, greater(x, 0), [&] { return Values{x}; }, [&] { return Values{-x}; });
  EXPECT_TRUE(y[0].isPoisoned());
  expectAt(__LINE__ - 2, "O0143", {"kiln.if_else 'if'", "the condition is bool[3], wanted a bool scalar"});
}

TEST_F(ControlFlowErrors, O0143IfOnANumber) {
  auto y = ifElse(g, reduceSum(x), [&] { return Values{x}; }, [&] { return Values{-x}; });
  EXPECT_TRUE(y[0].isPoisoned());
  expectAt(__LINE__ - 2, "O0143", {"the condition is f32[], wanted a bool scalar"});
}

TEST_F(ControlFlowErrors, O0143WhileOnATensor) {
  whileLoop(g, {x}, [&](const Values& c) { return greater(c[0], 0); }, same, {.name = "loop"});
  expectAt(__LINE__ - 1, "O0143", {"kiln.while_loop 'loop'", "the condition is bool[3]"});
}

TEST_F(ControlFlowErrors, O0144ScannedLengthsThatDiffer) {
  auto y = g.placeholder("y", f32, {4});
  map(g, {x, y}, [&](const Values& rows) { return rows; });
  expectAt(__LINE__ - 1, "O0144", {"kiln.scan 'map'", "scanned value 1 is f32[4], wanted 3 along its first axis"});
}

TEST_F(ControlFlowErrors, G0224ScanOfAScalar) {
  map(g, {n}, [&](const Values& rows) { return rows; });
  expectAt(__LINE__ - 1, "G0224", {"kiln.scan 'map'", "axis 0 is not in"});
}

TEST_F(ControlFlowErrors, O0145NegativeLength) {
  auto y = scan(g, {x}, {}, [&](Value, const Values& c, const Values&) { return std::pair(c, Values()); },
                {.length = -3, .reverse = false});
  EXPECT_TRUE(y.carries[0].isPoisoned());
  expectAt(__LINE__ - 3, "O0145", {"'length' is [-3], wanted one length that is not negative"});
}

TEST_F(ControlFlowErrors, O0145NoLength) {
  auto y = scan(g, {x}, {}, [&](Value, const Values& c, const Values&) { return std::pair(c, Values()); });
  EXPECT_TRUE(y.carries[0].isPoisoned());
  expectAt(__LINE__ - 2, "O0145", {"'length' is []"});
}

TEST_F(ControlFlowErrors, O0145RangeOfFloats) {
  forRange(g, 0, reduceSum(x), 1, {x}, same);
  expectAt(__LINE__ - 1, "O0145", {"'stop' is f32[], wanted an i64 scalar"});
}

TEST_F(ControlFlowErrors, O0145SwitchWithoutBranches) {
  switchCase(g, n, {});
  expectAt(__LINE__ - 1, "O0145", {"kiln.switch_case 'switch'", "wanted at least one function"});
}

TEST_F(ControlFlowErrors, O0146VmapOverAnAxisThatIsNotThere) {
  auto y = vmap(g, [&](const Values& in) { return in; }, {x}, {1});
  EXPECT_TRUE(y[0].isPoisoned());
  expectAt(__LINE__ - 2, "O0146", {"kiln.vectorize 'vmap'", "in_axes[0] is 1, which is no axis of f32[3]"});
}

TEST_F(ControlFlowErrors, O0147MappedLengthsThatDiffer) {
  auto y = g.placeholder("y", f32, {2, 4});
  vmap(g, [&](const Values& in) { return in; }, {x, y}, {0, -1});
  expectAt(__LINE__ - 1, "O0147", {"mapped axis of input 1 has length 4, and the batch has 3"});
}

TEST_F(ControlFlowErrors, O0148TooFewCarries) {
  auto y = forRange(g, 0, n, 1, {x, x}, [&](Value, const Values& c) { return Values{c[0]}; });
  EXPECT_TRUE(y[1].isPoisoned());
  expectAt(__LINE__ - 2, "O0148", {"'for/body' gives 1 values, wanted one for each of 2 carries"});
}

TEST_F(ControlFlowErrors, O0148StackedWithoutABound) {
  whileLoop(g, {x}, [&](const Values&) { return flag; }, [&](Value, const Values& c) { return Values{c[0], c[0]}; });
  expectAt(__LINE__ - 1, "O0148", {"'while/body' gives 2 values, wanted 1", "max_steps"});
}

TEST_F(ControlFlowErrors, O0148TooFewCotangents) {
  const int line = __LINE__ + 1;
  customGradient(
      g, [&](const Values& in) { return in; }, {x, x},
      [&](const Values&, const Values&, const Values& cotangents) { return Values{cotangents[0]}; });
  expectAt(line, "O0148", {"kiln.custom_gradient", "'custom_gradient/backward' gives 1 values"});
}

TEST_F(ControlFlowErrors, O0145CotangentOfAnotherType) {
  const int line = __LINE__ + 1;
  customGradient(
      g, [&](const Values& in) { return Values{reduceSum(in[0])}; }, {x},
      [&](const Values&, const Values&, const Values& cotangents) { return cotangents; });
  expectAt(line, "O0145", {"'result 0 of custom_gradient/backward' is f32[], wanted f32[3]"});
}

TEST_F(ControlFlowErrors, O0140FunctionOfOtherTypes) {
  g.function("double", {{f64, Shape{}}}, [](const Values& a) { return Values{a[0] + a[0]}; });
  g.makeNode("checkpoint", {x}, {{"callee", std::string("double")}}, "", std::source_location::current());
  expectAt(__LINE__ - 1, "O0140", {"function 'double' takes (f64[]), and is given (f32[3])"});
}

// --- inside of bodies
// --------------------------------------------------------------------------------------------------

TEST_F(ControlFlowErrors, AnErrorInABodyIsReportedOnce) {
  int line = 0;
  auto y = forRange(g, 0, n, 1, {x}, [&](Value, const Values& c) {
    return forRange(
        g, 0, 2, 1, {c[0]},
        [&](Value, const Values& inner) {
          line = __LINE__ + 1;
          auto wrong = matmul(inner[0], x);
          return Values{tanh(wrong)};
        },
        "inner");
  });
  EXPECT_TRUE(y[0].isPoisoned());
  EXPECT_TRUE(tanh(y[0]).isPoisoned());
  expectAt(line, "O0116", {"kiln.matmul 'matmul'"});
}

TEST_F(ControlFlowErrors, PoisonedCarriesAreSilent) {
  auto wrong = matmul(x, x);
  const int line = __LINE__ - 1;
  auto y = whileLoop(g, {wrong}, [&](const Values&) { return flag; }, same);
  ifElse(g, flag, [&] { return Values{y[0]}; }, [&] { return Values{x}; });
  vmap(g, [&](const Values& in) { return in; }, {y[0]});
  auto z =
      scan(g, {x, wrong}, {}, [&](Value, const Values& c, const Values&) { return std::pair(c, c); }, {.length = 3});
  EXPECT_TRUE(z.carries[1].isPoisoned() && z.stacked[0].isPoisoned());
  expectAt(line, "O0116", {"kiln.matmul 'matmul'"});
}

TEST_F(ControlFlowErrors, G0203ValueThatLeftItsBody) {
  Value leaked;
  forRange(g, 0, n, 1, {x}, [&](Value, const Values& c) {
    leaked = c[0] * 2;
    return c;
  });
  leaked + x;
  expectAt(__LINE__ - 1, "G0203", {"of function 'for/body', and is used in the graph"});
}

TEST_F(ControlFlowErrors, G0201NoValueAsAResult) {
  forRange(g, 0, n, 1, {x}, [&](Value, const Values&) { return Values{Value()}; });
  expectAt(__LINE__ - 1, "G0201", {"result of 'for/body'"});
}

TEST_F(ControlFlowErrors, G0019StateInABody) {
  int line = 0;
  forRange(g, 0, n, 1, {x}, [&](Value, const Values& c) {
    line = __LINE__ + 1;
    g.variable("w", 1.0);
    return c;
  });
  expectAt(line, "G0019", {"kiln.variable 'w' cannot be in function 'for/body'"});
}

TEST_F(ControlFlowErrors, G0019PlaceholderInABranch) {
  int line = 0;
  ifElse(
      g, flag,
      [&] {
        line = __LINE__ + 1;
        return Values{g.placeholder("y", f32, {3})};
      },
      [&] { return Values{x}; });
  expectAt(line, "G0019", {"kiln.placeholder 'y' cannot be in function 'if/then'"});
}

TEST_F(ControlFlowErrors, G0019RandomCondition) {
  int line = 0;
  auto condition = [&](const Values&) {
    line = __LINE__ + 1;
    return less(randomUniform(g, {}), 0.5);
  };
  whileLoop(g, {x}, condition, same);
  expectAt(line, "G0019", {"a random op cannot be in function 'while/condition'"});
}

// --- derivatives
// -------------------------------------------------------------------------------------------------------

TEST_F(ControlFlowErrors, G0212NodeWithoutDerivativeOnACarry) {
  auto y = forRange(g, 0, n, 1, {x},
                    [&](Value, const Values& c) { return Values{cast(cast(c[0], i64).named("whole"), f32)}; });
  g.gradients({reduceSum(y[0])}, {x});
  expectAt(__LINE__ - 1, "G0212", {"'x'", "kiln.cast 'whole' in function 'for/body'", "its result is i64[3]"});
}

TEST_F(ControlFlowErrors, G0212NodeWithoutDerivativeOnARow) {
  auto total = fold(g, {g.scalar(0, f32)}, {x}, [&](const Values& c, const Values& rows) {
    return Values{c[0] + cast(cast(rows[0], i64).named("cut"), f32)};
  });
  g.gradients(total, {x});
  expectAt(__LINE__ - 1, "G0212", {"'x'", "kiln.cast 'cut' in function 'fold/body'", "its result is i64[]"});
}

TEST_F(ControlFlowErrors, OnePathThroughALoopIsEnough) {
  auto y = forRange(g, 0, n, 1, {x, x},
                    [&](Value, const Values& c) { return Values{c[0] + cast(cast(c[0], i64), f32), c[1]}; });
  g.gradients({reduceSum(y[0]), reduceSum(y[1])}, {x});
  EXPECT_TRUE(g.finish().ok());
}

TEST_F(ControlFlowErrors, G0212NodeWithoutDerivativeInNestedBodies) {
  auto y = map(g, {x}, [&](const Values& rows) {
    return ifElse(
        g, flag, [&] { return Values{cast(argmax(expandDims(rows[0], 0)).named("best"), f32)}; },
        [&] { return Values{g.scalar(1, f32)}; });
  });
  g.gradients({reduceSum(y[0])}, {x});
  expectAt(__LINE__ - 1, "G0212", {"kiln.argmax 'best' in function 'if/then'"});
}

TEST_F(ControlFlowErrors, G0212ForwardModeToo) {
  auto y = map(g, {x}, [&](const Values& rows) { return Values{cast(cast(rows[0], i32), f32)}; });
  jvp(g, y, {x}, {x});
  expectAt(__LINE__ - 1, "G0212", {"kiln.tangents 'tangents'", "in function 'map/body'"});
}

TEST_F(ControlFlowErrors, G0213TangentOfAnotherType) {
  jvp(g, {reduceSum(x)}, {x}, {reduceSum(x)});
  expectAt(__LINE__ - 1, "G0213", {"kiln.tangents", "tangent 0 is f32[] vs f32[3]"});
}

TEST_F(ControlFlowErrors, G0213TangentsMissing) {
  jvp(g, {reduceSum(x)}, {x}, {});
  expectAt(__LINE__ - 1, "G0213", {"0 tangents vs 1 xs"});
}

TEST_F(ControlFlowErrors, G0210GradientOfWhatIsOutside) {
  auto loss = reduceSum(x * x).named("loss");
  int line = 0;
  forRange(g, 0, n, 1, {x}, [&](Value, const Values& c) {
    line = __LINE__ + 1;
    return Values{c[0] - g.gradients({loss}, {x})[0]};
  });
  expectAt(line, "G0210", {"f32[]", "it is computed outside of function 'for/body'"});
}

TEST_F(ControlFlowErrors, G0210GradientThatLeavesTheBody) {
  auto squared = (x * x).named("squared");
  int line = 0;
  forRange(g, 0, n, 1, {x}, [&](Value, const Values& c) {
    auto loss = reduceSum(squared * c[0]);
    line = __LINE__ + 1;
    return Values{g.gradients({loss}, {x})[0]};
  });
  expectAt(line, "G0210", {"it depends on 'x' through 'squared', which is computed outside of function 'for/body'"});
}

TEST_F(ControlFlowErrors, GradientsInsideOfBodiesAreFine) {
  auto w = g.variable("w", g.constant(Tensor(f32, {3})));
  auto target = (x + 1).named("target");
  auto y = forRange(g, 0, n, 1, {x}, [&](Value, const Values& c) {
    auto loss = reduceSum((c[0] * w - target) * (c[0] * w - target));
    auto gradients = g.gradients({loss}, {c[0], w});
    auto inner = forRange(g, 0, 2, 1, {c[0]}, [&](Value, const Values& d) {
      return Values{d[0] - g.gradients({reduceSum(d[0] * w)}, {d[0]})[0]};
    });
    return Values{inner[0] - gradients[0] - gradients[1]};
  });
  g.gradients({reduceSum(y[0])}, {x, w});
  EXPECT_TRUE(g.finish().ok());
}

}  // namespace
}  // namespace kiln
