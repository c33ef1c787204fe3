// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/kernel_text.h"

#include <map>

#include "compiler/dialect/faults.h"
#include "llvm/ADT/StringExtras.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace kiln::compiler {
namespace {

/// Ops that code generation may ask a number for; some of them turn out to need none.
bool mayReport(KernelOp kernel, mlir::Operation* op) {
  return op->getNumRegions() != 0 || kernel.getKind() == "library" || mayFault(op);
}

/// True when `name` stands in the text, not just as a part of another word.
bool mentions(llvm::StringRef text, llvm::StringRef name) {
  const auto isInside = [&](size_t at) { return at < text.size() && (llvm::isAlnum(text[at]) || text[at] == '_'); };
  for (size_t at = text.find(name); at != llvm::StringRef::npos; at = text.find(name, at + 1)) {
    if ((at == 0 || !isInside(at - 1)) && !isInside(at + name.size())) {
      return true;
    }
  }
  return false;
}

/// Writes ops with their values numbered in the order in which they are defined.
class TextWriter {
 public:
  TextWriter(mlir::MLIRContext* context, llvm::raw_ostream& out, const KernelText& described)
      : state_(context), out_(out), described_(described) {}

  void write(mlir::Region& region) {
    out_ << "{";
    for (mlir::Block& block : region) {
      out_ << "^";
      for (mlir::BlockArgument argument : block.getArguments()) {
        define(argument);
      }
      for (mlir::Operation& op : block) {
        write(op);
      }
    }
    out_ << "}";
  }
  void write(mlir::Attribute attribute) {
    // A resource is a name for bytes that are elsewhere.
    isComplete_ &= !mlir::isa<mlir::DenseResourceElementsAttr>(attribute);
    attribute.print(out_, state_);
  }
  void write(mlir::Type type) { type.print(out_, state_); }
  bool isComplete() const { return isComplete_; }

 private:
  void write(mlir::Operation& op) {
    out_ << "\n" << op.getName();
    for (mlir::NamedAttribute attribute : op.getAttrs()) {
      out_ << " " << attribute.getName().strref() << "=";
      write(attribute.getValue());
    }
    out_ << "(";
    for (mlir::Value operand : op.getOperands()) {
      out_ << values_.lookup(operand) << ",";
    }
    out_ << ")";
    if (auto number = described_.numbers.find(&op); number != described_.numbers.end()) {
      out_ << "!" << number->second;
    }
    for (mlir::Value result : op.getResults()) {
      define(result);
    }
    for (mlir::Region& region : op.getRegions()) {
      write(region);
    }
  }
  void define(mlir::Value value) {
    values_.try_emplace(value, static_cast<unsigned>(values_.size()));
    out_ << ":";
    write(value.getType());
  }

  mlir::AsmState state_;
  llvm::raw_ostream& out_;
  const KernelText& described_;
  llvm::DenseMap<mlir::Value, unsigned> values_;
  bool isComplete_ = true;
};

}  // namespace

KernelText describeKernel(KernelOp kernel, const CodegenContext& context) {
  KernelText described;
  // What prints shows the number to the host, which knows those of nodes only.
  bool prints = false;
  std::map<int, int> known;
  kernel.getBody().walk([&](mlir::Operation* op) { prints |= mlir::isa<PrintOp>(op); });
  kernel.getBody().walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation* op) {
    if (!mayReport(kernel, op) || op->hasTrait<mlir::OpTrait::IsTerminator>()) {
      return;
    }
    const int node = context.nodeId ? context.nodeId(op) : -1;
    if (prints || node < 0) {
      described.numbers[op] = node;
      return;
    }
    const auto [found, isNew] = known.try_emplace(node, static_cast<int>(described.nodes.size()));
    if (isNew) {
      described.nodes.push_back(node);
    }
    described.numbers[op] = found->second;
  });

  std::string text;
  llvm::raw_string_ostream out(text);
  TextWriter writer(kernel.getContext(), out, described);
  out << kernel.getKind();
  if (auto alias = kernel.getMayAlias()) {
    out << " may_alias=";
    writer.write(*alias);
  }
  for (mlir::NamedAttribute attribute : kernel->getDiscardableAttrs()) {
    const llvm::StringRef name = attribute.getName();
    if (name != "kiln.out" && name != "kiln.scratch" && name != "kiln.commit") {
      out << " " << name << "=";
      writer.write(attribute.getValue());
    }
  }
  out << "(";
  for (mlir::Type type : kernel->getOperandTypes()) {
    writer.write(type);
    out << ",";
  }
  out << ")->(";
  for (mlir::Type type : kernel->getResultTypes()) {
    writer.write(type);
    out << ",";
  }
  out << ")";
  writer.write(kernel.getBody());
  // Where the code finds the symbols that it may use: whatever occurs in the text.
  const std::string body = text;
  out << "\nsymbols" << (context.symbolValues.empty() ? "" : " known");
  for (size_t i = 0; i < context.symbols.size(); ++i) {
    if (mentions(body, context.symbols[i])) {
      out << " " << context.symbols[i] << "@" << i;
      if (i < context.symbolValues.size()) {
        out << "=" << context.symbolValues[i];
      }
    }
  }
  if (writer.isComplete()) {
    described.text = std::move(text);
  }
  return described;
}

}  // namespace kiln::compiler
