// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file For tests of code generation: lowers a module and makes its functions callable in this process.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "compiler/codegen/cpu/lower.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"

namespace kiln::compiler {

/// Callable code of a module; lives as long as it is used.
class TestCode {
 public:
  /// Lowers `module`; its public functions can be found afterwards. Ends the process when anything fails.
  static TestCode fromModule(mlir::ModuleOp module, const TargetInfo& target = TargetInfo::host()) {
    LowerOptions options;
    options.verify = true;
    StatusOr<std::vector<uint8_t>> object = lowerToObject(module, target, options);
    if (!object.ok()) {
      llvm::report_fatal_error(std::string(object.status().ToString()).c_str());
    }
    TestCode code;
    code.jit_ = llvm::cantFail(llvm::orc::LLJITBuilder().create());
    const llvm::StringRef bytes(reinterpret_cast<const char*>(object->data()), object->size());
    llvm::cantFail(code.jit_->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(bytes, "object")));
    return code;
  }

  template <class Function>
  Function* find(const std::string& name) const {
    return llvm::cantFail(jit_->lookup(name)).toPtr<Function*>();
  }

 private:
  std::unique_ptr<llvm::orc::LLJIT> jit_;
};

}  // namespace kiln::compiler
