// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Branches, loops and lists, in the form of TensorFlow 1 and as functions.
#include <gmock/gmock.h>

#include "graph/io/tensorflow/test_graphs.h"

namespace kiln::tensorflow {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string idOf(const Status& status) { return errorIdOf(status).value_or("ok"); }
Tensor truthOf(bool value) { return Tensor::scalar<bool>(value); }
const AttributeMap kF32 = {{"T", types({f32})}};

// --- functions

TEST(FunctionalControlFlowTest, aCallGivesTheResultsOfItsFunction) {
  TestGraph graph;
  graph.add(TestFunction("twice", {"v"}).node("sum", "AddV2", {"v", "v"}).result("r", "sum:z:0"))
      .input("x", f32, {2})
      .node("y", "PartitionedCall", {"x"}, {{"f", function("twice")}, {"Tout", types({f32})}});
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({2}, {1, 2})}})), ElementsAre(2, 4));
}

TEST(FunctionalControlFlowTest, outputsWithinFunctionsAreNamed) {
  TestGraph graph;
  graph
      .add(TestFunction("places", {"v"})
               .constant("k", indices({}, {1}))
               .node("top", "TopKV2", {"v", "k:output:0"})
               .result("r", "top:indices:0"))
      .input("x", f32, {3})
      .node("y", "StatefulPartitionedCall", {"x"}, {{"f", function("places")}, {"Tout", types({i32})}});
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({3}, {1, 5, 2})}})), ElementsAre(1));
}

TestGraph branchGraph() {
  TestGraph graph;
  graph
      .add(TestFunction("plus", {"v"})
               .constant("c", floats({}, {10}))
               .node("s", "AddV2", {"v", "c:output:0"})
               .result("r", "s:z:0"))
      .add(TestFunction("minus", {"v"}).node("s", "Neg", {"v"}).result("r", "s:y:0"))
      .input("p", boolean, {})
      .input("x", f32, {-1})
      .node("y", "StatelessIf", {"p", "x"},
            {{"then_branch", function("plus")}, {"else_branch", function("minus")}, {"Tout", types({f32})}});
  return graph;
}

TEST(FunctionalControlFlowTest, ifTakesTheBranchOfItsCondition) {
  const Tensor x = floats({2}, {1, 2});
  EXPECT_THAT(valuesOf(runOne(branchGraph(), {{"p", truthOf(true)}, {"x", x}})), ElementsAre(11, 12));
  EXPECT_THAT(valuesOf(runOne(branchGraph(), {{"p", truthOf(false)}, {"x", x}})), ElementsAre(-1, -2));
}

TEST(FunctionalControlFlowTest, aBranchThatIsKnownIsTakenWhenImporting) {
  auto frozen = branchGraph().read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  ImportOptions options;
  options.values["p"] = std::make_shared<const Tensor>(truthOf(false));
  auto imported = frozen->import(options);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(imported->graph.functions().empty());
}

TEST(FunctionalControlFlowTest, caseTakesTheLastBranchForNumbersThatNoneHas) {
  wire::AttrValue branches;
  for (const char* name : {"a", "b", "c"}) {
    branches.mutable_list()->add_func()->set_name(name);
  }
  TestGraph graph;
  for (const auto& [name, value] : {std::pair("a", 1.0F), std::pair("b", 2.0F), std::pair("c", 3.0F)}) {
    graph.add(TestFunction(name, {"v"})
                  .constant("c", floats({}, {value}))
                  .node("s", "Mul", {"v", "c:output:0"})
                  .result("r", "s:z:0"));
  }
  graph.input("i", i32, {})
      .input("x", f32, {})
      .node("y", "Case", {"i", "x"}, {{"branches", branches}, {"Tout", types({f32})}});
  for (const auto& [index, factor] :
       {std::pair(0, 1), std::pair(1, 2), std::pair(2, 3), std::pair(7, 3), std::pair(-1, 3)}) {
    EXPECT_THAT(valuesOf(runOne(graph, {{"i", indices({}, {index})}, {"x", floats({}, {5})}})),
                ElementsAre(5 * factor));
  }
}

TEST(FunctionalControlFlowTest, whileRepeatsItsBodyAndHandsOnWhatItDoesNotChange) {
  TestGraph graph;
  graph
      .add(TestFunction("go", {"i", "v", "w"})
               .constant("three", indices({}, {3}))
               .node("l", "Less", {"i", "three:output:0"})
               .result("r", "l:z:0"))
      .add(TestFunction("step", {"i", "v", "w"})
               .constant("one", indices({}, {1}))
               .node("next", "AddV2", {"i", "one:output:0"})
               .node("m", "Mul", {"v", "w"})
               .node("same", "Identity", {"w"})
               .result("i_out", "next:z:0")
               .result("v_out", "m:z:0")
               .result("w_out", "same:output:0"))
      .input("x", f32, {-1})
      .constant("zero", indices({}, {0}))
      .constant("two", floats({}, {2}))
      .node("loop", "StatelessWhile", {"zero", "x", "two"},
            {{"cond", function("go")}, {"body", function("step")}, {"T", types({i32, f32, f32})}})
      .node("y", "Identity", {"loop:1"});
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({2}, {1, 3})}}, {.outputs = {"y"}, .fed = {}})), ElementsAre(8, 24));
}

TEST(FunctionalControlFlowTest, aListLearnsTheShapeOfItsElementsFromTheLoop) {
  TestGraph graph;
  graph
      .add(TestFunction("go", {"i", "list", "x"})
               .constant("three", indices({}, {3}))
               .node("l", "Less", {"i", "three:output:0"})
               .result("r", "l:z:0"))
      .add(TestFunction("step", {"i", "list", "x"})
               .constant("one", indices({}, {1}))
               .node("next", "AddV2", {"i", "one:output:0"})
               .node("f", "Cast", {"i"}, {{"DstT", type(f32)}})
               .node("m", "Mul", {"x", "f:y:0"})
               .node("put", "TensorListSetItem", {"list", "i", "m:z:0"}, {{"element_dtype", type(f32)}})
               .result("i_out", "next:z:0")
               .result("list_out", "put:output_handle:0")
               .result("x_out", "x"))
      .input("x", f32, {-1})
      .constant("zero", indices({}, {0}))
      .constant("open", indices({1}, {-1}))
      .constant("count", indices({}, {3}))
      .node("list", "TensorListReserve", {"open", "count"}, {{"element_dtype", type(f32)}})
      .node("loop", "While", {"zero", "list", "x"},
            {{"cond", function("go")}, {"body", function("step")}, {"T", types({i32, f32, f32})}})
      .node("y", "TensorListStack", {"loop:1", "open"}, {{"element_dtype", type(f32)}});
  auto y = runOne(graph, {{"x", floats({2}, {1, 5})}}, {.outputs = {"y"}, .fed = {}});
  EXPECT_THAT(dimsOf(y), ElementsAre(3, 2));
  EXPECT_THAT(valuesOf(y), ElementsAre(0, 0, 1, 5, 2, 10));
}

TEST(FunctionalControlFlowTest, functionsThatCallThemselvesAreRefused) {
  TestGraph graph;
  graph
      .add(TestFunction("f", {"v"})
               .node("again", "PartitionedCall", {"v"}, {{"f", function("g")}})
               .result("r", "again:output:0"))
      .add(TestFunction("g", {"v"})
               .node("again", "PartitionedCall", {"v"}, {{"f", function("f")}})
               .result("r", "again:output:0"))
      .input("x", f32, {2})
      .node("y", "PartitionedCall", {"x"}, {{"f", function("f")}, {"Tout", types({f32})}});
  EXPECT_EQ(idOf(run(graph, {{"x", floats({2}, {1, 2})}}).status()), "KILN-G0505");
}

TEST(FunctionalControlFlowTest, callsThatMultiplyAreBounded) {
  TestGraph graph;
  graph.add(TestFunction("f0", {"v"}).node("s", "Neg", {"v"}).result("r", "s:y:0"));
  for (int i = 1; i < 40; ++i) {
    const std::string inner = "f" + std::to_string(i - 1);
    graph.add(TestFunction("f" + std::to_string(i), {"v"})
                  .node("a", "PartitionedCall", {"v"}, {{"f", function(inner)}})
                  .node("b", "PartitionedCall", {"a:output:0"}, {{"f", function(inner)}})
                  .result("r", "b:output:0"));
  }
  graph.input("x", f32, {}).node("y", "PartitionedCall", {"x"}, {{"f", function("f39")}, {"Tout", types({f32})}});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  EXPECT_EQ(idOf(frozen->import().status()), "KILN-G0507");
}

TEST(FunctionalControlFlowTest, aFunctionThatIsMissingIsNamed) {
  TestGraph graph;
  graph.input("x", f32, {}).node("y", "PartitionedCall", {"x"}, {{"f", function("nowhere")}, {"Tout", types({f32})}});
  const Status status = run(graph, {{"x", floats({}, {1})}}).status();
  EXPECT_EQ(idOf(status), "KILN-G0503");
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere"));
}

TEST(FunctionalControlFlowTest, anOpThatIsMissingInAFunctionIsListedWithIt) {
  TestGraph graph;
  graph.add(TestFunction("f", {"v"}).node("odd", "Bessel", {"v"}).result("r", "odd:y:0"))
      .input("x", f32, {})
      .node("y", "PartitionedCall", {"x"}, {{"f", function("f")}, {"Tout", types({f32})}});
  const Status status = run(graph, {{"x", floats({}, {1})}}).status();
  EXPECT_EQ(idOf(status), "KILN-G0501");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'odd' (Bessel) in function 'f'"));
}

TEST(FunctionalControlFlowTest, anOperationThatIsRefusedInABodyNamesItsNode) {
  TestGraph graph;
  graph.add(TestFunction("f", {"v"}).node("wrong", "MatMul", {"v", "v"}).result("r", "wrong:product:0"))
      .add(TestFunction("g", {"v"}).node("fine", "Neg", {"v"}).result("r", "fine:y:0"))
      .input("p", boolean, {})
      .input("x", f32, {2, 3})
      .node("y", "If", {"p", "x"},
            {{"then_branch", function("f")}, {"else_branch", function("g")}, {"Tout", types({f32})}});
  const Status status = run(graph, {{"p", truthOf(true)}, {"x", Tensor(f32, {2, 3})}}).status();
  EXPECT_EQ(idOf(status), "KILN-G0502");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'wrong' (MatMul)"));
}

TEST(FunctionalControlFlowTest, carriesThatChangeTheirShapeAreRefused) {
  TestGraph graph;
  graph.add(TestFunction("go", {"v"}).constant("yes", truthOf(true)).result("r", "yes:output:0"))
      .add(TestFunction("step", {"v"})
               .constant("axis", indices({}, {0}))
               .node("more", "ConcatV2", {"v", "v", "axis:output:0"})
               .result("r", "more:output:0"))
      .input("x", f32, {2})
      .node("y", "While", {"x"}, {{"cond", function("go")}, {"body", function("step")}, {"T", types({f32})}});
  EXPECT_EQ(idOf(run(graph, {{"x", floats({2}, {1, 2})}}).status()), "KILN-G0502");
}

// --- Switch and Merge

TestGraph condGraph() {
  TestGraph graph;
  graph.input("p", boolean, {})
      .input("x", f32, {-1})
      .node("cond/Switch", "Switch", {"p", "p"})
      .node("cond/switch_t", "Identity", {"cond/Switch:1"})
      .node("cond/switch_f", "Identity", {"cond/Switch"})
      .node("cond/pred_id", "Identity", {"p"})
      .constant("cond/two", floats({}, {2}), "^cond/switch_t")
      .node("cond/x_t", "Switch", {"x", "cond/pred_id"})
      .node("cond/mul", "Mul", {"cond/x_t:1", "cond/two"})
      .node("cond/x_f", "Switch", {"x", "cond/pred_id"})
      .node("cond/neg", "Neg", {"cond/x_f"})
      .node("y", "Merge", {"cond/neg", "cond/mul"})
      .constant("cond/seven", floats({1}, {7}), "^cond/switch_t")
      .constant("cond/eight", floats({1}, {8}), "^cond/switch_f")
      .node("z", "Merge", {"cond/eight", "cond/seven"});
  return graph;
}

TEST(DataflowControlFlowTest, switchAndMergeBecomeOneBranch) {
  for (const bool p : {true, false}) {
    auto outputs = run(condGraph(), {{"p", truthOf(p)}, {"x", floats({2}, {1, 2})}});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    ASSERT_EQ(outputs->size(), 2U);
    EXPECT_THAT(valuesOf((*outputs)[0]), p ? ElementsAre(2, 4) : ElementsAre(-1, -2));
    EXPECT_THAT(valuesOf((*outputs)[1]), ElementsAre(p ? 7 : 8));
  }
  auto frozen = condGraph().read();
  ASSERT_TRUE(frozen.ok());
  auto imported = frozen->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->graph.functions().size(), 2U);
}

TEST(DataflowControlFlowTest, branchesInBranchesNest) {
  TestGraph graph;
  graph.input("p", boolean, {})
      .input("q", boolean, {})
      .input("x", f32, {})
      .node("outer/x", "Switch", {"x", "p"})
      .node("outer/q", "Switch", {"q", "p"})
      .node("inner/x", "Switch", {"outer/x:1", "outer/q:1"})
      .node("inner/neg", "Neg", {"inner/x:1"})
      .node("inner/square", "Square", {"inner/x"})
      .node("inner", "Merge", {"inner/square", "inner/neg"})
      .node("y", "Merge", {"outer/x", "inner"});
  for (const auto& [p, q, wanted] : {std::tuple(false, true, 3), {true, true, -3}, {true, false, 9}}) {
    EXPECT_THAT(valuesOf(runOne(graph, {{"p", truthOf(p)}, {"q", truthOf(q)}, {"x", floats({}, {3})}})),
                ElementsAre(wanted));
  }
}

TEST(DataflowControlFlowTest, branchesOnOneConditionAfterEachOtherStaySeparate) {
  TestGraph graph;
  graph.input("p", boolean, {})
      .input("x", f32, {})
      .node("a/x", "Switch", {"x", "p"})
      .node("a/neg", "Neg", {"a/x:1"})
      .node("a", "Merge", {"a/x", "a/neg"})
      .node("b/a", "Switch", {"a", "p"})
      .node("b/square", "Square", {"b/a:1"})
      .node("b", "Merge", {"b/a", "b/square"})
      .node("y", "Sub", {"b", "a"});
  EXPECT_THAT(valuesOf(runOne(graph, {{"p", truthOf(true)}, {"x", floats({}, {3})}})), ElementsAre(12));
  EXPECT_THAT(valuesOf(runOne(graph, {{"p", truthOf(false)}, {"x", floats({}, {3})}})), ElementsAre(0));
}

AttributeMap frame(const std::string& name, bool isConstant = false) {
  return {{"frame_name", text(name)}, {"is_constant", truth(isConstant)}};
}

// i = 0; v = x; while (i < n) { v = v * w; i = i + 1 }
void addLoop(TestGraph& graph, const std::string& prefix, const std::string& v, const std::string& n,
             const std::string& w, const std::string& control = "") {
  auto at = [&](const char* name) { return prefix + "/" + name; };
  graph.constant(at("zero"), indices({}, {0}), control)
      .node(at("Enter"), "Enter", {at("zero")}, frame(prefix))
      .node(at("Enter_1"), "Enter", {v}, frame(prefix))
      .node(at("n"), "Enter", {n}, frame(prefix, true))
      .node(at("w"), "Enter", {w}, frame(prefix, true))
      .node(at("Merge"), "Merge", {at("Enter"), at("Next")})
      .node(at("Merge_1"), "Merge", {at("Enter_1"), at("Next_1")})
      .node(at("Less"), "Less", {at("Merge"), at("n")})
      .node(at("LoopCond"), "LoopCond", {at("Less")})
      .node(at("Switch"), "Switch", {at("Merge"), at("LoopCond")})
      .node(at("Switch_1"), "Switch", {at("Merge_1"), at("LoopCond")})
      .node(at("Identity"), "Identity", {at("Switch:1")})
      .node(at("Identity_1"), "Identity", {at("Switch_1:1")})
      .constant(at("one"), indices({}, {1}), "^" + at("Identity"))
      .node(at("add"), "AddV2", {at("Identity"), at("one")})
      .node(at("mul"), "Mul", {at("Identity_1"), at("w")})
      .node(at("Next"), "NextIteration", {at("add")})
      .node(at("Exit_1"), "Exit", {at("Switch_1")});
}

TEST(DataflowControlFlowTest, framesBecomeLoops) {
  TestGraph graph;
  graph.input("x", f32, {-1}).input("n", i32, {}).input("w", f32, {});
  addLoop(graph, "while", "x", "n", "w");
  graph.node("while/Next_1", "NextIteration", {"while/mul"}).node("y", "Identity", {"while/Exit_1"});
  graph.node("while/Exit", "Exit", {"while/Switch"});  // no output: nobody asks for the counter
  for (const auto& [n, factor] : {std::pair(0, 1), std::pair(3, 8)}) {
    EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({2}, {1, 5})}, {"n", indices({}, {n})}, {"w", floats({}, {2})}})),
                ElementsAre(factor, 5 * factor));
  }
}

TEST(DataflowControlFlowTest, loopsInLoopsNest) {
  TestGraph graph;
  graph.input("x", f32, {}).input("n", i32, {}).input("w", f32, {});
  addLoop(graph, "outer", "x", "n", "w");
  // Each step of the outer loop multiplies by w, and then n times by w.
  addLoop(graph, "inner", "outer/mul", "outer/n", "outer/w", "^outer/Identity");
  graph.node("inner/Next_1", "NextIteration", {"inner/mul"})
      .node("outer/Next_1", "NextIteration", {"inner/Exit_1"})
      .node("y", "Identity", {"outer/Exit_1"});
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({}, {1})}, {"n", indices({}, {2})}, {"w", floats({}, {2})}})),
              ElementsAre(64));
}

TEST(DataflowControlFlowTest, aBranchInALoopIsTakenInEachStep) {
  TestGraph graph;
  graph.input("x", f32, {}).input("n", i32, {}).input("w", f32, {});
  addLoop(graph, "while", "x", "n", "w");
  // Negated in step 1 only.
  graph.node("while/first", "Equal", {"while/Identity", "while/one"})
      .node("while/c/x", "Switch", {"while/mul", "while/first"})
      .node("while/c/neg", "Neg", {"while/c/x:1"})
      .node("while/c", "Merge", {"while/c/x", "while/c/neg"})
      .node("while/Next_1", "NextIteration", {"while/c"})
      .node("y", "Identity", {"while/Exit_1"});
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({}, {1})}, {"n", indices({}, {3})}, {"w", floats({}, {2})}})),
              ElementsAre(-8));
}

TEST(DataflowControlFlowTest, aLoopInABranchRunsWhenItIsTaken) {
  TestGraph graph;
  graph.input("p", boolean, {})
      .input("x", f32, {})
      .input("n", i32, {})
      .input("w", f32, {})
      .node("c/x", "Switch", {"x", "p"})
      .node("c/n", "Switch", {"n", "p"})
      .node("c/w", "Switch", {"w", "p"})
      .node("c/Switch", "Switch", {"p", "p"})
      .node("c/t", "Identity", {"c/Switch:1"});
  addLoop(graph, "c/while", "c/x:1", "c/n:1", "c/w:1", "^c/t");
  graph.node("c/while/Next_1", "NextIteration", {"c/while/mul"}).node("y", "Merge", {"c/x", "c/while/Exit_1"});
  const std::map<std::string, Tensor> feeds = {
      {"x", floats({}, {1})}, {"n", indices({}, {3})}, {"w", floats({}, {2})}, {"p", truthOf(true)}};
  EXPECT_THAT(valuesOf(runOne(graph, feeds)), ElementsAre(8));
}

TEST(DataflowControlFlowTest, arraysAreReadAndWrittenInLoops) {
  TestGraph graph;
  graph.input("x", f32, {-1, 2})
      .constant("w", floats({}, {2}))
      .node("shape", "Shape", {"x"})
      .constant("zero", indices({1}, {0}))
      .constant("first", indices({}, {0}))
      .constant("ones", indices({1}, {1}))
      .constant("step", indices({}, {1}))
      .node("n", "StridedSlice", {"shape", "zero", "ones", "ones"}, {{"shrink_axis_mask", integer(1)}})
      .node("in", "TensorArrayV3", {"n"}, {{"dtype", type(f32)}})
      .node("range", "Range", {"first", "n", "step"})
      .node("filled", "TensorArrayScatterV3", {"in", "range", "x", "in:1"})
      .node("out", "TensorArrayV3", {"n"}, {{"dtype", type(f32)}})
      .constant("while/zero", indices({}, {0}))
      .node("while/Enter", "Enter", {"while/zero"}, frame("f"))
      .node("while/Enter_1", "Enter", {"out:1"}, frame("f"))
      .node("while/n", "Enter", {"n"}, frame("f", true))
      .node("while/in", "Enter", {"in"}, frame("f", true))
      .node("while/filled", "Enter", {"filled"}, frame("f", true))
      .node("while/out", "Enter", {"out"}, frame("f", true))
      .node("while/Merge", "Merge", {"while/Enter", "while/Next"})
      .node("while/Merge_1", "Merge", {"while/Enter_1", "while/Next_1"})
      .node("while/Less", "Less", {"while/Merge", "while/n"})
      .node("while/LoopCond", "LoopCond", {"while/Less"})
      .node("while/Switch", "Switch", {"while/Merge", "while/LoopCond"})
      .node("while/Switch_1", "Switch", {"while/Merge_1", "while/LoopCond"})
      .node("while/i", "Identity", {"while/Switch:1"})
      .node("while/read", "TensorArrayReadV3", {"while/in", "while/i", "while/filled"})
      .node("while/neg", "Neg", {"while/read"})
      .node("while/write", "TensorArrayWriteV3", {"while/out", "while/i", "while/neg", "while/Switch_1:1"})
      .constant("while/one", indices({}, {1}), "^while/i")
      .node("while/add", "AddV2", {"while/i", "while/one"})
      .node("while/Next", "NextIteration", {"while/add"})
      .node("while/Next_1", "NextIteration", {"while/write"})
      .node("while/Exit", "Exit", {"while/Switch_1"})
      .node("y", "TensorArrayGatherV3", {"out", "range", "while/Exit"});
  auto y = runOne(graph, {{"x", floats({3, 2}, {1, 2, 3, 4, 5, 6})}}, {.outputs = {"y"}, .fed = {}});
  EXPECT_THAT(dimsOf(y), ElementsAre(3, 2));
  EXPECT_THAT(valuesOf(y), ElementsAre(-1, -2, -3, -4, -5, -6));
}

TEST(DataflowControlFlowTest, otherPatternsAreRefusedByName) {
  TestGraph alone;
  alone.input("p", boolean, {}).input("x", f32, {}).node("s", "Switch", {"x", "p"}).node("y", "Neg", {"s:1"});
  Status status = run(alone, {}).status();
  EXPECT_EQ(idOf(status), "KILN-G0501");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'s' (Switch)"));
  TestGraph both;
  both.input("p", boolean, {})
      .input("x", f32, {})
      .node("s", "Switch", {"x", "p"})
      .node("sum", "AddV2", {"s", "s:1"})
      .node("y", "Merge", {"sum", "x"});
  status = run(both, {}).status();
  EXPECT_EQ(idOf(status), "KILN-G0501");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'sum' (AddV2)"));
  TestGraph endless;
  endless.input("x", f32, {})
      .node("enter", "Enter", {"x"}, frame("f"))
      .node("merge", "Merge", {"enter", "next"})
      .node("next", "NextIteration", {"merge"})
      .node("y", "Exit", {"merge"});
  status = run(endless, {}).status();
  EXPECT_EQ(idOf(status), "KILN-G0501");
  TestGraph outside;
  outside.input("x", f32, {}).node("y", "Exit", {"x"});
  EXPECT_EQ(idOf(run(outside, {}).status()), "KILN-G0501");
}

}  // namespace
}  // namespace kiln::tensorflow
