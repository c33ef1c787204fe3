// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A short notation for what an entry point computes itself: addresses, sizes, counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/common/dim_values.h"
#include "compiler/dialect/dialect.h"
#include "compiler/plan/memory_plan.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace kiln::compiler {

namespace LLVM = mlir::LLVM;

/// Arithmetic on pointers and i64 in the LLVM dialect.
class Code {
 public:
  Code(mlir::OpBuilder& b, mlir::Location loc)
      : b(b), loc(loc), ptr(LLVM::LLVMPointerType::get(b.getContext())), i64(b.getI64Type()) {}

  mlir::Value constant(int64_t value) { return LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(value)); }
  mlir::Value status(int32_t value) {
    return LLVM::ConstantOp::create(b, loc, b.getI32Type(), b.getI32IntegerAttr(value));
  }
  mlir::Value load(mlir::Type type, mlir::Value from) { return LLVM::LoadOp::create(b, loc, type, from); }
  mlir::Value bytesAfter(mlir::Value base, int64_t bytes) {
    // Constants in a GEPOp have few bits, and are cut off without a word.
    if (!llvm::isInt<LLVM::kGEPConstantBitWidth>(bytes)) {
      return bytesAfter(base, constant(bytes));
    }
    return bytes == 0 ? base
                      : LLVM::GEPOp::create(b, loc, ptr, b.getI8Type(), base,
                                            llvm::ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)})
                            .getResult();
  }
  mlir::Value bytesAfter(mlir::Value base, mlir::Value bytes) {
    return LLVM::GEPOp::create(b, loc, ptr, b.getI8Type(), base, llvm::ArrayRef<LLVM::GEPArg>{bytes});
  }
  void store(mlir::Value value, mlir::Value to) { LLVM::StoreOp::create(b, loc, value, to); }
  void copy(mlir::Value to, mlir::Value from, mlir::Value bytes) {
    LLVM::MemcpyOp::create(b, loc, to, from, bytes, /*isVolatile=*/false);
  }
  mlir::Value compare(LLVM::ICmpPredicate predicate, mlir::Value x, mlir::Value y) {
    return LLVM::ICmpOp::create(b, loc, predicate, x, y);
  }
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return LLVM::SelectOp::create(b, loc, condition, x, y);
  }
  mlir::Value sub(mlir::Value x, mlir::Value y) { return LLVM::SubOp::create(b, loc, x, y); }
  mlir::Value add(mlir::Value x, mlir::Value y) { return LLVM::AddOp::create(b, loc, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return LLVM::MulOp::create(b, loc, x, y); }

  mlir::OpBuilder& b;
  mlir::Location loc;
  mlir::Type ptr, i64;
};

/// The values of dims, computed from the ABI's array of symbol values.
class DimValues {
 public:
  DimValues(Code& code, const std::vector<std::string>& symbols, mlir::Value dims)
      : code_(code), symbols_(symbols), dims_(dims) {}

  mlir::Value value(const Dim& dim) {
    return emitDim(code_.b, code_.loc, dim, [&](const std::string& symbol) { return symbolValue(symbol); });
  }

  mlir::Value alignedValue(const Dim& dim) {
    mlir::Value up = code_.add(value(dim), code_.constant(kArenaAlignment - 1));
    return LLVM::AndOp::create(code_.b, code_.loc, up, code_.constant(-kArenaAlignment));
  }

 private:
  mlir::Value symbolValue(const std::string& symbol) {
    auto found = llvm::find(symbols_, symbol);
    KILN_CHECK(found != symbols_.end());
    return code_.load(code_.i64, code_.bytesAfter(dims_, 8 * (found - symbols_.begin())));
  }

  Code& code_;
  const std::vector<std::string>& symbols_;
  mlir::Value dims_;
};

}  // namespace kiln::compiler
