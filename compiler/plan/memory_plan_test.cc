// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/memory_plan.h"
#include "compiler/dialect/faults.h"

#include <gtest/gtest.h>

#include "compiler/plan/assign_offsets.h"
#include "mlir/Parser/Parser.h"

namespace kiln::compiler {
namespace {

/// A one-in, one-out kernel of f32[n] as text.
std::string unary(const std::string& result, const std::string& name, const std::string& input,
                  const std::string& attributes = "", const std::string& type = "tensor<64xf32>",
                  const std::string& op = "neg") {
  return result + " = kiln.kernel \"" + name + "\" kind(\"loop\") ins(" + input + ") {\n^bb0(%x: " + type +
         "):\n %y = kiln." + op + " %x : (" + type + ") -> " + type + "\n kiln.yield %y : " + type + "\n} " +
         attributes + " : (" + type + ") -> " + type + "\n";
}

std::string binary(const std::string& result, const std::string& name, const std::string& inputs,
                   const std::string& attributes, const std::string& op = "add",
                   const std::string& type = "tensor<64xf32>") {
  return result + " = kiln.kernel \"" + name + "\" kind(\"loop\") ins(" + inputs + ") {\n^bb0(%x: " + type +
         ", %z: " + type + "):\n %y = kiln." + op + " %x, %z : (" + type + ", " + type + ") -> " + type +
         "\n kiln.yield %y : " + type + "\n} " + attributes + " : (" + type + ", " + type + ") -> " + type + "\n";
}

class MemoryPlanTest : public testing::Test {
 protected:
  MemoryPlanTest() : context_(mlir::MLIRContext::Threading::DISABLED) { loadKilnDialects(context_); }

  MemoryPlan plan(const std::string& signature, const std::string& body) {
    module_ = mlir::parseSourceString<mlir::ModuleOp>("func.func @step" + signature + " {\n" + body + "}\n", &context_);
    KILN_CHECK(module_);
    entry_ = *module_->getOps<mlir::func::FuncOp>().begin();
    MemoryPlan plan = planMemory(entry_, {});
    checkPlan(plan);
    return plan;
  }

  /// What must hold of every plan.
  static void checkPlan(const MemoryPlan& plan) {
    auto sample = [](std::string_view) { return int64_t{64}; };
    for (size_t i = 0; i < plan.buffers.size(); ++i) {
      const PlannedBuffer& a = plan.buffers[i];
      for (size_t j = 0; j < i; ++j) {
        const PlannedBuffer& b = plan.buffers[j];
        if (a.begin > b.end || b.begin > a.end || a.place.space != b.place.space) {
          continue;
        }
        if (a.place.space == Space::kSlot) {
          EXPECT_NE(a.place.at, b.place.at) << a.node << " and " << b.node << " are live together and share a slot";
        } else {
          bool disjoint = a.place.at + a.bytes.value() <= b.place.at || b.place.at + b.bytes.value() <= a.place.at;
          EXPECT_TRUE(disjoint) << a.node << " and " << b.node << " are live together and share bytes";
        }
      }
      EXPECT_EQ(a.place.at % (a.place.space == Space::kArena ? kArenaAlignment : 1), 0);
    }
    EXPECT_GE(plan.peakBytes(sample), plan.lowerBoundBytes(sample));
    for (int i = 0; i < plan.numBeforeCommit; ++i) {
      for (const Place& place : plan.steps[i].outputs) {
        EXPECT_NE(place.space, Space::kVariable) << "a variable is written before the commit";
      }
    }
    for (size_t i = plan.numBeforeCommit; i < plan.steps.size(); ++i) {
      EXPECT_FALSE(mayFault(plan.steps[i].op)) << "a kernel of the commit can fail";
    }
  }

  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  mlir::func::FuncOp entry_;
};

const char* kFeedFetch =
    "(%a: tensor<64xf32> {kiln.feed = \"a\"}) -> (tensor<64xf32> {kiln.fetch = \"r\"}) attributes {kiln.entry}";

TEST_F(MemoryPlanTest, oneKernelWritesTheFetch) {
  MemoryPlan p = plan(kFeedFetch, unary("%0", "k", "%a") + "return %0 : tensor<64xf32>\n");
  ASSERT_EQ(p.steps.size(), 1u);
  EXPECT_EQ(p.steps[0].outputs[0], (Place{Space::kFetch, 0}));
  EXPECT_TRUE(p.buffers.empty());
  EXPECT_EQ(p.staticBytes, 0);
}

TEST_F(MemoryPlanTest, deadKernelsDoNotRun) {
  MemoryPlan p = plan(kFeedFetch, unary("%0", "k", "%a") + unary("%1", "dead", "%0") + "return %0 : tensor<64xf32>\n");
  EXPECT_EQ(p.steps.size(), 1u);
  recordPlan(entry_, p);
  EXPECT_EQ(std::distance(entry_.getOps<KernelOp>().begin(), entry_.getOps<KernelOp>().end()), 1);
}

TEST_F(MemoryPlanTest, chainAlternatesBetweenTwoBuffers) {
  std::string body;
  std::string last = "%a";
  for (int i = 0; i < 10; ++i) {
    body += unary("%" + std::to_string(i), "k" + std::to_string(i), last);
    last = "%" + std::to_string(i);
  }
  MemoryPlan p = plan(kFeedFetch, body + "return " + last + " : tensor<64xf32>\n");
  EXPECT_EQ(p.staticBytes, 512);
  auto none = [](std::string_view) { return int64_t{0}; };
  EXPECT_EQ(p.peakBytes(none), p.lowerBoundBytes(none));
}

TEST_F(MemoryPlanTest, chainInPlaceTakesOneBuffer) {
  std::string body = unary("%0", "k0", "%a");
  for (int i = 1; i < 10; ++i) {
    body +=
        unary("%" + std::to_string(i), "k" + std::to_string(i), "%" + std::to_string(i - 1), "{may_alias = [[0, 0]]}");
  }
  MemoryPlan p = plan(kFeedFetch, body + "return %9 : tensor<64xf32>\n");
  ASSERT_EQ(p.buffers.size(), 1u);
  EXPECT_EQ(p.buffers[0].numValues, 9);
  EXPECT_EQ(p.staticBytes, 256);
}

TEST_F(MemoryPlanTest, operandThatIsReadLaterIsNotOverwritten) {
  MemoryPlan p = plan(kFeedFetch, unary("%0", "k0", "%a") + unary("%1", "k1", "%0", "{may_alias = [[0, 0]]}") +
                                      binary("%2", "k2", "%0, %1", "") + "return %2 : tensor<64xf32>\n");
  EXPECT_EQ(p.buffers.size(), 2u);
}

TEST_F(MemoryPlanTest, feedIsNeverOverwritten) {
  MemoryPlan p = plan(kFeedFetch, unary("%0", "k0", "%a", "{may_alias = [[0, 0]]}") + unary("%1", "k1", "%0") +
                                      "return %1 : tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].outputs[0].space, Space::kArena);
}

const char* kUpdate =
    "(%g: tensor<64xf32> {kiln.feed = \"g\"}, %w: tensor<64xf32> {kiln.variable = \"w\"}) -> "
    "(tensor<64xf32> {kiln.assign = \"w\"}) attributes {kiln.entry}";

TEST_F(MemoryPlanTest, updateIsWrittenIntoTheVariable) {
  MemoryPlan p =
      plan(kUpdate, binary("%0", "sgd", "%w, %g", "{may_alias = [[0, 0]]}", "sub") + "return %0 : tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].outputs[0], (Place{Space::kVariable, 0}));
  EXPECT_EQ(p.numBeforeCommit, 0);
  EXPECT_TRUE(p.copies.empty());
}

TEST_F(MemoryPlanTest, updateThatMayNotAliasIsCopied) {
  MemoryPlan p = plan(kUpdate, binary("%0", "sgd", "%w, %g", "", "sub") + "return %0 : tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].outputs[0].space, Space::kArena);
  EXPECT_EQ(p.numBeforeCommit, 1);
  ASSERT_EQ(p.copies.size(), 1u);
  EXPECT_TRUE(p.copies[0].isCommit);
  EXPECT_EQ(p.copies[0].to, (Place{Space::kVariable, 0}));
  EXPECT_EQ(p.copies[0].from, p.steps[0].outputs[0]);
}

TEST_F(MemoryPlanTest, updateThatMayFailIsCopied) {
  std::string signature = kUpdate;
  for (size_t at; (at = signature.find("f32")) != std::string::npos;) {
    signature.replace(at, 3, "i32");
  }
  MemoryPlan p = plan(signature, binary("%0", "quotient", "%w, %g", "{may_alias = [[0, 0]]}", "div", "tensor<64xi32>") +
                                     "return %0 : tensor<64xi32>\n");
  EXPECT_EQ(p.numBeforeCommit, 1);
  EXPECT_EQ(p.numCopiedVariables, 1);
}

const char* kTwo =
    "(%v: tensor<64xf32> {kiln.variable = \"v\"}, %w: tensor<64xf32> {kiln.variable = \"w\"}) -> "
    "(tensor<64xf32> {kiln.assign = \"v\"}, tensor<64xf32> {kiln.assign = \"w\"}) attributes {kiln.entry}";

TEST_F(MemoryPlanTest, swapOfTwoVariablesKeepsOldValues) {
  MemoryPlan p = plan(kTwo, "return %w, %v : tensor<64xf32>, tensor<64xf32>\n");
  // Each old value is staged, then committed.
  ASSERT_EQ(p.copies.size(), 4u);
  int stages = 0;
  for (const PlannedCopy& copy : p.copies) {
    stages += copy.isCommit ? 0 : 1;
    EXPECT_EQ(copy.isCommit, copy.to.space == Space::kVariable);
    EXPECT_EQ(copy.isCommit, copy.from.space == Space::kArena);
  }
  EXPECT_EQ(stages, 2);
}

TEST_F(MemoryPlanTest, crossedUpdatesDoNotBothGoInPlace) {
  // v' = -w, w' = -v: whichever is written first, the other needs its old value.
  MemoryPlan p =
      plan(kTwo, unary("%0", "a", "%w") + unary("%1", "b", "%v") + "return %0, %1 : tensor<64xf32>, tensor<64xf32>\n");
  EXPECT_EQ(p.numInPlaceVariables, 1);
  EXPECT_EQ(p.numCopiedVariables, 1);
  // The reader of v runs before the kernel that writes v.
  EXPECT_EQ(p.steps[0].kernel().getName(), "b");
  EXPECT_EQ(p.steps[1].kernel().getName(), "a");
}

TEST_F(MemoryPlanTest, readersOfTheOldValueRunFirst) {
  std::string signature =
      "(%w: tensor<64xf32> {kiln.variable = \"w\"}) -> (tensor<64xf32> {kiln.assign = \"w\"}, tensor<64xf32> "
      "{kiln.fetch = \"old\"}) "
      "attributes {kiln.entry}";
  MemoryPlan p = plan(signature, unary("%0", "update", "%w", "{may_alias = [[0, 0]]}") + unary("%1", "reader", "%w") +
                                     "return %0, %1 : tensor<64xf32>, tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].kernel().getName(), "reader");
  EXPECT_EQ(p.steps[1].outputs[0], (Place{Space::kVariable, 0}));
}

TEST_F(MemoryPlanTest, fetchOfTheOldValueIsCopiedBeforeTheCommit) {
  std::string signature =
      "(%w: tensor<64xf32> {kiln.variable = \"w\"}) -> (tensor<64xf32> {kiln.fetch = \"old\"}, tensor<64xf32> "
      "{kiln.assign = \"w\"}) "
      "attributes {kiln.entry}";
  MemoryPlan p = plan(signature, unary("%0", "update", "%w", "{may_alias = [[0, 0]]}") +
                                     "return %w, %0 : tensor<64xf32>, tensor<64xf32>\n");
  ASSERT_EQ(p.copies.size(), 1u);
  EXPECT_EQ(p.copies[0].from, (Place{Space::kVariable, 0}));
  EXPECT_EQ(p.copies[0].to, (Place{Space::kFetch, 0}));
  EXPECT_FALSE(p.copies[0].isCommit);
}

TEST_F(MemoryPlanTest, fetchedUpdateIsCopiedFromTheFetch) {
  std::string signature =
      "(%w: tensor<64xf32> {kiln.variable = \"w\"}) -> (tensor<64xf32> {kiln.fetch = \"new\"}, tensor<64xf32> "
      "{kiln.assign = \"w\"}) "
      "attributes {kiln.entry}";
  MemoryPlan p = plan(signature, unary("%0", "update", "%w", "{may_alias = [[0, 0]]}") +
                                     "return %0, %0 : tensor<64xf32>, tensor<64xf32>\n");
  EXPECT_EQ(p.steps[0].outputs[0], (Place{Space::kFetch, 0}));
  ASSERT_EQ(p.copies.size(), 1u);
  EXPECT_TRUE(p.copies[0].isCommit);
}

TEST_F(MemoryPlanTest, variableAssignedToItselfNeedsNothing) {
  MemoryPlan p = plan(kUpdate, "return %w : tensor<64xf32>\n");
  EXPECT_TRUE(p.copies.empty());
}

TEST_F(MemoryPlanTest, symbolicSizesTakeSlots) {
  const std::string type = "tensor<?x64xf32, #kiln.shape<[batch, 64]>>";
  std::string signature =
      "(%a: " + type + " {kiln.feed = \"a\"}) -> (" + type + " {kiln.fetch = \"r\"}) attributes {kiln.entry}";
  MemoryPlan p = plan(signature, unary("%0", "k0", "%a", "", type) + unary("%1", "k1", "%0", "", type) +
                                     unary("%2", "k2", "%1", "", type) + unary("%3", "k3", "%2", "", type) +
                                     "return %3 : " + type + "\n");
  ASSERT_EQ(p.slots.size(), 2u);
  EXPECT_EQ(p.slots[0].toString(), "256*batch");
  EXPECT_EQ(p.peakBytes([](std::string_view) { return int64_t{7}; }), 2 * 256 * 7);
  std::string text = p.toString("step");
  EXPECT_NE(text.find("lower bound"), std::string::npos) << text;
  EXPECT_NE(text.find("256*batch"), std::string::npos) << text;
}

TEST_F(MemoryPlanTest, planIsReadBackFromTheAttributes) {
  MemoryPlan p =
      plan(kUpdate, unary("%0", "a", "%g") + binary("%1", "sgd", "%w, %0", "", "sub") + "return %1 : tensor<64xf32>\n");
  recordPlan(entry_, p);
  auto back = readPlan(entry_);
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->steps.size(), p.steps.size());
  for (size_t i = 0; i < p.steps.size(); ++i) {
    EXPECT_EQ(back->steps[i].outputs, p.steps[i].outputs);
  }
  EXPECT_EQ(back->staticBytes, p.staticBytes);
  ASSERT_EQ(back->copies.size(), p.copies.size());
  EXPECT_EQ(back->copies[0].from, p.copies[0].from);
  EXPECT_EQ(back->copies[0].bytes, p.copies[0].bytes);
  EXPECT_EQ(back->numBeforeCommit, p.numBeforeCommit);
}

TEST_F(MemoryPlanTest, scratchLivesForItsKernelOnly) {
  MemoryPlan p = plan(kFeedFetch, unary("%0", "k0", "%a") + unary("%1", "k1", "%0") + unary("%2", "k2", "%1") +
                                      "return %2 : tensor<64xf32>\n");
  MemoryPlan withScratch = planMemory(entry_, {.scratchBytes = [](KernelOp) { return int64_t{1000}; }});
  checkPlan(withScratch);
  ASSERT_TRUE(withScratch.steps[0].scratch.has_value());
  EXPECT_EQ(withScratch.staticBytes, 1024 + 512);
}

TEST(AssignOffsets, randomLifetimesNeverShareAndStayNearTheBound) {
  uint64_t state = 1;
  auto next = [&](int64_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(n));
  };
  for (int round = 0; round < 50; ++round) {
    MemoryPlan plan;
    for (int i = 0; i < 60; ++i) {
      int begin = static_cast<int>(next(38));
      plan.buffers.push_back({.node = "b" + std::to_string(i),
                              .bytes = Dim(1 + next(5000)),
                              .place = {},
                              .begin = begin,
                              .end = std::min<int>(39, begin + static_cast<int>(next(6)))});
    }
    assignOffsets(plan);
    for (const PlannedBuffer& a : plan.buffers) {
      for (const PlannedBuffer& b : plan.buffers) {
        if (&a != &b && a.begin <= b.end && b.begin <= a.end) {
          EXPECT_TRUE(a.place.at + a.bytes.value() <= b.place.at || b.place.at + b.bytes.value() <= a.place.at);
        }
      }
    }
    auto none = [](std::string_view) { return int64_t{0}; };
    EXPECT_LE(plan.peakBytes(none), plan.lowerBoundBytes(none) * 3 / 2);
  }
}

TEST(AssignOffsets, comparesPolynomials) {
  Dim n = dim("n");
  EXPECT_TRUE(isAlwaysAtMost(n, n * Dim(2)));
  EXPECT_TRUE(isAlwaysAtMost(n, n + Dim(1)));
  EXPECT_FALSE(isAlwaysAtMost(n * Dim(2), n));
  EXPECT_FALSE(isAlwaysAtMost(n, n * n));
}

TEST(Place, isReadBack) {
  EXPECT_EQ(Place::parse("slot 3"), (Place{Space::kSlot, 3}));
  EXPECT_EQ(Place::parse("slot x"), std::nullopt);
  EXPECT_EQ(Place::parse("nowhere 1"), std::nullopt);
}

}  // namespace
}  // namespace kiln::compiler
