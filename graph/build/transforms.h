// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Transforms: nodes that stand for a computation derived from others. A compiler pass expands them; they nest,
/// and work through branches and loops. Errors are recorded in the builder with the line of the call, and the results
/// are poisoned. Lambdas capture values of enclosing bodies as those of control_flow.h do.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "graph/build/control_flow.h"

namespace kiln {

/// A function of one example, for a batch. Example i gets slice i of every mapped value along its axis of `inAxes` (0
/// for all by default, negative ones count from the end); what `f` captures is the same for all. Result j has the
/// examples along axis outAxes[j]. Errors: KILN-O0146 for an axis that is not there, KILN-O0147 for lengths that
/// differ.
Values vmap(GraphBuilder& g, const std::function<Values(const Values& example)>& f, Values mapped,
            std::vector<int64_t> inAxes = {}, std::vector<int64_t> outAxes = {}, std::string_view name = "vmap",
            GraphBuilder::Where where = GraphBuilder::Where::current());

/// How the ys change when every x moves along its tangent, which has its type: forward mode. Results have the types of
/// the ys. Errors: KILN-G0210 to G0212 as for gradients, and KILN-G0213.
Values jvp(GraphBuilder& g, const Values& ys, const Values& xs, const Values& tangents,
           GraphBuilder::Where where = GraphBuilder::Where::current());

/// What the ys pull back: gradients with a cotangent for each y.
Values vjp(GraphBuilder& g, const Values& ys, const Values& xs, const Values& cotangents,
           GraphBuilder::Where where = GraphBuilder::Where::current());

enum class JacobianMode { kAuto, kForward, kReverse };  ///< kAuto: forward when x is known to be smaller than y.

/// `result[i..., j...] = d y[i...] / d x[j...]`.
Value jacobian(GraphBuilder& g, Value y, Value x, JacobianMode mode = JacobianMode::kAuto,
               GraphBuilder::Where where = GraphBuilder::Where::current());

/// The second derivatives of the scalar y: the forward jacobian of its gradient.
Value hessian(GraphBuilder& g, Value y, Value x, GraphBuilder::Where where = GraphBuilder::Where::current());

/// The Hessian of the scalar y times `vector`, which has the type of x, without the Hessian: tangents of the gradient.
Value hvp(GraphBuilder& g, Value y, Value x, Value vector, GraphBuilder::Where where = GraphBuilder::Where::current());

/// f(inputs). A gradient keeps the inputs, and what f captures, and computes the rest again.
Values checkpoint(GraphBuilder& g, const std::function<Values(const Values& inputs)>& f, Values inputs,
                  std::string_view name = "checkpoint", GraphBuilder::Where where = GraphBuilder::Where::current());

/// f(inputs), whose gradient is what `backward` makes of the inputs, the results and a cotangent for each float result:
/// one value for each float input, of its type. What the functions capture is constant to the gradient. There is no
/// forward mode (KILN-C0202).
Values customGradient(
    GraphBuilder& g, const std::function<Values(const Values& inputs)>& f, Values inputs,
    const std::function<Values(const Values& inputs, const Values& results, const Values& cotangents)>& backward,
    std::string_view name = "custom_gradient", GraphBuilder::Where where = GraphBuilder::Where::current());

/// The values, which the compiler takes for new ones: nothing moves across and nothing is merged across.
Values optimizationBarrier(GraphBuilder& g, const Values& values,
                           GraphBuilder::Where where = GraphBuilder::Where::current());

}  // namespace kiln
