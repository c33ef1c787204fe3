// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/fold_constants.h"

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/op_factory.h"

namespace kiln::compiler {
namespace {

// Shape arithmetic and hyperparameters are far below this, weights far above: folding must not put data into the IR.
constexpr int64_t kMaxElements = 64;

// The constant as an attribute, when it is small, or when all elements are equal and one stands for them.
mlir::DenseElementsAttr smallConstant(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto dense = constant ? llvm::dyn_cast<mlir::DenseElementsAttr>(constant.getValue()) : mlir::DenseElementsAttr();
  return dense && (dense.isSplat() || dense.getNumElements() <= kMaxElements) ? dense : mlir::DenseElementsAttr();
}

Tensor element(mlir::DenseElementsAttr splat) {
  return tensorOfDense(splat.resizeSplat(mlir::RankedTensorType::get({}, splat.getElementType())));
}

struct FoldConstantOperands : mlir::RewritePattern {
  FoldConstantOperands(mlir::MLIRContext* context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  mlir::LogicalResult matchAndRewrite(mlir::Operation* op, mlir::PatternRewriter& rewriter) const override {
    const OpSchema* schema = schemaOf(op);
    if (schema == nullptr || schema->reference == nullptr || schema->mayFault || op->getNumResults() != 1 ||
        op->getNumOperands() == 0 || schema->family == "random" || llvm::isa<PrintOp>(op)) {
      return mlir::failure();
    }
    ValueType type = valueType(op->getResult(0).getType());
    if (!type.shape.isStatic()) {
      return mlir::failure();
    }
    llvm::SmallVector<mlir::DenseElementsAttr> constants;
    bool allSplat = schema->isElementwise;
    for (Value operand : op->getOperands()) {
      constants.push_back(smallConstant(operand));
      if (!constants.back()) {
        return mlir::failure();
      }
      allSplat &= constants.back().isSplat() && constants.back().getNumElements() > 0;
    }
    auto resultType = tensorType(getContext(), type);
    if (!allSplat && resultType.getNumElements() > kMaxElements) {
      return mlir::failure();
    }
    if (allSplat) {
      type.shape = Shape();
    }
    std::vector<Tensor> operands;
    std::vector<const Tensor*> pointers;
    for (mlir::DenseElementsAttr constant : constants) {
      operands.push_back(allSplat ? element(constant) : tensorOfDense(constant));
    }
    for (const Tensor& operand : operands) {
      pointers.push_back(&operand);
    }
    Attributes attributes = attributesOf(op, nullptr);
    for (const AttributeSpec& spec : schema->attributes) {
      if (attributes.find(spec.name) == nullptr && spec.defaultValue) {
        attributes.set(std::string(spec.name), *spec.defaultValue);
      }
    }
    std::vector<Tensor> results;
    results.emplace_back(type.dtype, type.shape.staticDims());
    std::function<int64_t(std::string_view)> noSymbols = [](std::string_view) -> int64_t { return 0; };
    ReferenceContext context{pointers, &attributes, {&type, 1}, &noSymbols, results};
    if (!schema->reference(context).ok()) {
      return mlir::failure();  // the run reports it
    }
    mlir::DenseElementsAttr folded = denseAttr(getContext(), results[0]);
    rewriter.replaceOp(
        op, compiler::create(rewriter, op->getLoc(), "constant", mlir::ValueRange(),
                             {rewriter.getNamedAttr("value", allSplat ? folded.resizeSplat(resultType) : folded)}));
    return mlir::success();
  }
};

}  // namespace

void addConstantFolding(mlir::RewritePatternSet& patterns) {
  patterns.add<FoldConstantOperands>(patterns.getContext());
}

}  // namespace kiln::compiler
