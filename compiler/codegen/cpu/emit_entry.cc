// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_entry.h"

#include <cstddef>

#include "compiler/codegen/cpu/emit_entry_code.h"
#include "compiler/codegen/cpu/emit_entry_kernels.h"
#include "compiler/codegen/cpu/emit_entry_steps.h"
#include "compiler/dialect/types.h"
#include "compiler/plan/memory_plan.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

constexpr char kEntriesSymbol[] = "kiln_entries";
constexpr char kExecutableSymbol[] = "kiln_executable";
constexpr char kNotCancelledSymbol[] = "kiln_not_cancelled";

std::string entrySymbol(int index) { return "kiln_entry_" + std::to_string(index); }
std::string arenaSizeSymbol(int index) { return "kiln_arena_size_" + std::to_string(index); }

/// Writes the entry point: where everything is, the steps, the commit.
class EntryWriter {
 public:
  EntryWriter(mlir::func::FuncOp entry, const MemoryPlan& plan, LLVM::LLVMFuncOp function, mlir::OpBuilder& b,
              const CodegenContext& context)
      : entry_(entry), plan_(plan), function_(function), b_(b), context_(context) {}

  /// Gives the first op whose values the host allocates; null: none.
  mlir::Operation* write(KernelFunctions& kernels) {
    mlir::Location loc = entry_.getLoc();
    mlir::Block* start = function_.addEntryBlock(b_);
    mlir::Block* exit = b_.createBlock(&function_.getBody(), {}, {b_.getI32Type()}, {loc});
    LLVM::ReturnOp::create(b_, loc, exit->getArgument(0));
    b_.setInsertionPointToStart(start);
    StepWriter steps(function_, b_, loc, exit, context_, kernels);
    loadBases(steps);
    steps.prepare(plan_);
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      if (static_cast<int>(i) == plan_.numBeforeCommit) {
        beginCommit(steps);
      }
      steps.write(plan_.steps[i], static_cast<int>(i) >= plan_.numBeforeCommit);
    }
    if (static_cast<int>(plan_.steps.size()) == plan_.numBeforeCommit) {
      beginCommit(steps);
    }
    copy(steps, /*isCommit=*/true);
    LLVM::ReturnOp::create(b_, loc, steps.code().status(KILN_STATUS_OK));
    return steps.allocatingOp();
  }

 private:
  void loadBases(StepWriter& steps) {
    Code& code = steps.code();
    int64_t next = 0;
    auto take = [&](Space space, size_t count) {
      steps.setGiven(space, next);
      next += static_cast<int64_t>(count);
    };
    size_t numVariables = 0, numFetches = 0;
    for (unsigned i = 0; i < entry_.getNumArguments(); ++i) {
      numVariables += entry_.getArgAttr(i, kVariableAttr) ? 1 : 0;
    }
    for (unsigned i = 0; i < entry_.getNumResults(); ++i) {
      numFetches += entry_.getResultAttr(i, kAssignAttr) ? 0 : 1;
    }
    auto constants = entry_.getOps<ConstantOp>();
    take(Space::kFeed, entry_.getNumArguments() - numVariables);
    take(Space::kVariable, numVariables);
    take(Space::kConstant, static_cast<size_t>(std::distance(constants.begin(), constants.end())));
    take(Space::kFetch, numFetches);
    int64_t feed = 0, variable = 0, constant = 0;
    for (mlir::BlockArgument argument : entry_.getArguments()) {
      bool isVariable = entry_.getArgAttr(argument.getArgNumber(), kVariableAttr) != nullptr;
      steps.setPlace(argument, isVariable ? Place{Space::kVariable, variable++} : Place{Space::kFeed, feed++});
    }
    for (ConstantOp op : constants) {
      steps.setPlace(op->getResult(0), {Space::kConstant, constant++});
    }
    // Also where the plan has no bytes: values without elements lie there.
    mlir::Value arena = steps.contextField(offsetof(kiln_context_t, arena), code.ptr);
    steps.setArena(arena);
    std::vector<mlir::Value> slots;
    mlir::Value offset = plan_.slots.empty() ? mlir::Value() : code.constant(plan_.staticBytes);
    for (size_t i = 0; i < plan_.slots.size(); ++i) {
      slots.push_back(code.bytesAfter(arena, offset));
      offset = i + 1 < plan_.slots.size() ? code.add(offset, steps.dimValues().alignedValue(plan_.slots[i])) : offset;
    }
    steps.setBases(Space::kSlot, std::move(slots));
  }

  void beginCommit(StepWriter& steps) {
    copy(steps, /*isCommit=*/false);
    // From here on variables are written: the last moment to stop.
    if (!plan_.steps.empty() || !plan_.copies.empty()) {
      steps.leaveIfCancelled();
    }
  }

  void copy(StepWriter& steps, bool isCommit) {
    for (const PlannedCopy& copy : plan_.copies) {
      if (copy.isCommit != isCommit) {
        continue;
      }
      const Shape found = copy.to.space == Space::kFetch ? foundShape(copy.to.at) : Shape();
      if (found.rank() > 0) {
        handOver(steps, copy, found);
      } else {
        steps.code().copy(steps.pointer(copy.to), steps.pointer(copy.from), steps.value(copy.bytes));
      }
    }
  }

  /// The shape of a fetch with a length that the run finds, which has an axis; rank 0 for others.
  Shape foundShape(int64_t fetch) {
    for (unsigned i = 0; i < entry_.getNumResults(); ++i) {
      if (entry_.getResultAttr(i, kAssignAttr) || fetch-- != 0) {
        continue;
      }
      const Shape shape = valueType(entry_.getResultTypes()[i]).shape;
      const bool isFound = llvm::any_of(shape, [&](const Dim& dim) {
        return llvm::any_of(dim.symbols(),
                            [&](const std::string& symbol) { return llvm::is_contained(plan_.localSymbols, symbol); });
      });
      return isFound ? shape : Shape();
    }
    return Shape();
  }

  /// Writes the kiln_found_t.
  void handOver(StepWriter& steps, const PlannedCopy& copy, const Shape& shape) {
    Code& code = steps.code();
    mlir::Value to = steps.pointer(copy.to);
    code.store(steps.pointer(copy.from), to);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      code.store(steps.value(shape[axis]), code.bytesAfter(to, static_cast<int64_t>(sizeof(kiln_found_t)) + 8 * axis));
    }
  }

  mlir::func::FuncOp entry_;
  const MemoryPlan& plan_;
  LLVM::LLVMFuncOp function_;
  mlir::OpBuilder& b_;
  const CodegenContext& context_;
};

void appendKernels(const std::vector<PlannedStep>& steps, std::vector<std::string>& names) {
  for (const PlannedStep& step : steps) {
    if (auto kernel = mlir::dyn_cast<KernelOp>(step.op)) {
      names.push_back(kernel.getName().str());
    }
    for (const std::vector<PlannedStep>& region : step.regions) {
      appendKernels(region, names);
    }
  }
}

class TableWriter {
 public:
  TableWriter(mlir::OpBuilder& b, mlir::Location loc)
      : b_(b), loc_(loc), ptr_(LLVM::LLVMPointerType::get(b.getContext())) {}

  /// A constant that holds a struct: integers of `integers`, then addresses of `symbols`.
  void global(llvm::StringRef name, llvm::ArrayRef<uint32_t> integers, llvm::ArrayRef<llvm::StringRef> symbols) {
    llvm::SmallVector<mlir::Type> fields(integers.size(), b_.getI32Type());
    fields.append(symbols.size(), ptr_);
    mlir::Type type = LLVM::LLVMStructType::getLiteral(b_.getContext(), fields);
    mlir::OpBuilder::InsertionGuard guard(b_);
    auto global = LLVM::GlobalOp::create(b_, loc_, type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                                         mlir::Attribute(), /*alignment=*/8);
    b_.createBlock(&global.getInitializerRegion());
    mlir::Value value = LLVM::UndefOp::create(b_, loc_, type);
    int64_t at = 0;
    for (uint32_t integer : integers) {
      mlir::Value number =
          LLVM::ConstantOp::create(b_, loc_, b_.getI32Type(), b_.getI32IntegerAttr(static_cast<int32_t>(integer)));
      value = LLVM::InsertValueOp::create(b_, loc_, value, number, at++);
    }
    for (llvm::StringRef symbol : symbols) {
      mlir::Value address = LLVM::AddressOfOp::create(b_, loc_, ptr_, symbol);
      value = LLVM::InsertValueOp::create(b_, loc_, value, address, at++);
    }
    LLVM::ReturnOp::create(b_, loc_, value);
  }

  void query(llvm::StringRef name) {
    mlir::OpBuilder::InsertionGuard guard(b_);
    auto function = LLVM::LLVMFuncOp::create(b_, loc_, name, LLVM::LLVMFunctionType::get(ptr_, {}));
    function.setVisibility_(LLVM::Visibility::Hidden);
    b_.setInsertionPointToStart(function.addEntryBlock(b_));
    LLVM::ReturnOp::create(b_, loc_, mlir::Value(LLVM::AddressOfOp::create(b_, loc_, ptr_, kExecutableSymbol)));
  }

 private:
  mlir::OpBuilder& b_;
  mlir::Location loc_;
  mlir::Type ptr_;
};

LLVM::LLVMFuncOp declareArenaSize(mlir::OpBuilder& b, mlir::Location loc, int index) {
  mlir::Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  return LLVM::LLVMFuncOp::create(b, loc, arenaSizeSymbol(index), LLVM::LLVMFunctionType::get(b.getI64Type(), {ptr}));
}

LLVM::LLVMFuncOp declareEntry(mlir::OpBuilder& b, mlir::Location loc, int index) {
  mlir::Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  return LLVM::LLVMFuncOp::create(b, loc, entrySymbol(index),
                                  LLVM::LLVMFunctionType::get(b.getI32Type(), {ptr, ptr, ptr}));
}

void writeArenaSize(mlir::OpBuilder& b, LLVM::LLVMFuncOp function, const MemoryPlan& plan,
                    const CodegenContext& context) {
  mlir::OpBuilder::InsertionGuard guard(b);
  const mlir::Location loc = function.getLoc();
  Code code(b, loc);
  b.setInsertionPointToStart(function.addEntryBlock(b));
  DimValues dims(code, context.symbols, function.getArgument(0));
  mlir::Value size = code.constant(plan.staticBytes);
  for (const Dim& slot : plan.slots) {
    size = code.add(size, dims.alignedValue(slot));
  }
  LLVM::ReturnOp::create(b, loc, size);
}

}  // namespace

mlir::FailureOr<EmittedEntry> emitEntry(mlir::func::FuncOp entry, mlir::ModuleOp code, const CodegenContext& context,
                                        const EntryPlace& place) {
  std::optional<MemoryPlan> plan = readPlan(entry);
  if (!plan) {
    return entry.emitError("the entry was not planned");
  }
  mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(code.getBody());
  mlir::Location loc = entry.getLoc();
  // The flag of a run that cannot be cancelled.
  LLVM::GlobalOp::create(b, loc, b.getI32Type(), /*isConstant=*/true, LLVM::Linkage::Internal, kNotCancelledSymbol,
                         b.getI32IntegerAttr(0));
  LLVM::LLVMFuncOp function = declareEntry(b, loc, place.index);
  writeArenaSize(b, declareArenaSize(b, loc, place.index), *plan, context);
  if (place.index + 1 == place.count) {
    std::vector<std::string> names;
    for (int i = 0; i < place.count; ++i) {
      if (i != place.index) {
        declareEntry(b, loc, i);
        declareArenaSize(b, loc, i);
      }
      names.push_back(entrySymbol(i));
      names.push_back(arenaSizeSymbol(i));
    }
    TableWriter tables(b, loc);
    tables.global(kEntriesSymbol, {}, std::vector<llvm::StringRef>(names.begin(), names.end()));
    tables.global(kExecutableSymbol,
                  {sizeof(kiln_executable_t), KILN_ABI_VERSION, static_cast<uint32_t>(place.count), 0},
                  {kEntriesSymbol});
    tables.query(place.querySymbol);
  }
  EmittedEntry emitted;
  emitted.staticBytes = plan->staticBytes;
  emitted.slots = plan->slots;
  // Symbols that the run finds follow those that it is given, which the caller knows no numbers of.
  emitted.context = context;
  if (!plan->localSymbols.empty()) {
    emitted.context.symbols.insert(emitted.context.symbols.end(), plan->localSymbols.begin(), plan->localSymbols.end());
    emitted.context.symbolValues.clear();
  }
  KernelFunctions kernels(code, emitted.context, place.index, place.optimize);
  mlir::OpBuilder body(b.getContext());
  emitted.allocates = EntryWriter(entry, *plan, function, body, emitted.context).write(kernels);
  emitted.uses = kernels.take();
  appendKernels(plan->steps, emitted.kernels);
  return emitted;
}

}  // namespace kiln::compiler
