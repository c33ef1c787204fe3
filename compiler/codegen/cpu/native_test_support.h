// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file For tests of native kernels: runs a function of the kiln dialect op by op, by the ops' references, and as
/// code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/codegen/cpu/emit_native.h"
#include "compiler/codegen/cpu/kernel_codegen.h"
#include "compiler/codegen/cpu/test_code.h"
#include "compiler/dialect/attributes.h"
#include "compiler/dialect/dialect.h"
#include "compiler/fuse/build_kernel.h"
#include "compiler/fuse/native.h"
#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "proto/base/tensor.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {

/// Values of dimension symbols.
using SymbolValues = std::map<std::string, int64_t, std::less<>>;

/// Runs ops by their references, and regions as the descriptions in structure_ops.td say. Ends the process on faults.
class RegionEvaluator {
 public:
  explicit RegionEvaluator(SymbolValues symbols) : symbols_(std::move(symbols)) {}

  std::vector<Tensor> run(mlir::func::FuncOp function, const std::vector<Tensor>& arguments) {
    set(function.getArguments(), arguments);
    return run(function.getBody().front());
  }

 private:
  static Tensor row(const Tensor& x, int64_t i) {
    Tensor result(x.dtype(), std::vector<int64_t>(x.dims().begin() + 1, x.dims().end()));
    std::memcpy(result.mutableData(), static_cast<const char*>(x.data()) + i * result.numBytes(), result.numBytes());
    return result;
  }
  static void setRow(Tensor& x, int64_t i, const Tensor& row) {
    std::memcpy(static_cast<char*>(x.mutableData()) + i * row.numBytes(), row.data(), row.numBytes());
  }

  void set(mlir::ValueRange values, const std::vector<Tensor>& tensors) {
    ASSERT_EQ(values.size(), tensors.size());
    for (auto [value, tensor] : llvm::zip(values, tensors)) {
      values_[value] = tensor;
    }
  }
  std::vector<Tensor> get(mlir::ValueRange values) {
    std::vector<Tensor> tensors;
    for (Value value : values) {
      tensors.push_back(values_.at(value));
    }
    return tensors;
  }
  std::vector<Tensor> run(mlir::Block& block, const std::vector<Tensor>& arguments) {
    set(block.getArguments(), arguments);
    return run(block);
  }
  std::vector<Tensor> run(mlir::Block& block) {
    for (mlir::Operation& op : block.without_terminator()) {
      run(&op);
    }
    return get(block.getTerminator()->getOperands());
  }
  Tensor zeros(mlir::Type type) {
    const ValueType value = valueType(type);
    Tensor tensor(value.dtype, dimsOf(value.shape));
    std::memset(tensor.mutableData(), 0, tensor.numBytes());
    return tensor;
  }
  std::vector<int64_t> dimsOf(const Shape& shape) {
    std::vector<int64_t> dims;
    for (const Dim& dim : shape) {
      dims.push_back(dim.isStatic() ? dim.value() : symbols_.at(*dim.asSymbol()));
    }
    return dims;
  }
  int64_t lengthOf(Value count, std::optional<ShapeAttr> length) {
    const int64_t most = length ? dimsOf(length->getShape())[0] : INT64_MAX;
    return count ? std::min(values_.at(count).data<int64_t>()[0], most) : most;
  }
  static std::vector<Tensor> join(std::vector<Tensor> first, const std::vector<Tensor>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  }
  std::vector<Tensor> rowsOf(mlir::ValueRange scanned, int64_t i) {
    std::vector<Tensor> rows;
    for (Value value : scanned) {
      rows.push_back(row(values_.at(value), i));
    }
    return rows;
  }
  void finish(mlir::Operation* op, std::vector<Tensor> carries, std::vector<Tensor> stacked) {
    set(op->getResults(), join(std::move(carries), stacked));
  }

  void run(mlir::Operation* op) {
    if (auto branch = llvm::dyn_cast<BranchOp>(op)) {
      const Tensor& selector = values_.at(branch.getSelector());
      const auto index = static_cast<int64_t>(selector.at(0));
      const int64_t taken = selector.dtype() == boolean ? (index != 0 ? 0 : 1) : index;
      set(op->getResults(), run(branch.getBranches()[taken].front()));
    } else if (auto loop = llvm::dyn_cast<LoopOp>(op)) {
      run(loop);
    } else if (auto unwind = llvm::dyn_cast<UnwindOp>(op)) {
      run(unwind);
    } else {
      runReference(op);
    }
  }

  void run(LoopOp loop) {
    const int64_t length = lengthOf(loop.getCount(), loop.getLength());
    std::vector<Tensor> carries = get(loop.getInits()), stacked;
    for (Value result : loop.getOutputs().drop_front(carries.size())) {
      stacked.push_back(zeros(result.getType()));
    }
    for (int64_t k = 0; k < length; ++k) {
      if (loop.hasCondition() && run(loop.getCondition().front(), carries)[0].at(0) == 0) {
        break;
      }
      const int64_t i = loop.getReverse() ? length - 1 - k : k;
      std::vector<Tensor> next =
          run(loop.getBodyBlock(), join(join({Tensor::scalar(i)}, carries), rowsOf(loop.getScanned(), i)));
      for (size_t s = 0; s < stacked.size(); ++s) {
        setRow(stacked[s], i, next[carries.size() + s]);
      }
      carries.assign(next.begin(), next.begin() + static_cast<int64_t>(carries.size()));
    }
    finish(loop, std::move(carries), std::move(stacked));
  }

  void run(UnwindOp unwind) {
    const int64_t length = lengthOf(unwind.getCount(), unwind.getLength());
    std::vector<std::vector<Tensor>> states{get(unwind.getInits())};
    for (int64_t i = 0; i + 1 < length; ++i) {
      states.push_back(run(unwind.getStep().front(),
                           join(join({Tensor::scalar(i)}, states.back()), rowsOf(unwind.getScanned(), i))));
    }
    std::vector<Tensor> carries = get(unwind.getCotangents()), stacked;
    for (Value result : unwind.getOutputs().drop_front(carries.size())) {
      stacked.push_back(zeros(result.getType()));
    }
    for (int64_t i = length - 1; i >= 0; --i) {
      std::vector<Tensor> next =
          run(unwind.getAdjoint().front(),
              join(join(join({Tensor::scalar(i)}, states[i]), carries), rowsOf(unwind.getScanned(), i)));
      for (size_t s = 0; s < stacked.size(); ++s) {
        setRow(stacked[s], i, next[carries.size() + s]);
      }
      carries.assign(next.begin(), next.begin() + static_cast<int64_t>(carries.size()));
    }
    finish(unwind, std::move(carries), std::move(stacked));
  }

  void runReference(mlir::Operation* op) {
    const OpSchema* schema = schemaOf(op);
    ASSERT_TRUE(schema && schema->reference) << op->getName().getStringRef().str();
    ConstantPool pool;
    Attributes attributes = attributesOf(op, &pool);
    for (const AttributeSpec& spec : schema->attributes) {
      if (attributes.find(spec.name) == nullptr && spec.defaultValue) {
        attributes.set(std::string(spec.name), *spec.defaultValue);
      }
    }
    std::vector<Tensor> operands = get(op->getOperands()), results;
    std::vector<const Tensor*> pointers;
    for (const Tensor& operand : operands) {
      pointers.push_back(&operand);
    }
    std::vector<ValueType> types;
    for (mlir::Type type : op->getResultTypes()) {
      results.push_back(zeros(type));
      types.push_back({results.back().dtype(), Shape::of(results.back().dims())});
    }
    const std::function<int64_t(std::string_view)> symbol = [&](std::string_view name) {
      return symbols_.find(name)->second;
    };
    ReferenceContext context{pointers, &attributes, types, &symbol, results};
    const Status status = schema->reference(context);
    ASSERT_TRUE(status.ok()) << status;
    set(op->getResults(), results);
  }

  struct Less {
    bool operator()(Value a, Value b) const { return a.getAsOpaquePointer() < b.getAsOpaquePointer(); }
  };
  SymbolValues symbols_;
  std::map<Value, Tensor, Less> values_;
};

/// A function of the kiln dialect whose body is one nest, with constants before it, of its arguments.
class NativeFunction {
 public:
  explicit NativeFunction(const std::string& text) : context_(registry(), mlir::MLIRContext::Threading::DISABLED) {
    context_.loadAllAvailableDialects();
    loadKilnDialects(context_);
    module_ = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
    if (!module_) {
      llvm::report_fatal_error("the test's text does not parse");
    }
  }

  mlir::func::FuncOp function() { return *module_->getOps<mlir::func::FuncOp>().begin(); }
  mlir::Operation* nest() { return function().getBody().front().getTerminator()->getPrevNode(); }
  bool isNative() { return runsNatively(nest()); }

  std::vector<Tensor> evaluate(const std::vector<Tensor>& inputs, const SymbolValues& symbols = {}) {
    return RegionEvaluator(symbols).run(function(), inputs);
  }

  /// Makes the code; needed once before run().
  void compile(const std::vector<std::string>& symbols = {}) {
    symbols_ = symbols;
    std::set<std::string> names;
    mlir::func::FuncOp from = function();
    KernelOp kernel = buildNativeKernel(nest(), names);
    for (Value input : kernel.getInputs()) {
      inputs_.push_back(llvm::cast<mlir::BlockArgument>(input).getArgNumber());
    }
    for (Value result : from.getBody().front().getTerminator()->getOperands()) {
      results_.push_back(llvm::cast<mlir::OpResult>(result).getResultNumber());
    }
    types_.assign(kernel->getResultTypes().begin(), kernel->getResultTypes().end());
    scratch_.resize(static_cast<size_t>(nativeScratchBytes(kernel)));
    const mlir::Location loc = from.getLoc();
    mlir::OwningOpRef<mlir::ModuleOp> code = mlir::ModuleOp::create(loc);
    mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(code->getBody());
    mlir::FunctionType type = kernelFunctionType(kernel);
    llvm::SmallVector<mlir::Type> types(type.getInputs());
    if (!scratch_.empty()) {
      types.push_back(types[0]);
    }
    auto function = mlir::func::FuncOp::create(b, loc, "kernel", b.getFunctionType(types, type.getResults()));
    function.setPrivate();
    CodegenContext context;
    context.target = TargetInfo::host();
    context.symbols = symbols;
    context.nodeId = [this](mlir::Operation* op) {
      nodes_.push_back(op->getName().getStringRef().str());
      return static_cast<int>(nodes_.size()) - 1;
    };
    ASSERT_TRUE(mlir::succeeded(emitKernel(kernel, function, context)));
    // The same with its pointers in an array.
    b.setInsertionPointToEnd(code->getBody());
    auto call = mlir::func::FuncOp::create(b, loc, "call", b.getFunctionType({types[0]}, type.getResults()));
    mlir::Block* entry = call.addEntryBlock();
    b.setInsertionPointToEnd(entry);
    llvm::SmallVector<Value> pointers;
    for (size_t i = 0; i < types.size(); ++i) {
      Value at = mlir::LLVM::GEPOp::create(b, loc, types[0], types[0], entry->getArgument(0),
                                           llvm::ArrayRef<mlir::LLVM::GEPArg>{static_cast<int32_t>(i)});
      pointers.push_back(mlir::LLVM::LoadOp::create(b, loc, types[0], at));
    }
    auto status = mlir::func::CallOp::create(b, loc, function, pointers);
    mlir::func::ReturnOp::create(b, loc, status.getResults());
    code_ = std::make_unique<TestCode>(TestCode::fromModule(*code));
  }

  /// The results; `status` and `error` are those of the run.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs, const SymbolValues& symbols = {},
                          const volatile int32_t* cancel = nullptr) {
    kiln_context_t context = {};
    context.size = sizeof(context);
    context.version = KILN_ABI_VERSION;
    context.cancel = cancel;
    std::vector<void*> pointers{&context};
    std::vector<Tensor> copies = inputs;
    for (unsigned input : inputs_) {
      pointers.push_back(copies[input].mutableData());
    }
    std::vector<Tensor> outputs;
    outputs.reserve(types_.size());
    for (mlir::Type type : types_) {
      std::vector<int64_t> dims;
      for (const Dim& dim : shapeOf(type)) {
        dims.push_back(dim.isStatic() ? dim.value() : symbols.find(*dim.asSymbol())->second);
      }
      outputs.emplace_back(dtypeOf(type), dims);
      // What a run does not write shows.
      std::memset(outputs.back().mutableData(), 0x5a, outputs.back().numBytes());
      pointers.push_back(outputs.back().mutableData());
    }
    if (!scratch_.empty()) {
      pointers.push_back(scratch_.data());
    }
    std::vector<int64_t> dims;
    for (const std::string& symbol : symbols_) {
      dims.push_back(symbols.find(symbol)->second);
    }
    pointers.push_back(dims.data());
    status = code_->find<int32_t(void**)>("call")(pointers.data());
    error = context.error;
    std::vector<Tensor> results;
    for (unsigned result : results_) {
      results.push_back(outputs[result]);
    }
    return results;
  }

  /// The name of the op that a fault names.
  std::string faultNode() const {
    return error.node_id >= 0 && error.node_id < static_cast<int32_t>(nodes_.size()) ? nodes_[error.node_id] : "";
  }

  int32_t status = 0;
  kiln_error_t error = {};

 private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerLoweringDialects(registry);
    return registry;
  }
  struct alignas(64) Line {
    char bytes[64];
  };

  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  std::vector<std::string> symbols_, nodes_;
  std::vector<unsigned> inputs_, results_;
  std::vector<mlir::Type> types_;
  std::vector<char> scratch_;
  std::unique_ptr<TestCode> code_;
};

/// Exact for integers, and within `tolerance` for floats, relative above 1.
inline void expectClose(const std::vector<Tensor>& found, const std::vector<Tensor>& wanted, double tolerance = 1e-5) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t t = 0; t < found.size(); ++t) {
    ASSERT_EQ(found[t].dims(), wanted[t].dims());
    for (int64_t i = 0; i < found[t].numElements(); ++i) {
      const double x = found[t].at(i), y = wanted[t].at(i);
      const bool isExact = !isFloat(found[t].dtype());
      if (std::isnan(y)) {
        EXPECT_TRUE(std::isnan(x)) << "result " << t << " element " << i;
      } else if (isExact || std::isinf(y)) {
        EXPECT_EQ(x, y) << "result " << t << " element " << i;
      } else {
        EXPECT_NEAR(x, y, tolerance * std::max(1.0, std::abs(y))) << "result " << t << " element " << i;
      }
    }
  }
}

/// Numbers of both signs that differ.
inline Tensor filled(DType dtype, std::vector<int64_t> dims, double first = 0.3, double step = 0.37) {
  Tensor tensor(dtype, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    const double value = std::fmod(first + static_cast<double>(i) * step, 2.0) - 0.7;
    tensor.set(i, isFloat(dtype) ? value : dtype == boolean ? i % 2 : std::floor(value * 5));
  }
  return tensor;
}

/// Runs the text both ways and compares.
inline void check(const std::string& text, const std::vector<Tensor>& inputs,
                  const std::vector<SymbolValues>& runs = {{}}, double tolerance = 1e-5) {
  NativeFunction function(text);
  ASSERT_TRUE(function.isNative());
  std::vector<std::vector<Tensor>> wanted;
  for (const SymbolValues& symbols : runs) {
    wanted.push_back(function.evaluate(inputs, symbols));
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : runs[0]) {
    names.push_back(name);
  }
  function.compile(names);
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::vector<Tensor> found = function.run(inputs, runs[i]);
    ASSERT_EQ(function.status, KILN_STATUS_OK);
    expectClose(found, wanted[i], tolerance);
  }
}

}  // namespace kiln::compiler
