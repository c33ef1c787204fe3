// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/gemm.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "compiler/codegen/cpu/code_builder.h"
#include "compiler/codegen/cpu/gemm_tiles.h"
#include "compiler/codegen/cpu/parallel.h"
#include "compiler/dialect/types.h"
#include "proto/base/shape.h"
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
// b is packed when this many rows share the cost, and it does not stay in the first-level cache by itself.
constexpr int64_t kPackRows = 32;
constexpr int64_t kPackBytes = 32 * 1024;
// Elements that one call of a parallel packing loop should move at least.
constexpr int64_t kPackWork = 32 * 1024;
// A transposed a is packed when its columns are this long, and each is used for several panels.
constexpr int64_t kPackAColumns = 64;
constexpr int64_t kPackAPanels = 4;

// The values that the parallel parts of a product share, in the order in which they are captured.
struct Operands {
  enum : unsigned {
    kA,
    kB,
    kC,
    kRows,
    kColumns,
    kK,
    kARow,
    kAK,
    kABatch,
    kBK,
    kBPanel,
    kBBatch,
    kCRow,
    kCBatch,
    kAccumulate,
    kCount
  };
};

// The name of the attribute that collects what the uses of a product need, until it is defined.
constexpr const char* kNeedsName = "kiln.gemm_needs";

// The block of the result with the rows [row, rowEnd) and columns [column, columnEnd).
class BlockEmitter {
 public:
  // Emits what all blocks share, at the beginning of a function.
  BlockEmitter(CodeBuilder& code, GemmTiles& tiles, mlir::ValueRange operands)
      : code_(code), tiles_(tiles), operands_(operands.begin(), operands.end()) {
    const GemmShape& shape = tiles.shape();
    parameters_ = emitParameters(operands_[Operands::kARow], operands_[Operands::kAK]);
    if (tiles.needs(GemmNeeds::kPackA)) {
      stack_ = allocate(tiles.element(), shape.rows * shape.blockK, 64);
      packedParameters_ = emitParameters(code.number(1), code.number(shape.rows));
    }
  }

  void emit(Value a, Value b, Value c, Value row, Value rowEnd, Value column, Value columnEnd) {
    if (!tiles_.needs(GemmNeeds::kPackA)) {
      emitPlain(a, b, c, row, code_.sub(rowEnd, row), column, columnEnd);
      return;
    }
    const GemmShape& shape = tiles_.shape();
    const Value isTransposed = code_.compare(Compare::ne, operands_[Operands::kAK], code_.number(1));
    const Value isLong = code_.compare(Compare::sge, operands_[Operands::kK], code_.number(kPackAColumns));
    const Value fits = code_.compare(Compare::sle, operands_[Operands::kK], code_.number(shape.blockK));
    const Value isShared =
        code_.compare(Compare::sge, code_.sub(columnEnd, column), code_.number(kPackAPanels * shape.columns()));
    const Value packsA = code_.both(code_.both(isTransposed, isLong), code_.both(fits, isShared));
    code_.ifTrue(
        packsA, [&] { emitWithPackedRows(a, b, c, row, rowEnd, column, columnEnd); },
        [&] { emitPlain(a, b, c, row, code_.sub(rowEnd, row), column, columnEnd); });
  }

 private:
  Value allocate(Type element, int64_t count, unsigned alignment) {
    const Value size =
        arith::ConstantOp::create(code_.b, code_.loc, code_.b.getI32IntegerAttr(static_cast<int32_t>(count)));
    return mlir::LLVM::AllocaOp::create(code_.b, code_.loc, code_.pointerType(), element, size, alignment);
  }
  Value emitParameters(Value aRow, Value aK) {
    const Type number = code_.b.getI64Type();
    const Value parameters = allocate(number, TileParameters::kCount, 8);
    const auto set = [&](int32_t index, Value value) { code_.store(value, code_.at(number, parameters, index)); };
    set(TileParameters::kK, operands_[Operands::kK]);
    set(TileParameters::kARow, aRow);
    set(TileParameters::kAK, aK);
    set(TileParameters::kBK, operands_[Operands::kBK]);
    set(TileParameters::kCRow, operands_[Operands::kCRow]);
    set(TileParameters::kAccumulate, operands_[Operands::kAccumulate]);
    return parameters;
  }
  Value bAt(Value b, Value column) {
    const Value panel = code_.div(column, code_.number(tiles_.shape().columns()));
    return code_.at(tiles_.element(), b, code_.mul(panel, operands_[Operands::kBPanel]));
  }
  Value cAt(Value c, Value row, Value column) {
    return code_.at(tiles_.element(), c, code_.add(code_.mul(row, operands_[Operands::kCRow]), column));
  }
  Value aAt(Value a, Value row) { return code_.at(tiles_.element(), a, code_.mul(row, operands_[Operands::kARow])); }

  void callPanel(Value a, Value b, Value c, Value rows, Value columns, Value parameters) {
    func::CallOp::create(code_.b, code_.loc, tiles_.panel(), CodeBuilder::Values{a, b, c, rows, columns, parameters});
  }

  // Panels of b outside: one stays in the cache while all rows pass.
  void emitPlain(Value a, Value b, Value c, Value row, Value rows, Value column, Value columnEnd) {
    const GemmShape& shape = tiles_.shape();
    Value begin = column;
    if (tiles_.needs(GemmNeeds::kWide)) {
      // A single row is bound by the latency of its sums; more columns at a time hide it. Their panels must be
      // neighbours, and what is left begins at a panel.
      const int64_t wideColumns = shape.wideVectors * shape.width;
      const Value isWide =
          code_.both(code_.compare(Compare::eq, rows, code_.number(1)),
                     code_.compare(Compare::eq, operands_[Operands::kBPanel], code_.number(shape.columns())));
      const Value columns = code_.sub(columnEnd, column);
      const int64_t step = std::lcm(wideColumns, shape.columns());
      const Value wide = code_.select(isWide, code_.mul(code_.div(columns, code_.number(step)), step), code_.number(0));
      begin = code_.add(column, wide);
      code_.loop(column, begin, code_.number(wideColumns), [&](Value at) {
        func::CallOp::create(code_.b, code_.loc, tiles_.tile(1, shape.wideVectors, /*masked=*/false),
                             CodeBuilder::Values{aAt(a, row), code_.at(tiles_.element(), b, at), cAt(c, row, at),
                                                 columnEnd, parameters_});
      });
    }
    code_.loop(begin, columnEnd, code_.number(shape.columns()), [&](Value at) {
      const Value count = code_.smaller(code_.sub(columnEnd, at), code_.number(shape.columns()));
      callPanel(aAt(a, row), bAt(b, at), cAt(c, row, at), rows, count, parameters_);
    });
  }

  // Rows outside: a tile's rows of a are brought together once, and used for all panels of b.
  void emitWithPackedRows(Value a, Value b, Value c, Value row, Value rowEnd, Value column, Value columnEnd) {
    const GemmShape& shape = tiles_.shape();
    const Value zero = code_.number(0), one = code_.number(1), tileRows = code_.number(shape.rows);
    const Type element = tiles_.element();
    code_.loop(row, rowEnd, tileRows, [&](Value at) {
      const Value count = code_.smaller(code_.sub(rowEnd, at), tileRows);
      const Value source = aAt(a, at);
      const auto copy = [&](Value from, Value to) { code_.store(code_.load(element, from), to); };
      code_.loop(zero, operands_[Operands::kK], one, [&](Value k) {
        const Value line = code_.at(element, source, code_.mul(k, operands_[Operands::kAK]));
        const Value target = code_.at(element, stack_, code_.mul(k, shape.rows));
        code_.ifTrue(
            code_.compare(Compare::eq, count, tileRows),
            [&] {
              for (int64_t i = 0; i < shape.rows; ++i) {
                copy(code_.at(element, line, code_.mul(operands_[Operands::kARow], i)), code_.at(element, target, i));
              }
            },
            [&] {
              code_.loop(zero, count, one, [&](Value i) {
                copy(code_.at(element, line, code_.mul(operands_[Operands::kARow], i)), code_.at(element, target, i));
              });
            });
      });
      code_.loop(column, columnEnd, code_.number(shape.columns()), [&](Value panel) {
        const Value width = code_.smaller(code_.sub(columnEnd, panel), code_.number(shape.columns()));
        callPanel(stack_, bAt(b, panel), cAt(c, at, panel), count, width, packedParameters_);
      });
    });
  }

  CodeBuilder& code_;
  GemmTiles& tiles_;
  CodeBuilder::Values operands_;
  Value parameters_, packedParameters_, stack_;
};

// Items are blocks of itemRows x itemColumns, of each matrix of a batch.
Value emitBlocks(CodeBuilder& outer, GemmTiles& tiles, Value context, Value batch,
                 const CodeBuilder::Values& operands) {
  const GemmShape shape = tiles.shape();
  const Value rowBlocks = outer.ceilDiv(operands[Operands::kRows], shape.itemRows);
  const Value columnBlocks = outer.ceilDiv(operands[Operands::kColumns], shape.itemColumns);
  const Value count = outer.mul(batch, outer.mul(rowBlocks, columnBlocks));
  const Value area = outer.mul(operands[Operands::kRows], operands[Operands::kColumns]);
  const Value work = outer.mul(outer.mul(batch, area), operands[Operands::kK]);
  // Small products stay on this thread; small matrices of a large batch go together.
  const Value itemWork = outer.larger(outer.div(work, outer.larger(count, outer.number(1))), outer.number(1));
  const Value shared = outer.larger(outer.div(outer.number(kParallelWork / 4), itemWork), outer.number(1));
  const Value isSmall = outer.compare(Compare::slt, work, outer.number(kParallelWork));
  const Value grain = outer.select(isSmall, outer.larger(count, outer.number(1)), shared);
  const auto body = [&](mlir::OpBuilder& b, Value, mlir::ValueRange captured, Value begin, Value end) -> Value {
    CodeBuilder code(b, outer.loc);
    const Type element = tiles.element();
    const Value blocks = code.ceilDiv(captured[Operands::kRows], shape.itemRows);
    const Value blocksAcross = code.ceilDiv(captured[Operands::kColumns], shape.itemColumns);
    BlockEmitter block(code, tiles, captured);
    code.loop(begin, end, code.number(1), [&](Value item) {
      const Value columnBlock = code.rem(item, blocksAcross);
      const Value rest = code.div(item, blocksAcross);
      const Value rowBlock = code.rem(rest, blocks);
      const Value matrix = code.div(rest, blocks);
      const Value row = code.mul(rowBlock, shape.itemRows);
      const Value column = code.mul(columnBlock, shape.itemColumns);
      const auto matrixOf = [&](unsigned pointer, unsigned stride) {
        return code.at(element, captured[pointer], code.mul(matrix, captured[stride]));
      };
      block.emit(matrixOf(Operands::kA, Operands::kABatch), matrixOf(Operands::kB, Operands::kBBatch),
                 matrixOf(Operands::kC, Operands::kCBatch), row,
                 code.smaller(code.add(row, code.number(shape.itemRows)), captured[Operands::kRows]), column,
                 code.smaller(code.add(column, code.number(shape.itemColumns)), captured[Operands::kColumns]));
    });
    return arith::ConstantOp::create(b, code.loc, b.getI32IntegerAttr(KILN_STATUS_OK));
  };
  return emitParallelFor(outer.b, outer.loc, tiles.name("blocks"), context, count, grain, operands, body);
}

// Packs k rows and `columns` columns from b into panels, one after another.
Value emitPack(CodeBuilder& outer, GemmTiles& tiles, Value context, Value b, Value packed, Value k, Value columns,
               Value bK, Value bN) {
  const int64_t panelColumns = tiles.shape().columns();
  const Value count = outer.ceilDiv(columns, panelColumns);
  const Value panelSize = outer.larger(outer.mul(k, panelColumns), outer.number(1));
  const Value grain = outer.div(outer.number(kPackWork), panelSize);
  const auto body = [&](mlir::OpBuilder& builder, Value, mlir::ValueRange captured, Value begin, Value end) -> Value {
    CodeBuilder code(builder, outer.loc);
    code.loop(begin, end, code.number(1), [&](Value panel) {
      const Value column = code.mul(panel, panelColumns);
      const Value width = code.smaller(code.sub(captured[3], column), code.number(panelColumns));
      const Value source = code.at(tiles.element(), captured[0], code.mul(column, captured[5]));
      const Value target = code.at(tiles.element(), captured[1], code.mul(column, captured[2]));
      func::CallOp::create(builder, code.loc, tiles.pack(),
                           CodeBuilder::Values{source, target, captured[2], width, captured[4], captured[5]});
    });
    return arith::ConstantOp::create(builder, code.loc, builder.getI32IntegerAttr(KILN_STATUS_OK));
  };
  return emitParallelFor(outer.b, outer.loc, tiles.name("pack_panels"), context, count,
                         outer.larger(grain, outer.number(1)), CodeBuilder::Values{b, packed, k, columns, bK, bN},
                         body);
}

// The value of a dim, from the symbols' values.
Value emitDim(CodeBuilder& code, const Dim& dim, Value dims, llvm::ArrayRef<std::string> symbols) {
  if (dim.isStatic()) {
    return code.number(dim.value());
  }
  Value sum;
  for (const Dim::Term& term : dim.terms()) {
    Value product = code.number(term.coefficient);
    for (const std::string& symbol : term.symbols) {
      const auto found = std::find(symbols.begin(), symbols.end(), symbol);
      const int64_t position = found - symbols.begin();
      product = code.mul(product, code.load(code.b.getI64Type(), code.at(code.b.getI64Type(), dims, position)));
    }
    sum = sum ? code.add(sum, product) : product;
  }
  return sum ? sum : code.number(0);
}

MatmulOp matmulOf(KernelOp kernel) {
  const auto ops = kernel.getBody().getOps<MatmulOp>();
  return ops.empty() ? MatmulOp() : *ops.begin();
}

int64_t staticOr(const Dim& dim, int64_t otherwise) { return dim.isStatic() ? dim.value() : otherwise; }

}  // namespace

int64_t gemmScratchBytes(Type element, const TargetInfo& target, int64_t m, int64_t n, int64_t k, bool transposeB) {
  const GemmShape shape = GemmShape::of(element, target);
  const int64_t bytes = CodeBuilder::elementBytes(element);
  const bool mayPack = transposeB || ((m < 0 || m >= kPackRows) && (n < 0 || k < 0 || k * n * bytes > kPackBytes));
  if (!mayPack || m == 0 || n == 0 || k == 0) {
    return 0;
  }
  const int64_t rows = k < 0 ? shape.blockK : std::min(k, shape.blockK);
  const int64_t columns = n < 0 ? shape.blockN : std::min(n, shape.blockN);
  return rows * ((columns + shape.columns() - 1) / shape.columns()) * shape.columns() * bytes;
}

int64_t gemmNeeds(Type element, const TargetInfo& target, int64_t m, int64_t n, int64_t k, bool transposeA,
                  bool transposeB) {
  const GemmShape shape = GemmShape::of(element, target);
  int64_t needs = 0;
  const auto need = [&](bool condition, int64_t part) { needs |= condition ? part : 0; };
  const bool packs = gemmScratchBytes(element, target, m, n, k, transposeB) > 0;
  need(packs, transposeB ? GemmNeeds::kPackTransposed : GemmNeeds::kPackRows);
  need(packs && (k < 0 || k > shape.blockK), GemmNeeds::kAccumulate);
  need(transposeA && (k < 0 || k >= kPackAColumns) && (n < 0 || n >= kPackAPanels * shape.columns()),
       GemmNeeds::kPackA);
  // Blocks but the last have a multiple of a tile's rows and columns.
  need(m < 0 || m % shape.itemRows == 1, GemmNeeds::kWide);
  need(m < 0 || m >= shape.rows, GemmNeeds::kWholeRows);
  const int64_t rowsLeft = m < 0 ? shape.rows - 1 : m % shape.rows;
  need(m < 0 || (rowsLeft & 4) != 0, GemmNeeds::kFourRows);
  need(m < 0 || (rowsLeft & 2) != 0, GemmNeeds::kTwoRows);
  need(m < 0 || (rowsLeft & 1) != 0, GemmNeeds::kOneRow);
  need(n < 0 || n >= shape.columns(), GemmNeeds::kWholeColumns);
  const int64_t vectorsLeft = n < 0 ? 0 : (n % shape.columns() + shape.width - 1) / shape.width;
  for (int64_t vectors = 1; vectors <= shape.vectors; ++vectors) {
    need(n < 0 || vectors == vectorsLeft, GemmNeeds::kOneVector << (vectors - 1));
  }
  return needs;
}

func::FuncOp gemmFunction(mlir::ModuleOp module, Type element, int64_t needs) {
  mlir::OpBuilder builder(module.getContext());
  std::string name;
  llvm::raw_string_ostream(name) << "kiln_gemm_" << element << "_product";
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function) {
    const Type pointer = mlir::LLVM::LLVMPointerType::get(module.getContext()), number = builder.getI64Type();
    llvm::SmallVector<Type> arguments(5, pointer);
    arguments.append(10, number);
    builder.setInsertionPointToEnd(module.getBody());
    function = func::FuncOp::create(builder, builder.getUnknownLoc(), name,
                                    builder.getFunctionType(arguments, {builder.getI32Type()}));
    function.setPrivate();
    function->setAttr("kiln.gemm_element", mlir::TypeAttr::get(element));
  }
  if (auto known = function->getAttrOfType<mlir::IntegerAttr>(kNeedsName)) {
    needs |= known.getInt();
  }
  function->setAttr(kNeedsName, builder.getI64IntegerAttr(needs));
  return function;
}

namespace {

void defineProduct(func::FuncOp function, const TargetInfo& target) {
  auto module = function->getParentOfType<mlir::ModuleOp>();
  mlir::OpBuilder builder(module.getContext());
  const mlir::Location location = builder.getUnknownLoc();
  const Type element = function->getAttrOfType<mlir::TypeAttr>("kiln.gemm_element").getValue();
  const int64_t needs = function->getAttrOfType<mlir::IntegerAttr>(kNeedsName).getInt();
  function->removeAttr("kiln.gemm_element");
  function->removeAttr(kNeedsName);
  GemmTiles tiles(module, location, element, target, needs);
  CodeBuilder code(builder, location);
  const GemmShape shape = tiles.shape();
  const Type number = builder.getI64Type();
  mlir::Block* body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  const auto argument = [&](unsigned index) { return body->getArgument(index); };
  const Value context = argument(0), a = argument(1), b = argument(2), c = argument(3), scratch = argument(4),
              batch = argument(5), m = argument(6), n = argument(7), k = argument(8), aBatch = argument(9),
              aRow = argument(10), aK = argument(11), bBatch = argument(12), bK = argument(13), bN = argument(14);
  const Value zero = code.number(0), one = code.number(1);

  // Packed, b is taken in blocks of a bounded size; in place, it is one block, and so is the batch.
  const bool mayPack = tiles.needs(GemmNeeds::kPackTransposed | GemmNeeds::kPackRows);
  const Value isTransposed = code.compare(Compare::ne, bN, one);
  const Value hasRows = code.compare(Compare::sge, m, code.number(kPackRows));
  const Value isLarge =
      code.compare(Compare::sgt, code.mul(code.mul(k, n), CodeBuilder::elementBytes(element)), code.number(kPackBytes));
  const Value isWanted = code.either(isTransposed, code.both(hasRows, isLarge));
  Value packs = code.both(isWanted, code.compare(Compare::sgt, m, zero));
  if (!mayPack) {
    packs = arith::ConstantOp::create(builder, location, builder.getBoolAttr(false));
  }
  const Value stepK = code.select(packs, code.number(shape.blockK), code.larger(k, one));
  const Value stepN = code.select(packs, code.number(shape.blockN), code.larger(n, one));
  const Value matrices = code.select(packs, batch, code.smaller(batch, one));
  const Value matricesAtOnce = code.select(packs, one, batch);
  const Value cBatch = code.mul(m, n);
  const Value ok = arith::ConstantOp::create(builder, location, builder.getI32IntegerAttr(KILN_STATUS_OK));
  const CodeBuilder::Values result = code.loop(zero, matrices, one, {ok}, [&](Value matrix, mlir::ValueRange before) {
    return code.loop(zero, n, stepN, {before[0]}, [&](Value column, mlir::ValueRange beforeColumns) {
      // At least once: with k = 0 the result is zeros.
      return code.loop(zero, code.larger(k, one), stepK, {beforeColumns[0]}, [&](Value depth, mlir::ValueRange status) {
        const Value depths = code.smaller(stepK, code.sub(k, depth));
        const Value columns = code.smaller(stepN, code.sub(n, column));
        const Value bOffset = code.add(code.mul(matrix, bBatch), code.add(code.mul(depth, bK), code.mul(column, bN)));
        const Value bBlock = code.at(element, b, bOffset);
        CodeBuilder::Values packing = {ok};
        if (mayPack) {
          packing = code.choose(
              packs, {builder.getI32Type()},
              [&] {
                return CodeBuilder::Values{emitPack(code, tiles, context, bBlock, scratch, depths, columns, bK, bN)};
              },
              [&] { return CodeBuilder::Values{ok}; });
        }
        CodeBuilder::Values operands(Operands::kCount, zero);
        operands[Operands::kA] = code.at(element, a, code.add(code.mul(matrix, aBatch), code.mul(depth, aK)));
        operands[Operands::kB] = code.select(packs, scratch, bBlock);
        operands[Operands::kC] = code.at(element, c, code.add(code.mul(matrix, cBatch), column));
        operands[Operands::kRows] = m;
        operands[Operands::kColumns] = columns;
        operands[Operands::kK] = depths;
        operands[Operands::kARow] = aRow;
        operands[Operands::kAK] = aK;
        operands[Operands::kABatch] = aBatch;
        operands[Operands::kBK] = code.select(packs, code.number(shape.columns()), bK);
        operands[Operands::kBPanel] =
            code.select(packs, code.mul(depths, shape.columns()), code.number(shape.columns()));
        operands[Operands::kBBatch] = bBatch;
        operands[Operands::kCRow] = n;
        operands[Operands::kCBatch] = cBatch;
        operands[Operands::kAccumulate] =
            arith::ExtUIOp::create(builder, location, number, code.compare(Compare::ne, depth, zero));
        const Value computing = emitBlocks(code, tiles, context, matricesAtOnce, operands);
        const Value first = code.select(code.compare(Compare::eq, packing[0], ok), computing, packing[0]);
        return CodeBuilder::Values{code.select(code.compare(Compare::eq, status[0], ok), first, status[0])};
      });
    });
  });
  func::ReturnOp::create(builder, location, result);
}

}  // namespace

void defineGemmFunctions(mlir::ModuleOp module, const TargetInfo& target) {
  for (auto function : llvm::to_vector(module.getOps<func::FuncOp>())) {
    if (function->hasAttr(kNeedsName)) {
      defineProduct(function, target);
    }
  }
}

int64_t scratchBytes(KernelOp kernel, const TargetInfo& target) {
  MatmulOp matmul = matmulOf(kernel);
  if (kernel.getKind() != "matmul" || !matmul) {
    return 0;
  }
  const Shape a = shapeOf(matmul.getA().getType()), result = shapeOf(matmul.getResult().getType());
  const int rank = result.rank();
  const Type element = mlir::cast<mlir::RankedTensorType>(matmul.getA().getType()).getElementType();
  return gemmScratchBytes(element, target, staticOr(result[rank - 2], -1), staticOr(result[rank - 1], -1),
                          staticOr(matmul.getTransposeA() ? a[rank - 2] : a[rank - 1], -1), matmul.getTransposeB());
}

mlir::LogicalResult emitMatmul(KernelOp kernel, func::FuncOp into, const CodegenContext& context) {
  MatmulOp matmul = matmulOf(kernel);
  const auto operand = [&](Value value) { return mlir::dyn_cast_or_null<mlir::BlockArgument>(value); };
  if (!matmul || !operand(matmul.getA()) || !operand(matmul.getB()) || kernel.getNumResults() != 1) {
    return kernel.emitError("a matmul kernel holds one kiln.matmul of its arguments");
  }
  const bool hasScratch = scratchBytes(kernel, context.target) > 0;
  const unsigned numInputs = kernel->getNumOperands();
  if (into.getNumArguments() != numInputs + 3 + (hasScratch ? 1 : 0)) {
    return kernel.emitError("the function of a matmul kernel takes scratch exactly when scratchBytes() asks for some");
  }
  mlir::Block* body = into.addEntryBlock();
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(body);
  CodeBuilder code(builder, kernel.getLoc());
  const Type element = mlir::cast<mlir::RankedTensorType>(matmul.getA().getType()).getElementType();
  const Value dims = body->getArguments().back();
  const Value scratch = hasScratch ? Value(body->getArgument(numInputs + 2))
                                   : Value(mlir::LLVM::ZeroOp::create(builder, code.loc, code.pointerType()));
  const Shape a = shapeOf(matmul.getA().getType()), result = shapeOf(matmul.getResult().getType());
  const int rank = result.rank();
  Dim batchDim = 1;
  for (int axis = 0; axis < rank - 2; ++axis) {
    batchDim = batchDim * result[axis];
  }
  const auto value = [&](const Dim& dim) { return emitDim(code, dim, dims, context.symbols); };
  const Value batch = value(batchDim), m = value(result[rank - 2]), n = value(result[rank - 1]);
  const Value k = value(matmul.getTransposeA() ? a[rank - 2] : a[rank - 1]);
  const Value one = code.number(1);
  // With k = 1 either stride of b serves; 1 for its columns is the one that needs no packing.
  const Value bN = matmul.getTransposeB() ? k : one, bK = matmul.getTransposeB() ? one : n;
  const Value aRow = matmul.getTransposeA() ? one : k, aK = matmul.getTransposeA() ? m : one;
  const int64_t needs = gemmNeeds(
      element, context.target, staticOr(result[rank - 2], -1), staticOr(result[rank - 1], -1),
      staticOr(matmul.getTransposeA() ? a[rank - 2] : a[rank - 1], -1), matmul.getTransposeA(), matmul.getTransposeB());
  auto product = gemmFunction(into->getParentOfType<mlir::ModuleOp>(), element, needs);
  auto call = func::CallOp::create(
      builder, code.loc, product,
      CodeBuilder::Values{body->getArgument(0), body->getArgument(1 + operand(matmul.getA()).getArgNumber()),
                          body->getArgument(1 + operand(matmul.getB()).getArgNumber()),
                          body->getArgument(numInputs + 1), scratch, batch, m, n, k, code.mul(m, k), aRow, aK,
                          code.mul(k, n), bK, bN});
  func::ReturnOp::create(builder, code.loc, call.getResults());
  return mlir::success();
}

}  // namespace kiln::compiler
