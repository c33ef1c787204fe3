// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/lower.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "compiler/codegen/cpu/emit_entry_code.h"
#include "compiler/codegen/cpu/test_code.h"
#include "llvm/Object/ELFObjectFile.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"

namespace kiln::compiler {
namespace {

class LowerTest : public ::testing::Test {
 protected:
  LowerTest() : context_(registry(), mlir::MLIRContext::Threading::DISABLED) { context_.loadAllAvailableDialects(); }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string& text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
  }

 private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerLoweringDialects(registry);
    return registry;
  }
  mlir::MLIRContext context_;
};

constexpr const char* kSum = R"(
  func.func private @helper(%x: f32) -> f32 {
    %y = arith.addf %x, %x : f32
    return %y : f32
  }
  func.func @sum(%p: !llvm.ptr, %n: i64) -> f32 {
    %zero = arith.constant 0 : i64
    %one = arith.constant 1 : i64
    %start = arith.constant 0.0 : f32
    %r = scf.for %i = %zero to %n step %one iter_args(%s = %start) -> (f32) : i64 {
      %a = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %v = llvm.load %a : !llvm.ptr -> f32
      %d = func.call @helper(%v) : (f32) -> f32
      %t = arith.addf %s, %d : f32
      scf.yield %t : f32
    }
    return %r : f32
  }
)";

TEST_F(LowerTest, CodeRuns) {
  for (const char* target : {"host", "x86-64"}) {
    auto module = parse(kSum);
    ASSERT_TRUE(module);
    const TestCode code = TestCode::fromModule(*module, TargetInfo::parse(target).value());
    std::vector<float> values(100);
    std::iota(values.begin(), values.end(), 0.0f);
    EXPECT_EQ(code.find<float(const float*, int64_t)>("sum")(values.data(), 100), 2 * 4950.0f);
  }
}

TEST_F(LowerTest, ObjectHasNoUndefinedSymbolAndNoUnwindTable) {
  auto module = parse(kSum);
  const std::vector<uint8_t> object = lowerToObject(*module, TargetInfo::host()).value();
  const llvm::StringRef bytes(reinterpret_cast<const char*>(object.data()), object.size());
  auto file = llvm::cantFail(llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "object")));
  ASSERT_TRUE(llvm::isa<llvm::object::ELF64LEObjectFile>(*file));
  for (const llvm::object::SymbolRef& symbol : file->symbols()) {
    const std::string name = llvm::cantFail(symbol.getName()).str();
    EXPECT_TRUE(name.empty() || (llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined) == 0)
        << name;
    EXPECT_TRUE(name != "helper" || (llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Global) == 0);
  }
  for (const llvm::object::SectionRef& section : file->sections()) {
    EXPECT_NE(llvm::cantFail(section.getName()), ".eh_frame");
  }
}

TEST_F(LowerTest, MemoryFunctionsAreDefinedWithin) {
  auto module = parse(R"(
    func.func @copy(%to: !llvm.ptr, %from: !llvm.ptr, %n: i64) {
      "llvm.intr.memcpy"(%to, %from, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
      return
    }
    func.func @move(%to: !llvm.ptr, %from: !llvm.ptr, %n: i64) {
      "llvm.intr.memmove"(%to, %from, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
      return
    }
    func.func @fill(%to: !llvm.ptr, %n: i64) {
      %value = arith.constant 7 : i8
      "llvm.intr.memset"(%to, %value, %n) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
      return
    }
  )");
  ASSERT_TRUE(module);
  const TestCode code = TestCode::fromModule(*module);
  std::vector<uint8_t> bytes(64);
  const auto reset = [&] { std::iota(bytes.begin(), bytes.end(), 0); };
  reset();
  code.find<void(void*, const void*, int64_t)>("copy")(bytes.data(), bytes.data() + 32, 20);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(bytes[i], i < 20 ? i + 32 : i);
  }
  auto* move = code.find<void(void*, const void*, int64_t)>("move");
  reset();
  move(bytes.data() + 5, bytes.data(), 30);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(bytes[i], i >= 5 && i < 35 ? i - 5 : i);
  }
  reset();
  move(bytes.data(), bytes.data() + 5, 30);
  move(bytes.data(), bytes.data(), 0);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(bytes[i], i < 30 ? i + 5 : i);
  }
  reset();
  code.find<void(void*, int64_t)>("fill")(bytes.data() + 1, 40);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(bytes[i], i >= 1 && i < 41 ? 7 : i);
  }
}

TEST_F(LowerTest, MultiplyThenAddIsNotFused) {
  auto module = parse(R"(
    func.func @f(%x: f32, %y: f32, %z: f32) -> f32 {
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %p, %z : f32
      return %s : f32
    }
  )");
  std::string assembly;
  ASSERT_TRUE(lowerToObject(*module, TargetInfo::host(), {}, {.assembly = &assembly}).ok());
  EXPECT_NE(assembly.find("mul"), std::string::npos);
  EXPECT_EQ(assembly.find("fmadd"), std::string::npos);
}

TEST_F(LowerTest, TextsAreGivenAndAgreeWithoutOptimisation) {
  for (const bool optimize : {false, true}) {
    auto module = parse(kSum);
    LowerOptions options;
    std::string ir;
    options.optimize = optimize;
    options.verify = true;
    ASSERT_TRUE(lowerToObject(*module, TargetInfo::host(), options, {.llvmIr = &ir}).ok());
    EXPECT_NE(ir.find("define float @sum"), std::string::npos);
    EXPECT_NE(ir.find("define internal float @helper"), std::string::npos);
  }
}

TEST_F(LowerTest, UndefinedFunctionIsC0502) {
  auto module = parse(R"(
    func.func private @absent(f32) -> f32
    func.func @f(%x: f32) -> f32 {
      %y = func.call @absent(%x) : (f32) -> f32
      return %y : f32
    }
  )");
  const auto object = lowerToObject(*module, TargetInfo::host());
  ASSERT_FALSE(object.ok());
  EXPECT_EQ(errorIdOf(object.status()), "KILN-C0502");
  EXPECT_NE(std::string(object.status().message()).find("'absent'"), std::string::npos) << object.status();
}

TEST_F(LowerTest, WhatCannotBeLoweredIsC0502) {
  auto module = parse(R"(
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = arith.addf %x, %x : tensor<4xf32>
      return %y : tensor<4xf32>
    }
  )");
  const auto object = lowerToObject(*module, TargetInfo::host());
  ASSERT_FALSE(object.ok());
  EXPECT_EQ(errorIdOf(object.status()), "KILN-C0502");
}

TEST_F(LowerTest, OffsetsOfAnySizeStayWhole) {
  auto module = parse("llvm.func @f(%p: !llvm.ptr) { llvm.return }");
  ASSERT_TRUE(module);
  mlir::Block& body = (*module->getOps<LLVM::LLVMFuncOp>().begin()).getBody().front();
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockBegin(&body);
  Code code(builder, module->getLoc());
  for (int64_t bytes : {int64_t{8}, int64_t{1} << 28, (int64_t{1} << 28) - 8, int64_t{1} << 31, int64_t{1} << 40}) {
    auto address = code.bytesAfter(body.getArgument(0), bytes).getDefiningOp<LLVM::GEPOp>();
    ASSERT_TRUE(address);
    const mlir::LLVM::GEPIndicesAdaptor<mlir::ValueRange> indices = address.getIndices();
    mlir::IntegerAttr found = mlir::dyn_cast<mlir::IntegerAttr>(indices[0]);
    if (!found) {
      auto constant = mlir::cast<mlir::Value>(indices[0]).getDefiningOp<LLVM::ConstantOp>();
      found = mlir::cast<mlir::IntegerAttr>(constant.getValue());
    }
    EXPECT_EQ(found.getInt(), bytes);
  }
}

}  // namespace
}  // namespace kiln::compiler
