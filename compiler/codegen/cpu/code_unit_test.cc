// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/code_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "compiler/codegen/cpu/gemm.h"
#include "compiler/codegen/cpu/gemm_tiles.h"
#include "compiler/codegen/cpu/lower.h"

namespace kiln::compiler {
namespace {

// The first bytes of a relocatable ELF object, as far as a reader looks at them.
std::vector<uint8_t> objectHead() {
  std::vector<uint8_t> bytes(64);
  const uint8_t head[] = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 62, 0, 1};
  std::copy(std::begin(head), std::end(head), bytes.begin());
  return bytes;
}

TEST(CodeUnit, whatIsWrittenIsRead) {
  const Sha256 key = unitKey(TargetInfo::host(), true, "kernel");
  const auto read = readUnit(key, writeUnit(key, {.object = objectHead(), .hostUse = 3}));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->object, objectHead());
  EXPECT_EQ(read->hostUse, 3);
}

TEST(CodeUnit, bytesThatAreNoUnitAreRefused) {
  const Sha256 key = unitKey(TargetInfo::host(), true, "kernel"), other = unitKey(TargetInfo::host(), true, "other");
  const std::vector<uint8_t> good = writeUnit(key, {.object = objectHead()});
  EXPECT_FALSE(readUnit(other, good).has_value());
  EXPECT_FALSE(readUnit(key, {}).has_value());
  EXPECT_FALSE(readUnit(key, std::span(good).first(good.size() - 1)).has_value());
  EXPECT_FALSE(readUnit(key, std::span(good).first(20)).has_value());
  EXPECT_FALSE(readUnit(key, writeUnit(key, {.object = {'n', 'o', ' ', 'o', 'b', 'j', 'e', 'c', 't'}})).has_value());
  for (size_t at : {size_t{0}, size_t{9}, size_t{44}, size_t{50}}) {
    std::vector<uint8_t> damaged = good;
    damaged[at] ^= 0x41;
    EXPECT_FALSE(readUnit(key, damaged).has_value()) << "byte " << at;
  }
}

TEST(CodeUnit, keysDifferByAllThatCodeFollowsFrom) {
  const TargetInfo v2 = TargetInfo::parse("x86-64-v2").value(), v3 = TargetInfo::parse("x86-64-v3").value();
  TargetInfo small = v3;
  small.l2Bytes /= 2;
  const std::set<Sha256> keys = {unitKey(v2, true, "a"), unitKey(v3, true, "a"), unitKey(v3, false, "a"),
                                 unitKey(v3, true, "b"), unitKey(small, true, "a")};
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(unitKey(v3, true, "a"), unitKey(TargetInfo::parse("x86-64-v3").value(), true, "a"));
  EXPECT_NE(kernelSymbol(unitKey(v3, true, "a")), kernelSymbol(unitKey(v3, true, "b")));
}

TEST(GemmParts, defineWhatTheyCall) {
  mlir::DialectRegistry registry;
  registerLoweringDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  mlir::Builder b(&context);
  const mlir::Type elements[] = {b.getF32Type(), b.getF64Type(), b.getF16Type(), b.getIntegerType(8),
                                 b.getIntegerType(64)};
  for (const char* name : {"x86-64", "x86-64-v4"}) {
    const TargetInfo target = TargetInfo::parse(name).value();
    for (mlir::Type element : elements) {
      for (int64_t m : {-1, 5, 500}) {
        for (int64_t n : {-1, 1, 40}) {
          for (int transposed = 0; transposed < 4; ++transposed) {
            const GemmCase known{.m = m,
                                 .n = n,
                                 .k = n == 40 ? -1 : 700,
                                 .transposeA = (transposed & 1) != 0,
                                 .transposeB = (transposed & 2) != 0,
                                 .hasEpilogue = m == 5};
            std::set<std::string> defined, called;
            for (const GemmPart& part : gemmParts(element, target, gemmNeeds(element, target, known))) {
              mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(b.getUnknownLoc());
              defineGemmPart(*module, element, target, part);
              for (auto function : module->getOps<mlir::func::FuncOp>()) {
                if (function.isExternal()) {
                  called.insert(function.getSymName().str());
                } else if (function.isPublic()) {
                  EXPECT_TRUE(defined.insert(function.getSymName().str()).second) << part.name;
                }
              }
            }
            called.insert(gemmSymbol(element, kGemmProduct));
            EXPECT_THAT(defined, ::testing::ContainerEq(called)) << m << " x " << n << ", " << transposed;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace kiln::compiler
