// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/gemm_tiles.h"

#include <algorithm>
#include <string>
#include <utility>

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

GemmShape GemmShape::of(Type element, const TargetInfo& target) {
  GemmShape shape;
  shape.width = target.vectorWidth(element);
  // Accumulators, one row's vectors of b and a broadcast must fit the registers, and there must be enough of the former
  // to hide the latency of the additions: 8 x 3 of 32, 6 x 2 of 16.
  const bool manyRegisters = target.numVectorRegisters >= 32;
  shape.rows = manyRegisters ? 8 : target.hasFma ? 6 : 4;
  shape.vectors = manyRegisters ? 3 : 2;
  shape.wideVectors = 8;
  const int64_t columns = shape.columns();
  shape.blockN = (512 + columns - 1) / columns * columns;
  shape.itemColumns = (128 + columns - 1) / columns * columns;
  return shape;
}

GemmTiles::GemmTiles(mlir::ModuleOp module, mlir::Location location, Type element, const TargetInfo& target,
                     int64_t needs)
    : module_(module),
      location_(location),
      element_(element),
      vector_(mlir::VectorType::get({target.vectorWidth(element)}, element)),
      shape_(GemmShape::of(element, target)),
      needs_(needs),
      fused_(target.hasFma && mlir::isa<mlir::FloatType>(element)) {}

std::string GemmTiles::name(llvm::StringRef part) const {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "kiln_gemm_" << element_ << "_" << part;
  return text;
}

func::FuncOp GemmTiles::declare(llvm::StringRef part, mlir::TypeRange arguments) {
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module_.getBody());
  auto function = func::FuncOp::create(builder, location_, name(part), builder.getFunctionType(arguments, {}));
  function.setPrivate();
  function.addEntryBlock();
  return function;
}

Value GemmTiles::mulAdd(CodeBuilder& code, Value x, Value y, Value z) {
  if (fused_) {
    return mlir::LLVM::FMAOp::create(code.b, code.loc, z.getType(), x, y, z);
  }
  if (mlir::isa<mlir::FloatType>(element_)) {
    return arith::AddFOp::create(code.b, code.loc, arith::MulFOp::create(code.b, code.loc, x, y), z);
  }
  return code.add(code.mul(x, y), z);
}

Value GemmTiles::zeroVector(CodeBuilder& code) {
  return arith::ConstantOp::create(code.b, code.loc, code.b.getZeroAttr(vector_));
}

// True in the first `count` lanes. Compares integers as wide as the elements, which is what masked accesses take.
Value GemmTiles::maskOf(CodeBuilder& code, Value count) {
  const unsigned bits = element_.getIntOrFloatBitWidth();
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

Value GemmTiles::loadMasked(CodeBuilder& code, Value address, Value mask) {
  return mlir::LLVM::MaskedLoadOp::create(code.b, code.loc, vector_, address, mask, zeroVector(code),
                                          code.b.getI32IntegerAttr(CodeBuilder::elementBytes(element_)));
}

func::FuncOp GemmTiles::tile(int64_t rows, int64_t vectors, bool masked) {
  const std::string part = "tile" + std::to_string(rows) + "x" + std::to_string(vectors) + (masked ? "m" : "");
  if (auto known = module_.lookupSymbol<func::FuncOp>(name(part))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare(part, {pointer, pointer, pointer, number, pointer});
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
    aRows.push_back(code.at(element_, argument(0), code.mul(aRow, row)));
    cRows.push_back(code.at(element_, argument(2), code.mul(cRow, row)));
  }
  const auto isMasked = [&](int64_t vector) { return masked && vector == vectors - 1; };
  const auto loadVector = [&](Value row, int64_t vector) {
    const Value address = code.at(element_, row, vector * shape_.width);
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
              values.push_back(loadVector(row, vector));
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
      bVectors.push_back(loadVector(bRow, vector));
    }
    for (int64_t row = 0; row < rows; ++row) {
      const Value scalar = code.load(element_, code.at(element_, aRows[row], aOffset));
      const Value spread = mlir::vector::BroadcastOp::create(builder, location_, vector_, scalar);
      for (int64_t vector = 0; vector < vectors; ++vector) {
        next.push_back(mulAdd(code, spread, bVectors[vector], values[row * vectors + vector]));
      }
    }
    next.push_back(code.add(aOffset, aK));
    next.push_back(code.at(element_, bRow, bK));
    return next;
  });
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t vector = 0; vector < vectors; ++vector) {
      const Value sum = sums[row * vectors + vector];
      const Value address = code.at(element_, cRows[row], vector * shape_.width);
      if (isMasked(vector)) {
        mlir::LLVM::MaskedStoreOp::create(builder, location_, sum, address, mask,
                                          builder.getI32IntegerAttr(CodeBuilder::elementBytes(element_)));
      } else {
        code.store(sum, address);
      }
    }
  }
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
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  const auto argument = [&](unsigned index) { return body.getArgument(index); };
  const Value rows = argument(3), columns = argument(4), parameters = argument(5);
  const auto parameter = [&](int32_t index) { return code.load(number, code.at(number, parameters, index)); };
  const Value aRow = parameter(TileParameters::kARow), cRow = parameter(TileParameters::kCRow);

  // All rows with one width of tile: whole tiles, then what is left in halves.
  const auto emitRows = [&](int64_t vectors, bool masked) {
    const auto call = [&](Value row, int64_t count) {
      const Value a = code.at(element_, argument(0), code.mul(row, aRow));
      const Value c = code.at(element_, argument(2), code.mul(row, cRow));
      func::CallOp::create(builder, location_, tile(count, vectors, masked),
                           Values{a, argument(1), c, columns, parameters});
    };
    const Value rest = code.rem(rows, code.number(shape_.rows));
    Value row = code.sub(rows, rest);
    if (needs(GemmNeeds::kWholeRows)) {
      code.loop(code.number(0), row, code.number(shape_.rows), [&](Value whole) { call(whole, shape_.rows); });
    }
    for (const auto& [count, part] :
         {std::pair<int64_t, int64_t>{4, GemmNeeds::kFourRows}, {2, GemmNeeds::kTwoRows}, {1, GemmNeeds::kOneRow}}) {
      if (count >= shape_.rows || !needs(part)) {
        continue;
      }
      const Value bit = code.both(rest, code.number(count));
      code.ifTrue(code.compare(Compare::ne, bit, code.number(0)), [&] { call(row, count); });
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

// A width x width block, transposed in registers: exchanges lanes at distance width/2, ..., 2, 1.
void GemmTiles::transposeBlock(CodeBuilder& code, Value from, Value fromStride, Value to) {
  const int64_t width = shape_.width;
  Values rows;
  for (int64_t i = 0; i < width; ++i) {
    rows.push_back(code.load(vector_, code.at(element_, from, code.mul(fromStride, i))));
  }
  for (int64_t distance = width / 2; distance >= 1; distance /= 2) {
    llvm::SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < width; ++lane) {
      const bool second = (lane & distance) != 0;
      low.push_back(second ? width + lane - distance : lane);
      high.push_back(second ? width + lane : lane + distance);
    }
    for (int64_t i = 0; i < width; ++i) {
      if ((i & distance) == 0) {
        const Value first = rows[i], second = rows[i + distance];
        rows[i] = mlir::vector::ShuffleOp::create(code.b, code.loc, first, second, low);
        rows[i + distance] = mlir::vector::ShuffleOp::create(code.b, code.loc, first, second, high);
      }
    }
  }
  for (int64_t i = 0; i < width; ++i) {
    code.store(rows[i], code.at(element_, to, i * shape_.columns()));
  }
}

func::FuncOp GemmTiles::pack() {
  if (auto known = module_.lookupSymbol<func::FuncOp>(name("pack"))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare("pack", {pointer, pointer, number, number, number, number});
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  const Value from = body.getArgument(0), to = body.getArgument(1), k = body.getArgument(2),
              columns = body.getArgument(3), bK = body.getArgument(4), bN = body.getArgument(5);
  const Value zero = code.number(0), one = code.number(1), width = code.number(shape_.width);
  const Value panelRow = code.number(shape_.columns());

  // b's rows are contiguous: copy them.
  const auto copyRows = [&](bool masked) {
    Values masks;
    for (int64_t vector = 0; masked && vector < shape_.vectors; ++vector) {
      masks.push_back(maskOf(code, code.sub(columns, code.number(vector * shape_.width))));
    }
    code.loop(zero, k, one, [&](Value row) {
      const Value source = code.at(element_, from, code.mul(row, bK));
      const Value target = code.at(element_, to, code.mul(row, panelRow));
      for (int64_t vector = 0; vector < shape_.vectors; ++vector) {
        const Value address = code.at(element_, source, vector * shape_.width);
        const Value value = masked ? loadMasked(code, address, masks[vector]) : code.load(vector_, address);
        code.store(value, code.at(element_, target, vector * shape_.width));
      }
    });
  };
  // b's columns are contiguous: transpose blocks, and take the rest one by one.
  const auto transpose = [&] {
    code.loop(zero, panelRow, width, [&](Value first) {
      const Value source = code.at(element_, from, code.mul(first, bN));
      const Value target = code.at(element_, to, first);
      const Value hasAll = code.compare(Compare::sle, code.add(first, width), columns);
      const Value whole = code.select(hasAll, code.sub(k, code.rem(k, width)), zero);
      code.loop(zero, whole, width, [&](Value row) {
        transposeBlock(code, code.at(element_, source, row), bN, code.at(element_, target, code.mul(row, panelRow)));
      });
      code.loop(zero, width, one, [&](Value column) {
        const Value exists = code.compare(Compare::slt, code.add(first, column), columns);
        const Value line = code.at(element_, source, code.mul(column, bN));
        const Value place = code.at(element_, target, column);
        code.loop(whole, k, one, [&](Value row) {
          const Values value = code.choose(
              exists, {element_}, [&] { return Values{code.load(element_, code.at(element_, line, row))}; },
              [&] { return Values{arith::ConstantOp::create(builder, location_, builder.getZeroAttr(element_))}; });
          code.store(value[0], code.at(element_, place, code.mul(row, panelRow)));
        });
      });
    });
  };
  const auto copy = [&] {
    code.ifTrue(code.compare(Compare::eq, columns, panelRow), [&] { copyRows(false); }, [&] { copyRows(true); });
  };
  if (!needs(GemmNeeds::kPackRows)) {
    transpose();
  } else if (!needs(GemmNeeds::kPackTransposed)) {
    copy();
  } else {
    code.ifTrue(code.compare(Compare::eq, bN, one), copy, transpose);
  }
  func::ReturnOp::create(builder, location_);
  return function;
}

}  // namespace kiln::compiler
