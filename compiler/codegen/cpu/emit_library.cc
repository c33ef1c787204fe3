// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Library ops: the arguments are laid out on the stack, and the host's function is called through the table.
#include "compiler/codegen/cpu/emit_library.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <variant>

#include "compiler/codegen/common/dim_values.h"
#include "compiler/codegen/common/library_call.h"
#include "compiler/codegen/cpu/code_builder.h"
#include "compiler/dialect/attributes.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace func = mlir::func;
namespace LLVM = mlir::LLVM;

namespace {

std::optional<int64_t> numberOf(std::string_view op) {
  struct Row {
    std::string_view op;
    int64_t number;
  };
#define KILN_KERNEL_ROW(constant, op) {#op, KILN_KERNEL_##constant},
  static constexpr Row kRows[] = {KILN_KERNELS(KILN_KERNEL_ROW)};
#undef KILN_KERNEL_ROW
  const Row* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.op == op; });
  return row == std::end(kRows) ? std::nullopt : std::optional(row->number);
}

// What is known while compiling, or a value of the run.
using Number = std::variant<int64_t, Dim>;

// Appends an attribute as the ABI lays it out; false for kinds that library ops do not have.
bool append(const kiln::Attribute& attribute, std::vector<Number>& numbers) {
  return std::visit(
      [&]<class T>(const T& value) {
        if constexpr (std::is_same_v<T, double>) {
          numbers.push_back(std::bit_cast<int64_t>(value));
        } else if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, bool>) {
          numbers.push_back(static_cast<int64_t>(value));
        } else if constexpr (std::is_same_v<T, DType>) {
          numbers.push_back(static_cast<int64_t>(value));
        } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
          numbers.push_back(static_cast<int64_t>(value.size()));
          numbers.insert(numbers.end(), value.begin(), value.end());
        } else {
          return false;
        }
        return true;
      },
      attribute);
}

mlir::FailureOr<std::vector<Number>> argumentsOf(mlir::Operation* op, const CodegenContext& context) {
  std::vector<Number> numbers = {static_cast<int64_t>(context.nodeId ? context.nodeId(op) : -1)};
  const auto appendTensor = [&](Value value) {
    const Shape shape = shapeOf(value.getType());
    numbers.push_back(static_cast<int64_t>(dtypeOf(value.getType())));
    numbers.push_back(static_cast<int64_t>(shape.rank()));
    for (const Dim& dim : shape) {
      numbers.push_back(dim);
    }
  };
  llvm::for_each(op->getOperands(), appendTensor);
  llvm::for_each(op->getResults(), appendTensor);
  const Attributes given = attributesOf(op, nullptr);
  for (const AttributeSpec& spec : schemaOf(op)->attributes) {
    const kiln::Attribute* attribute = given.find(spec.name);
    if (!append(attribute != nullptr ? *attribute : *spec.defaultValue, numbers)) {
      return op->emitError("library ops have no attributes like '" + llvm::Twine(spec.name) + "'");
    }
  }
  return numbers;
}

// Emits the function's body.
class CallWriter : public CodeBuilder {
 public:
  CallWriter(mlir::OpBuilder& builder, func::FuncOp function, const CodegenContext& context)
      : CodeBuilder(builder, function.getLoc()), function_(function), context_(context) {}

  void write(const std::vector<Value>& buffers, const std::vector<Number>& numbers, int64_t kernel) {
    Value pointers = room(buffers.size()), arguments = room(numbers.size());
    for (size_t i = 0; i < buffers.size(); ++i) {
      store(buffers[i], at(b.getI64Type(), pointers, static_cast<int64_t>(i)));
    }
    for (size_t i = 0; i < numbers.size(); ++i) {
      const Dim* dim = std::get_if<Dim>(&numbers[i]);
      store(dim ? value(*dim) : number(std::get<int64_t>(numbers[i])),
            at(b.getI64Type(), arguments, static_cast<int64_t>(i)));
    }
    Value run = function_.getArgument(0);
    Value library = load(pointerType(), at(b.getI8Type(), run, offsetof(kiln_context_t, library)));
    Value table = load(pointerType(), at(b.getI8Type(), library, offsetof(kiln_library_t, kernels)));
    Value callee = load(pointerType(), at(b.getI64Type(), table, kernel));
    Value none = LLVM::ZeroOp::create(b, loc, pointerType());
    Value isMissing = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, callee, none);
    const Values status = choose(
        isMissing, b.getI32Type(),
        [&]() -> Values {
          return {mlir::arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(KILN_STATUS_INTERNAL))};
        },
        [&]() -> Values {
          auto type = LLVM::LLVMFunctionType::get(b.getI32Type(), {pointerType(), pointerType(), pointerType()});
          auto call = LLVM::CallOp::create(b, loc, type, mlir::ValueRange{callee, run, pointers, arguments});
          call->setAttr(kHostUseAttr, b.getUnitAttr());
          return {call.getResult()};
        });
    func::ReturnOp::create(b, loc, status);
  }

 private:
  // The call stands in the entry block, so the room is taken once.
  Value room(size_t slots) {
    Value count =
        mlir::arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(static_cast<int32_t>(std::max<size_t>(slots, 1))));
    return LLVM::AllocaOp::create(b, loc, pointerType(), b.getI64Type(), count, 8);
  }

  Value value(const Dim& dim) {
    return emitDim(b, loc, dim, [&](const std::string& symbol) {
      auto found = llvm::find(context_.symbols, symbol);
      KILN_CHECK(found != context_.symbols.end());
      Value dims = function_.getArguments().back();
      return load(b.getI64Type(), at(b.getI64Type(), dims, found - context_.symbols.begin()));
    });
  }

  func::FuncOp function_;
  const CodegenContext& context_;
};

}  // namespace

mlir::LogicalResult emitLibraryCall(KernelOp kernel, func::FuncOp into, const CodegenContext& context) {
  mlir::Block& body = kernel.getBody().front();
  mlir::Operation* op = &body.front();
  const OpSchema* schema = schemaOf(op);
  const std::optional<int64_t> number = numberOf(schema->name);
  if (!number) {
    return op->emitError("the binary interface has no function for this op");
  }
  mlir::FailureOr<std::vector<Number>> numbers = argumentsOf(op, context);
  if (mlir::failed(numbers)) {
    return mlir::failure();
  }
  mlir::Block* entry = into.addEntryBlock();
  std::vector<Value> buffers;
  for (Value operand : op->getOperands()) {
    buffers.push_back(entry->getArgument(1 + llvm::cast<mlir::BlockArgument>(operand).getArgNumber()));
  }
  // The fuse phase makes every result an output, in order.
  KILN_CHECK(kernel.getOutputs().size() == op->getNumResults());
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    buffers.push_back(entry->getArgument(1 + kernel.getInputs().size() + i));
  }
  mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(entry);
  CallWriter(b, into, context).write(buffers, *numbers, *number);
  return mlir::success();
}

}  // namespace kiln::compiler
