// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/types.h"

#include <optional>
#include <string>
#include <vector>

#include "compiler/dialect/dialect.h"
#include "mlir/IR/AttributeSupport.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectImplementation.h"

MLIR_DEFINE_EXPLICIT_TYPE_ID(::kiln::compiler::ShapeAttr)

namespace kiln::compiler {

namespace detail {
/// Uniqued by the normal form's text; the parsed shape is kept beside it, because types are asked for their shape
/// often.
struct ShapeAttrStorage : public mlir::AttributeStorage {
  using KeyTy = llvm::StringRef;
  ShapeAttrStorage(llvm::StringRef t, Shape s) : text(t), shape(std::move(s)) {}
  bool operator==(const KeyTy& key) const { return key == text; }
  static ShapeAttrStorage* construct(mlir::AttributeStorageAllocator& allocator, const KeyTy& key) {
    auto parsed = parseShape(std::string_view(key.data(), key.size()));
    KILN_CHECK(parsed.ok());
    return new (allocator.allocate<ShapeAttrStorage>()) ShapeAttrStorage(allocator.copyInto(key), *std::move(parsed));
  }
  llvm::StringRef text;
  Shape shape;
};
}  // namespace detail

ShapeAttr ShapeAttr::get(mlir::MLIRContext* context, const Shape& shape) {
  std::string text = shape.toString();
  return Base::get(context, llvm::StringRef(text));
}
const Shape& ShapeAttr::getShape() const { return getImpl()->shape; }
llvm::StringRef ShapeAttr::getText() const { return getImpl()->text; }

llvm::LogicalResult ShapeAttr::verifyEncoding(llvm::ArrayRef<int64_t> shape, mlir::Type,
                                              llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const {
  const Shape& own = getShape();
  if (own.rank() != static_cast<int>(shape.size())) {
    return emitError() << "the shape " << getText() << " has " << own.rank() << " axes, the tensor " << shape.size();
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    const Dim& d = own[static_cast<int>(i)];
    if (d.isStatic() ? d.value() != shape[i] : !mlir::ShapedType::isDynamic(shape[i])) {
      return emitError() << "the shape " << getText() << " and the tensor differ at axis " << i;
    }
  }
  return llvm::success();
}

StatusOr<Shape> parseShape(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    return Dim::parse(text).status().ok() ? Dim::parse("?").status() : Dim::parse(text).status();
  }
  text = text.substr(1, text.size() - 2);
  Shape shape;
  while (!text.empty()) {
    // Of the commas, those between arguments of a function are the dim's own.
    size_t comma = 0;
    for (int open = 0; comma < text.size() && (open > 0 || text[comma] != ','); ++comma) {
      open += text[comma] == '(' ? 1 : text[comma] == ')' ? -1 : 0;
    }
    std::string_view part = text.substr(0, comma);
    while (!part.empty() && part.front() == ' ') {
      part.remove_prefix(1);
    }
    while (!part.empty() && part.back() == ' ') {
      part.remove_suffix(1);
    }
    KILN_ASSIGN_OR_RETURN(Dim d, Dim::parse(part));
    shape.push_back(std::move(d));
    text = comma == text.size() ? std::string_view() : text.substr(comma + 1);
  }
  return shape;
}

mlir::Type elementType(mlir::MLIRContext* context, DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return mlir::Float32Type::get(context);
    case DType::kF64:
      return mlir::Float64Type::get(context);
    case DType::kF16:
      return mlir::Float16Type::get(context);
    case DType::kBF16:
      return mlir::BFloat16Type::get(context);
    case DType::kI8:
      return mlir::IntegerType::get(context, 8);
    case DType::kI16:
      return mlir::IntegerType::get(context, 16);
    case DType::kI32:
      return mlir::IntegerType::get(context, 32);
    case DType::kI64:
      return mlir::IntegerType::get(context, 64);
    case DType::kU8:
    case DType::kU16:
    case DType::kU32:
    case DType::kU64:
      return mlir::IntegerType::get(context, static_cast<unsigned>(bitWidth(dtype)), mlir::IntegerType::Unsigned);
    case DType::kBool:
      return mlir::IntegerType::get(context, 1);
    default:
      return mlir::NoneType::get(context);
  }
}

DType dtypeOf(mlir::Type type) {
  if (auto shaped = llvm::dyn_cast<mlir::ShapedType>(type)) {
    type = shaped.getElementType();
  }
  if (type.isF32()) {
    return DType::kF32;
  }
  if (type.isF64()) {
    return DType::kF64;
  }
  if (type.isF16()) {
    return DType::kF16;
  }
  if (type.isBF16()) {
    return DType::kBF16;
  }
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(type); integer && integer.isUnsigned()) {
    switch (integer.getWidth()) {
      case 8:
        return DType::kU8;
      case 16:
        return DType::kU16;
      case 32:
        return DType::kU32;
      case 64:
        return DType::kU64;
      default:
        return DType::kInvalid;
    }
  }
  if (auto integer = llvm::dyn_cast<mlir::IntegerType>(type); integer && integer.isSignless()) {
    switch (integer.getWidth()) {
      case 1:
        return DType::kBool;
      case 8:
        return DType::kI8;
      case 16:
        return DType::kI16;
      case 32:
        return DType::kI32;
      case 64:
        return DType::kI64;
      default:
        break;
    }
  }
  return DType::kInvalid;
}

mlir::RankedTensorType tensorType(mlir::MLIRContext* context, DType dtype, const Shape& shape) {
  llvm::SmallVector<int64_t> dims;
  for (const Dim& d : shape) {
    dims.push_back(d.isStatic() ? d.value() : mlir::ShapedType::kDynamic);
  }
  mlir::Attribute encoding;
  if (!shape.isStatic()) {
    encoding = ShapeAttr::get(context, shape);
  }
  return mlir::RankedTensorType::get(dims, elementType(context, dtype), encoding);
}

mlir::RankedTensorType tensorType(mlir::MLIRContext* context, const ValueType& type) {
  return tensorType(context, type.dtype, type.shape);
}

Shape shapeOf(mlir::Type type) {
  auto tensor = llvm::cast<mlir::RankedTensorType>(type);
  if (auto encoding = llvm::dyn_cast_or_null<ShapeAttr>(tensor.getEncoding())) {
    return encoding.getShape();
  }
  Shape shape;
  for (auto [axis, length] : llvm::enumerate(tensor.getShape())) {
    shape.push_back(mlir::ShapedType::isDynamic(length) ? Dim::symbol("_" + std::to_string(axis)) : Dim(length));
  }
  return shape;
}

ValueType valueType(mlir::Type type) { return {dtypeOf(type), shapeOf(type)}; }

// Here, where the storage of ShapeAttr is known.
void KilnDialect::initialize() {
  addAttributes<ShapeAttr>();
  registerKilnDialectOperations(this);
  addOperations<
#define GET_OP_LIST
#include "compiler/dialect/structure_ops.cc.inc"
      >();
}

mlir::Attribute KilnDialect::parseAttribute(mlir::DialectAsmParser& parser, mlir::Type) const {
  llvm::StringRef spec = parser.getFullSymbolSpec();
  if (!spec.consume_front("shape<") || !spec.consume_back(">")) {
    parser.emitError(parser.getNameLoc(), "expected #kiln.shape<[...]>");
    return {};
  }
  auto shape = parseShape(std::string_view(spec.data(), spec.size()));
  if (!shape.ok()) {
    parser.emitError(parser.getNameLoc(), std::string(shape.status().message()));
    return {};
  }
  return ShapeAttr::get(parser.getContext(), *shape);
}

void KilnDialect::printAttribute(mlir::Attribute attribute, mlir::DialectAsmPrinter& printer) const {
  printer << "shape<" << llvm::cast<ShapeAttr>(attribute).getText() << ">";
}

}  // namespace kiln::compiler
