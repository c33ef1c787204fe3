// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/gemm.h"

#include <algorithm>
#include <string>

#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/cpu/code_builder.h"
#include "compiler/codegen/cpu/gemm_tiles.h"
#include "compiler/codegen/cpu/parallel.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

namespace arith = mlir::arith;
namespace func = mlir::func;
using mlir::Type;
using mlir::Value;
using Compare = CodeBuilder::Compare;

// Multiply-adds from which a product is worth other threads: tens of microseconds.
constexpr int64_t kParallelWork = int64_t{1} << 20;
// Into how many items a product of a few rows is cut at least, where its columns allow it.
constexpr int64_t kItems = 8;
// b is packed when it does not stay in the first-level cache by itself; the rows of a already when they might be in
// each other's way there.
constexpr int64_t kPackBytes = 32 * 1024;
constexpr int64_t kPackABytes = 8 * 1024;
// With a b that stays there, only a product of this few rows is better off without tiles.
constexpr int64_t kFewRows = 3;
// Elements that one call of a parallel packing loop should move at least.
constexpr int64_t kPackWork = 32 * 1024;
// a is packed when its columns are this long, and each is used for several panels.
constexpr int64_t kPackAColumns = 64;
constexpr int64_t kPackAPanels = 4;

// How b is read.
enum Mode : int64_t {
  kInPlace,  // Where it lies, by tiles.
  kOwn,      // Packed by each item for itself.
  kShared,   // Packed for all items beforehand.
  kStream,   // Where it lies, in runs of rows.
};

// The values that the items of a product share, in the order in which they are captured: GemmArguments without those
// of no use to them, and these.
struct Operands {
  enum : unsigned {
    kPacked = GemmArguments::kScratch,
    kMode = GemmArguments::kCount,
    kMatrix,  // The first one of the batch.
    kDepth,   // The part of k, ...
    kDepthEnd,
    kColumn,  // ... and of n.
    kColumnEnd,
    kRowsEach,  // An item's.
    kColumnsEach,
    kBlockK,
    kCount
  };
};

// The attributes that collect what the uses of a product need, until it is defined.
constexpr const char* kNeedsName = "kiln.gemm_needs";
constexpr const char* kElementName = "kiln.gemm_element";

Value emitOffset(CodeBuilder& code, Value matrix, Value each, Value count, Value stride) {
  return code.mul(code.rem(code.div(matrix, each), count), stride);
}

// The block of one matrix of the result with the rows [row, rowEnd) and columns [column, columnEnd).
class BlockEmitter {
 public:
  // Emits what all blocks share, at the beginning of a function.
  BlockEmitter(CodeBuilder& code, GemmTiles& tiles, Value context, mlir::ValueRange operands)
      : code_(code), tiles_(tiles), context_(context), operands_(operands.begin(), operands.end()) {
    const GemmShape& shape = tiles.shape();
    const int64_t slack = 64;
    const int64_t scalars = shape.streamRows * shape.streamDepth;
    parameters_ =
        allocate(code.b.getI64Type(), TileParameters::kCount + (tiles.needs(GemmNeeds::kStream) ? scalars : 0), 64);
    if (packsA()) {
      packedA_ = allocate(tiles.compute(), shape.itemRows * shape.blockK + slack, 64);
    }
    if (packsB()) {
      packedB_ = allocate(tiles.compute(), shape.groupColumns() * shape.blockK, 64);
    }
    if (tiles.converts()) {
      sums_ = allocate(tiles.compute(), shape.itemRows * shape.leastColumns + slack, 64);
    }
    setParameter(TileParameters::kCRow,
                 tiles.converts() ? code.number(shape.leastColumns) : operands_[GemmArguments::kN]);
  }

  void emit(Value matrix, Value row, Value rowEnd, Value column, Value columnEnd) {
    a_ = code_.at(tiles_.element(), operand(GemmArguments::kA),
                  code_.add(emitOffset(code_, matrix, operand(GemmArguments::kAEach), operand(GemmArguments::kACount),
                                       operand(GemmArguments::kABatch)),
                            code_.mul(row, operand(GemmArguments::kARow))));
    b_ = code_.at(tiles_.element(), operand(GemmArguments::kB),
                  emitOffset(code_, matrix, operand(GemmArguments::kBEach), operand(GemmArguments::kBCount),
                             operand(GemmArguments::kBBatch)));
    const Value area = code_.mul(operand(GemmArguments::kM), operand(GemmArguments::kN));
    c_ = code_.at(tiles_.element(), operand(GemmArguments::kC),
                  code_.add(code_.mul(matrix, area), code_.mul(row, operand(GemmArguments::kN))));
    const auto blocks = [&] { emitBlocks(matrix, row, rowEnd, column, columnEnd); };
    if (!tiles_.needs(GemmNeeds::kStream)) {
      blocks();
      return;
    }
    const auto stream = [&] { emitStream(matrix, row, rowEnd, column, columnEnd); };
    if (!tiles_.needs(GemmNeeds::kBlocks)) {
      stream();
      return;
    }
    const Value isStream = code_.compare(Compare::eq, operand(Operands::kMode), code_.number(kStream));
    code_.ifTrue(isStream, stream, blocks);
  }

 private:
  bool packsA() const { return tiles_.converts() || tiles_.needs(GemmNeeds::kPackARows | GemmNeeds::kPackATransposed); }
  bool packsB() const { return tiles_.converts() || tiles_.needs(GemmNeeds::kPackRows | GemmNeeds::kPackTransposed); }
  Value operand(unsigned index) const { return operands_[index]; }
  Value allocate(Type element, int64_t count, unsigned alignment) {
    const Value size =
        arith::ConstantOp::create(code_.b, code_.loc, code_.b.getI32IntegerAttr(static_cast<int32_t>(count)));
    return mlir::LLVM::AllocaOp::create(code_.b, code_.loc, code_.pointerType(), element, size, alignment);
  }
  void setParameter(int32_t index, Value value) {
    code_.store(value, code_.at(code_.b.getI64Type(), parameters_, index));
  }
  void call(func::FuncOp function, const CodeBuilder::Values& arguments) {
    func::CallOp::create(code_.b, code_.loc, function, arguments);
  }
  Value flag(Value condition) { return arith::ExtUIOp::create(code_.b, code_.loc, code_.b.getI64Type(), condition); }

  void emitEpilogue(Value matrix, Value row, Value rowEnd, Value column, Value columnEnd) {
    if (!tiles_.needs(GemmNeeds::kEpilogue)) {
      return;
    }
    const Type pointer = code_.pointerType(), number = code_.b.getI64Type();
    const Value epilogue = operand(GemmArguments::kEpilogue);
    const Value null = mlir::LLVM::ZeroOp::create(code_.b, code_.loc, pointer);
    const Value isGiven = mlir::LLVM::ICmpOp::create(code_.b, code_.loc, mlir::LLVM::ICmpPredicate::ne, epilogue, null);
    code_.ifTrue(isGiven, [&] {
      auto type = mlir::LLVM::LLVMFunctionType::get(mlir::LLVM::LLVMVoidType::get(code_.b.getContext()),
                                                    {pointer, pointer, number, number, number, number, number});
      mlir::LLVM::CallOp::create(code_.b, code_.loc, type,
                                 CodeBuilder::Values{epilogue, context_, operand(GemmArguments::kTask), matrix, row,
                                                     rowEnd, column, columnEnd});
    });
  }

  void emitStream(Value matrix, Value row, Value rowEnd, Value column, Value columnEnd) {
    setParameter(TileParameters::kK, operand(GemmArguments::kK));
    setParameter(TileParameters::kARow, operand(GemmArguments::kARow));
    setParameter(TileParameters::kAK, operand(GemmArguments::kAK));
    setParameter(TileParameters::kBK, operand(GemmArguments::kBK));
    const Type element = tiles_.compute();
    call(tiles_.stream(), {a_, code_.at(element, b_, column), code_.at(element, c_, column), code_.sub(rowEnd, row),
                           code_.sub(columnEnd, column), parameters_});
    emitEpilogue(matrix, row, rowEnd, column, columnEnd);
  }

  // A part of k, then a group of panels: these stay in the cache while all rows pass.
  void emitBlocks(Value matrix, Value row, Value rowEnd, Value column, Value columnEnd) {
    const GemmShape& shape = tiles_.shape();
    const Type compute = tiles_.compute();
    const Value rows = code_.sub(rowEnd, row), one = code_.number(1);
    const Value depthBegin = operand(Operands::kDepth), depthEnd = operand(Operands::kDepthEnd);
    const auto cAt = [&](Value at) {
      return tiles_.converts() ? code_.at(compute, sums_, code_.sub(at, column)) : code_.at(compute, c_, at);
    };
    // At least once: with k = 0 the result is zeros.
    code_.loop(
        depthBegin, code_.larger(depthEnd, code_.add(depthBegin, one)), operand(Operands::kBlockK), [&](Value depth) {
          const Value depths = code_.smaller(operand(Operands::kBlockK), code_.sub(depthEnd, depth));
          setParameter(TileParameters::kK, depths);
          setParameter(TileParameters::kAccumulate, flag(code_.compare(Compare::ne, depth, code_.number(0))));
          const Value a = emitRows(rows, code_.sub(columnEnd, column), depth, depths);
          code_.loop(column, columnEnd, code_.number(shape.groupColumns()), [&](Value group) {
            const Value groupEnd = code_.smaller(code_.add(group, code_.number(shape.groupColumns())), columnEnd);
            const auto [b, panelStride] = emitGroup(group, groupEnd, depth, depths);
            code_.loop(group, groupEnd, code_.number(shape.columns()), [&](Value panel) {
              const Value width = code_.smaller(code_.sub(groupEnd, panel), code_.number(shape.columns()));
              const Value index = code_.div(code_.sub(panel, group), code_.number(shape.columns()));
              call(tiles_.panel(),
                   {a, code_.at(compute, b, code_.mul(index, panelStride)), cAt(panel), rows, width, parameters_});
            });
            if (tiles_.needs(GemmNeeds::kEpilogue) && !tiles_.converts()) {
              const Value isLast = code_.compare(Compare::sge, code_.add(depth, depths), operand(GemmArguments::kK));
              code_.ifTrue(isLast, [&] { emitEpilogue(matrix, row, rowEnd, group, groupEnd); });
            }
          });
        });
    if (tiles_.converts()) {
      call(tiles_.unpack(), {sums_, code_.at(tiles_.element(), c_, column), rows, code_.sub(columnEnd, column),
                             code_.number(shape.leastColumns), operand(GemmArguments::kN)});
      emitEpilogue(matrix, row, rowEnd, column, columnEnd);
    }
  }

  // The rows of a for a part of k: packed, or where they lie. Sets what tiles need to know of them.
  Value emitRows(Value rows, Value columns, Value depth, Value depths) {
    const GemmShape& shape = tiles_.shape();
    const Value aRow = operand(GemmArguments::kARow), aK = operand(GemmArguments::kAK);
    const Value source = code_.at(tiles_.element(), a_, code_.mul(depth, aK));
    const Value tileRows = code_.number(shape.rows), one = code_.number(1);
    const auto plain = [&] {
      setParameter(TileParameters::kARow, aRow);
      setParameter(TileParameters::kAK, aK);
      setParameter(TileParameters::kATile, code_.mul(aRow, tileRows));
      return CodeBuilder::Values{source};
    };
    const auto packed = [&] {
      call(tiles_.packA(), {source, packedA_, rows, depths, aRow, aK});
      setParameter(TileParameters::kARow, one);
      setParameter(TileParameters::kAK, tileRows);
      setParameter(TileParameters::kATile, code_.mul(depths, tileRows));
      return CodeBuilder::Values{packedA_};
    };
    if (!packsA()) {
      return plain()[0];
    }
    if (tiles_.converts()) {
      return packed()[0];
    }
    const Value isShared = code_.compare(Compare::sge, columns, code_.number(kPackAPanels * shape.columns()));
    const Value isLong = code_.compare(Compare::sge, depths, code_.number(kPackAColumns));
    const Value isTransposed = code_.compare(Compare::ne, aK, one);
    const int64_t size = kPackABytes / CodeBuilder::elementBytes(tiles_.compute());
    const Value isLarge = code_.compare(Compare::sgt, code_.mul(rows, depths), code_.number(size));
    Value isWorth = code_.either(isTransposed, isLarge);
    if (!tiles_.needs(GemmNeeds::kPackARows)) {
      isWorth = isTransposed;
    } else if (!tiles_.needs(GemmNeeds::kPackATransposed)) {
      isWorth = code_.both(isLarge, code_.compare(Compare::eq, aK, one));
    }
    return code_.choose(code_.both(code_.both(isShared, isLong), isWorth), {code_.pointerType()}, packed, plain)[0];
  }

  // The panels of b from the column `group` on, and the distance from one to the next.
  std::pair<Value, Value> emitGroup(Value group, Value groupEnd, Value depth, Value depths) {
    const GemmShape& shape = tiles_.shape();
    const Value bK = operand(GemmArguments::kBK), bN = operand(GemmArguments::kBN);
    const Value width = code_.number(shape.columns());
    const Value source = code_.at(tiles_.element(), b_, code_.add(code_.mul(depth, bK), code_.mul(group, bN)));
    const auto inPlace = [&] {
      setParameter(TileParameters::kBK, bK);
      return CodeBuilder::Values{source, width};
    };
    const auto own = [&] {
      call(tiles_.pack(), {source, packedB_, depths, code_.sub(groupEnd, group), bK, bN});
      setParameter(TileParameters::kBK, width);
      return CodeBuilder::Values{packedB_, code_.mul(depths, width)};
    };
    const auto shared = [&] {
      setParameter(TileParameters::kBK, width);
      const Value offset = code_.mul(code_.sub(group, operand(Operands::kColumn)), depths);
      return CodeBuilder::Values{code_.at(tiles_.compute(), operand(Operands::kPacked), offset),
                                 code_.mul(depths, width)};
    };
    const auto isMode = [&](int64_t mode) {
      return code_.compare(Compare::eq, operand(Operands::kMode), code_.number(mode));
    };
    const llvm::SmallVector<Type> types = {code_.pointerType(), code_.b.getI64Type()};
    CodeBuilder::Values found;
    if (!packsB()) {
      found = inPlace();
    } else if (tiles_.converts()) {
      found = own();
    } else {
      const auto ownOrNot = [&] { return code_.choose(isMode(kOwn), types, own, inPlace); };
      found = tiles_.needs(GemmNeeds::kShared) ? code_.choose(isMode(kShared), types, shared, ownOrNot) : ownOrNot();
    }
    return {found[0], found[1]};
  }

  CodeBuilder& code_;
  GemmTiles& tiles_;
  Value context_;
  CodeBuilder::Values operands_;
  Value parameters_, packedA_, packedB_, sums_;
  Value a_, b_, c_;  // The first row of the block in a and c; the matrix b. All at column 0.
};

Value emitOk(CodeBuilder& code) {
  return arith::ConstantOp::create(code.b, code.loc, code.b.getI32IntegerAttr(KILN_STATUS_OK));
}

// Items are blocks of rowsEach x columnsEach, of each of `matrices` matrices.
Value emitItems(CodeBuilder& outer, GemmTiles& tiles, Value context, Value matrices,
                const CodeBuilder::Values& operands) {
  const auto blocksOf = [](CodeBuilder& code, mlir::ValueRange values) {
    const auto ceilDiv = [&](Value x, Value y) { return code.div(code.add(x, code.sub(y, code.number(1))), y); };
    return std::pair(
        ceilDiv(values[GemmArguments::kM], values[Operands::kRowsEach]),
        ceilDiv(code.sub(values[Operands::kColumnEnd], values[Operands::kColumn]), values[Operands::kColumnsEach]));
  };
  const auto [down, across] = blocksOf(outer, operands);
  const Value count = outer.mul(matrices, outer.mul(down, across));
  const Value area =
      outer.mul(operands[GemmArguments::kM], outer.sub(operands[Operands::kColumnEnd], operands[Operands::kColumn]));
  const Value depths = outer.sub(operands[Operands::kDepthEnd], operands[Operands::kDepth]);
  const Value work = outer.mul(outer.mul(matrices, area), depths);
  // Small products stay on this thread; small matrices of a large batch go together.
  const Value one = outer.number(1);
  const Value itemWork = outer.larger(outer.div(work, outer.larger(count, one)), one);
  const Value together = outer.larger(outer.div(outer.number(kParallelWork / 4), itemWork), one);
  const Value isSmall = outer.compare(Compare::slt, work, outer.number(kParallelWork));
  const Value grain = outer.select(isSmall, outer.larger(count, one), together);
  const auto body = [&](mlir::OpBuilder& b, Value itemContext, mlir::ValueRange captured, Value begin,
                        Value end) -> Value {
    CodeBuilder code(b, outer.loc);
    const auto [rowBlocks, columnBlocks] = blocksOf(code, captured);
    const Value blocksDown = rowBlocks, blocksAcross = columnBlocks;
    BlockEmitter block(code, tiles, itemContext, captured);
    code.loop(begin, end, code.number(1), [&](Value item) {
      const Value columnBlock = code.rem(item, blocksAcross);
      const Value rest = code.div(item, blocksAcross);
      const Value row = code.mul(code.rem(rest, blocksDown), captured[Operands::kRowsEach]);
      const Value matrix = code.add(captured[Operands::kMatrix], code.div(rest, blocksDown));
      const Value column =
          code.add(captured[Operands::kColumn], code.mul(columnBlock, captured[Operands::kColumnsEach]));
      block.emit(matrix, row, code.smaller(code.add(row, captured[Operands::kRowsEach]), captured[GemmArguments::kM]),
                 column,
                 code.smaller(code.add(column, captured[Operands::kColumnsEach]), captured[Operands::kColumnEnd]));
    });
    return emitOk(code);
  };
  return emitParallelFor(outer.b, outer.loc, tiles.name("blocks"), context, count, grain, operands, body);
}

// Packs k rows and `columns` columns from b into panels, one after another.
Value emitSharedPack(CodeBuilder& outer, GemmTiles& tiles, Value context, Value b, Value packed, Value k, Value columns,
                     Value bK, Value bN) {
  const int64_t groupColumns = tiles.shape().groupColumns();
  const Value count = outer.ceilDiv(columns, groupColumns);
  const Value groupSize = outer.larger(outer.mul(k, groupColumns), outer.number(1));
  const Value grain = outer.div(outer.number(kPackWork), groupSize);
  const auto body = [&](mlir::OpBuilder& builder, Value, mlir::ValueRange captured, Value begin, Value end) -> Value {
    CodeBuilder code(builder, outer.loc);
    code.loop(begin, end, code.number(1), [&](Value group) {
      const Value column = code.mul(group, groupColumns);
      const Value width = code.smaller(code.sub(captured[3], column), code.number(groupColumns));
      const Value source = code.at(tiles.element(), captured[0], code.mul(column, captured[5]));
      const Value target = code.at(tiles.compute(), captured[1], code.mul(column, captured[2]));
      func::CallOp::create(builder, code.loc, tiles.pack(),
                           CodeBuilder::Values{source, target, captured[2], width, captured[4], captured[5]});
    });
    return emitOk(code);
  };
  return emitParallelFor(outer.b, outer.loc, tiles.name("pack_panels"), context, count,
                         outer.larger(grain, outer.number(1)), CodeBuilder::Values{b, packed, k, columns, bK, bN},
                         body);
}

void defineProduct(func::FuncOp function, GemmTiles& tiles) {
  mlir::OpBuilder builder(function.getContext());
  const mlir::Location location = builder.getUnknownLoc();
  const Type element = tiles.element();
  CodeBuilder code(builder, location);
  const GemmShape shape = tiles.shape();
  mlir::Block* body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  const Value context = body->getArgument(0);
  const auto argument = [&](unsigned index) { return body->getArgument(1 + index); };
  const Value batch = argument(GemmArguments::kBatch), m = argument(GemmArguments::kM), n = argument(GemmArguments::kN),
              k = argument(GemmArguments::kK), bK = argument(GemmArguments::kBK), bN = argument(GemmArguments::kBN);
  const Value zero = code.number(0), one = code.number(1);
  const auto ceilDiv = [&](Value x, Value y) { return code.div(code.add(x, code.sub(y, one)), y); };
  const auto wholeMultiple = [&](Value x, int64_t y) { return code.mul(code.ceilDiv(x, y), y); };

  // Blocks of equal sizes: a short last one would cost as much as a long one.
  const Value blockK = code.larger(ceilDiv(k, code.larger(code.ceilDiv(k, shape.blockK), one)), one);
  const Value rowBlocks = code.larger(code.ceilDiv(m, shape.itemRows), one);
  const Value rowsEach = wholeMultiple(code.larger(ceilDiv(m, rowBlocks), one), shape.rows);
  const Value wanted = code.ceilDiv(code.mul(code.mul(n, batch), rowBlocks), kItems);
  const int64_t mostColumns = tiles.converts() ? shape.leastColumns : shape.itemColumns;
  const Value columnsEach =
      code.smaller(code.larger(wholeMultiple(wanted, shape.groupColumns()), code.number(shape.leastColumns)),
                   code.number(mostColumns));

  const bool mayPack = tiles.converts() || tiles.needs(GemmNeeds::kPackTransposed | GemmNeeds::kPackRows);
  const bool mayShare = mayPack && tiles.needs(GemmNeeds::kShared) && !tiles.converts();
  const Value isTransposed = code.compare(Compare::ne, bN, one);
  const Value isLarge =
      code.compare(Compare::sgt, code.mul(code.mul(k, n), CodeBuilder::elementBytes(element)), code.number(kPackBytes));
  const Value hasMany = code.compare(Compare::sgt, m, code.number(shape.itemRows));
  const Value hasFew =
      code.compare(Compare::sle, m, code.select(isLarge, code.number(shape.streamRows), code.number(kFewRows)));
  Value mode = code.number(kInPlace);
  if (tiles.converts()) {
    mode = code.number(kOwn);
  } else if (mayPack) {
    const Value packed = mayShare ? code.select(hasMany, code.number(kShared), code.number(kOwn)) : code.number(kOwn);
    mode = code.select(code.either(isTransposed, isLarge), packed, mode);
  }
  Value rowsOfItem = rowsEach, columnsOfItem = columnsEach;
  if (tiles.needs(GemmNeeds::kStream) && !tiles.converts()) {
    const Value isRow = code.compare(Compare::eq, bN, one);
    const Value streams = code.both(hasFew, isRow);
    mode = code.select(streams, code.number(kStream), mode);
    columnsOfItem = code.select(streams, code.larger(columnsEach, code.number(shape.streamColumns)), columnsEach);
  }

  CodeBuilder::Values operands(body->getArguments().begin() + 1, body->getArguments().end());
  operands.resize(Operands::kCount, zero);
  operands[Operands::kMode] = mode;
  operands[Operands::kDepthEnd] = k;
  operands[Operands::kColumnEnd] = n;
  operands[Operands::kRowsEach] = rowsOfItem;
  operands[Operands::kColumnsEach] = columnsOfItem;
  operands[Operands::kBlockK] = blockK;
  if (!mayShare) {
    func::ReturnOp::create(builder, location, emitItems(code, tiles, context, batch, operands));
    return;
  }
  // Shared panels are of a bounded size: loops over matrices, columns and parts of k, each once where panels are not
  // shared.
  const Value isShared = code.compare(Compare::eq, mode, code.number(kShared));
  const Value stepN = code.select(isShared, code.number(shape.blockN), code.larger(n, one));
  const Value stepK = code.select(isShared, blockK, code.larger(k, one));
  const Value rounds = code.select(isShared, batch, one), matrices = code.select(isShared, one, batch);
  const Value ok = emitOk(code);
  const CodeBuilder::Values result = code.loop(zero, rounds, one, {ok}, [&](Value matrix, mlir::ValueRange before) {
    return code.loop(zero, n, stepN, {before[0]}, [&](Value column, mlir::ValueRange beforeColumns) {
      return code.loop(zero, code.larger(k, one), stepK, {beforeColumns[0]}, [&](Value depth, mlir::ValueRange status) {
        operands[Operands::kMatrix] = matrix;
        operands[Operands::kDepth] = depth;
        operands[Operands::kDepthEnd] = code.smaller(code.add(depth, stepK), k);
        operands[Operands::kColumn] = column;
        operands[Operands::kColumnEnd] = code.smaller(code.add(column, stepN), n);
        const Value packing = code.choose(
            isShared, {builder.getI32Type()},
            [&] {
              const Value offset =
                  code.add(emitOffset(code, matrix, argument(GemmArguments::kBEach), argument(GemmArguments::kBCount),
                                      argument(GemmArguments::kBBatch)),
                           code.add(code.mul(depth, bK), code.mul(column, bN)));
              return CodeBuilder::Values{
                  emitSharedPack(code, tiles, context, code.at(tiles.element(), argument(GemmArguments::kB), offset),
                                 argument(GemmArguments::kScratch), code.sub(operands[Operands::kDepthEnd], depth),
                                 code.sub(operands[Operands::kColumnEnd], column), bK, bN)};
            },
            [&] { return CodeBuilder::Values{ok}; })[0];
        const Value computing = emitItems(code, tiles, context, matrices, operands);
        const Value first = code.select(code.compare(Compare::eq, packing, ok), computing, packing);
        return CodeBuilder::Values{code.select(code.compare(Compare::eq, status[0], ok), first, status[0])};
      });
    });
  });
  func::ReturnOp::create(builder, location, result);
}

func::FuncOp declareProduct(mlir::ModuleOp module, const std::string& name) {
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module.getBody());
  const Type pointer = mlir::LLVM::LLVMPointerType::get(module.getContext()), number = builder.getI64Type();
  llvm::SmallVector<Type> arguments(1 + GemmArguments::kBatch, pointer);
  arguments.append(GemmArguments::kCount - GemmArguments::kBatch, number);
  auto function = func::FuncOp::create(builder, builder.getUnknownLoc(), name,
                                       builder.getFunctionType(arguments, {builder.getI32Type()}));
  function.setPrivate();
  return function;
}

// Of a function that is defined now, or elsewhere.
void releaseProduct(func::FuncOp function) {
  function->removeAttr(kElementName);
  function->removeAttr(kNeedsName);
}

// True for elements that are converted when they are packed.
bool isNarrow(Type element) { return element.getIntOrFloatBitWidth() < 32; }

// What is known of whether b fits the first-level cache.
bool mayBeLarge(Type element, const GemmCase& known) {
  return known.n < 0 || known.k < 0 || known.k * known.n * CodeBuilder::elementBytes(element) > kPackBytes;
}

// True when b may be packed.
bool mayPackB(Type element, const GemmShape& shape, const GemmCase& known) {
  if (isNarrow(element) || known.transposeB) {
    return true;
  }
  return mayBeLarge(element, known) && (known.m < 0 || known.m > shape.streamRows);
}

// True when b may be read in runs of rows.
bool mayStream(Type element, const GemmShape& shape, const GemmCase& known) {
  return !isNarrow(element) && !known.transposeB &&
         known.m <= (mayBeLarge(element, known) ? shape.streamRows : kFewRows);
}

bool mayShareB(Type element, const GemmShape& shape, const GemmCase& known) {
  return !isNarrow(element) && mayPackB(element, shape, known) && (known.m < 0 || known.m > shape.itemRows) &&
         known.n != 0 && known.k != 0;
}

}  // namespace

int64_t gemmScratchBytes(Type element, const TargetInfo& target, const GemmCase& known) {
  const GemmShape shape = GemmShape::of(gemmComputeType(element), target);
  if (!mayShareB(element, shape, known)) {
    return 0;
  }
  const int64_t rows = known.k < 0 ? shape.blockK : std::min(known.k, shape.blockK);
  const int64_t columns = known.n < 0 ? shape.blockN : std::min(known.n, shape.blockN);
  return rows * ((columns + shape.columns() - 1) / shape.columns()) * shape.columns() *
         CodeBuilder::elementBytes(element);
}

int64_t gemmNeeds(Type element, const TargetInfo& target, const GemmCase& known) {
  const auto& [m, n, k, transposeA, transposeB, hasEpilogue] = known;
  const Type compute = gemmComputeType(element);
  const GemmShape shape = GemmShape::of(compute, target);
  int64_t needs = 0;
  const auto need = [&](bool condition, int64_t part) { needs |= condition ? part : 0; };
  const bool converts = isNarrow(element);
  need(hasEpilogue, GemmNeeds::kEpilogue);
  need(mayPackB(element, shape, known), transposeB ? GemmNeeds::kPackTransposed : GemmNeeds::kPackRows);
  need(mayShareB(element, shape, known), GemmNeeds::kShared);
  need(k < 0 || k > shape.blockK, GemmNeeds::kAccumulate);
  const bool isShared = (k < 0 || k >= kPackAColumns) && (n < 0 || n >= kPackAPanels * shape.columns());
  const bool isLarge =
      m < 0 || k < 0 ||
      std::min(m, shape.itemRows) * std::min(k, shape.blockK) * CodeBuilder::elementBytes(compute) > kPackABytes;
  need(converts || isShared, transposeA ? GemmNeeds::kPackATransposed : 0);
  need(converts || (isShared && isLarge), transposeA ? 0 : GemmNeeds::kPackARows);
  const bool streams = mayStream(element, shape, known);
  need(streams, GemmNeeds::kStream);
  // Of few rows whose b may be small or not, either.
  need(!streams || m < 0 || (m > kFewRows && (n < 0 || k < 0)), GemmNeeds::kBlocks);
  // Blocks but the last have a multiple of a tile's rows and columns.
  need(m < 0 || m >= shape.rows, GemmNeeds::kWholeRows);
  const int64_t rowsLeft = m < 0 ? 7 : m % shape.rows;
  need((rowsLeft & 4) != 0, GemmNeeds::kFourRows);
  need((rowsLeft & 2) != 0, GemmNeeds::kTwoRows);
  need((rowsLeft & 1) != 0, GemmNeeds::kOneRow);
  need(n < 0 || n >= shape.columns(), GemmNeeds::kWholeColumns);
  const int64_t vectorsLeft = n < 0 ? 0 : (n % shape.columns() + shape.width - 1) / shape.width;
  for (int64_t vectors = 1; vectors <= shape.vectors; ++vectors) {
    need(n < 0 || vectors == vectorsLeft, GemmNeeds::kOneVector << (vectors - 1));
  }
  return needs;
}

std::string gemmSymbol(Type element, llvm::StringRef part) {
  std::string name;
  element = mlir::isa<mlir::FloatType>(element) ? element : memoryType(element);
  llvm::raw_string_ostream(name) << "kiln_gemm_" << element << "_" << part;
  return name;
}

func::FuncOp gemmFunction(mlir::ModuleOp module, Type element, int64_t needs) {
  mlir::OpBuilder builder(module.getContext());
  element = mlir::isa<mlir::FloatType>(element) ? element : memoryType(element);
  const std::string name = gemmSymbol(element, kGemmProduct);
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function) {
    function = declareProduct(module, name);
    function->setAttr(kElementName, mlir::TypeAttr::get(element));
  }
  if (auto known = function->getAttrOfType<mlir::IntegerAttr>(kNeedsName)) {
    needs |= known.getInt();
  }
  function->setAttr(kNeedsName, builder.getI64IntegerAttr(needs));
  return function;
}

void defineGemmFunctions(mlir::ModuleOp module, const TargetInfo& target) {
  for (auto function : llvm::to_vector(module.getOps<func::FuncOp>())) {
    if (function->hasAttr(kNeedsName)) {
      const Type element = function->getAttrOfType<mlir::TypeAttr>(kElementName).getValue();
      GemmTiles tiles(module, function.getLoc(), element, target,
                      function->getAttrOfType<mlir::IntegerAttr>(kNeedsName).getInt());
      releaseProduct(function);
      defineProduct(function, tiles);
    }
  }
}

void releaseGemmFunctions(mlir::ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function->hasAttr(kNeedsName)) {
      releaseProduct(function);
    }
  }
}

void defineGemmPart(mlir::ModuleOp module, Type element, const TargetInfo& target, const GemmPart& part) {
  element = mlir::isa<mlir::FloatType>(element) ? element : memoryType(element);
  GemmTiles tiles(module, module.getLoc(), element, target, part.needs, part.name);
  func::FuncOp function;
  if (part.name == kGemmProduct) {
    function = declareProduct(module, tiles.name(part.name));
    defineProduct(function, tiles);
  } else {
    function = part.rows != 0          ? tiles.tile(part.rows, part.vectors, part.isMasked)
               : part.name == "stream" ? tiles.stream()
               : part.name == "panel"  ? tiles.panel()
               : part.name == "pack_a" ? tiles.packA()
               : part.name == "unpack" ? tiles.unpack()
                                       : tiles.pack();
  }
  function.setPublic();
}

}  // namespace kiln::compiler
