// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Matrix products: one function of dynamic shape for each element type of a module, called by every matmul
/// kernel.
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/common/target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// What is known of a product when code is made for it; negative numbers are not known.
struct GemmCase {
  int64_t m = -1, n = -1, k = -1;
  bool transposeA = false, transposeB = false;
  bool hasEpilogue = false;
};

/// The parts of a product (GemmNeeds) that a case may call for.
int64_t gemmNeeds(mlir::Type element, const TargetInfo& target, const GemmCase& known);

/// Bytes of scratch that the shared function may use in a case: at most a megabyte.
int64_t gemmScratchBytes(mlir::Type element, const TargetInfo& target, const GemmCase& known);

/// The arguments of the shared function after the context: pointers, then i64. Strides are in elements.
struct GemmArguments {
  enum : unsigned {
    kA,
    kB,
    kC,         ///< Dense.
    kScratch,   ///< gemmScratchBytes(), aligned to 64 bytes; null when that is 0.
    kEpilogue,  ///< Null, or epilogue(context, task, matrix, row, rowEnd, column, columnEnd): called once for each
                ///< block of the result as soon as it is in c, from any thread. It must not fail.
    kTask,      ///< For the epilogue.
    kBatch,
    kM,
    kN,
    kK,
    kABatch,  ///< The matrix of a for matrix i of the result is (i / aEach) % aCount.
    kARow,
    kAK,
    kAEach,
    kACount,
    kBBatch,
    kBK,  ///< One of b's strides is 1.
    kBN,
    kBEach,
    kBCount,
    kCount
  };
};

/// The shared function of `element` (an integer or float in memory), declared in `module` on first use:
///   gemm(context, GemmArguments...) -> status
/// c[i, j] = sum over p of a[i * aRow + p * aK] * b[p * bK + j * bN], for each matrix of the batch. Every element is
/// one chain of (fused) multiply-adds in rising p, of f32 or i32 for narrower elements, rounded once at the end; so its
/// bits depend neither on the shape's other dims, nor on blocking, nor on the number of threads. It may be called for
/// the cases that the `needs` of all uses cover.
mlir::func::FuncOp gemmFunction(mlir::ModuleOp module, mlir::Type element, int64_t needs);

/// Defines the functions that gemmFunction() declared, with what their uses need. lowerToObject() does so first.
void defineGemmFunctions(mlir::ModuleOp module, const TargetInfo& target);

/// The part that the others serve.
inline constexpr char kGemmProduct[] = "product";

/// A function of a product that may be compiled by itself.
struct GemmPart {
  std::string name;               ///< `product`, `panel`, `tile8x3m`, ...
  int64_t needs = 0;              ///< Those of the product's that its code follows from.
  int64_t rows = 0, vectors = 0;  ///< Of a tile.
  bool isMasked = false;
};

/// The parts of the product of `element` with these needs; together they define what gemmFunction() declares.
std::vector<GemmPart> gemmParts(mlir::Type element, const TargetInfo& target, int64_t needs);

/// The name of a part's function: `kiln_gemm_f32_product`.
std::string gemmSymbol(mlir::Type element, llvm::StringRef part);

/// Defines one part in `module`, an empty module, as a public function, with its calls of the others declared.
void defineGemmPart(mlir::ModuleOp module, mlir::Type element, const TargetInfo& target, const GemmPart& part);

/// Makes what gemmFunction() declared plain declarations of functions that are defined elsewhere.
void releaseGemmFunctions(mlir::ModuleOp module);

}  // namespace kiln::compiler
