// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/target.h"

#include <gtest/gtest.h>

#include <algorithm>

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
  for (const char* text : {"", "pentium9", "i386", "x86-64-v3,avx2", "x86-64-v3,+avx9", "host,+", "znver4,+sse4a",
                           "aarch64:", "aarch64:znver4", "aarch64x", "aarch64,+sve", "wasm64", "wasm32,+avx2"}) {
    const StatusOr<TargetInfo> target = TargetInfo::parse(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(errorIdOf(target.status()), "KILN-C0501") << text;
  }
}

TEST(Target, OtherArchitectures) {
  const TargetInfo arm = TargetInfo::parse("aarch64").value();
  EXPECT_EQ(arm.architecture, Architecture::kAarch64);
  EXPECT_EQ(arm.vectorBits, 128);
  EXPECT_EQ(arm.numVectorRegisters, 32);
  EXPECT_TRUE(arm.hasFma && arm.hasRounding && arm.hasF16c);
  EXPECT_EQ(arm.requiredFeatures(), std::vector<std::string>());
  const std::vector<std::string> features = TargetInfo::parse("aarch64:neoverse-v2").value().requiredFeatures();
  EXPECT_NE(std::ranges::find(features, "dotprod"), features.end());
  EXPECT_EQ(TargetInfo::parse(TargetInfo::parse("aarch64:cortex-a76").value().toString()).value().fingerprint(),
            TargetInfo::parse("aarch64:cortex-a76").value().fingerprint());
  const TargetInfo wasm = TargetInfo::parse("wasm32").value();
  EXPECT_EQ(wasm.pointerBytes, 4);
  EXPECT_FALSE(wasm.hasFma);
}

// What the runtime cannot check must not be used, whatever the processor has.
TEST(Target, RequiredFeaturesAreThoseTheRuntimeChecks) {
  EXPECT_EQ(TargetInfo::parse("x86-64").value().requiredFeatures(), std::vector<std::string>());
  EXPECT_EQ(TargetInfo::parse("x86-64-v2").value().requiredFeatures(),
            (std::vector<std::string>{"crc32", "cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"}));
  const TargetInfo zen = TargetInfo::parse("znver2").value();
  EXPECT_NE(zen.features.find("-sse4a"), std::string::npos) << zen.features;
  EXPECT_EQ(TargetInfo::host().features.find("+sse4a"), std::string::npos);
}

TEST(Target, CachesOfNamedTargetsAreNotThoseOfThisMachine) {
  EXPECT_EQ(TargetInfo::parse("x86-64-v3").value().l2Bytes, TargetInfo().l2Bytes);
  EXPECT_EQ(TargetInfo::parse("host").value().l2Bytes, TargetInfo::host().l2Bytes);
}

TEST(Target, ListsKeepFeaturesWithTheirTargets) {
  const std::vector<TargetInfo> targets = TargetInfo::parseList("x86-64-v2,x86-64-v4,-avx512vl,+sha,aarch64").value();
  ASSERT_EQ(targets.size(), 3u);
  EXPECT_EQ(targets[1].name, "x86-64-v4,-avx512vl,+sha");
  EXPECT_EQ(targets[1].vectorBits, 256);
  EXPECT_EQ(targets[2].architecture, Architecture::kAarch64);
  for (const char* text : {"", "x86-64-v2,", "+avx2", "x86-64,x86-64-v3,x86-64"}) {
    EXPECT_EQ(errorIdOf(TargetInfo::parseList(text).status()), "KILN-C0501") << text;
  }
}

}  // namespace
}  // namespace kiln::compiler
