// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One program for each thing that GraphBuilder, graph/nn and graph/optim refuse, each at the line that caused it.
#include "graph/graph.h"
#include "tests/errors/expect_error.h"

namespace kiln {
namespace {

class BuildErrors : public testing::Test {
 protected:
  // Finishes and expects one error at `line` of this file.
  void expectAt(int line, const std::string& id, std::vector<std::string> texts) {
    texts.insert(texts.begin(), errorAt("build_errors_test.cc", line, id));
    const Status status = g.finish().status();
    expectError(status, id, texts);
    const std::string message(status.message());
    EXPECT_EQ(message.find("error:"), message.rfind("error:")) << "one cause, one error: " << message;
  }

  GraphBuilder g{"model"};
  Value x = g.placeholder("x", f32, {dim("batch"), 64});
};

TEST_F(BuildErrors, G0001DuplicateName) {
  auto again = g.placeholder("x", i32, {3});
  expectAt(__LINE__ - 1, "G0001",
           {"kiln.placeholder 'x': duplicate node name", "note: kiln.placeholder 'x' was made here"});
  EXPECT_TRUE(again.isPoisoned());
}

TEST_F(BuildErrors, G0001RenamedToATakenName) {
  tanh(x).named("x");
  expectAt(__LINE__ - 1, "G0001", {"kiln.tanh 'x'"});
}

TEST_F(BuildErrors, G0004InvalidName) {
  g.placeholder("my input", f32, {3});
  expectAt(__LINE__ - 1, "G0004", {"'my input'", "space"});
}

TEST_F(BuildErrors, G0006RecursiveCall) {
  int line = 0;
  g.function("loop", {{f32, Shape{}}}, [&](const std::vector<Value>& a) {
    line = __LINE__ + 1;
    return std::vector<Value>{g.call("loop", {a[0]})[0]};
  });
  auto y = g.call("loop", {reduceSum(x)})[0];
  EXPECT_TRUE(y.isPoisoned());
  expectAt(line, "G0006", {"'loop' calls 'loop'"});
}

TEST_F(BuildErrors, G0006IndirectRecursion) {
  int line = 0;
  g.function("outer", {{f32, Shape{}}}, [&](const std::vector<Value>& a) {
    g.function("inner", {{f32, Shape{}}}, [&](const std::vector<Value>& b) {
      line = __LINE__ + 1;
      return std::vector<Value>{g.call("outer", {b[0]})[0]};
    });
    return std::vector<Value>{g.call("inner", {a[0]})[0]};
  });
  expectAt(line, "G0006", {"'outer' calls 'inner' calls 'outer'"});
}

TEST_F(BuildErrors, G0007UnknownFunction) {
  g.function("scale", {{f32, Shape{}}}, [](const std::vector<Value>& a) { return a; });
  g.call("scal", {reduceSum(x)});
  expectAt(__LINE__ - 1, "G0007", {"function 'scal'", "did you mean 'scale'?"});
}

TEST_F(BuildErrors, G0009EntryInitIsKilns) {
  auto w = g.variable("w", 1.0);
  g.entry("init", {.fetches = {w}});
  expectAt(__LINE__ - 1, "G0009", {"entry 'init'"});
}

TEST_F(BuildErrors, G0010EntryOfAnEmptyValue) {
  g.entry("predict", {.feeds = {x}, .fetches = {{"y", Value()}}});
  expectAt(__LINE__ - 1, "G0010", {"entry 'predict': fetch 'y'"});
}

TEST_F(BuildErrors, G0011TwoFeedsOfOneName) {
  auto z = g.placeholder("z", f32, {});
  g.entry("predict", {.feeds = {x, {"x", z}}, .fetches = {z}});
  expectAt(__LINE__ - 1, "G0011", {"entry 'predict': two feeds have the name 'x'"});
}

TEST_F(BuildErrors, G0012FeedOfAnInnerValue) {
  auto h = tanh(x);
  g.entry("predict", {.feeds = {h}, .fetches = {tanh(h)}});
  expectAt(__LINE__ - 1, "G0012", {"feed 'tanh' is kiln.tanh 'tanh'"});
}

TEST_F(BuildErrors, G0013TargetThatIsAValue) {
  g.entry("predict", {.feeds = {x}, .targets = {Target(tanh(x))}});
  expectAt(__LINE__ - 1, "G0013", {"target 'tanh' is kiln.tanh 'tanh'"});
}

TEST_F(BuildErrors, G0014DimensionThatNoFeedTells) {
  auto i = iota(g, {dim("n")});
  g.entry("positions", {.fetches = {i}});
  expectAt(__LINE__ - 2, "G0014", {"dimension 'n'", "feed of entry 'positions'"});
}

TEST_F(BuildErrors, G0015RangeWithoutALength) {
  g.dim("length", 8, 4);
  expectAt(__LINE__ - 1, "G0015", {"'length'", "[8, 4]"});
}

TEST_F(BuildErrors, G0018AssignmentToAValue) {
  auto h = tanh(x);
  g.assign(h, x, "update");
  expectAt(__LINE__ - 1, "G0018", {"kiln.assign 'update'", "kiln.tanh 'tanh'"});
}

TEST_F(BuildErrors, G0019RandomNumbersInAFunction) {
  int line = 0;
  g.function("noisy", {{f32, Shape{2}}}, [&](const std::vector<Value>& a) {
    line = __LINE__ + 1;
    return std::vector<Value>{a[0] + randomUniform(g, {2})};
  });
  expectAt(line, "G0019", {"a random op", "function 'noisy'"});
}

TEST_F(BuildErrors, G0019VariableInAFunction) {
  int line = 0;
  g.function("layer", {{f32, Shape{2}}}, [&](const std::vector<Value>& a) {
    line = __LINE__ + 1;
    g.variable("w", g.scalar(1, f32));
    return a;
  });
  expectAt(line, "G0019", {"kiln.variable 'w'", "function 'layer'"});
}

TEST_F(BuildErrors, G0034TwoOptimizersOnOneVariable) {
  auto w = g.variable("w", 1.0);
  auto first = g.assign(w, 2, "first");
  auto second = g.assign(w, 3, "second");
  g.entry("train", {.targets = {first, second}});
  expectAt(__LINE__ - 2, "G0034", {"variable 'w'", "entry 'train'", "'first'", "'second'"});
}

TEST_F(BuildErrors, G0035EntryThatForgetsAFeed) {
  g.entry("predict", {.fetches = {tanh(x)}});
  expectAt(__LINE__ - 1, "G0035", {"entry 'predict'", "placeholder 'x'"});
}

TEST_F(BuildErrors, G0201EmptyValue) {
  Value nothing;
  x + nothing;
  expectAt(__LINE__ - 1, "G0201", {"kiln.add 'add'", "operand 'y'"});
}

TEST_F(BuildErrors, G0202ValueOfAnotherGraph) {
  GraphBuilder other("teacher");
  auto z = other.placeholder("z", f32, {64});
  x + z;
  expectAt(__LINE__ - 1, "G0202",
           {"operand 'y' ('z')", "another GraphBuilder, 'teacher'", ": note: kiln.placeholder 'z'"});
}

TEST_F(BuildErrors, G0203FunctionThatCaptures) {
  int line = 0;
  g.function("capture", {{f32, Shape{64}}}, [&](const std::vector<Value>& a) {
    line = __LINE__ + 1;
    return std::vector<Value>{a[0] * x};
  });
  expectAt(line, "G0203", {"operand 'y' is 'x' of the graph", "function 'capture'"});
}

TEST_F(BuildErrors, G0204ShapesThatDoNotBroadcast) {
  auto bias = g.placeholder("bias", f32, {65});
  auto y = x + bias;
  expectAt(__LINE__ - 1, "G0204",
           {"kiln.add 'add'", "x is [batch, 64]", "y is [65]", "axis -1: 64 vs 65", ": note: kiln.placeholder 'bias'"});
  EXPECT_TRUE(y.isPoisoned());
}

TEST_F(BuildErrors, G0204SymbolsFitOnlyThemselves) {
  auto z = g.placeholder("z", f32, {dim("other"), 64});
  x* z;
  expectAt(__LINE__ - 1, "G0204", {"[batch, 64]", "[other, 64]", "axis -2: batch vs other"});
}

TEST_F(BuildErrors, G0204BatchAxesOfMatmul) {
  auto a = g.placeholder("a", f32, {2, 3, 4}), b = g.placeholder("b", f32, {5, 4, 3});
  matmul(a, b);
  expectAt(__LINE__ - 1, "G0204", {"kiln.matmul 'matmul'", "[2, 3, 4]", "[5, 4, 3]", "2 vs 5"});
}

TEST_F(BuildErrors, G0205NumberThatIsNoInteger) {
  auto n = g.placeholder("n", i32, {4});
  n + 1.5;
  expectAt(__LINE__ - 1, "G0205", {"1.5 is no i32"});
}

TEST_F(BuildErrors, G0206NumbersWithoutATensor) {
  select(greater(x, 0), 1.0, 0.5);
  expectAt(__LINE__ - 1, "G0206", {"kiln.select 'select'", "the number 1.0"});
}

TEST_F(BuildErrors, G0207ReshapeThatDoesNotComeOut) {
  reshape(x, {-1, 7});
  expectAt(__LINE__ - 1, "G0207", {"[-1, 7]", "'x' of shape [batch, 64]", "64*batch"});
}

TEST_F(BuildErrors, G0207TwoUnknownLengths) {
  reshape(x, {-1, -1});
  expectAt(__LINE__ - 1, "G0207", {"[-1, -1]", "2 of them"});
}

TEST_F(BuildErrors, G0208VariableWithASymbolicShape) {
  g.variable("w", full(g, {dim("n"), 2}, 0));
  expectAt(__LINE__ - 1, "G0208", {"variable 'w'", "[n, 2]"});
}

TEST_F(BuildErrors, G0209InitialValueFromAFeed) {
  auto data = g.placeholder("data", f32, {4});
  g.variable("w", tanh(data) * 2);
  expectAt(__LINE__ - 1, "G0209", {"variable 'w'", "kiln.placeholder 'data'", "note:"});
}

TEST_F(BuildErrors, G0209InitialValueFromAVariable) {
  auto v = g.variable("v", 1.0);
  g.variable("w", v + 1);
  expectAt(__LINE__ - 1, "G0209", {"variable 'w'", "kiln.variable 'v'"});
}

TEST_F(BuildErrors, G0210GradientOfATensor) {
  auto y = tanh(x);
  g.gradients({y}, {x});
  expectAt(__LINE__ - 1, "G0210", {"kiln.gradients 'gradients'", "'tanh'", "f32[batch, 64]", "scalar"});
}

TEST_F(BuildErrors, G0210GradientOfAnInteger) {
  auto n = g.placeholder("n", i32, {});
  g.gradients({n}, {x});
  expectAt(__LINE__ - 1, "G0210", {"'n'", "i32[]"});
}

TEST_F(BuildErrors, G0211GradientForAnInteger) {
  auto n = g.placeholder("n", i32, {dim("batch")});
  g.gradients({reduceSum(x)}, {n});
  expectAt(__LINE__ - 1, "G0211", {"'n'", "i32[batch]"});
}

TEST_F(BuildErrors, G0212GradientThroughArgmax) {
  auto best = cast(argmax(x), f32);
  auto loss = reduceMean(best);
  g.gradients({loss}, {x});
  expectAt(__LINE__ - 1, "G0212",
           {"of 'reduce_mean' for 'x'", "kiln.argmax 'argmax'", "its result is an index",
            "note: kiln.argmax 'argmax' was made here"});
}

TEST_F(BuildErrors, G0212GradientThroughIntegers) {
  auto loss = reduceSum(cast(cast(x, i32), f32));
  g.gradients({loss}, {x});
  expectAt(__LINE__ - 1, "G0212", {"kiln.cast 'cast'", "its result is i32[batch, 64]"});
}

TEST_F(BuildErrors, G0213SeedOfAnotherShape) {
  auto seed = g.placeholder("seed", f32, {3});
  g.gradients({tanh(x)}, {x}, {seed});
  expectAt(__LINE__ - 1, "G0213", {"f32[3]", "f32[batch, 64]"});
}

TEST_F(BuildErrors, G0214FunctionTwice) {
  const auto same = [](const std::vector<Value>& a) { return a; };
  g.function("same", {{f32, Shape{}}}, same);
  g.function("same", {{f32, Shape{}}}, same);
  expectAt(__LINE__ - 1, "G0214", {"function 'same'"});
}

TEST_F(BuildErrors, G0217DimensionWithTwoRanges) {
  g.dim("rows", 1, 64);
  g.dim("rows", 1, 128);
  expectAt(__LINE__ - 1, "G0217", {"'rows'", "[1, 64]", "[1, 128]"});
}

TEST_F(BuildErrors, G0218FinishTwice) {
  ASSERT_TRUE(g.finish().ok());
  expectError(g.finish().status(), "G0218", {"'model'"});
}

TEST_F(BuildErrors, G0220UnknownOp) {
  g.makeNode("matmull", {x, x}, {}, "", std::source_location::current());
  expectAt(__LINE__ - 1, "G0220", {"'matmull'", "did you mean 'matmul'"});
}

TEST_F(BuildErrors, G0224AxisThatDoesNotExist) {
  expandDims(x, 4);
  expectAt(__LINE__ - 1, "G0224", {"axis 4", "[-3, 3)"});
}

TEST_F(BuildErrors, G0240DenseOnAVector) {
  nn::dense(g, "hidden", g.placeholder("v", f32, {dim("batch")}), 10);
  expectAt(__LINE__ - 1, "G0240", {"'v'", "f32[batch]", "dense 'hidden'"});
}

TEST_F(BuildErrors, G0241NothingToTrain) {
  optim::adam(g).minimize(reduceSum(x));
  expectAt(__LINE__ - 1, "G0241", {"no trainable variable"});
}

TEST_F(BuildErrors, G0242GradientsForOtherVariables) {
  auto w = g.variable("w", 1.0), b = g.variable("b", 1.0);
  optim::sgd(g).apply({g.scalar(1, f32)}, {w, b});
  expectAt(__LINE__ - 1, "G0242", {"1 gradients for 2 variables"});
}

TEST_F(BuildErrors, G0243OptionOutOfRange) {
  optim::adam(g, {.learningRate = 1e-3, .beta1 = 1.5});
  expectAt(__LINE__ - 1, "G0243", {"'beta1' of adam is 1.5", "[0, 1)"});
}

TEST_F(BuildErrors, InnerDimensionsOfMatmul) {
  auto w = g.variable("w", full(g, {65, 10}, 0));
  auto y = matmul(x, w);
  const Status status = g.finish().status();
  const std::string message(status.message());
  EXPECT_THAT(message, testing::HasSubstr("build_errors_test.cc:" + std::to_string(__LINE__ - 3) + ": error: [KILN-O"));
  for (const char* text :
       {"kiln.matmul 'matmul'", "[batch, 64]", "[65, 10]", "note: kiln.variable 'w' was made here: f32[65, 10]"}) {
    EXPECT_THAT(message, testing::HasSubstr(text));
  }
  EXPECT_TRUE(y.isPoisoned());
}

}  // namespace
}  // namespace kiln
