// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_matmul.h"

#include <algorithm>
#include <utility>

#include "compiler/codegen/common/dim_values.h"
#include "compiler/codegen/cpu/code_builder.h"
#include "compiler/codegen/cpu/emit_native.h"
#include "compiler/codegen/cpu/expression_emitter.h"
#include "compiler/codegen/cpu/gemm.h"
#include "compiler/dialect/types.h"
#include "proto/base/shape.h"

namespace kiln::compiler {
namespace {

namespace func = mlir::func;
using mlir::Operation;
using mlir::Type;
using mlir::Value;

// The value of a dim, from the symbols' values.
Value emitDim(CodeBuilder& code, const Dim& dim, Value dims, llvm::ArrayRef<std::string> symbols) {
  if (dim.isStatic()) {
    return code.number(dim.value());
  }
  return kiln::compiler::emitDim(code.b, code.loc, dim, [&](const std::string& symbol) -> Value {
    const auto found = std::find(symbols.begin(), symbols.end(), symbol);
    return code.load(code.b.getI64Type(), code.at(code.b.getI64Type(), dims, found - symbols.begin()));
  });
}

int64_t staticOr(const Dim& dim, int64_t otherwise) { return dim.isStatic() ? dim.value() : otherwise; }

Dim productOf(const Shape& shape, int begin, int end) {
  Dim product = 1;
  for (int axis = begin; axis < end; ++axis) {
    product = product * shape[axis];
  }
  return product;
}

bool isOne(const Dim& dim) { return dim.isStatic() && dim.value() == 1; }

// An operand of the product: an argument of the kernel, and which of its matrices belongs to which of the result.
struct Factor {
  mlir::BlockArgument source;
  Shape shape;   // Of the source.
  Dim each = 1;  // The matrix for matrix i of the result is (i / each) % count.
  Dim count = 1;

  // True when one matrix serves the whole batch.
  bool isConstant() const { return isOne(count); }
};

std::optional<Factor> factorOf(Value operand) {
  Factor factor;
  if (auto reshape = operand.getDefiningOp<ReshapeOp>()) {
    // The elements lie as before, so the argument is read as what it became.
    factor.source = llvm::dyn_cast<mlir::BlockArgument>(reshape.getX());
    factor.shape = shapeOf(operand.getType());
    factor.count = productOf(factor.shape, 0, factor.shape.rank() - 2);
    return factor.source ? std::optional(factor) : std::nullopt;
  }
  auto broadcast = operand.getDefiningOp<BroadcastOp>();
  factor.source = llvm::dyn_cast<mlir::BlockArgument>(broadcast ? broadcast.getX() : operand);
  if (!factor.source) {
    return std::nullopt;
  }
  const Shape full = shapeOf(operand.getType());
  factor.shape = shapeOf(factor.source.getType());
  const int rank = full.rank(), missing = rank - factor.shape.rank();
  const auto has = [&](int axis) { return axis >= missing && factor.shape[axis - missing] == full[axis]; };
  if (!has(rank - 1) || !has(rank - 2)) {
    return std::nullopt;
  }
  // Of the batch, the operand has the axes [first, last).
  int first = 0, last = rank - 2;
  while (last > 0 && !has(last - 1)) {
    --last;
  }
  while (first < last && !has(first)) {
    ++first;
  }
  for (int axis = first; axis < last; ++axis) {
    if (!has(axis)) {
      return std::nullopt;
    }
  }
  factor.each = productOf(full, last, rank - 2);
  factor.count = productOf(full, first, last);
  return factor;
}

// A product as the shared function takes it. Rows and columns are exchanged where the result is a column, and a batch
// that shares one b is one tall matrix.
struct Product {
  MatmulOp op;
  Factor a, b;
  Dim batch = 1, m = 1, n = 1, k = 1;
  bool transposeA = false, transposeB = false;
  Type element;
  bool hasEpilogue = false;
  // The kernel's result that holds the product until the epilogue has read it; without one, scratch memory does.
  std::optional<size_t> holder;

  GemmCase known() const {
    GemmCase known;
    known.m = staticOr(m, -1);
    known.n = staticOr(n, -1);
    known.k = staticOr(k, -1);
    known.transposeA = transposeA;
    known.transposeB = transposeB;
    known.hasEpilogue = hasEpilogue;
    return known;
  }
  // Of scratch memory for the product; -1 when it is not known.
  int64_t bytes() const {
    const Dim count = batch * m * n;
    return holder ? 0 : count.isStatic() ? count.value() * CodeBuilder::elementBytes(memoryType(element)) : -1;
  }
};

// Scratch memory holds packed panels, and then perhaps the product.
int64_t panelBytes(const Product& product, const TargetInfo& target) {
  constexpr int64_t kAlignment = 64;
  const int64_t bytes = gemmScratchBytes(product.element, target, product.known());
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::optional<size_t> holderOf(KernelOp kernel, Value product) {
  const mlir::OperandRange results = kernel.getBody().front().getTerminator()->getOperands();
  if (const auto itself = llvm::find(results, product); itself != results.end()) {
    return itself - results.begin();
  }
  for (auto [index, result] : llvm::enumerate(results)) {
    bool mayAlias = false;
    if (auto pairs = kernel.getMayAlias()) {
      for (mlir::Attribute pair : *pairs) {
        mayAlias |=
            llvm::cast<mlir::IntegerAttr>(llvm::cast<mlir::ArrayAttr>(pair)[0]).getInt() == static_cast<int64_t>(index);
      }
    }
    if (elementOf(result) == elementOf(product) && !mayAlias) {
      return index;
    }
  }
  return std::nullopt;
}

std::optional<Product> productOf(KernelOp kernel) {
  const auto ops = kernel.getBody().getOps<MatmulOp>();
  if (kernel.getKind() != "matmul" || ops.empty()) {
    return std::nullopt;
  }
  MatmulOp matmul = *ops.begin();
  Operation* yield = kernel.getBody().front().getTerminator();
  const auto a = factorOf(matmul.getA()), b = factorOf(matmul.getB());
  if (!a || !b) {
    return std::nullopt;
  }
  const Shape result = shapeOf(matmul.getResult().getType());
  const int rank = result.rank();
  Product product;
  product.op = matmul;
  product.a = *a;
  product.b = *b;
  product.hasEpilogue = yield->getNumOperands() != 1 || yield->getOperand(0) != matmul.getResult();
  product.holder = holderOf(kernel, matmul.getResult());
  product.transposeA = matmul.getTransposeA();
  product.transposeB = matmul.getTransposeB();
  product.batch = productOf(result, 0, rank - 2);
  product.m = result[rank - 2];
  product.n = result[rank - 1];
  product.k = product.a.shape[product.a.shape.rank() - (product.transposeA ? 2 : 1)];
  product.element = mlir::cast<mlir::RankedTensorType>(matmul.getA().getType()).getElementType();
  if (product.b.isConstant() && !product.transposeA && product.a.count == product.batch) {
    product.m = product.batch * product.m;
    product.batch = 1;
    product.a.each = product.a.count = product.b.each = 1;
  }
  if (isOne(product.n) && !isOne(product.m)) {
    std::swap(product.a, product.b);
    std::swap(product.m, product.n);
    const bool transposeA = product.transposeA;
    product.transposeA = !product.transposeB;
    product.transposeB = !transposeA;
  }
  return product;
}

// epilogue(context, task, matrix, row, rowEnd, column, columnEnd): the kernel's other results at the elements of a
// block of the product. The task is an array of the pointers to inputs, outputs, the product and dims.
func::FuncOp emitEpilogue(KernelOp kernel, const Product& product, func::FuncOp caller, const CodegenContext& context) {
  mlir::OpBuilder b(caller);
  const Type pointer = mlir::LLVM::LLVMPointerType::get(b.getContext()), number = b.getI64Type();
  auto function =
      func::FuncOp::create(b, kernel.getLoc(), (caller.getName() + "_epilogue").str(),
                           b.getFunctionType({pointer, pointer, number, number, number, number, number}, {}));
  function.setPrivate();
  const mlir::OperandRange results = kernel.getBody().front().getTerminator()->getOperands();
  MatmulOp matmul = product.op;
  const Value whole = matmul.getResult();
  // Rows and columns of the product are the axes of the result, or all of them are rows.
  const bool hasColumns = !isOne(product.n);
  std::vector<Dim> rowDims = withoutUnits(shapeOf(whole));
  if (hasColumns) {
    rowDims.pop_back();
  }
  ExpressionEmitter::Options options;
  for (int attempt = 0; attempt < 3; ++attempt) {
    mlir::Block* entry = function.addEntryBlock();
    b.setInsertionPointToEnd(entry);
    CodeBuilder code(b, kernel.getLoc());
    const auto load = [&](size_t index) {
      return code.load(pointer, code.at(pointer, entry->getArgument(1), static_cast<int64_t>(index)));
    };
    KernelPointers pointers;
    pointers.context = entry->getArgument(0);
    const size_t numInputs = kernel->getNumOperands(), numOutputs = kernel->getNumResults();
    for (size_t i = 0; i < numInputs; ++i) {
      pointers.inputs.push_back(load(i));
    }
    // The product counts as one more output.
    for (size_t i = 0; i <= numOutputs; ++i) {
      pointers.outputs.push_back(load(numInputs + i));
    }
    pointers.dims = load(numInputs + numOutputs + 1);
    ExpressionEmitter e(kernel, entry, pointers, context, options);
    e.keepIn(whole, static_cast<int>(numOutputs));
    const auto storeAll = [&](llvm::ArrayRef<Index> indices) {
      // All are computed before any is written: a result may lie over an input.
      std::vector<std::pair<Place, Pack>> packs;
      for (Value result : results) {
        const Place place = e.placeOf(shapeOf(result), indices);
        packs.emplace_back(place, result == whole ? Pack() : e.emitAt(result, place));
      }
      for (size_t i = 0; i < packs.size(); ++i) {
        if (results[i] != whole) {
          e.store(static_cast<int>(i), packs[i].first, packs[i].second);
        }
      }
    };
    llvm::SmallVector<Value> extents;
    for (const Dim& dim : rowDims) {
      extents.push_back(e.dimValue(dim));
    }
    const Value matrix = entry->getArgument(2), row = entry->getArgument(3), rowEnd = entry->getArgument(4),
                column = entry->getArgument(5), columnEnd = entry->getArgument(6);
    const Value first = e.mulI(matrix, e.dimValue(product.m));
    using Values = llvm::SmallVector<Value>;
    e.forLoop(row, rowEnd, 1, {}, Lanes{}, [&](Value at, llvm::ArrayRef<Value>) -> Values {
      llvm::SmallVector<Index> indices = e.delinearize(e.uniform(e.addI(first, at)), extents);
      if (!hasColumns) {
        storeAll(indices);
        return {};
      }
      e.laneLoop(column, columnEnd, /*unroll=*/2, nullptr, [&](const Index& index, llvm::ArrayRef<Value>) -> Values {
        llvm::SmallVector<Index> element(indices);
        element.push_back(index);
        storeAll(element);
        return {};
      });
      return {};
    });
    b.setInsertionPointToEnd(entry);
    func::ReturnOp::create(b, kernel.getLoc());
    if (e.retry() == ExpressionEmitter::Retry::kNone) {
      return function;
    }
    options.useMasks = false;
    options.useVectors = e.retry() != ExpressionEmitter::Retry::kScalar;
    function.eraseBody();
  }
  function.erase();
  return {};
}

}  // namespace

int64_t scratchBytes(KernelOp kernel, const TargetInfo& target) {
  if (kernel.getKind() == "native") {
    return nativeScratchBytes(kernel);
  }
  const auto product = productOf(kernel);
  return product ? panelBytes(*product, target) + std::max<int64_t>(product->bytes(), 0) : 0;
}

std::optional<GemmUse> gemmOf(KernelOp kernel, const TargetInfo& target) {
  const auto product = productOf(kernel);
  return product ? std::optional(GemmUse{product->element, gemmNeeds(product->element, target, product->known())})
                 : std::nullopt;
}

mlir::LogicalResult emitMatmul(KernelOp kernel, func::FuncOp into, const CodegenContext& context) {
  const auto product = productOf(kernel);
  if (!product) {
    return kernel.emitError("a matmul kernel holds one kiln.matmul of its arguments");
  }
  if (product->bytes() < 0) {
    return kernel.emitError("no result of this matmul kernel can hold the product, whose size is not known");
  }
  const int64_t panels = panelBytes(*product, context.target);
  const bool hasScratch = scratchBytes(kernel, context.target) > 0;
  const unsigned numInputs = kernel->getNumOperands(), numOutputs = kernel->getNumResults();
  if (into.getNumArguments() != numInputs + numOutputs + 2 + (hasScratch ? 1 : 0)) {
    return kernel.emitError("the function of a matmul kernel takes scratch exactly when scratchBytes() asks for some");
  }
  func::FuncOp epilogue;
  if (product->hasEpilogue) {
    epilogue = emitEpilogue(kernel, *product, into, context);
    if (!epilogue) {
      return kernel.emitError("this kernel has an op that code generation does not cover");
    }
  }
  mlir::Block* body = into.addEntryBlock();
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(body);
  CodeBuilder code(builder, kernel.getLoc());
  const Value dims = body->getArguments().back();
  const auto value = [&](const Dim& dim) { return emitDim(code, dim, dims, context.symbols); };
  const Value null = mlir::LLVM::ZeroOp::create(builder, code.loc, code.pointerType());
  const Value one = code.number(1), m = value(product->m), n = value(product->n), k = value(product->k);
  const Value scratch = hasScratch ? Value(body->getArgument(1 + numInputs + numOutputs)) : null;

  CodeBuilder::Values arguments(GemmArguments::kCount);
  arguments[GemmArguments::kA] = body->getArgument(1 + product->a.source.getArgNumber());
  arguments[GemmArguments::kB] = body->getArgument(1 + product->b.source.getArgNumber());
  arguments[GemmArguments::kC] = product->holder ? Value(body->getArgument(1 + numInputs + *product->holder))
                                                 : code.at(builder.getI8Type(), scratch, code.number(panels));
  arguments[GemmArguments::kScratch] = scratch;
  arguments[GemmArguments::kEpilogue] = arguments[GemmArguments::kTask] = null;
  if (epilogue) {
    const Value slots = mlir::arith::ConstantOp::create(
        builder, code.loc, builder.getI32IntegerAttr(static_cast<int32_t>(numInputs + numOutputs + 2)));
    const Value task =
        mlir::LLVM::AllocaOp::create(builder, code.loc, code.pointerType(), code.pointerType(), slots, 8);
    CodeBuilder::Values pointers(body->getArguments().begin() + 1,
                                 body->getArguments().begin() + 1 + numInputs + numOutputs);
    pointers.push_back(arguments[GemmArguments::kC]);
    pointers.push_back(dims);
    for (auto [index, pointer] : llvm::enumerate(pointers)) {
      code.store(pointer, code.at(code.pointerType(), task, static_cast<int64_t>(index)));
    }
    const Value address =
        func::ConstantOp::create(builder, code.loc, epilogue.getFunctionType(), mlir::FlatSymbolRefAttr::get(epilogue));
    arguments[GemmArguments::kEpilogue] =
        mlir::UnrealizedConversionCastOp::create(builder, code.loc, code.pointerType(), address).getResult(0);
    arguments[GemmArguments::kTask] = task;
  }
  arguments[GemmArguments::kBatch] = value(product->batch);
  arguments[GemmArguments::kM] = m;
  arguments[GemmArguments::kN] = n;
  arguments[GemmArguments::kK] = k;
  arguments[GemmArguments::kABatch] = code.mul(m, k);
  arguments[GemmArguments::kARow] = product->transposeA ? one : k;
  arguments[GemmArguments::kAK] = product->transposeA ? m : one;
  arguments[GemmArguments::kBBatch] = code.mul(k, n);
  arguments[GemmArguments::kBK] = product->transposeB ? one : n;
  arguments[GemmArguments::kBN] = product->transposeB ? k : one;
  // Divisors, also of an empty batch.
  arguments[GemmArguments::kAEach] = code.larger(value(product->a.each), one);
  arguments[GemmArguments::kACount] = code.larger(value(product->a.count), one);
  arguments[GemmArguments::kBEach] = code.larger(value(product->b.each), one);
  arguments[GemmArguments::kBCount] = code.larger(value(product->b.count), one);
  arguments.insert(arguments.begin(), body->getArgument(0));

  auto gemm =
      gemmFunction(into->getParentOfType<mlir::ModuleOp>(), product->element, gemmOf(kernel, context.target)->needs);
  auto call = func::CallOp::create(builder, code.loc, gemm, arguments);
  func::ReturnOp::create(builder, code.loc, call.getResults());
  return mlir::success();
}

}  // namespace kiln::compiler
