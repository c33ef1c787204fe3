// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/inline_calls.h"

#include "compiler/dialect/attributes.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/op_factory.h"
#include "compiler/simplify/open_functions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
#define GEN_PASS_DEF_INLINECALLS
#include "compiler/simplify/passes.inc"

namespace {

using Bindings = std::map<std::string, Dim, std::less<>>;

Shape substitute(const Shape& shape, const Bindings& bindings) {
  Shape result;
  for (const Dim& dim : shape) {
    result.push_back(dim.substitute([&](std::string_view symbol) {
      auto bound = bindings.find(symbol);
      return bound != bindings.end() ? std::optional(bound->second) : std::nullopt;
    }));
  }
  return result;
}

// What the callee's symbols are at this call: a parameter's dim that is a bare symbol is the argument's dim.
Bindings bind(mlir::func::FuncOp callee, CallOp call) {
  Bindings bindings;
  for (auto [parameter, argument] : llvm::zip(callee.getArgumentTypes(), call.getOperandTypes())) {
    Shape from = shapeOf(parameter), to = shapeOf(argument);
    for (auto [wanted, given] : llvm::zip(from.dims(), to.dims())) {
      if (auto symbol = wanted.asSymbol()) {
        bindings.emplace(*symbol, given);
      }
    }
  }
  return bindings;
}

void inlineCall(CallOp call, mlir::func::FuncOp callee) {
  Bindings bindings = bind(callee, call);
  mlir::AttrTypeReplacer replacer;
  replacer.addReplacement([&](mlir::RankedTensorType type) -> std::optional<mlir::Type> {
    return tensorType(type.getContext(), dtypeOf(type), substitute(shapeOf(type), bindings));
  });
  replacer.addReplacement([&](ShapeAttr shape) -> std::optional<mlir::Attribute> {
    return ShapeAttr::get(shape.getContext(), substitute(shape.getShape(), bindings));
  });
  mlir::OpBuilder b(call);
  mlir::IRMapping mapping;
  mapping.map(callee.getArguments(), call.getOperands());
  mlir::Block& body = callee.getBody().front();
  for (mlir::Operation& op : body.without_terminator()) {
    mlir::Operation* copy = b.clone(op, mapping);
    copy->walk([&](mlir::Operation* nested) {
      nested->setLoc(mlir::NameLoc::get(b.getStringAttr(nodeNameOf(call.getLoc()) + "/" + nodeNameOf(nested->getLoc())),
                                        nested->getLoc()));
    });
    replacer.recursivelyReplaceElementsIn(copy, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
  }
  llvm::SmallVector<Value> results;
  for (Value result : body.getTerminator()->getOperands()) {
    results.push_back(mapping.lookupOrDefault(result));
  }
  call->replaceAllUsesWith(results);
  call->erase();
}

void inlineInto(mlir::Operation* root, mlir::SymbolTable& symbols, llvm::SmallPtrSetImpl<mlir::Operation*>& done) {
  if (!done.insert(root).second) {
    return;
  }
  llvm::SmallVector<mlir::Operation*> callers;
  root->walk([&](mlir::Operation* op) {
    if (llvm::isa<CallOp>(op) || namesRegions(op)) {
      callers.push_back(op);
    }
  });
  for (mlir::Operation* caller : callers) {
    for (const std::string& name : calleesOf(*schemaOf(caller), attributesOf(caller, nullptr))) {
      auto callee = symbols.lookup<mlir::func::FuncOp>(name);
      KILN_CHECK(callee != nullptr);
      inlineInto(callee, symbols, done);
    }
    if (auto call = llvm::dyn_cast<CallOp>(caller)) {
      inlineCall(call, symbols.lookup<mlir::func::FuncOp>(call.getCallee()));
    } else {
      openFunctions(caller, symbols);
    }
  }
}

class InlineCalls : public impl::InlineCallsBase<InlineCalls> {
  void runOnOperation() override {
    mlir::SymbolTable symbols(getOperation());
    llvm::SmallPtrSet<mlir::Operation*, 8> done;
    for (auto function : getOperation().getOps<mlir::func::FuncOp>()) {
      if (!function.isPrivate()) {
        inlineInto(function, symbols, done);
      }
    }
    // Nothing calls them any more.
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<mlir::func::FuncOp>())) {
      if (function.isPrivate() && !function.isExternal()) {
        function->erase();
      }
    }
  }
};

}  // namespace

void inlineCalls(mlir::ModuleOp module, llvm::ArrayRef<mlir::Operation*> roots) {
  mlir::SymbolTable symbols(module);
  llvm::SmallPtrSet<mlir::Operation*, 8> done;
  for (mlir::Operation* root : roots) {
    inlineInto(root, symbols, done);
  }
}

}  // namespace kiln::compiler
