// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/gemm_tiles.h"

#include <algorithm>
#include <string>
#include <utility>

#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/cpu/gemm.h"
#include "llvm/ADT/StringExtras.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"

namespace kiln::compiler {
namespace {

namespace arith = mlir::arith;
namespace func = mlir::func;
using mlir::Type;
using mlir::Value;
using Values = CodeBuilder::Values;
using Compare = CodeBuilder::Compare;

}  // namespace

Type gemmComputeType(Type element) {
  mlir::Builder builder(element.getContext());
  const unsigned bits = element.getIntOrFloatBitWidth();
  if (mlir::isa<mlir::FloatType>(element)) {
    return bits < 32 ? Type(builder.getF32Type()) : element;
  }
  return builder.getIntegerType(std::max(bits, 32u));
}

GemmShape GemmShape::of(Type compute, const TargetInfo& target) {
  GemmShape shape;
  shape.width = target.vectorWidth(compute);
  // Accumulators, one row's vectors of b and a broadcast must fit the registers, and there must be enough of the former
  // to hide the latency of the additions: 8 x 3 of 32, 6 x 2 of 16.
  const bool manyRegisters = target.numVectorRegisters >= 32;
  shape.rows = manyRegisters ? 8 : target.hasFma ? 6 : 4;
  shape.vectors = manyRegisters ? 3 : 2;
  const int64_t group = shape.groupColumns();
  const auto wholeGroups = [&](int64_t columns) { return (columns + group - 1) / group * group; };
  shape.blockN = wholeGroups(512);
  shape.itemColumns = shape.blockN;
  shape.leastColumns = wholeGroups(128);
  const int64_t rows = 512 / CodeBuilder::elementBytes(compute);
  shape.itemRows = (rows + shape.rows - 1) / shape.rows * shape.rows;
  return shape;
}

GemmTiles::GemmTiles(mlir::ModuleOp module, mlir::Location location, Type element, const TargetInfo& target,
                     int64_t needs, std::string only)
    : module_(module),
      location_(location),
      element_(element),
      memory_(memoryType(element)),
      compute_(gemmComputeType(element)),
      vector_(mlir::VectorType::get({target.vectorWidth(compute_)}, compute_)),
      target_(target),
      shape_(GemmShape::of(compute_, target)),
      needs_(needs),
      only_(std::move(only)),
      fused_(target.hasFma && mlir::isa<mlir::FloatType>(element)) {}

std::string GemmTiles::name(llvm::StringRef part) const { return gemmSymbol(element_, part); }

std::string GemmTiles::tileName(int64_t rows, int64_t vectors, bool masked) {
  return "tile" + std::to_string(rows) + "x" + std::to_string(vectors) + (masked ? "m" : "");
}

func::FuncOp GemmTiles::declare(llvm::StringRef part, mlir::TypeRange arguments) {
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module_.getBody());
  auto function = func::FuncOp::create(builder, location_, name(part), builder.getFunctionType(arguments, {}));
  function.setPrivate();
  if (only_.empty() || only_ == part) {
    function.addEntryBlock();
  }
  return function;
}

Value GemmTiles::mulAdd(CodeBuilder& code, Value x, Value y, Value z) {
  if (fused_) {
    return mlir::LLVM::FMAOp::create(code.b, code.loc, z.getType(), x, y, z);
  }
  if (mlir::isa<mlir::FloatType>(compute_)) {
    return arith::AddFOp::create(code.b, code.loc, arith::MulFOp::create(code.b, code.loc, x, y), z);
  }
  return code.add(code.mul(x, y), z);
}

Value GemmTiles::zeroVector(CodeBuilder& code) {
  return arith::ConstantOp::create(code.b, code.loc, code.b.getZeroAttr(vector_));
}

// True in the first `count` lanes. Compares integers as wide as the elements, which is what masked accesses take.
Value GemmTiles::maskOf(CodeBuilder& code, Value count) {
  const unsigned bits = compute_.getIntOrFloatBitWidth();
  const mlir::IntegerType lane = code.b.getIntegerType(bits);
  llvm::SmallVector<mlir::APInt> lanes;
  for (int64_t i = 0; i < shape_.width; ++i) {
    lanes.emplace_back(bits, i);
  }
  const auto type = mlir::VectorType::get({shape_.width}, lane);
  const Value numbers = arith::ConstantOp::create(code.b, code.loc, mlir::DenseIntElementsAttr::get(type, lanes));
  Value limit = count;
  if (bits < 64) {
    limit = arith::TruncIOp::create(code.b, code.loc, lane, limit);
  }
  limit = mlir::vector::BroadcastOp::create(code.b, code.loc, type, limit);
  return code.compare(Compare::slt, numbers, limit);
}

Value GemmTiles::spread(CodeBuilder& code, Value scalar) {
  return mlir::vector::BroadcastOp::create(code.b, code.loc, vector_, scalar);
}

Value GemmTiles::loadMasked(CodeBuilder& code, Value address, Value mask) {
  return mlir::LLVM::MaskedLoadOp::create(code.b, code.loc, vector_, address, mask, zeroVector(code),
                                          code.b.getI32IntegerAttr(CodeBuilder::elementBytes(compute_)));
}

void GemmTiles::storeMasked(CodeBuilder& code, Value value, Value address, Value mask) {
  mlir::LLVM::MaskedStoreOp::create(code.b, code.loc, value, address, mask,
                                    code.b.getI32IntegerAttr(CodeBuilder::elementBytes(compute_)));
}

func::FuncOp GemmTiles::tile(int64_t rows, int64_t vectors, bool masked) {
  const std::string part = tileName(rows, vectors, masked);
  if (auto known = module_.lookupSymbol<func::FuncOp>(name(part))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare(part, {pointer, pointer, pointer, number, pointer});
  if (function.isExternal()) {
    return function;
  }
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  const auto argument = [&](unsigned index) { return body.getArgument(index); };
  const auto parameter = [&](int32_t index) { return code.load(number, code.at(number, argument(4), index)); };
  const Value k = parameter(TileParameters::kK), aK = parameter(TileParameters::kAK),
              bK = parameter(TileParameters::kBK);
  const Value aRow = parameter(TileParameters::kARow), cRow = parameter(TileParameters::kCRow);
  Value mask;
  if (masked) {
    mask = maskOf(code, code.sub(argument(3), code.number((vectors - 1) * shape_.width)));
  }
  Values aRows, cRows;
  for (int64_t row = 0; row < rows; ++row) {
    aRows.push_back(code.at(compute_, argument(0), code.mul(aRow, row)));
    cRows.push_back(code.at(compute_, argument(2), code.mul(cRow, row)));
  }
  if (rows == shape_.rows) {
    // The rows of c that the next tile takes.
    const Value ahead = code.mul(cRow, rows);
    for (const Value row : cRows) {
      mlir::LLVM::Prefetch::create(builder, location_, code.at(compute_, row, ahead), /*rw=*/0, /*hint=*/3,
                                   /*cache=*/1);
    }
  }
  const auto isMasked = [&](int64_t vector) { return masked && vector == vectors - 1; };
  const auto load = [&](Value row, int64_t vector) {
    const Value address = code.at(compute_, row, vector * shape_.width);
    return isMasked(vector) ? loadMasked(code, address, mask) : code.load(vector_, address);
  };
  Values initial(rows * vectors, zeroVector(code));
  if (needs(GemmNeeds::kAccumulate)) {
    const Value accumulate = code.compare(Compare::ne, parameter(TileParameters::kAccumulate), code.number(0));
    initial = code.choose(
        accumulate, llvm::SmallVector<Type>(rows * vectors, vector_),
        [&] {
          Values values;
          for (const Value row : cRows) {
            for (int64_t vector = 0; vector < vectors; ++vector) {
              values.push_back(load(row, vector));
            }
          }
          return values;
        },
        [&] { return initial; });
  }
  const Value zero = code.number(0), one = code.number(1);
  Values carried = initial;
  carried.push_back(zero);         // offset of a's column
  carried.push_back(argument(1));  // b's row
  const Values sums = code.loop(zero, k, one, carried, [&](Value, mlir::ValueRange values) {
    const Value aOffset = values[rows * vectors], bRow = values[rows * vectors + 1];
    Values bVectors, next;
    for (int64_t vector = 0; vector < vectors; ++vector) {
      bVectors.push_back(load(bRow, vector));
    }
    for (int64_t row = 0; row < rows; ++row) {
      const Value scalar = spread(code, code.load(compute_, code.at(compute_, aRows[row], aOffset)));
      for (int64_t vector = 0; vector < vectors; ++vector) {
        next.push_back(mulAdd(code, scalar, bVectors[vector], values[row * vectors + vector]));
      }
    }
    next.push_back(code.add(aOffset, aK));
    next.push_back(code.at(compute_, bRow, bK));
    return next;
  });
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t vector = 0; vector < vectors; ++vector) {
      const Value sum = sums[row * vectors + vector];
      const Value address = code.at(compute_, cRows[row], vector * shape_.width);
      if (isMasked(vector)) {
        storeMasked(code, sum, address, mask);
      } else {
        code.store(sum, address);
      }
    }
  }
  func::ReturnOp::create(builder, location_);
  return function;
}

func::FuncOp GemmTiles::stream() {
  if (auto known = module_.lookupSymbol<func::FuncOp>(name("stream"))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare("stream", {pointer, pointer, pointer, number, number, pointer});
  if (function.isExternal()) {
    return function;
  }
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  const auto parameter = [&](int32_t index) { return code.load(number, code.at(number, body.getArgument(5), index)); };
  const Value a = body.getArgument(0), b = body.getArgument(1), c = body.getArgument(2), rows = body.getArgument(3),
              columns = body.getArgument(4);
  const Value k = parameter(TileParameters::kK), aRow = parameter(TileParameters::kARow),
              aK = parameter(TileParameters::kAK), bK = parameter(TileParameters::kBK),
              cRow = parameter(TileParameters::kCRow);
  const Value zero = code.number(0), one = code.number(1);

  // The scalars of a step lie behind the parameters, one row after another: at constant distances, and in memory that
  // the stores to c might change, for LLVM would take all out of the loops over columns, into registers that are not
  // there.
  const Value scalars = code.at(number, body.getArgument(5), TileParameters::kCount);

  // `count` rows of c from `row` on take `depth` more terms from the rows of b from `p` on.
  const auto update = [&](Value row, int64_t count, Value p, int64_t depth) {
    const Value isLater = code.compare(Compare::ne, p, zero);
    const Value factors = code.at(compute_, scalars, code.mul(row, depth));
    const Value cCorner = code.at(compute_, c, code.mul(row, cRow));
    Values cRows, bRows, ofOneRow;
    for (int64_t i = 0; i < count; ++i) {
      cRows.push_back(code.at(compute_, cCorner, code.mul(cRow, i)));
    }
    const auto factor = [&](int64_t index) {
      return spread(code, code.load(compute_, code.at(compute_, factors, index)));
    };
    for (int64_t u = 0; u < depth; ++u) {
      if (count == 1) {
        ofOneRow.push_back(factor(u));
      }
      bRows.push_back(code.at(compute_, b, code.mul(bK, code.add(p, code.number(u)))));
    }
    const auto columnsAt = [&](Value column, int64_t vectors, Value mask) {
      const auto at = [&](Value start, int64_t vector) {
        return code.at(compute_, code.at(compute_, start, column), vector * shape_.width);
      };
      const auto load = [&](Value address) {
        return mask ? loadMasked(code, address, mask) : code.load(vector_, address);
      };
      Values sums;
      for (int64_t i = 0; i < count * vectors; ++i) {
        const Value before = load(at(cRows[i / vectors], i % vectors));
        sums.push_back(code.select(isLater, before, zeroVector(code)));
      }
      for (int64_t u = 0; u < depth; ++u) {
        Values terms;
        for (int64_t vector = 0; vector < vectors; ++vector) {
          terms.push_back(load(at(bRows[u], vector)));
        }
        for (int64_t i = 0; i < count; ++i) {
          const Value scalar = count == 1 ? ofOneRow[u] : factor(i * depth + u);
          for (int64_t vector = 0; vector < vectors; ++vector) {
            Value& sum = sums[i * vectors + vector];
            sum = mulAdd(code, scalar, terms[vector], sum);
          }
        }
      }
      for (int64_t i = 0; i < count * vectors; ++i) {
        const Value address = at(cRows[i / vectors], i % vectors);
        if (mask) {
          storeMasked(code, sums[i], address, mask);
        } else {
          code.store(sums[i], address);
        }
      }
    };
    const int64_t vectors = depth == 1 ? 1 : count >= 4 ? shape_.vectors : 4;
    const Value step = code.number(vectors * shape_.width);
    const Value whole = code.sub(columns, code.rem(columns, step));
    if (depth > 1) {
      code.loop(zero, whole, step, [&](Value column) { columnsAt(column, vectors, nullptr); });
    }
    code.loop(depth > 1 ? whole : zero, columns, code.number(shape_.width), [&](Value column) {
      columnsAt(column, 1, maskOf(code, code.smaller(code.sub(columns, column), code.number(shape_.width))));
    });
  };
  const auto step = [&](Value p, int64_t depth) {
    code.loop(zero, rows, one, [&](Value row) {
      const Value from = code.at(compute_, a, code.add(code.mul(row, aRow), code.mul(p, aK)));
      const Value to = code.at(compute_, scalars, code.mul(row, depth));
      for (int64_t u = 0; u < depth; ++u) {
        code.store(code.load(compute_, code.at(compute_, from, code.mul(aK, u))), code.at(compute_, to, u));
      }
    });
    if (depth == 1) {
      code.loop(zero, rows, one, [&](Value row) { update(row, 1, p, 1); });
      return;
    }
    const Value tileRows = code.number(shape_.rows), rest = code.rem(rows, tileRows);
    Value row = code.sub(rows, rest);
    if (needs(GemmNeeds::kWholeRows)) {
      code.loop(zero, row, tileRows, [&](Value at) { update(at, shape_.rows, p, depth); });
    }
    for (const auto& [count, part] :
         {std::pair<int64_t, int64_t>{4, GemmNeeds::kFourRows}, {2, GemmNeeds::kTwoRows}, {1, GemmNeeds::kOneRow}}) {
      if (count >= shape_.rows || !needs(part)) {
        continue;
      }
      const Value bit = code.both(rest, code.number(count));
      const int64_t groupRows = count;
      const Value from = row;
      code.ifTrue(code.compare(Compare::ne, bit, zero), [&] { update(from, groupRows, p, depth); });
      row = code.add(row, bit);
    }
  };
  const Value depth = code.number(shape_.streamDepth);
  const Value whole = code.sub(k, code.rem(k, depth));
  code.loop(zero, whole, depth, [&](Value p) { step(p, shape_.streamDepth); });
  code.loop(whole, k, one, [&](Value p) { step(p, 1); });
  code.ifTrue(code.compare(Compare::eq, k, zero), [&] {
    // The sum of nothing.
    const Value nothing = arith::ConstantOp::create(builder, location_, builder.getZeroAttr(compute_));
    code.loop(zero, rows, one, [&](Value row) {
      const Value line = code.at(compute_, c, code.mul(row, cRow));
      code.loop(zero, columns, one, [&](Value column) { code.store(nothing, code.at(compute_, line, column)); });
    });
  });
  func::ReturnOp::create(builder, location_);
  return function;
}

func::FuncOp GemmTiles::panel() {
  if (auto known = module_.lookupSymbol<func::FuncOp>(name("panel"))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare("panel", {pointer, pointer, pointer, number, number, pointer});
  if (function.isExternal()) {
    return function;
  }
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  const auto argument = [&](unsigned index) { return body.getArgument(index); };
  const Value rows = argument(3), columns = argument(4), parameters = argument(5);
  const auto parameter = [&](int32_t index) { return code.load(number, code.at(number, parameters, index)); };
  const Value aRow = parameter(TileParameters::kARow), aTile = parameter(TileParameters::kATile),
              cRow = parameter(TileParameters::kCRow);

  // All rows with one width of tile: whole tiles, then what is left in halves.
  const auto emitRows = [&](int64_t vectors, bool masked) {
    const auto call = [&](Value a, Value row, int64_t count) {
      const Value c = code.at(compute_, argument(2), code.mul(row, cRow));
      func::CallOp::create(builder, location_, tile(count, vectors, masked),
                           Values{a, argument(1), c, columns, parameters});
    };
    const Value tileRows = code.number(shape_.rows);
    const Value tiles = code.div(rows, tileRows), rest = code.rem(rows, tileRows);
    if (needs(GemmNeeds::kWholeRows)) {
      code.loop(code.number(0), tiles, code.number(1), [&](Value at) {
        call(code.at(compute_, argument(0), code.mul(at, aTile)), code.mul(at, tileRows), shape_.rows);
      });
    }
    const Value first = code.sub(rows, rest), aFirst = code.at(compute_, argument(0), code.mul(tiles, aTile));
    Value row = code.number(0);
    for (const auto& [count, part] :
         {std::pair<int64_t, int64_t>{4, GemmNeeds::kFourRows}, {2, GemmNeeds::kTwoRows}, {1, GemmNeeds::kOneRow}}) {
      if (count >= shape_.rows || !needs(part)) {
        continue;
      }
      const Value bit = code.both(rest, code.number(count));
      const int64_t groupRows = count;
      const Value from = row;
      code.ifTrue(code.compare(Compare::ne, bit, code.number(0)),
                  [&] { call(code.at(compute_, aFirst, code.mul(from, aRow)), code.add(first, from), groupRows); });
      row = code.add(row, bit);
    }
  };
  if (needs(GemmNeeds::kWholeColumns)) {
    code.ifTrue(code.compare(Compare::eq, columns, code.number(shape_.columns())),
                [&] { emitRows(shape_.vectors, false); });
  }
  for (int64_t vectors = 1; vectors <= shape_.vectors; ++vectors) {
    if (!needs(GemmNeeds::kOneVector << (vectors - 1))) {
      continue;
    }
    const Value above = code.compare(Compare::sgt, columns, code.number((vectors - 1) * shape_.width));
    const int64_t limit = vectors == shape_.vectors ? shape_.columns() - 1 : vectors * shape_.width;
    const Value below = code.compare(Compare::sle, columns, code.number(limit));
    code.ifTrue(code.both(above, below), [&] { emitRows(vectors, /*masked=*/true); });
  }
  func::ReturnOp::create(builder, location_);
  return function;
}

}  // namespace kiln::compiler
