// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How operands become panels and tiles of the compute type, and sums become elements.
#include <string>

#include "compiler/codegen/common/conversions.h"
#include "compiler/codegen/cpu/gemm_tiles.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace kiln::compiler {
namespace {

namespace arith = mlir::arith;
namespace func = mlir::func;
using mlir::Type;
using mlir::Value;
using Values = CodeBuilder::Values;
using Compare = CodeBuilder::Compare;

}  // namespace

Value GemmTiles::convert(CodeBuilder& code, Value loaded) {
  if (!converts()) {
    return loaded;
  }
  if (mlir::isa<mlir::FloatType>(element_)) {
    return fromMemory(code.b, code.loc, loaded, element_, target_);
  }
  // The low bits of a product are those of its factors: the sign does not matter.
  Type type = compute_;
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(loaded.getType())) {
    type = mlir::VectorType::get(vector.getShape(), compute_);
  }
  return arith::ExtUIOp::create(code.b, code.loc, type, loaded);
}

Value GemmTiles::loadElement(CodeBuilder& code, Value address) { return convert(code, code.load(memory_, address)); }

Value GemmTiles::loadVector(CodeBuilder& code, Value address) {
  return convert(code, code.load(mlir::VectorType::get({shape_.width}, memory_), address));
}

// A width x width block, transposed in registers: exchanges lanes at distance width/2, ..., 2, 1.
void GemmTiles::transpose(CodeBuilder& code, Values& rows) {
  const int64_t width = shape_.width;
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
}

// b's rows are contiguous: copies them, a group of panels side by side.
void GemmTiles::packRows(CodeBuilder& code, mlir::Block& body) {
  const Value from = body.getArgument(0), to = body.getArgument(1), k = body.getArgument(2),
              columns = body.getArgument(3), bK = body.getArgument(4);
  const Value zero = code.number(0), one = code.number(1);
  const int64_t panelColumns = shape_.columns();
  const auto copyPanels = [&](Value column, int64_t panels) {
    Values targets;
    for (int64_t panel = 0; panel < panels; ++panel) {
      targets.push_back(code.at(compute_, to, code.mul(code.add(column, code.number(panel * panelColumns)), k)));
    }
    code.loop(zero, k, one, [&](Value row) {
      const Value source = code.at(memory_, code.at(memory_, from, code.mul(row, bK)), column);
      const Value line = code.mul(row, panelColumns);
      for (int64_t vector = 0; vector < panels * shape_.vectors; ++vector) {
        const Value value = loadVector(code, code.at(memory_, source, vector * shape_.width));
        const Value target = code.at(compute_, targets[vector / shape_.vectors], line);
        code.store(value, code.at(compute_, target, vector % shape_.vectors * shape_.width));
      }
    });
  };
  const Value group = code.number(shape_.groupColumns()), panel = code.number(panelColumns);
  const Value groups = code.sub(columns, code.rem(columns, group)),
              panels = code.sub(columns, code.rem(columns, panel));
  code.loop(zero, groups, group, [&](Value column) { copyPanels(column, shape_.groupPanels); });
  code.loop(groups, panels, panel, [&](Value column) { copyPanels(column, 1); });
  // A panel that is not full: lanes behind its columns are computed and never stored, but are not left to chance, since
  // some numbers are slow to compute with.
  code.loop(panels, columns, panel, [&](Value column) {
    const Value target = code.at(compute_, to, code.mul(column, k));
    code.loop(zero, k, one, [&](Value row) {
      const Value source = code.at(memory_, code.at(memory_, from, code.mul(row, bK)), column);
      const Value line = code.at(compute_, target, code.mul(row, panelColumns));
      for (int64_t vector = 0; vector < shape_.vectors; ++vector) {
        code.store(zeroVector(code), code.at(compute_, line, vector * shape_.width));
      }
      code.loop(zero, code.sub(columns, column), one, [&](Value lane) {
        code.store(loadElement(code, code.at(memory_, source, lane)), code.at(compute_, line, lane));
      });
    });
  });
}

// b's columns are contiguous: transposes blocks, and takes the rest one by one.
void GemmTiles::packColumns(CodeBuilder& code, mlir::Block& body) {
  const Value from = body.getArgument(0), to = body.getArgument(1), k = body.getArgument(2),
              columns = body.getArgument(3), bN = body.getArgument(5);
  const Value zero = code.number(0), one = code.number(1), width = code.number(shape_.width);
  const Value panelRow = code.number(shape_.columns());
  const Value wholeRows = code.sub(k, code.rem(k, width));
  const Value allColumns = code.mul(code.ceilDiv(columns, shape_.columns()), panelRow);
  code.loop(zero, allColumns, width, [&](Value first) {
    const Value source = code.at(memory_, from, code.mul(first, bN));
    const Value panelStart = code.mul(code.div(first, panelRow), code.mul(panelRow, k));
    const Value target = code.at(compute_, to, code.add(panelStart, code.rem(first, panelRow)));
    const Value hasAll = code.compare(Compare::sle, code.add(first, width), columns);
    const Value whole = code.select(hasAll, wholeRows, zero);
    code.loop(zero, whole, width, [&](Value row) {
      Values lines;
      for (int64_t i = 0; i < shape_.width; ++i) {
        lines.push_back(loadVector(code, code.at(memory_, code.at(memory_, source, row), code.mul(bN, i))));
      }
      transpose(code, lines);
      const Value place = code.at(compute_, target, code.mul(row, panelRow));
      for (int64_t i = 0; i < shape_.width; ++i) {
        code.store(lines[i], code.at(compute_, place, i * shape_.columns()));
      }
    });
    code.loop(zero, width, one, [&](Value column) {
      const Value exists = code.compare(Compare::slt, code.add(first, column), columns);
      const Value line = code.at(memory_, source, code.mul(column, bN));
      const Value place = code.at(compute_, target, column);
      code.loop(whole, k, one, [&](Value row) {
        const Values value = code.choose(
            exists, {compute_}, [&] { return Values{loadElement(code, code.at(memory_, line, row))}; },
            [&] { return Values{arith::ConstantOp::create(code.b, code.loc, code.b.getZeroAttr(compute_))}; });
        code.store(value[0], code.at(compute_, place, code.mul(row, panelRow)));
      });
    });
  });
}

func::FuncOp GemmTiles::pack() {
  if (auto known = module_.lookupSymbol<func::FuncOp>(name("pack"))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare("pack", {pointer, pointer, number, number, number, number});
  if (function.isExternal()) {
    return function;
  }
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  if (!needs(GemmNeeds::kPackRows)) {
    packColumns(code, body);
  } else if (!needs(GemmNeeds::kPackTransposed)) {
    packRows(code, body);
  } else {
    code.ifTrue(
        code.compare(Compare::eq, body.getArgument(5), code.number(1)), [&] { packRows(code, body); },
        [&] { packColumns(code, body); });
  }
  func::ReturnOp::create(builder, location_);
  return function;
}

// a's rows are contiguous: transposes blocks of a tile's rows and a vector's columns. Where a tile has fewer rows, the
// last one stands for those that it lacks.
void GemmTiles::packRowsOfA(CodeBuilder& code, mlir::Block& body) {
  const Value from = body.getArgument(0), to = body.getArgument(1), rows = body.getArgument(2), k = body.getArgument(3),
              aRow = body.getArgument(4);
  const Value zero = code.number(0), one = code.number(1), width = code.number(shape_.width);
  const Value wholeK = code.sub(k, code.rem(k, width));
  code.loop(zero, rows, code.number(shape_.rows), [&](Value row) {
    const Value last = code.sub(code.sub(rows, row), one);
    const Value source = code.at(memory_, from, code.mul(row, aRow));
    const Value target = code.at(compute_, to, code.mul(row, k));
    Values starts;
    for (int64_t i = 0; i < shape_.rows; ++i) {
      starts.push_back(code.at(memory_, source, code.mul(code.smaller(code.number(i), last), aRow)));
    }
    code.loop(zero, wholeK, width, [&](Value column) {
      llvm::SmallVector<Values> blocks;
      for (int64_t first = 0; first < shape_.rows; first += shape_.width) {
        Values lines;
        for (int64_t i = 0; i < shape_.width; ++i) {
          const int64_t line = first + i;
          lines.push_back(line < shape_.rows ? loadVector(code, code.at(memory_, starts[line], column)) : lines.back());
        }
        transpose(code, lines);
        blocks.push_back(lines);
      }
      // Upwards: what a vector writes behind its tile's rows, the next one overwrites.
      for (int64_t i = 0; i < shape_.width; ++i) {
        const Value place = code.at(compute_, target, code.mul(code.add(column, code.number(i)), shape_.rows));
        for (size_t block = 0; block < blocks.size(); ++block) {
          code.store(blocks[block][i], code.at(compute_, place, static_cast<int64_t>(block) * shape_.width));
        }
      }
    });
    code.loop(wholeK, k, one, [&](Value column) {
      const Value place = code.at(compute_, target, code.mul(column, shape_.rows));
      for (int64_t i = 0; i < shape_.rows; ++i) {
        code.store(loadElement(code, code.at(memory_, starts[i], column)), code.at(compute_, place, i));
      }
    });
  });
}

// a's columns are contiguous: copies a tile's rows of each.
void GemmTiles::packColumnsOfA(CodeBuilder& code, mlir::Block& body) {
  const Value from = body.getArgument(0), to = body.getArgument(1), rows = body.getArgument(2), k = body.getArgument(3),
              aK = body.getArgument(5);
  const Value zero = code.number(0), one = code.number(1);
  const int64_t vectors = (shape_.rows + shape_.width - 1) / shape_.width;
  code.loop(zero, rows, code.number(shape_.rows), [&](Value row) {
    const Value left = code.sub(rows, row);
    const Value source = code.at(memory_, from, row);
    const Value target = code.at(compute_, to, code.mul(row, k));
    const Value isWhole = code.compare(Compare::sge, left, code.number(vectors * shape_.width));
    const Value whole = code.select(isWhole, k, zero), count = code.smaller(left, code.number(shape_.rows));
    code.loop(zero, whole, one, [&](Value column) {
      const Value line = code.at(memory_, source, code.mul(column, aK));
      const Value place = code.at(compute_, target, code.mul(column, shape_.rows));
      for (int64_t vector = 0; vector < vectors; ++vector) {
        const Value value = loadVector(code, code.at(memory_, line, vector * shape_.width));
        code.store(value, code.at(compute_, place, vector * shape_.width));
      }
    });
    code.loop(whole, k, one, [&](Value column) {
      const Value line = code.at(memory_, source, code.mul(column, aK));
      const Value place = code.at(compute_, target, code.mul(column, shape_.rows));
      code.loop(zero, count, one, [&](Value i) {
        code.store(loadElement(code, code.at(memory_, line, i)), code.at(compute_, place, i));
      });
    });
  });
}

func::FuncOp GemmTiles::packA() {
  if (auto known = module_.lookupSymbol<func::FuncOp>(name("pack_a"))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare("pack_a", {pointer, pointer, number, number, number, number});
  if (function.isExternal()) {
    return function;
  }
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  if (!needs(GemmNeeds::kPackARows)) {
    packColumnsOfA(code, body);
  } else if (!needs(GemmNeeds::kPackATransposed)) {
    packRowsOfA(code, body);
  } else {
    code.ifTrue(
        code.compare(Compare::eq, body.getArgument(5), code.number(1)), [&] { packRowsOfA(code, body); },
        [&] { packColumnsOfA(code, body); });
  }
  func::ReturnOp::create(builder, location_);
  return function;
}

func::FuncOp GemmTiles::unpack() {
  if (auto known = module_.lookupSymbol<func::FuncOp>(name("unpack"))) {
    return known;
  }
  mlir::OpBuilder builder(module_.getContext());
  CodeBuilder code(builder, location_);
  const Type pointer = code.pointerType(), number = builder.getI64Type();
  func::FuncOp function = declare("unpack", {pointer, pointer, number, number, number, number});
  if (function.isExternal()) {
    return function;
  }
  mlir::Block& body = function.getBody().front();
  builder.setInsertionPointToEnd(&body);
  const Value sums = body.getArgument(0), c = body.getArgument(1), rows = body.getArgument(2),
              columns = body.getArgument(3), sumsRow = body.getArgument(4), cRow = body.getArgument(5);
  const Value zero = code.number(0), one = code.number(1), width = code.number(shape_.width);
  const Value whole = code.sub(columns, code.rem(columns, width));
  code.loop(zero, rows, one, [&](Value row) {
    const Value source = code.at(compute_, sums, code.mul(row, sumsRow));
    const Value target = code.at(memory_, c, code.mul(row, cRow));
    const auto copy = [&](Type type, Value column) {
      const Value sum = code.load(type, code.at(compute_, source, column));
      const Value address = code.at(memory_, target, column);
      if (mlir::isa<mlir::FloatType>(element_)) {
        const Value rounded = roundTo(builder, location_, sum, element_, target_);
        code.store(toMemory(builder, location_, rounded, element_, target_), address);
        return;
      }
      const Type narrow = type == compute_ ? memory_ : Type(mlir::VectorType::get(vector_.getShape(), memory_));
      code.store(arith::TruncIOp::create(builder, location_, narrow, sum), address);
    };
    code.loop(zero, whole, width, [&](Value column) { copy(vector_, column); });
    code.loop(whole, columns, one, [&](Value column) { copy(compute_, column); });
  });
  func::ReturnOp::create(builder, location_);
  return function;
}

}  // namespace kiln::compiler
