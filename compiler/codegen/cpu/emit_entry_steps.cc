// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_entry_steps.h"

#include <cstddef>

#include "compiler/dialect/types.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
using Predicate = LLVM::ICmpPredicate;
using mlir::Value;

namespace {

constexpr char kNotCancelledSymbol[] = "kiln_not_cancelled";

}  // namespace

StepWriter::StepWriter(LLVM::LLVMFuncOp function, mlir::OpBuilder& b, mlir::Location loc, mlir::Block* exit,
                       const CodegenContext& context, KernelFunctions& kernels)
    : function_(function),
      exit_(exit),
      code_(b, loc),
      context_(context),
      kernels_(kernels),
      dims_(function.getArgument(2)) {}

void StepWriter::prepare(const MemoryPlan& plan) {
  auto room = [&](mlir::Type type, size_t count) -> Value {
    return LLVM::AllocaOp::create(code_.b, code_.loc, code_.ptr, type, code_.constant(static_cast<int64_t>(count)), 8);
  };
  if (!plan.localSymbols.empty()) {
    // A copy of the symbols' values, which has room for those that the run finds.
    const size_t given = context_.symbols.size() - plan.localSymbols.size();
    dims_ = room(code_.i64, context_.symbols.size());
    code_.copy(dims_, function_.getArgument(2), code_.constant(static_cast<int64_t>(8 * given)));
    for (size_t i = given; i < context_.symbols.size(); ++i) {
      code_.store(code_.constant(0), code_.bytesAfter(dims_, static_cast<int64_t>(8 * i)));
    }
  }
  for (size_t i = 0; i < plan.locals.size(); ++i) {
    localAddresses_.push_back(room(code_.ptr, 1));
    localCapacities_.push_back(room(code_.i64, 1));
    code_.store(LLVM::ZeroOp::create(code_.b, code_.loc, code_.ptr), localAddresses_.back());
    code_.store(code_.constant(0), localCapacities_.back());
  }
  Value flag = contextField(offsetof(kiln_context_t, cancel), code_.ptr);
  Value null = LLVM::ZeroOp::create(code_.b, code_.loc, code_.ptr);
  Value none = LLVM::AddressOfOp::create(code_.b, code_.loc, code_.ptr, kNotCancelledSymbol);
  cancel_ = code_.select(code_.compare(Predicate::eq, flag, null), none, flag);
}

Value StepWriter::contextField(size_t offset, mlir::Type type) {
  return code_.load(type, code_.bytesAfter(function_.getArgument(0), static_cast<int64_t>(offset)));
}

//===-- memory
//-----------------------------------------------------------------------------------------------------------===//

Value StepWriter::pointer(const Place& place) {
  switch (place.space) {
    case Space::kArena:
      return code_.bytesAfter(arena_, place.at);
    case Space::kLocal:
      return code_.load(code_.ptr, localAddresses_[place.at]);
    case Space::kCarry:
      return frames_.back().carries[place.at];
    case Space::kRow:
      return frames_.back().rows[place.at];
    default:
      if (const std::optional<int64_t> first = firstGiven_[static_cast<int>(place.space)]) {
        return code_.load(code_.ptr, code_.bytesAfter(function_.getArgument(1), 8 * (*first + place.at)));
      }
      return bases_[static_cast<int>(place.space)][place.at];
  }
}

// A place inside a loop means the loop that the value was made in: its address is kept for the loops within.
Value StepWriter::pointer(Value value) {
  if (auto found = pointers_.find(value); found != pointers_.end()) {
    return found->second;
  }
  auto found = places_.find(value);
  KILN_CHECK(found != places_.end());
  return pointer(found->second);
}

Value StepWriter::bytesOf(mlir::Type type) {
  ValueType known = valueType(type);
  return value(known.shape.numElements() * Dim(byteSize(known.dtype, 1)));
}

void StepWriter::allocate(mlir::Operation* op, const Place& place, mlir::Type type, int64_t count) {
  if (place.space != Space::kLocal) {
    return;
  }
  Value bytes = code_.mul(bytesOf(type), code_.constant(count));
  Value capacity = code_.load(code_.i64, localCapacities_[place.at]);
  Value address = code_.load(code_.ptr, localAddresses_[place.at]);
  Value isNull = code_.compare(Predicate::eq, address, LLVM::ZeroOp::create(code_.b, code_.loc, code_.ptr));
  Value isSmall = code_.compare(Predicate::sgt, bytes, capacity);
  ifTrue(LLVM::OrOp::create(code_.b, code_.loc, isNull, isSmall), [&] {
    // Twice what there was, so that a size that grows from step to step does not fill the memory.
    Value wanted = LLVM::SMaxOp::create(code_.b, code_.loc, bytes, code_.add(capacity, capacity));
    wanted = LLVM::SMaxOp::create(code_.b, code_.loc, wanted, code_.constant(1));
    allocates_ = allocates_ != nullptr ? allocates_ : op;
    Value callee = contextField(offsetof(kiln_context_t, allocate), code_.ptr);
    Value null = LLVM::ZeroOp::create(code_.b, code_.loc, code_.ptr);
    failIf(code_.compare(Predicate::eq, callee, null), KILN_STATUS_NO_MEMORY, op, bytes, code_.constant(0));
    auto signature = LLVM::LLVMFunctionType::get(code_.ptr, {code_.ptr, code_.i64});
    Value memory =
        LLVM::CallOp::create(code_.b, code_.loc, signature, mlir::ValueRange{callee, function_.getArgument(0), wanted})
            .getResult();
    failIf(code_.compare(Predicate::eq, memory, null), KILN_STATUS_NO_MEMORY, op, bytes, code_.constant(0));
    code_.store(memory, localAddresses_[place.at]);
    code_.store(wanted, localCapacities_[place.at]);
  });
}

void StepWriter::allocate(const PlannedStep& step) {
  for (auto [result, place] : llvm::zip_equal(step.op->getResults(), step.outputs)) {
    allocate(step.op, place, result.getType());
  }
  for (size_t i = 0; i < step.carries.size(); ++i) {
    if (step.carries[i].mode == PlannedCarry::Mode::kSwap) {
      allocate(step.op, step.carries[i].spare, step.op->getResult(i).getType());
    }
  }
  for (size_t i = 0; i < step.states.size(); ++i) {
    auto unwind = mlir::cast<UnwindOp>(step.op);
    mlir::Type type = unwind.getInits()[i].getType();
    allocate(step.op, step.states[i].kept, type, static_cast<int64_t>(unwind.getSlots()));
    allocate(step.op, step.states[i].first, type);
    allocate(step.op, step.states[i].second, type);
  }
}

//===-- control
//----------------------------------------------------------------------------------------------------------===//

mlir::Block* StepWriter::newBlock(mlir::TypeRange arguments) {
  mlir::OpBuilder::InsertionGuard guard(code_.b);
  llvm::SmallVector<mlir::Location> locations(arguments.size(), code_.loc);
  return code_.b.createBlock(exit_, arguments, locations);
}

void StepWriter::jump(mlir::Block* to, mlir::ValueRange arguments) {
  LLVM::BrOp::create(code_.b, code_.loc, arguments, to);
}

void StepWriter::jumpIf(Value condition, mlir::Block* then, mlir::ValueRange thenArguments, mlir::Block* otherwise,
                        mlir::ValueRange otherwiseArguments) {
  LLVM::CondBrOp::create(code_.b, code_.loc, condition, then, thenArguments, otherwise, otherwiseArguments);
}

void StepWriter::leaveIf(Value condition, Value status) {
  mlir::Block* next = newBlock();
  jumpIf(condition, exit_, mlir::ValueRange{status}, next);
  setInsertionPoint(next);
}

void StepWriter::ifTrue(Value condition, llvm::function_ref<void()> body) {
  mlir::Block *then = newBlock(), *next = newBlock();
  jumpIf(condition, then, {}, next);
  setInsertionPoint(then);
  body();
  jump(next);
  setInsertionPoint(next);
}

void StepWriter::failIf(Value condition, int32_t status, mlir::Operation* op, Value first, Value second) {
  ifTrue(condition, [&] {
    const int64_t error = offsetof(kiln_context_t, error);
    Value context = function_.getArgument(0);
    code_.store(code_.status(context_.nodeId ? context_.nodeId(op) : -1),
                code_.bytesAfter(context, error + static_cast<int64_t>(offsetof(kiln_error_t, node_id))));
    code_.store(first, code_.bytesAfter(context, error + static_cast<int64_t>(offsetof(kiln_error_t, values))));
    code_.store(second, code_.bytesAfter(context, error + static_cast<int64_t>(offsetof(kiln_error_t, values)) + 8));
    code_.store(code_.status(status),
                code_.bytesAfter(context, error + static_cast<int64_t>(offsetof(kiln_error_t, code))));
    mlir::Block* unreached = newBlock();
    jump(exit_, mlir::ValueRange{code_.status(status)});
    setInsertionPoint(unreached);
  });
}

void StepWriter::leaveIfCancelled() {
  Value flag =
      LLVM::LoadOp::create(code_.b, code_.loc, code_.b.getI32Type(), cancel_, /*alignment=*/4, /*isVolatile=*/true);
  leaveIf(code_.compare(Predicate::ne, flag, code_.status(0)), code_.status(KILN_STATUS_CANCELLED));
}

//===-- steps
//------------------------------------------------------------------------------------------------------------===//

void StepWriter::writeAll(const std::vector<PlannedStep>& steps) {
  for (const PlannedStep& step : steps) {
    write(step);
  }
}

void StepWriter::write(const PlannedStep& step, bool isCommit) {
  allocate(step);
  if (mlir::isa<LoopOp>(step.op)) {
    writeLoop(step);
  } else if (mlir::isa<BranchOp>(step.op)) {
    writeBranch(step);
  } else if (mlir::isa<UnwindOp>(step.op)) {
    writeUnwind(step);
  } else if (mlir::isa<BindDimOp>(step.op)) {
    writeBind(step);
  } else {
    writeKernel(step, isCommit);
  }
  for (auto [result, place] : llvm::zip_equal(step.op->getResults(), step.outputs)) {
    places_[result] = place;
    if (place.space == Space::kCarry || place.space == Space::kRow) {
      pointers_[result] = pointer(place);
    }
  }
}

void StepWriter::writeKernel(const PlannedStep& step, bool isCommit) {
  KernelOp kernel = step.kernel();
  const KernelFunction function = kernels_.functionFor(kernel, step.scratch.has_value());
  if (!isCommit) {
    leaveIfCancelled();
  }
  Values arguments{function_.getArgument(0)};
  for (Value input : kernel.getInputs()) {
    arguments.push_back(pointer(input));
  }
  for (const Place& place : step.outputs) {
    arguments.push_back(pointer(place));
  }
  if (step.scratch) {
    arguments.push_back(pointer(*step.scratch));
  }
  arguments.push_back(dims_);
  Value status = mlir::func::CallOp::create(code_.b, kernel.getLoc(), function.declaration, arguments).getResult(0);
  if (!isCommit) {
    Value isFault = code_.compare(Predicate::ne, status, code_.status(KILN_STATUS_OK));
    if (function.nodes.empty()) {
      leaveIf(isFault, status);
    } else {
      ifTrue(isFault, [&] {
        nameNode(function.nodes);
        mlir::Block* unreached = newBlock();
        jump(exit_, mlir::ValueRange{status});
        setInsertionPoint(unreached);
      });
    }
  }
}

void StepWriter::nameNode(const std::vector<int>& nodes) {
  Value field = code_.bytesAfter(function_.getArgument(0), static_cast<int64_t>(offsetof(kiln_context_t, error) +
                                                                                offsetof(kiln_error_t, node_id)));
  Value number = code_.load(code_.b.getI32Type(), field), node = number;
  for (size_t i = 0; i < nodes.size(); ++i) {
    Value isThis = code_.compare(Predicate::eq, number, code_.status(static_cast<int32_t>(i)));
    node = code_.select(isThis, code_.status(nodes[i]), node);
  }
  code_.store(node, field);
}

void StepWriter::writeBind(const PlannedStep& step) {
  auto bind = mlir::cast<BindDimOp>(step.op);
  Value count = checkedCount(bind, code_.load(code_.i64, pointer(bind.getLength())), {});
  auto found = llvm::find(context_.symbols, bind.getSymbol());
  KILN_CHECK(found != context_.symbols.end());
  code_.store(count, code_.bytesAfter(dims_, 8 * (found - context_.symbols.begin())));
  code_.store(count, pointer(step.outputs[0]));
}

void StepWriter::writeBranch(const PlannedStep& step) {
  auto branch = mlir::cast<BranchOp>(step.op);
  const DType dtype = dtypeOf(branch.getSelector().getType());
  const int64_t count = static_cast<int64_t>(branch.getBranches().size());
  Value selector = pointer(branch.getSelector()), number;
  if (dtype == boolean) {
    number = code_.select(readCondition(branch.getSelector()), code_.constant(0), code_.constant(1));
  } else {
    const unsigned bits = static_cast<unsigned>(bitWidth(dtype));
    number = code_.load(code_.b.getIntegerType(bits), selector);
    if (bits < 64) {
      number = isSignedInteger(dtype) ? LLVM::SExtOp::create(code_.b, code_.loc, code_.i64, number).getResult()
                                      : LLVM::ZExtOp::create(code_.b, code_.loc, code_.i64, number).getResult();
    }
    failIf(code_.compare(Predicate::uge, number, code_.constant(count)), KILN_STATUS_INDEX_RANGE, branch, number,
           code_.constant(count));
  }
  mlir::Block* done = newBlock();
  for (auto [i, region] : llvm::enumerate(branch.getBranches())) {
    const bool isLast = static_cast<int64_t>(i) + 1 == count;
    mlir::Block* next = isLast ? nullptr : newBlock();
    if (!isLast) {
      mlir::Block* here = newBlock();
      jumpIf(code_.compare(Predicate::eq, number, code_.constant(static_cast<int64_t>(i))), here, {}, next);
      setInsertionPoint(here);
    }
    writeAll(step.regions[i]);
    for (auto [value, place] : llvm::zip_equal(region.front().getTerminator()->getOperands(), step.outputs)) {
      copyUnlessThere(value, place, pointer(place));
    }
    jump(done);
    setInsertionPoint(isLast ? done : next);
  }
}

void StepWriter::copyUnlessThere(Value value, const Place& to, Value address) {
  auto planned = places_.find(value);
  if (planned != places_.end() && planned->second == to &&
      (to.space != Space::kCarry && to.space != Space::kRow ? true : pointer(value) == address)) {
    return;
  }
  Value from = pointer(value);
  if (from != address) {
    code_.copy(address, from, bytesOf(value.getType()));
  }
}

}  // namespace kiln::compiler
