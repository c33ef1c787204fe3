// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/dialect/diagnostics.h"
#include "compiler/differentiate/pipeline.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "tests/transforms/generate.h"
#include "tests/transforms/shrink.h"

namespace kiln::testing {
namespace {

using ::testing::HasSubstr;

Status differentiate(const char* text) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::loadKilnDialects(context);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  compiler::DiagnosticCollector diagnostics(&context);
  mlir::PassManager passes(&context);
  compiler::buildDifferentiatePipeline(passes, {});
  EXPECT_TRUE(llvm::failed(passes.run(*module)));
  return diagnostics.status();
}

TEST(VmapRefusals, whatIsNoOpOfAGraphIsNamed) {
  const Status status = differentiate(R"(
    func.func @f(%xs: tensor<3xf64>) -> tensor<3xf64> {
      %ys = kiln.vmap(%xs) {
      ^bb0(%x: tensor<f64>):
        %y = kiln.kernel "double" kind("elementwise") ins(%x) {
        ^bb0(%a: tensor<f64>):
          %b = kiln.add %a, %a : (tensor<f64>, tensor<f64>) -> tensor<f64>
          kiln.yield %b : tensor<f64>
        } : (tensor<f64>) -> tensor<f64>
        kiln.yield %y : tensor<f64>
      } {in_axes = array<i64: 0>, out_axes = array<i64: 0>, size = #kiln.shape<[3]>} : (tensor<3xf64>) -> tensor<3xf64>
      return %ys : tensor<3xf64>
    })");
  EXPECT_EQ(errorIdOf(status), "KILN-C0204");
  EXPECT_THAT(std::string(status.message()), HasSubstr("(kiln.kernel) cannot be vectorized: it is no op of a graph"));
}

TEST(Shrinking, leavesWhatTheFailureNeeds) {
  int numShrunk = 0, before = 0, after = 0;
  for (uint64_t seed = 1; seed < 80; ++seed) {
    const Program program = withoutDeadSteps(generate(seed, {.numSteps = 10, .depth = 2}));
    const auto fails = [](const Program& candidate) { return contains(candidate.main, Kind::kMatmul); };
    if (!fails(program)) {
      continue;
    }
    const Program small = shrink(program, fails);
    EXPECT_TRUE(fails(small));
    // The product, constants to multiply, and the way from it to a result.
    EXPECT_LE(countSteps(small.main), 20) << toString(small);
    before += countSteps(program.main);
    after += countSteps(small.main);
    ++numShrunk;
  }
  EXPECT_GE(numShrunk, 10);
  EXPECT_LT(2 * after, before);
}

}  // namespace
}  // namespace kiln::testing
