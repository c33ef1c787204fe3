// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/target.h"

#include <gtest/gtest.h>

#include "mlir/IR/Builders.h"

namespace kiln::compiler {
namespace {

TEST(Target, WidthsFollowFeatures) {
  const TargetInfo plain = TargetInfo::parse("x86-64").value();
  EXPECT_EQ(plain.vectorBits, 128);
  EXPECT_FALSE(plain.hasFma);
  const TargetInfo middle = TargetInfo::parse("x86-64-v3").value();
  EXPECT_EQ(middle.vectorBits, 256);
  EXPECT_EQ(middle.numVectorRegisters, 16);
  EXPECT_TRUE(middle.hasFma);
  const TargetInfo wide = TargetInfo::parse("x86-64-v4").value();
  EXPECT_EQ(wide.vectorBits, 512);
  EXPECT_EQ(wide.numVectorRegisters, 32);
  EXPECT_EQ(TargetInfo::parse("x86-64-v4,-avx512f").value().vectorBits, 256);
  EXPECT_FALSE(TargetInfo::parse("x86-64-v3,-fma").value().hasFma);
}

TEST(Target, ElementsOfAVector) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::Builder builder(&context);
  const TargetInfo target = TargetInfo::parse("x86-64-v3").value();
  EXPECT_EQ(target.vectorWidth(builder.getF32Type()), 8);
  EXPECT_EQ(target.vectorWidth(builder.getF64Type()), 4);
  EXPECT_EQ(target.vectorWidth(builder.getI64Type()), 4);
  EXPECT_EQ(target.vectorWidth(builder.getI1Type()), 32);
}

TEST(Target, HostIsUsableAndReadsBack) {
  const TargetInfo& host = TargetInfo::host();
  EXPECT_GE(host.vectorBits, 128);
  EXPECT_GT(host.l1Bytes, 0);
  EXPECT_FALSE(host.cpu.empty());
  EXPECT_EQ(TargetInfo::parse("host").value().vectorBits, host.vectorBits);
  const TargetInfo wide = TargetInfo::parse("x86-64-v4,-avx512vl").value();
  EXPECT_EQ(TargetInfo::parse(wide.toString()).value().features, wide.features);
}

TEST(Target, UnknownNamesAreC0501) {
  for (const char* text : {"", "pentium9", "x86-64-v3,avx2", "x86-64-v3,+avx9", "host,+"}) {
    const StatusOr<TargetInfo> target = TargetInfo::parse(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(errorIdOf(target.status()), "KILN-C0501") << text;
  }
}

}  // namespace
}  // namespace kiln::compiler
