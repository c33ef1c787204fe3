// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/check_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Parser/Parser.h"

namespace kiln::compiler {
namespace {

Status check(const char* text) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadKilnDialects(context);
  context.loadDialect<mlir::arith::ArithDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  KILN_CHECK(module);
  return checkSupport(*module, TargetInfo::parse("x86-64-v3").value());
}

TEST(CheckSupport, acceptsWhatThereIsCodeFor) {
  EXPECT_TRUE(check("func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
                    "%0 = kiln.tanh %x : (tensor<4xf32>) -> tensor<4xf32>\nreturn %0 : tensor<4xf32>\n}")
                  .ok());
}

TEST(CheckSupport, c0701OpWithoutCodeIsNamed) {
  Status status = check(
      "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
      "%0 = arith.negf %x : tensor<4xf32> loc(\"model/negate\")\nreturn %0 : tensor<4xf32>\n}");
  EXPECT_EQ(errorIdOf(status), "KILN-C0701");
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(::testing::HasSubstr("'model/negate'"), ::testing::HasSubstr("arith.negf"),
                               ::testing::HasSubstr("x86-64-v3")));
}

TEST(CheckSupport, c0702ElementTypeWithoutCodeIsNamed) {
  Status status = check(
      "func.func @f(%x: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {\n"
      "return %x : tensor<4xcomplex<f32>>\n}");
  EXPECT_EQ(errorIdOf(status), "KILN-C0702");
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(::testing::HasSubstr("complex<f32>"), ::testing::HasSubstr("u8 to u64 and bool")));
}

}  // namespace
}  // namespace kiln::compiler
