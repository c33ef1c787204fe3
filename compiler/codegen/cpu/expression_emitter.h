// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Kernel bodies as expressions: asks for a value at a position, and gets code that computes it there.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/cpu/lanes.h"
#include "compiler/dialect/dialect.h"
#include "compiler/dialect/types.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// The pointers that a kernel function works on.
struct KernelPointers {
  mlir::Value context;  ///< kiln_context_t*
  llvm::SmallVector<mlir::Value> inputs, outputs;
  mlir::Value dims;  ///< int64_t*
};

/// Emits the body of one function. A value of the kernel is computed where it is asked for: elementwise ops ask for
/// their operands at the same place, movement ops at another, reductions write a loop. Loops nest as scopes; a value
/// that does not depend on the inner loops is computed before them and remembered, so a row's maximum is found once for
/// the row.
///
/// Not every place can be vectorised: when emission meets one that cannot, it sets retry() and goes on with a
/// placeholder; the caller throws the function away and emits it again with less demanding options. Thread-compatible.
class ExpressionEmitter {
 public:
  enum class Retry { kNone, kWithoutMasks, kScalar };
  struct Options {
    bool useVectors = true;  ///< Otherwise every loop is a scalar one.
    bool useMasks = true;    ///< The last, partial vector of a loop is masked; otherwise a scalar loop follows.
  };
  /// One accumulator-carrying loop: values for one vector (or one scalar), how two are joined, and how one vector
  /// becomes a scalar.
  struct Carry {
    llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t width)> init;
    llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>, llvm::ArrayRef<mlir::Value>)>
        combine;
    llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>, int64_t width)> horizontal;
  };
  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, llvm::ArrayRef<mlir::Value>)>;
  using LaneBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(const Index&, llvm::ArrayRef<mlir::Value>)>;

  /// Writes into `entry`, which dominates all else and ends with no terminator yet.
  ExpressionEmitter(KernelOp kernel, mlir::Block* entry, KernelPointers pointers, const CodegenContext& context,
                    Options options);

  Retry retry() const { return retry_; }
  mlir::Location location() const { return location_; }
  KernelOp kernel() const { return kernel_; }
  /// A builder at the present end of the innermost scope.
  mlir::OpBuilder& builder() { return at(top()); }

  //===-- values
  //-----------------------------------------------------------------------------------------------------===//

  /// The value `value` of the kernel's body at `place`.
  Pack emitAt(mlir::Value value, const Place& place);
  /// Writes a pack to an element of output `output`.
  void store(int output, const Place& place, const Pack& pack);
  /// Remembers that from now on `value` lies in output `output`, so that emitAt loads it there. For row kernels, which
  /// keep what is expensive between two passes over a row.
  void keepIn(mlir::Value value, int output) { kept_[value] = output; }
  /// Ends keepIn().
  void forget(mlir::Value value) { kept_.erase(value); }
  const KernelPointers& pointers() const { return pointers_; }

  //===-- loops
  //------------------------------------------------------------------------------------------------------===//

  /// `for (iv = lo; iv < hi; iv += step)`; `lanes` hold within. Unrolled away when it is known to run at most once.
  llvm::SmallVector<mlir::Value> forLoop(mlir::Value lo, mlir::Value hi, int64_t step, mlir::ValueRange inits,
                                         Lanes lanes, LoopBody body);
  /// A loop over [lo, hi) in vectors, `unroll` at a time; see Options for its end. With `carry`, the result is scalars.
  llvm::SmallVector<mlir::Value> laneLoop(mlir::Value lo, mlir::Value hi, int64_t unroll, const Carry* carry,
                                          LaneBody body);
  /// Nested loops over `extents`, innermost last, carrying values; `lanes` hold within.
  llvm::SmallVector<mlir::Value> nestLoop(
      llvm::ArrayRef<mlir::Value> extents, mlir::ValueRange inits, Lanes lanes,
      llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>, llvm::ArrayRef<mlir::Value>)>
          body);
  /// Lanes of the innermost scope.
  const Lanes& lanes() const { return scopes_.back().lanes; }

  //===-- integers
  //---------------------------------------------------------------------------------------------------===//

  mlir::Value constant(int64_t value);
  mlir::Value addI(mlir::Value a, mlir::Value b) { return indexOp(IndexOp::kAdd, a, b); }
  mlir::Value subI(mlir::Value a, mlir::Value b) { return indexOp(IndexOp::kSub, a, b); }
  mlir::Value mulI(mlir::Value a, mlir::Value b) { return indexOp(IndexOp::kMul, a, b); }
  mlir::Value divI(mlir::Value a, mlir::Value b) { return indexOp(IndexOp::kDiv, a, b); }  ///< Of non-negative numbers.
  mlir::Value remI(mlir::Value a, mlir::Value b) { return indexOp(IndexOp::kRem, a, b); }
  /// The number that a dim has in this run.
  mlir::Value dimValue(const Dim& dim);
  llvm::SmallVector<mlir::Value> dimValues(const Shape& shape);
  Index uniform(mlir::Value base) const { return Index{base, 0, {}}; }
  /// The multi-index of the row-major position `linear`.
  llvm::SmallVector<Index> delinearize(const Index& linear, llvm::ArrayRef<mlir::Value> extents);
  /// The place of the same axes for `shape`, whose static axes of length 1 have no counterpart in `indices`.
  Place placeOf(const Shape& shape, llvm::ArrayRef<Index> indices);
  /// True when everything below `value` can be computed from the row-major position alone.
  bool isFlatCapable(mlir::Value value);

  /// Vectors are this wide.
  int64_t vectorWidth() const { return width_; }

  //===-- faults
  //-----------------------------------------------------------------------------------------------------===//

  /// Records a fault (first one only) where `isBad`, a scalar or vector of i1, holds. The values are scalars or vectors
  /// of i64.
  void reportFault(mlir::Operation* op, mlir::Value isBad, int32_t code, mlir::Value found, mlir::Value wanted);

  /// Loads from, or stores to, a raw buffer of an element type; for kernels that read their own output.
  Pack loadLinear(mlir::Value pointer, mlir::Type element, const Index& linear);
  void storeLinear(mlir::Value pointer, mlir::Type element, const Index& linear, const Pack& pack);
  Index linearize(const Place& place, llvm::ArrayRef<mlir::Value> extents);
  /// Applies the scalar function of `ops/elementwise/scalars.h` named `scalar` to each lane; integers are taken for
  /// unsigned ones where `isUnsigned`. Numbers of f16 and bf16 are held as f32, and the result may lie between two of
  /// them: see rounded().
  Pack applyScalar(mlir::Location loc, llvm::StringRef scalar, llvm::ArrayRef<Pack> operands, bool isUnsigned = false);
  /// The nearest numbers of `element`; only f16 and bf16 need it. emitAt() rounds what every op gives, and
  /// storeLinear() what it writes, so only a use between the steps of one op has to ask.
  Pack rounded(mlir::Location loc, const Pack& pack, mlir::Type element);
  /// Reads an index value for axis length `extent`: negative ones count from the end, one out of range is a fault and
  /// 0. Sets `isValid` (i1) for uniform indices.
  Index checkedIndex(mlir::Operation* op, const Pack& raw, mlir::Value extent, bool allowNegative,
                     mlir::Value* isValid);

 private:
  struct Scope {
    mlir::Block* block = nullptr;
    mlir::Operation* before = nullptr;  ///< Code goes before it; null: at the end.
    Lanes lanes;
    std::map<std::vector<uint64_t>, Pack> values;
    std::map<std::vector<uint64_t>, mlir::Value> integers;
  };
  enum class IndexOp { kAdd, kSub, kMul, kDiv, kRem };

  static uint64_t keyOf(mlir::Value value);
  static std::vector<uint64_t> keyOf(mlir::Value value, const Place& place);
  int top() const { return static_cast<int>(scopes_.size()) - 1; }
  mlir::OpBuilder& at(int level);
  int levelOf(mlir::Value value) const;
  int levelOf(const Place& place) const;
  int levelOf(const Pack& pack) const;
  mlir::Value indexOp(IndexOp op, mlir::Value a, mlir::Value b);
  void requestRetry(Retry retry) { retry_ = std::max(retry_, retry); }
  /// A pack of zeros where emission failed; the function will be thrown away.
  Pack placeholder(mlir::Type element);

  // Lanes.
  mlir::Value splat(mlir::Value scalar);
  mlir::Value laneNumbers(mlir::Type integer);
  Pack spread(const Pack& pack);
  Pack indexPack(const Index& index);
  Index indexFromPack(const Pack& pack);
  Index addIndex(const Index& a, mlir::Value b);
  Index addIndices(const Index& a, const Index& b);
  Index scaleIndex(const Index& a, mlir::Value factor);
  /// Emits fn lane-wise: once for scalars, else for each vector of spread operands.
  Pack mapLanes(llvm::ArrayRef<Pack> operands, llvm::function_ref<mlir::Value(mlir::OpBuilder&, mlir::ValueRange)> fn);

  // One function for each sort of op.
  Pack emitUncached(mlir::Value value, const Place& place);
  Pack emitOp(mlir::Operation* op, mlir::Value value, const Place& place);
  Pack emitElementwise(mlir::Operation* op, const Place& place);
  Pack emitAssert(AssertThatOp op, const Place& place);
  /// Converts registers that hold `from` (an element type) to `to`.
  Pack emitCast(mlir::Location loc, const Pack& pack, mlir::Type from, mlir::Type to);
  /// The same from what the registers are: f32, f64, signed integers or i1.
  Pack emitCast(mlir::Location loc, const Pack& pack, mlir::Type to);
  Pack emitConstant(ConstantOp op, const Place& place);
  Pack emitShapeValue(ShapeValueOp op, const Place& place);
  Pack emitReshape(mlir::Value operand, mlir::Value result, const Place& place);
  Pack emitBroadcast(BroadcastOp op, const Place& place);
  Pack emitTranspose(TransposeOp op, const Place& place);
  Pack emitSlice(SliceOp op, const Place& place);
  Pack emitReverse(ReverseOp op, const Place& place);
  Pack emitPad(PadOp op, const Place& place);
  Pack emitConcat(ConcatOp op, const Place& place);
  Pack emitIota(IotaOp op, const Place& place);
  Pack emitOneHot(OneHotOp op, const Place& place);
  Pack emitGather(GatherOp op, const Place& place);
  Pack emitUnfold(UnfoldOp op, const Place& place);
  Pack emitFold(FoldOp op, const Place& place);
  Pack emitRandom(mlir::Operation* op, mlir::Value state, const Place& place);
  Pack emitReduction(mlir::Operation* op, const Place& place);
  /// Gives `then` where `condition` (uniform) holds, else `otherwise`; each emitted in its own branch.
  Pack emitIf(mlir::Value condition, mlir::Type element, llvm::function_ref<Pack()> then,
              llvm::function_ref<Pack()> otherwise);
  /// A position along an axis that may not exist: it does when it is a multiple of `stride`, not negative, and, divided
  /// by `stride`, below `limit`; the quotient is read.
  struct PositionGuard {
    size_t axis;
    mlir::Value limit;
    int64_t stride;
  };
  /// The value `operand` at `place` where the guarded positions exist, and `otherwise` elsewhere.
  Pack emitGuarded(mlir::Operation* op, mlir::Value operand, const Place& place, llvm::ArrayRef<PositionGuard> guards,
                   llvm::function_ref<Pack()> otherwise);
  mlir::Value shapeEntry(mlir::Value shape, int64_t entry);
  Place unflatten(const Place& place, const Shape& shape);
  void findSiblings();

  KernelOp kernel_;
  mlir::Location location_;
  KernelPointers pointers_;
  const CodegenContext& context_;
  Options options_;
  Retry retry_ = Retry::kNone;
  int64_t width_ = 1;
  bool callsMath_ = false;
  mlir::OpBuilder builder_;
  std::vector<Scope> scopes_;
  llvm::DenseMap<mlir::Block*, int> blockLevels_;
  llvm::DenseMap<int64_t, mlir::Value> constants_;
  mlir::Operation* lastConstant_ = nullptr;
  std::map<std::string, mlir::Value> dimValues_;
  llvm::DenseMap<mlir::Value, int> kept_;
  llvm::DenseMap<mlir::Value, bool> flatCapable_;
  /// Reductions that run over the same elements and need nothing of each other share a loop.
  llvm::DenseMap<mlir::Operation*, llvm::SmallVector<mlir::Operation*>> siblings_;
};

/// The shape of a value.
inline Shape shapeOf(mlir::Value value) { return shapeOf(value.getType()); }
/// The dims of `shape` without those of static length 1.
std::vector<Dim> withoutUnits(const Shape& shape);
/// An axis attribute, which may count from the end, as an axis.
inline int64_t fromFront(uint64_t axis, int64_t rank) {
  return static_cast<int64_t>(axis) < 0 ? static_cast<int64_t>(axis) + rank : static_cast<int64_t>(axis);
}
/// `tensor<4xf32>` -> f32. An element type, which need not be what registers hold (registerType() of conversions.h).
mlir::Type elementOf(mlir::Value value);

}  // namespace kiln::compiler
