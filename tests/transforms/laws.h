// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What transforms promise, checked on one program. Each law returns "" when it holds, else what went wrong.
#pragma once

#include <functional>
#include <string>

#include "tests/transforms/generate.h"

namespace kiln::testing {

/// The entry `main` of a graph made by `define`, which gives its fetches for the feeds.
StatusOr<Graph> graphOf(const std::vector<Tensor>& feeds,
                        const std::function<std::vector<Value>(GraphBuilder&, const std::vector<Value>&)>& define);
/// The graph as it is before kernels are formed: transforms expanded, composite ops too.
StatusOr<Graph> expanded(const Graph& graph);
/// The fetches of the entry `main`, by the interpreter. The random state is {17, 1}.
StatusOr<std::vector<Tensor>> interpret(const Graph& graph, const std::vector<Tensor>& feeds);
/// graphOf(), expanded(), interpret().
StatusOr<std::vector<Tensor>> run(
    const std::vector<Tensor>& feeds,
    const std::function<std::vector<Value>(GraphBuilder&, const std::vector<Value>&)>& define);

/// "" when the tensors are equal up to `tolerance`, relative to the largest element (1 at least).
std::string difference(const std::vector<Tensor>& found, const std::vector<Tensor>& wanted, double tolerance,
                       const std::string& what);

using Law = std::function<std::string(const Program&, uint64_t seed)>;

/// vmap(f) on a batch is f on each example. Some inputs are mapped, along some axes.
std::string vmapIsALoop(const Program& program, uint64_t seed);
/// <u, jvp v> = <vjp u, v>, and jvp is the limit of differences.
std::string jvpIsTheTransposeOfVjp(const Program& program, uint64_t seed);
/// The gradient of the sum over a vmap is the vmap of the gradient.
std::string gradientAndVmapCommute(const Program& program, uint64_t seed);
/// The jacobian of each result for each input is the same in both modes, and times u it is the vjp.
std::string jacobianModesAgree(const Program& program, uint64_t seed);
/// The graph after each pass before kernels means what the source means.
std::string everyPassKeepsTheMeaning(const Program& program, uint64_t seed);

/// Checks a law on `count` programs from `firstSeed` on. A failing program is made small and printed, with its graph.
void checkLaw(const Law& law, uint64_t firstSeed, int count, const GenerateOptions& options);

}  // namespace kiln::testing
