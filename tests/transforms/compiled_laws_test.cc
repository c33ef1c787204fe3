// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiled code computes what the interpreter does, for random programs with loops and branches.
#include <gtest/gtest.h>

#include "compiler/jit/session.h"
#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "tests/transforms/laws.h"

namespace kiln::testing {
namespace {

StatusOr<std::vector<Tensor>> runCompiled(const Graph& graph, const std::vector<Tensor>& feeds) {
  KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, {.threads = 1}));
  KILN_ASSIGN_OR_RETURN(Callable callable, session.prepareEntry("main"));
  std::vector<Tensor> results;
  KILN_RETURN_IF_ERROR(callable.run(std::vector<TensorView>(feeds.begin(), feeds.end()), results));
  return results;
}

using Define = std::function<std::vector<Value>(GraphBuilder&, const std::vector<Value>&)>;

// By both, from the same graph.
std::string compare(const std::vector<Tensor>& feeds, const Define& define, bool isExpanded) {
  auto graph = graphOf(feeds, define);
  if (!graph.ok()) {
    return "graph: " + std::string(graph.status().message());
  }
  auto compiled = runCompiled(*graph, feeds);
  if (!compiled.ok()) {
    return "compiled: " + std::string(compiled.status().message());
  }
  auto meant = isExpanded ? expanded(*graph) : graph;
  auto wanted = meant.ok() ? interpret(*meant, feeds) : StatusOr<std::vector<Tensor>>(meant.status());
  if (!wanted.ok()) {
    return "interpreter: " + std::string(wanted.status().message());
  }
  return difference(*compiled, *wanted, 1e-8, "compiled code");
}

std::string valuesAreThoseOfTheInterpreter(const Program& program, uint64_t seed) {
  return compare(
      inputsFor(program, seed), [&](GraphBuilder& g, const std::vector<Value>& in) { return build(g, program, in); },
      /*isExpanded=*/false);
}

std::string gradientsAreThoseOfTheInterpreter(const Program& program, uint64_t seed) {
  return compare(
      inputsFor(program, seed),
      [&](GraphBuilder& g, const std::vector<Value>& in) {
        Value sum = g.scalar(0, f64);
        for (Value y : build(g, program, in)) {
          sum = sum + (y.rank() == 0 ? sin(y) : reduceSum(sin(y)));
        }
        return g.gradients({sum}, in);
      },
      /*isExpanded=*/true);
}

std::string vmapIsThatOfTheInterpreter(const Program& program, uint64_t seed) {
  std::vector<Tensor> feeds;
  uint64_t state = seed;
  for (int id : program.main.parameters) {
    Dims dims = program.type(id);
    dims.insert(dims.begin(), 3);
    feeds.push_back(randomTensor(dims, state));
  }
  return compare(
      feeds,
      [&](GraphBuilder& g, const std::vector<Value>& in) {
        return vmap(g, [&](const Values& each) { return build(g, program, each); }, in);
      },
      /*isExpanded=*/true);
}

TEST(CompiledLaws, valuesOfFlatPrograms) {
  checkLaw(valuesAreThoseOfTheInterpreter, 6'100'000, 25, {.numSteps = 6, .depth = 1, .hasGradients = false});
}
TEST(CompiledLaws, valuesOfNestedPrograms) {
  checkLaw(valuesAreThoseOfTheInterpreter, 6'200'000, 25, {.numSteps = 5, .depth = 2, .hasGradients = false});
}
TEST(CompiledLaws, valuesOfDeepPrograms) {
  checkLaw(valuesAreThoseOfTheInterpreter, 6'300'000, 20, {.numSteps = 4, .depth = 3, .hasGradients = false});
}
TEST(CompiledLaws, gradientsOfFlatPrograms) {
  checkLaw(gradientsAreThoseOfTheInterpreter, 6'400'000, 15, {.numSteps = 5, .depth = 1});
}
TEST(CompiledLaws, gradientsOfNestedPrograms) {
  checkLaw(gradientsAreThoseOfTheInterpreter, 6'500'000, 12, {.numSteps = 4, .depth = 2});
}
TEST(CompiledLaws, vmapOfNestedPrograms) {
  checkLaw(vmapIsThatOfTheInterpreter, 6'600'000, 12, {.numSteps = 4, .depth = 2});
}

}  // namespace
}  // namespace kiln::testing
