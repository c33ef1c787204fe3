// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/attributes.h"

#include "mlir/IR/Builders.h"

namespace kiln::compiler {
namespace {

/// The attribute as the kind that the schema wants, or nothing when it is of another kind.
std::optional<kiln::Attribute> toKiln(mlir::Attribute attribute, AttributeKind kind, ConstantPool* pool) {
  switch (kind) {
    case AttributeKind::kInt:
      if (auto value = llvm::dyn_cast<mlir::IntegerAttr>(attribute)) {
        return kiln::Attribute(value.getValue().getSExtValue());
      }
      break;
    case AttributeKind::kFloat:
      if (auto value = llvm::dyn_cast<mlir::FloatAttr>(attribute)) {
        return kiln::Attribute(value.getValueAsDouble());
      }
      break;
    case AttributeKind::kBool:
      if (auto value = llvm::dyn_cast<mlir::BoolAttr>(attribute)) {
        return kiln::Attribute(value.getValue());
      }
      break;
    case AttributeKind::kString:
      if (auto value = llvm::dyn_cast<mlir::StringAttr>(attribute)) {
        return kiln::Attribute(value.getValue().str());
      }
      break;
    case AttributeKind::kFunction:
      if (auto value = llvm::dyn_cast<mlir::FlatSymbolRefAttr>(attribute)) {
        return kiln::Attribute(value.getValue().str());
      }
      break;
    case AttributeKind::kFunctions:
      if (auto list = llvm::dyn_cast<mlir::ArrayAttr>(attribute)) {
        std::vector<std::string> names;
        for (auto name : list.getAsRange<mlir::FlatSymbolRefAttr>()) {
          names.push_back(name.getValue().str());
        }
        return kiln::Attribute(std::move(names));
      }
      break;
    case AttributeKind::kDType:
      if (auto value = llvm::dyn_cast<mlir::TypeAttr>(attribute)) {
        return kiln::Attribute(dtypeOf(value.getValue()));
      }
      break;
    case AttributeKind::kShape:
      if (auto value = llvm::dyn_cast<ShapeAttr>(attribute)) {
        return kiln::Attribute(value.getShape());
      }
      break;
    case AttributeKind::kTensor:
      if (auto value = llvm::dyn_cast<mlir::ElementsAttr>(attribute); value && pool != nullptr) {
        return kiln::Attribute(pool->tensorOf(value));
      }
      break;
    case AttributeKind::kInts:
      if (auto value = llvm::dyn_cast<mlir::DenseI64ArrayAttr>(attribute)) {
        return kiln::Attribute(std::vector<int64_t>(value.asArrayRef().begin(), value.asArrayRef().end()));
      }
      break;
  }
  return std::nullopt;
}

}  // namespace

mlir::Attribute toMlir(mlir::MLIRContext* context, const kiln::Attribute& attribute, ConstantPool& pool,
                       bool isSymbol) {
  mlir::Builder b(context);
  struct Visitor {
    mlir::Builder& b;
    ConstantPool& pool;
    bool isSymbol;
    mlir::Attribute operator()(int64_t value) { return b.getI64IntegerAttr(value); }
    mlir::Attribute operator()(double value) { return b.getF64FloatAttr(value); }
    mlir::Attribute operator()(bool value) { return b.getBoolAttr(value); }
    mlir::Attribute operator()(const std::string& value) {
      if (isSymbol) {
        return mlir::FlatSymbolRefAttr::get(b.getContext(), value);
      }
      return b.getStringAttr(value);
    }
    mlir::Attribute operator()(DType value) { return mlir::TypeAttr::get(elementType(b.getContext(), value)); }
    mlir::Attribute operator()(const Shape& value) { return ShapeAttr::get(b.getContext(), value); }
    mlir::Attribute operator()(const TensorPtr& value) { return pool.attributeOf(b.getContext(), value); }
    mlir::Attribute operator()(const std::vector<int64_t>& value) { return b.getDenseI64ArrayAttr(value); }
    mlir::Attribute operator()(const std::vector<std::string>& value) {
      llvm::SmallVector<mlir::Attribute> names;
      for (const std::string& name : value) {
        names.push_back(mlir::FlatSymbolRefAttr::get(b.getContext(), name));
      }
      return b.getArrayAttr(names);
    }
  };
  return std::visit(Visitor{b, pool, isSymbol}, attribute);
}

Attributes attributesOf(const OpSchema& schema, mlir::DictionaryAttr attributes, ConstantPool* pool) {
  Attributes result;
  for (const AttributeSpec& spec : schema.attributes) {
    mlir::Attribute found = attributes.get(llvm::StringRef(spec.name.data(), spec.name.size()));
    if (!found) {
      continue;
    }
    if (auto value = toKiln(found, spec.kind, pool)) {
      result.set(std::string(spec.name), *std::move(value));
    }
  }
  return result;
}

Attributes attributesOf(mlir::Operation* op, ConstantPool* pool) {
  const OpSchema* schema = schemaOf(op);
  KILN_CHECK(schema != nullptr);
  return attributesOf(*schema, op->getAttrDictionary(), pool);
}

}  // namespace kiln::compiler
