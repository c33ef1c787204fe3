// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_entry.h"
#include "compiler/dialect/faults.h"

#include <cstddef>
#include <unordered_map>

#include "compiler/codegen/cpu/kernel_codegen.h"
#include "compiler/plan/memory_plan.h"
#include "llvm/ADT/StringSet.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

namespace LLVM = mlir::LLVM;

constexpr char kEntrySymbol[] = "kiln_entry_0";
constexpr char kArenaSizeSymbol[] = "kiln_arena_size_0";
constexpr char kEntriesSymbol[] = "kiln_entries";
constexpr char kExecutableSymbol[] = "kiln_executable";
constexpr char kNotCancelledSymbol[] = "kiln_not_cancelled";

/// Arithmetic on pointers and i64 in the LLVM dialect.
class Code {
 public:
  Code(mlir::OpBuilder& b, mlir::Location loc)
      : b(b), loc(loc), ptr(LLVM::LLVMPointerType::get(b.getContext())), i64(b.getI64Type()) {}

  mlir::Value constant(int64_t value) { return LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(value)); }
  mlir::Value status(int32_t value) {
    return LLVM::ConstantOp::create(b, loc, b.getI32Type(), b.getI32IntegerAttr(value));
  }
  mlir::Value load(mlir::Type type, mlir::Value from) { return LLVM::LoadOp::create(b, loc, type, from); }
  mlir::Value bytesAfter(mlir::Value base, int64_t bytes) {
    return bytes == 0 ? base
                      : LLVM::GEPOp::create(b, loc, ptr, b.getI8Type(), base,
                                            llvm::ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)})
                            .getResult();
  }
  mlir::Value bytesAfter(mlir::Value base, mlir::Value bytes) {
    return LLVM::GEPOp::create(b, loc, ptr, b.getI8Type(), base, llvm::ArrayRef<LLVM::GEPArg>{bytes});
  }
  mlir::Value add(mlir::Value x, mlir::Value y) { return LLVM::AddOp::create(b, loc, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return LLVM::MulOp::create(b, loc, x, y); }

  mlir::OpBuilder& b;
  mlir::Location loc;
  mlir::Type ptr, i64;
};

/// The values of dims, computed from the ABI's array of symbol values.
class DimValues {
 public:
  DimValues(Code& code, const std::vector<std::string>& symbols, mlir::Value dims)
      : code_(code), symbols_(symbols), dims_(dims) {}

  mlir::Value value(const Dim& dim) {
    mlir::Value sum;
    for (const Dim::Term& term : dim.terms()) {
      mlir::Value product =
          term.coefficient == 1 && !term.symbols.empty() ? mlir::Value() : code_.constant(term.coefficient);
      for (const std::string& symbol : term.symbols) {
        product = product ? code_.mul(product, symbolValue(symbol)) : symbolValue(symbol);
      }
      sum = sum ? code_.add(sum, product) : product;
    }
    return sum ? sum : code_.constant(0);
  }

  mlir::Value alignedValue(const Dim& dim) {
    mlir::Value up = code_.add(value(dim), code_.constant(kArenaAlignment - 1));
    return LLVM::AndOp::create(code_.b, code_.loc, up, code_.constant(-kArenaAlignment));
  }

 private:
  mlir::Value symbolValue(const std::string& symbol) {
    auto found = llvm::find(symbols_, symbol);
    KILN_CHECK(found != symbols_.end());
    return code_.load(code_.i64, code_.bytesAfter(dims_, 8 * (found - symbols_.begin())));
  }

  Code& code_;
  const std::vector<std::string>& symbols_;
  mlir::Value dims_;
};

/// The kernels' functions; kernels that are equal but for names share one.
class KernelFunctions {
 public:
  KernelFunctions(mlir::ModuleOp code, const CodegenContext& context) : code_(code), context_(context) {}

  mlir::FailureOr<mlir::func::FuncOp> functionFor(KernelOp kernel, bool hasScratch) {
    // A fault names the node that raised it, so kernels that may fail are not shared.
    std::string key = mayFault(kernel) ? std::string() : textOf(kernel);
    if (auto found = byText_.find(key); !key.empty() && found != byText_.end()) {
      return found->second;
    }
    mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(code_.getBody());
    llvm::SmallVector<mlir::Type> inputs(kernel->getNumOperands() + kernel->getNumResults() + 2 + (hasScratch ? 1 : 0),
                                         LLVM::LLVMPointerType::get(b.getContext()));
    auto function = mlir::func::FuncOp::create(b, kernel.getLoc(), uniqueName(kernel.getName()),
                                               b.getFunctionType(inputs, {b.getI32Type()}));
    function.setPrivate();
    if (mlir::failed(emitKernel(kernel, function, context_))) {
      return mlir::failure();
    }
    ++count_;
    if (!key.empty()) {
      byText_.emplace(std::move(key), function);
    }
    return function;
  }

  int count() const { return count_; }

 private:
  /// The kernel without its name, its places and its locations.
  static std::string textOf(KernelOp kernel) {
    std::string text;
    llvm::raw_string_ostream out(text);
    out << kernel.getKind() << kernel->getOperandTypes().size() << ":";
    if (auto alias = kernel.getMayAlias()) {
      out << *alias;
    }
    for (mlir::NamedAttribute attribute : kernel->getDiscardableAttrs()) {
      if (attribute.getName() != "kiln.out" && attribute.getName() != "kiln.scratch" &&
          attribute.getName() != "kiln.commit") {
        out << attribute.getName() << attribute.getValue();
      }
    }
    mlir::OpPrintingFlags flags;
    flags.useLocalScope().elideLargeElementsAttrs(1 << 20).skipRegions(false);
    llvm::DenseMap<mlir::Value, unsigned> numbers;
    for (mlir::Block& block : kernel.getBody()) {
      for (mlir::BlockArgument argument : block.getArguments()) {
        numbers[argument] = numbers.size();
        out << argument.getType();
      }
      for (mlir::Operation& op : block) {
        if (op.getNumRegions() != 0) {
          return {};
        }
        out << "\n" << op.getName() << op.getAttrDictionary() << op.getPropertiesAsAttribute() << "(";
        for (mlir::Value operand : op.getOperands()) {
          out << numbers.lookup(operand) << ",";
        }
        out << ")";
        for (mlir::Value result : op.getResults()) {
          numbers[result] = numbers.size();
          out << result.getType();
        }
      }
    }
    return text;
  }

  std::string uniqueName(llvm::StringRef wanted) {
    // The prefix keeps users' names apart from those of the functions that kernels share.
    std::string first = "kernel." + wanted.str(), name = first;
    for (int i = 1; !names_.insert(name).second; ++i) {
      name = first + "." + std::to_string(i);
    }
    return name;
  }

  mlir::ModuleOp code_;
  const CodegenContext& context_;
  llvm::StringSet<> names_;
  std::unordered_map<std::string, mlir::func::FuncOp> byText_;
  int count_ = 0;
};

/// Writes the entry point: kernel calls, copies, checks.
class EntryWriter {
 public:
  EntryWriter(mlir::func::FuncOp entry, const MemoryPlan& plan, LLVM::LLVMFuncOp function, mlir::OpBuilder& b,
              const CodegenContext& context)
      : entry_(entry), plan_(plan), function_(function), code_(b, entry.getLoc()), context_(context) {}

  mlir::LogicalResult write(KernelFunctions& kernels) {
    mlir::Block* start = function_.addEntryBlock(code_.b);
    exit_ = code_.b.createBlock(&function_.getBody(), {}, {code_.b.getI32Type()}, {code_.loc});
    LLVM::ReturnOp::create(code_.b, code_.loc, exit_->getArgument(0));
    code_.b.setInsertionPointToStart(start);
    loadBases();
    for (size_t i = 0; i < plan_.order.size(); ++i) {
      if (static_cast<int>(i) == plan_.numBeforeCommit) {
        beginCommit();
      }
      if (mlir::failed(callKernel(kernels, i))) {
        return mlir::failure();
      }
    }
    if (static_cast<int>(plan_.order.size()) == plan_.numBeforeCommit) {
      beginCommit();
    }
    copy(/*isCommit=*/true);
    LLVM::ReturnOp::create(code_.b, code_.loc, code_.status(KILN_STATUS_OK));
    return mlir::success();
  }

 private:
  mlir::Value contextField(size_t offset, mlir::Type type) {
    return code_.load(type, code_.bytesAfter(function_.getArgument(0), offset));
  }

  void loadBases() {
    mlir::Value buffers = function_.getArgument(1);
    int64_t next = 0;
    auto take = [&](Space space, size_t count) {
      for (size_t i = 0; i < count; ++i, ++next) {
        bases_[static_cast<int>(space)].push_back(code_.load(code_.ptr, code_.bytesAfter(buffers, 8 * next)));
      }
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
    size_t feed = 0, variable = 0, constant = 0;
    for (mlir::BlockArgument argument : entry_.getArguments()) {
      bool isVariable = entry_.getArgAttr(argument.getArgNumber(), kVariableAttr) != nullptr;
      place_[argument] = isVariable ? Place{Space::kVariable, static_cast<int64_t>(variable++)}
                                    : Place{Space::kFeed, static_cast<int64_t>(feed++)};
    }
    for (ConstantOp op : constants) {
      place_[op->getResult(0)] = {Space::kConstant, static_cast<int64_t>(constant++)};
    }
    // Also where the plan has no bytes: values without elements lie there.
    arena_ = contextField(offsetof(kiln_context_t, arena), code_.ptr);
    if (!plan_.slots.empty()) {
      DimValues dims(code_, context_.symbols, function_.getArgument(2));
      mlir::Value offset = code_.constant(plan_.staticBytes);
      for (size_t i = 0; i < plan_.slots.size(); ++i) {
        bases_[static_cast<int>(Space::kSlot)].push_back(code_.bytesAfter(arena_, offset));
        offset = i + 1 < plan_.slots.size() ? code_.add(offset, dims.alignedValue(plan_.slots[i])) : offset;
      }
    }
    if (plan_.numBeforeCommit > 0 || !plan_.order.empty() || !plan_.copies.empty()) {
      mlir::Value flag = contextField(offsetof(kiln_context_t, cancel), code_.ptr);
      mlir::Value null = LLVM::ZeroOp::create(code_.b, code_.loc, code_.ptr);
      mlir::Value none = LLVM::AddressOfOp::create(code_.b, code_.loc, code_.ptr, kNotCancelledSymbol);
      mlir::Value isNull = LLVM::ICmpOp::create(code_.b, code_.loc, LLVM::ICmpPredicate::eq, flag, null);
      cancel_ = LLVM::SelectOp::create(code_.b, code_.loc, isNull, none, flag);
    }
  }

  mlir::Value pointer(const Place& place) {
    return place.space == Space::kArena ? code_.bytesAfter(arena_, place.at)
                                        : bases_[static_cast<int>(place.space)][place.at];
  }

  /// Returns `status` when `condition` holds; goes on in a block of its own otherwise.
  void leaveIf(mlir::Value condition, mlir::Value status) {
    mlir::Block* here = code_.b.getInsertionBlock();
    mlir::Block* next = code_.b.createBlock(exit_);
    code_.b.setInsertionPointToEnd(here);
    LLVM::CondBrOp::create(code_.b, code_.loc, condition, exit_, mlir::ValueRange{status}, next, mlir::ValueRange{});
    code_.b.setInsertionPointToStart(next);
  }

  void leaveIfCancelled() {
    mlir::Value flag =
        LLVM::LoadOp::create(code_.b, code_.loc, code_.b.getI32Type(), cancel_, /*alignment=*/4, /*isVolatile=*/true);
    mlir::Value isSet = LLVM::ICmpOp::create(code_.b, code_.loc, LLVM::ICmpPredicate::ne, flag, code_.status(0));
    leaveIf(isSet, code_.status(KILN_STATUS_CANCELLED));
  }

  void beginCommit() {
    copy(/*isCommit=*/false);
    // From here on variables are written: the last moment to stop.
    if (cancel_) {
      leaveIfCancelled();
    }
  }

  mlir::LogicalResult callKernel(KernelFunctions& kernels, size_t index) {
    KernelOp kernel = plan_.order[index];
    auto function = kernels.functionFor(kernel, plan_.scratch[index].has_value());
    if (mlir::failed(function)) {
      return mlir::failure();
    }
    bool isCommit = static_cast<int>(index) >= plan_.numBeforeCommit;
    if (!isCommit) {
      leaveIfCancelled();
    }
    llvm::SmallVector<mlir::Value> arguments{function_.getArgument(0)};
    for (mlir::Value input : kernel.getInputs()) {
      arguments.push_back(pointer(place_.lookup(input)));
    }
    for (auto [result, place] : llvm::zip_equal(kernel->getResults(), plan_.outputs[index])) {
      place_[result] = place;
      arguments.push_back(pointer(place));
    }
    if (plan_.scratch[index]) {
      arguments.push_back(pointer(*plan_.scratch[index]));
    }
    arguments.push_back(function_.getArgument(2));
    mlir::Value status = mlir::func::CallOp::create(code_.b, kernel.getLoc(), *function, arguments).getResult(0);
    if (!isCommit) {
      leaveIf(LLVM::ICmpOp::create(code_.b, code_.loc, LLVM::ICmpPredicate::ne, status, code_.status(KILN_STATUS_OK)),
              status);
    }
    return mlir::success();
  }

  void copy(bool isCommit) {
    DimValues dims(code_, context_.symbols, function_.getArgument(2));
    for (const PlannedCopy& copy : plan_.copies) {
      if (copy.isCommit == isCommit) {
        LLVM::MemcpyOp::create(code_.b, code_.loc, pointer(copy.to), pointer(copy.from), dims.value(copy.bytes),
                               /*isVolatile=*/false);
      }
    }
  }

  mlir::func::FuncOp entry_;
  const MemoryPlan& plan_;
  LLVM::LLVMFuncOp function_;
  Code code_;
  const CodegenContext& context_;
  mlir::Block* exit_ = nullptr;
  mlir::Value arena_, cancel_;
  std::vector<mlir::Value> bases_[6];
  llvm::DenseMap<mlir::Value, Place> place_;
};

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

void writeArenaSize(mlir::OpBuilder& b, mlir::Location loc, const MemoryPlan& plan, const CodegenContext& context) {
  mlir::OpBuilder::InsertionGuard guard(b);
  Code code(b, loc);
  auto function = LLVM::LLVMFuncOp::create(b, loc, kArenaSizeSymbol, LLVM::LLVMFunctionType::get(code.i64, {code.ptr}),
                                           LLVM::Linkage::Internal);
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
                                        const char* querySymbol) {
  std::optional<MemoryPlan> plan = readPlan(entry);
  if (!plan) {
    return entry.emitError("the entry was not planned");
  }
  mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(code.getBody());
  mlir::Location loc = entry.getLoc();
  mlir::Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  // The flag of a run that cannot be cancelled.
  LLVM::GlobalOp::create(b, loc, b.getI32Type(), /*isConstant=*/true, LLVM::Linkage::Internal, kNotCancelledSymbol,
                         b.getI32IntegerAttr(0));
  auto function = LLVM::LLVMFuncOp::create(
      b, loc, kEntrySymbol, LLVM::LLVMFunctionType::get(b.getI32Type(), {ptr, ptr, ptr}), LLVM::Linkage::Internal);
  writeArenaSize(b, loc, *plan, context);
  TableWriter tables(b, loc);
  tables.global(kEntriesSymbol, {}, {kEntrySymbol, kArenaSizeSymbol});
  tables.global(kExecutableSymbol, {sizeof(kiln_executable_t), KILN_ABI_VERSION, 1, 0}, {kEntriesSymbol});
  tables.query(querySymbol);
  KernelFunctions kernels(code, context);
  mlir::OpBuilder body(b.getContext());
  if (mlir::failed(EntryWriter(entry, *plan, function, body, context).write(kernels))) {
    return mlir::failure();
  }
  EmittedEntry emitted;
  emitted.numFunctions = kernels.count();
  for (KernelOp kernel : plan->order) {
    emitted.kernels.push_back(kernel.getName().str());
  }
  return emitted;
}

}  // namespace kiln::compiler
