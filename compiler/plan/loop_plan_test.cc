// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Plans of loops, branches and unwinds.
#include <gtest/gtest.h>

#include "compiler/plan/memory_plan.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

namespace kiln::compiler {
namespace {

using Mode = PlannedCarry::Mode;

const char* kAll = "{axes = array<i64: 0>}";
const char* kVector = "tensor<64xf32>";

std::string kernel(const std::string& result, const std::string& name, const std::vector<std::string>& inputs,
                   const std::string& op, const std::string& attributes = "", const std::string& type = kVector,
                   const std::string& resultType = "", const std::string& opAttributes = "") {
  std::string arguments, operands, types, list, of;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string comma = i == 0 ? "" : ", ", local = "%a" + std::to_string(i);
    arguments += comma + local + ": " + type;
    operands += comma + local;
    types += comma + type;
    list += comma + inputs[i];
  }
  of = resultType.empty() ? type : resultType;
  return result + " = kiln.kernel \"" + name + "\" kind(\"loop\") ins(" + list + ") {\n^bb0(" + arguments +
         "):\n %r = kiln." + op + " " + operands + " " + opAttributes + " : (" + types + ") -> " + of +
         "\n kiln.yield %r : " + of + "\n} " + attributes + " : (" + types + ") -> " + of + "\n";
}

class LoopPlanTest : public testing::Test {
 protected:
  LoopPlanTest() : context_(mlir::MLIRContext::Threading::DISABLED) { loadKilnDialects(context_); }

  MemoryPlan plan(const std::string& signature, const std::string& body) {
    module_ = mlir::parseSourceString<mlir::ModuleOp>("func.func @step" + signature + " {\n" + body + "}\n", &context_);
    KILN_CHECK(module_);
    entry_ = *module_->getOps<mlir::func::FuncOp>().begin();
    MemoryPlan plan = planMemory(entry_, {});
    for (const PlannedBuffer& a : plan.buffers) {
      for (const PlannedBuffer& b : plan.buffers) {
        if (&a != &b && a.begin <= b.end && b.begin <= a.end && a.place.space == b.place.space) {
          bool isApart = a.place.space != Space::kArena
                             ? a.place.at != b.place.at
                             : a.place.at + a.bytes.value() <= b.place.at || b.place.at + b.bytes.value() <= a.place.at;
          EXPECT_TRUE(isApart) << a.node << " and " << b.node << " are live together and share bytes";
        }
      }
    }
    recordPlan(entry_, plan);
    EXPECT_TRUE(mlir::succeeded(mlir::verify(*module_)));
    std::optional<MemoryPlan> back = readPlan(entry_);
    KILN_CHECK(back);
    expectEqual(plan.steps, back->steps);
    EXPECT_EQ(back->localSymbols, plan.localSymbols);
    return plan;
  }

  static void expectEqual(const std::vector<PlannedStep>& a, const std::vector<PlannedStep>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].op, b[i].op);
      EXPECT_EQ(a[i].outputs, b[i].outputs);
      EXPECT_EQ(a[i].carries, b[i].carries);
      EXPECT_EQ(a[i].states, b[i].states);
      EXPECT_EQ(a[i].number, b[i].number);
      ASSERT_EQ(a[i].regions.size(), b[i].regions.size());
      for (size_t r = 0; r < a[i].regions.size(); ++r) {
        expectEqual(a[i].regions[r], b[i].regions[r]);
      }
    }
  }

  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::func::FuncOp entry_;
};

const char* kFeedFetch =
    "(%x: tensor<64xf32> {kiln.feed = \"x\"}) -> (tensor<64xf32> {kiln.fetch = \"r\"}) attributes {kiln.entry}";

/// A loop of `length` steps with one carry that begins as %x.
std::string loop(const std::string& result, const std::string& body, const std::string& next) {
  return result + " = kiln.loop carries(%x) body {\n^bb0(%step: tensor<i64>, %h: tensor<64xf32>):\n" + body +
         " kiln.yield " + next +
         " : tensor<64xf32>\n} {length = #kiln.shape<[10]>} : (tensor<64xf32>) -> tensor<64xf32>\n";
}

TEST_F(LoopPlanTest, aValueThatMayBeOverwrittenIsUpdatedInPlace) {
  MemoryPlan p = plan(kFeedFetch, loop("%0", kernel("%n", "k", {"%h"}, "neg", "{may_alias = [[0, 0]]}"), "%n") +
                                      "return %0 : tensor<64xf32>\n");
  ASSERT_EQ(p.steps.size(), 1u);
  EXPECT_EQ(p.steps[0].carries[0].mode, Mode::kInPlace);
  EXPECT_EQ(p.steps[0].outputs[0], (Place{Space::kFetch, 0})) << "the loop works in the caller's buffer";
  EXPECT_EQ(p.steps[0].regions[1][0].outputs[0], (Place{Space::kCarry, 0}));
  EXPECT_EQ(p.staticBytes, 0);
  EXPECT_NE(p.toString("step").find("carries in place"), std::string::npos) << p.toString("step");
}

TEST_F(LoopPlanTest, whatAnInPlaceLoopBeginsWithIsMadeInItsPlace) {
  MemoryPlan p =
      plan("(%y: tensor<64xf32> {kiln.feed = \"y\"}) -> (tensor<64xf32> {kiln.fetch = \"r\"}) attributes {kiln.entry}",
           kernel("%x", "begin", {"%y"}, "exp") +
               loop("%0", kernel("%n", "k", {"%h"}, "neg", "{may_alias = [[0, 0]]}"), "%n") +
               "return %0 : tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].outputs[0], (Place{Space::kFetch, 0}));
  EXPECT_EQ(p.staticBytes, 0);
}

TEST_F(LoopPlanTest, otherReadersOfTheOldValueComeFirst) {
  std::string body = kernel("%n", "writer", {"%h"}, "neg", "{may_alias = [[0, 0]]}") +
                     kernel("%o", "reader", {"%h"}, "exp") + kernel("%p", "sink", {"%o"}, "tanh");
  std::string loops =
      "%0, %1 = kiln.loop carries(%x, %x) body {\n^bb0(%step: tensor<i64>, %h: tensor<64xf32>, %g: "
      "tensor<64xf32>):\n" +
      body +
      " kiln.yield %n, %p : tensor<64xf32>, tensor<64xf32>\n} {length = #kiln.shape<[10]>} : "
      "(tensor<64xf32>, tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>)\n";
  MemoryPlan p = plan(
      "(%x: tensor<64xf32> {kiln.feed = \"x\"}) -> (tensor<64xf32> {kiln.fetch = \"r\"}, tensor<64xf32> "
      "{kiln.fetch = \"s\"}) attributes {kiln.entry}",
      loops + "return %0, %1 : tensor<64xf32>, tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].carries[0].mode, Mode::kInPlace);
  EXPECT_EQ(p.steps[0].carries[1].mode, Mode::kSwap);
  EXPECT_EQ(p.steps[0].regions[1][0].kernel().getName(), "reader");
}

TEST_F(LoopPlanTest, aValueThatIsReadAfterwardsSwaps) {
  std::string body =
      kernel("%n", "writer", {"%h"}, "neg", "{may_alias = [[0, 0]]}") + kernel("%o", "reader", {"%n", "%h"}, "add", "");
  MemoryPlan p = plan(kFeedFetch,
                      "%0, %1 = kiln.loop carries(%x, %x) body {\n^bb0(%step: tensor<i64>, %h: tensor<64xf32>, "
                      "%g: tensor<64xf32>):\n" +
                          body +
                          " kiln.yield %n, %o : tensor<64xf32>, tensor<64xf32>\n} {length = "
                          "#kiln.shape<[10]>} : (tensor<64xf32>, tensor<64xf32>) -> (tensor<64xf32>, "
                          "tensor<64xf32>)\nreturn %0 : tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].carries[0].mode, Mode::kSwap);
}

const char* kStacked =
    "(%x: tensor<64xf32> {kiln.feed = \"x\"}) -> (tensor<64xf32> {kiln.fetch = \"r\"}, tensor<10x64xf32> {kiln.fetch = "
    "\"s\"}) attributes {kiln.entry}";

std::string stackedLoop(const std::string& body, const std::string& row, const std::string& condition = "") {
  return "%0, %1 = kiln.loop carries(%x) " + condition + "body {\n^bb0(%step: tensor<i64>, %h: tensor<64xf32>):\n" +
         body + " kiln.yield %n, " + row +
         " : tensor<64xf32>, tensor<64xf32>\n} {length = #kiln.shape<[10]>} : (tensor<64xf32>) -> (tensor<64xf32>, "
         "tensor<10x64xf32>)\nreturn %0, %1 : tensor<64xf32>, tensor<10x64xf32>\n";
}

TEST_F(LoopPlanTest, aCarryThatIsStackedTooIsReadFromItsRow) {
  MemoryPlan p = plan(kStacked, stackedLoop(kernel("%n", "k", {"%h"}, "neg", "{may_alias = [[0, 0]]}"), "%n"));
  EXPECT_EQ(p.steps[0].carries[0], (PlannedCarry{.mode = Mode::kRow, .row = 0, .spare = {}}));
  EXPECT_EQ(p.steps[0].regions[1][0].outputs[0], (Place{Space::kRow, 0}));
  EXPECT_EQ(p.staticBytes, 0);
}

TEST_F(LoopPlanTest, aStackOfTheOldValuesIsWrittenAhead) {
  MemoryPlan p = plan(kStacked, stackedLoop(kernel("%n", "k", {"%h"}, "neg"), "%h"));
  EXPECT_EQ(p.steps[0].carries[0], (PlannedCarry{.mode = Mode::kAhead, .row = 0, .spare = {}}));
  EXPECT_EQ(p.staticBytes, 0);
  // Rows after the last step are zero, so that no value may go there when nobody knows which is the last.
  MemoryPlan q =
      plan(kStacked, stackedLoop(kernel("%n", "k", {"%h"}, "neg"), "%h",
                                 "while {\n^bb0(%c: tensor<64xf32>):\n" +
                                     kernel("%p", "probe", {"%c"}, "reduce_max", "", kVector, "tensor<f32>", kAll) +
                                     kernel("%q", "check", {"%p"}, "is_nan", "", "tensor<f32>", "tensor<i1>") +
                                     " kiln.yield %q : tensor<i1>\n} "));
  EXPECT_EQ(q.steps[0].carries[0].mode, Mode::kSwap);
}

TEST_F(LoopPlanTest, whatALoopReadsFromOutsideLivesToItsEnd) {
  MemoryPlan p =
      plan(kFeedFetch,
           kernel("%w", "outside", {"%x"}, "neg") +
               loop("%0", kernel("%t", "temporary", {"%w"}, "exp") + kernel("%n", "k", {"%h", "%t"}, "add"), "%n") +
               "return %0 : tensor<64xf32>\n");
  auto found = std::find_if(p.buffers.begin(), p.buffers.end(), [](const auto& b) { return b.node == "outside"; });
  auto inside = std::find_if(p.buffers.begin(), p.buffers.end(), [](const auto& b) { return b.node == "temporary"; });
  ASSERT_NE(found, p.buffers.end());
  ASSERT_NE(inside, p.buffers.end());
  EXPECT_GT(found->end, inside->end);
  EXPECT_EQ(inside->depth, 1);
}

TEST_F(LoopPlanTest, aBufferIsUpdatedInPlaceThroughLoopsAndBranches) {
  std::string inner =
      "%i = kiln.loop carries(%h) body {\n^bb0(%s2: tensor<i64>, %g: tensor<64xf32>):\n"
      "%b = kiln.branch(%flag) {\n" +
      kernel("%n", "update", {"%g"}, "neg", "{may_alias = [[0, 0]]}") +
      " kiln.yield %n : tensor<64xf32>\n}, {\n kiln.yield %g : tensor<64xf32>\n} : (tensor<i1>) -> tensor<64xf32>\n"
      " kiln.yield %b : tensor<64xf32>\n} {length = #kiln.shape<[3]>} : (tensor<64xf32>) -> tensor<64xf32>\n";
  MemoryPlan p = plan(
      "(%x: tensor<64xf32> {kiln.feed = \"x\"}, %flag: tensor<i1> {kiln.feed = \"f\"}) -> (tensor<64xf32> "
      "{kiln.fetch = \"r\"}) attributes {kiln.entry}",
      loop("%0", inner, "%i") + "return %0 : tensor<64xf32>\n");
  const PlannedStep& outer = p.steps[0];
  EXPECT_EQ(outer.carries[0].mode, Mode::kInPlace);
  EXPECT_EQ(outer.regions[1][0].carries[0].mode, Mode::kInPlace);
  EXPECT_EQ(p.staticBytes, 0);
}

TEST_F(LoopPlanTest, sizesThatTheRunFindsAreAllocated) {
  const std::string type = "tensor<?xf32, #kiln.shape<[_t]>>";
  MemoryPlan p = plan(
      "(%n: tensor<i64> {kiln.feed = \"n\"}) -> (tensor<f32> {kiln.fetch = \"r\"}) attributes {kiln.entry}",
      "%t = kiln.bind_dim %n {symbol = \"_t\"} : (tensor<i64>) -> tensor<i64>\n"
      "%0 = kiln.kernel \"fill\" kind(\"loop\") ins() {\n %s = kiln.shape_value {shape = #kiln.shape<[_t]>} : () -> "
      "tensor<1xi64>\n %r = kiln.iota %s {axis = 0 : i64, dtype = f32} : (tensor<1xi64>) -> " +
          type + "\n kiln.yield %r : " + type + "\n} : () -> " + type + "\n" +
          kernel("%1", "sum", {"%0"}, "reduce_sum", "", type, "tensor<f32>", kAll) + "return %1 : tensor<f32>\n");
  EXPECT_EQ(p.localSymbols, std::vector<std::string>{"_t"});
  ASSERT_EQ(p.steps.size(), 3u);
  EXPECT_TRUE(mlir::isa<BindDimOp>(p.steps[0].op));
  EXPECT_EQ(p.steps[1].outputs[0], (Place{Space::kLocal, 0}));
  EXPECT_TRUE(p.slots.empty());
}

TEST_F(LoopPlanTest, regionsNeverRunInTheCommit) {
  MemoryPlan p = plan(
      "(%x: tensor<64xf32> {kiln.variable = \"w\"}) -> (tensor<64xf32> {kiln.assign = \"w\"}) attributes "
      "{kiln.entry}",
      loop("%0", kernel("%n", "k", {"%h"}, "neg", "{may_alias = [[0, 0]]}"), "%n") + "return %0 : tensor<64xf32>\n");
  EXPECT_EQ(p.numBeforeCommit, 1);
  EXPECT_EQ(p.steps[0].outputs[0].space, Space::kArena);
  ASSERT_EQ(p.copies.size(), 1u);
  EXPECT_TRUE(p.copies[0].isCommit);
}

TEST_F(LoopPlanTest, anUnwindKeepsItsSlots) {
  MemoryPlan p =
      plan(kFeedFetch,
           "%0 = kiln.unwind carries(%x) cotangents(%x) step {\n^bb0(%i: tensor<i64>, %h: tensor<64xf32>):\n" +
               kernel("%n", "forward", {"%h"}, "tanh") +
               " kiln.yield %n : tensor<64xf32>\n} adjoint {\n^bb0(%i: tensor<i64>, %h: tensor<64xf32>, %d: "
               "tensor<64xf32>):\n" +
               kernel("%n", "backward", {"%h", "%d"}, "mul") +
               " kiln.yield %n : tensor<64xf32>\n} {length = #kiln.shape<[1000]>, slots = 5 : i64} : (tensor<64xf32>, "
               "tensor<64xf32>) -> tensor<64xf32>\nreturn %0 : tensor<64xf32>\n");
  ASSERT_EQ(p.steps[0].states.size(), 1u);
  // Five kept states, two that take turns, a spare cotangent, and the numbers of the kept steps.
  EXPECT_EQ(p.staticBytes, 256 * (5 + 2 + 1) + 64);
}

TEST(PlannedCarry, isReadBack) {
  for (const PlannedCarry& carry : {PlannedCarry{.mode = Mode::kKeep, .row = -1, .spare = {}},
                                    PlannedCarry{.mode = Mode::kInPlace, .row = -1, .spare = {}},
                                    PlannedCarry{.mode = Mode::kSwap, .row = -1, .spare = {Space::kSlot, 2}},
                                    PlannedCarry{.mode = Mode::kRow, .row = 3, .spare = {}},
                                    PlannedCarry{.mode = Mode::kAhead, .row = 0, .spare = {}}}) {
    EXPECT_EQ(PlannedCarry::parse(carry.toString()), carry) << carry.toString();
  }
  EXPECT_EQ(PlannedCarry::parse("swap nowhere"), std::nullopt);
  EXPECT_EQ(PlannedCarry::parse("leap"), std::nullopt);
}

}  // namespace
}  // namespace kiln::compiler
