// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-bench/verify.h"

#include <algorithm>
#include <cmath>

#include "compiler/jit/session.h"
#include "compiler/pipelines/compile.h"
#include "graph/eval/interpreter.h"

namespace kiln::bench {
namespace {

// f32 results of a few thousand operations each within a few units in the last place stay well below this.
constexpr double kTolerance = 2e-5;
// Adam divides a gradient by its own magnitude, so that the rounding of a gradient near zero moves a parameter by a
// visible part of a step (a thousandth of the largest weight).
constexpr double kVariableTolerance = 1e-3;

// The largest difference relative to the largest value; infinite when types, shapes or NaNs differ.
double relativeError(const Tensor& got, const Tensor& want) {
  if (got.dtype() != want.dtype() || got.dims() != want.dims()) {
    return INFINITY;
  }
  double largest = 0;
  double difference = 0;
  for (int64_t i = 0; i < want.numElements(); ++i) {
    double a = got.at(i);
    double b = want.at(i);
    if (std::isnan(a) != std::isnan(b)) {
      return INFINITY;
    }
    if (!std::isfinite(b)) {
      if (a != b && !std::isnan(b)) {
        return INFINITY;
      }
      continue;
    }
    difference = std::max(difference, std::abs(a - b));
    largest = std::max(largest, std::abs(b));
  }
  return difference == 0 ? 0 : difference / std::max(largest, 1e-30);
}

}  // namespace

Verification compare(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  Verification result;
  result.isEqual = got.size() == want.size();
  for (size_t i = 0; i < got.size() && i < want.size(); ++i) {
    const double error = relativeError(got[i], want[i]);
    result.maxError = std::max(result.maxError, error);
    result.isEqual &= error <= kTolerance;
  }
  return result;
}

StatusOr<Verification> verify(const Workload& workload, int threads, const compiler::CompileOptions& compile) {
  KILN_ASSIGN_OR_RETURN(Session session, createSession(workload.graph, {.threads = threads, .compile = compile}));
  KILN_ASSIGN_OR_RETURN(Callable callable, session.prepareEntry("run"));
  VariableStore variables;
  for (const std::string& name : session.variableNames()) {
    KILN_ASSIGN_OR_RETURN(Tensor value, session.variable(name));
    variables.set(name, std::move(value));
  }

  std::vector<TensorView> feeds(workload.feeds.begin(), workload.feeds.end());
  std::vector<Tensor> got;
  KILN_RETURN_IF_ERROR(callable.run(feeds, got));

  // The interpreter takes the graph with its gradients expanded.
  const Entry* entry = workload.graph.findEntry("run");
  KILN_ASSIGN_OR_RETURN(Graph lowered, compiler::lowerGraph(workload.graph, *entry, compiler::Phase::kDifferentiate));
  const Entry* loweredEntry = lowered.findEntry("run");
  KILN_CHECK(loweredEntry != nullptr);
  KILN_ASSIGN_OR_RETURN(std::vector<Tensor> want, Interpreter().evaluate(lowered, *loweredEntry, feeds, variables));

  Verification result = compare(got, want);
  for (const auto& [name, value] : variables) {
    KILN_ASSIGN_OR_RETURN(Tensor after, session.variable(name));
    double error = relativeError(after, value);
    result.maxError = std::max(result.maxError, error);
    result.isEqual &= error <= kVariableTolerance;
  }
  return result;
}

}  // namespace kiln::bench
