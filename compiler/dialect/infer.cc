// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/infer.h"

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace kiln::compiler {
namespace {

bool isShapeOperand(const OperandSpec& spec) { return spec.dtypeSummary.starts_with("shape"); }

}  // namespace

std::optional<std::vector<Dim>> shapeValueOf(Value value) {
  mlir::Operation* op = value.getDefiningOp();
  if (auto shape = llvm::dyn_cast_or_null<ShapeValueOp>(op)) {
    return shape.getShape().getShape().dims();
  }
  if (auto constant = llvm::dyn_cast_or_null<ConstantOp>(op)) {
    auto type = llvm::cast<mlir::ShapedType>(value.getType());
    auto dense = llvm::dyn_cast<mlir::DenseIntElementsAttr>(constant.getValue());
    if (dense && type.getRank() <= 1 && type.getElementType().isSignlessInteger(64)) {
      std::vector<Dim> dims;
      for (const llvm::APInt& element : dense.getValues<llvm::APInt>()) {
        dims.emplace_back(element.getSExtValue());
      }
      return dims;
    }
  }
  return std::nullopt;
}

StatusOr<llvm::SmallVector<mlir::Type>> inferResultTypes(const OpSchema& schema, mlir::ValueRange operands,
                                                         mlir::DictionaryAttr attributes, mlir::Operation* near,
                                                         bool* isUnknown) {
  llvm::SmallVector<mlir::Type> types;
  *isUnknown = false;
  if (schema.name == "constant") {
    if (auto value = attributes.getAs<mlir::ElementsAttr>("value")) {
      types.push_back(value.getShapedType());
      return types;
    }
  }
  ShapeContext context;
  std::vector<ValueType> operandTypes;
  std::vector<std::optional<std::vector<Dim>>> shapeValues;
  operandTypes.reserve(operands.size());
  shapeValues.reserve(operands.size());
  for (auto [i, operand] : llvm::enumerate(operands)) {
    operandTypes.push_back(valueType(operand.getType()));
    shapeValues.push_back(std::nullopt);
    if (i < schema.operands.size() && isShapeOperand(schema.operands[i])) {
      shapeValues.back() = shapeValueOf(operand);
      if (!shapeValues.back()) {
        *isUnknown = true;
        return types;
      }
    }
  }
  context.operands = operandTypes;
  context.shapeValues = shapeValues;
  Attributes values = attributesOf(schema, attributes, nullptr);
  std::vector<CalleeTypes> callees;
  for (std::string& name : calleesOf(schema, values)) {
    auto symbol = mlir::StringAttr::get(attributes.getContext(), name);
    auto function = near ? mlir::SymbolTable::lookupNearestSymbolFrom<mlir::func::FuncOp>(near, symbol) : nullptr;
    if (!function) {
      *isUnknown = true;
      return types;
    }
    CalleeTypes& callee = callees.emplace_back();
    callee.name = std::move(name);
    for (mlir::Type type : function.getArgumentTypes()) {
      callee.parameters.push_back(valueType(type));
    }
    for (mlir::Type type : function.getResultTypes()) {
      callee.results.push_back(valueType(type));
    }
  }
  context.callees = callees;
  KILN_RETURN_IF_ERROR(inferNode(schema, values, context));
  mlir::MLIRContext* mlirContext = attributes.getContext();
  for (const ValueType& type : context.results) {
    types.push_back(tensorType(mlirContext, type));
  }
  return types;
}

llvm::LogicalResult verifyByInference(mlir::Operation* op) {
  const OpSchema* schema = schemaOf(op);
  if (schema == nullptr || schema->inferShape == nullptr) {
    return llvm::success();
  }
  bool isUnknown = false;
  auto types = inferResultTypes(*schema, op->getOperands(), op->getAttrDictionary(), op, &isUnknown);
  if (!types.ok()) {
    return emitStatus(op, types.status());
  }
  if (!isUnknown && mlir::TypeRange(*types) != mlir::TypeRange(op->getResultTypes())) {
    auto diagnostic = op->emitOpError("has the result types ") << op->getResultTypes() << ", but ";
    llvm::interleaveComma(*types, diagnostic);
    return diagnostic << " follow from its operands";
  }
  return llvm::success();
}

}  // namespace kiln::compiler
