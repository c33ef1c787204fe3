// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/jit/session.h"

#include <utility>

#include "compiler/codegen/common/target.h"
#include "compiler/jit/jit_source.h"

namespace kiln {

StatusOr<Session> createSession(const Graph& graph, JitOptions options) {
  if (options.device != "cpu") {
    return makeError<ErrorId::kC0801>(options.device);
  }
  // An unknown target is found now, not at the first run.
  KILN_RETURN_IF_ERROR(compiler::TargetInfo::parse(options.compile.target).status());
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<compiler::JitSource> source,
                        compiler::JitSource::create(graph, std::move(options.compile)));
  return Session::create(
      std::move(source),
      {.threads = options.threads, .specializeAfter = options.specializeAfter, .print = std::move(options.print)});
}

}  // namespace kiln
