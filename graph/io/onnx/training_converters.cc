// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The domain ai.onnx.preview.training: steps of optimizers, and gradients.
#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "graph/io/onnx/importer.h"
#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {
namespace {

constexpr std::string_view kTraining = "ai.onnx.preview.training";

// What one tensor's step sees: the learning rate and the number of updates are scalars of the tensor's type.
struct Step {
  Value rate, count;
  Values tensors;  // the parameter, its gradient, and what the optimizer keeps for it
};

// Inputs are rate, count, then all parameters, all gradients and so on; outputs all parameters, then what is kept.
Status convertSteps(NodeImport& n, int kept, const std::function<Values(const Step&)>& update) {
  const int numTensors = (n.numInputs() - 2) / (kept + 2);
  if (numTensors < 1 || n.numInputs() != 2 + numTensors * (kept + 2)) {
    return n.invalid("it has " + std::to_string(n.numInputs()) + " inputs, wanted 2 and " + std::to_string(kept + 2) +
                     " for each tensor");
  }
  for (int t = 0; t < numTensors; ++t) {
    Step step;
    for (int i = 0; i < kept + 2; ++i) {
      step.tensors.push_back(n.in(2 + i * numTensors + t));
    }
    const DType type = step.tensors[0].dtype();
    step.rate = cast(reshape(n.in(0), Shape{}), type);
    step.count = cast(reshape(n.in(1), Shape{}), type);
    const Values results = update(step);
    for (int i = 0; i < kept + 1; ++i) {
      n.set(i * numTensors + t, results[static_cast<size_t>(i)]);
    }
  }
  return {};
}

Status convertAdagrad(NodeImport& n) {
  const double decay = n.number("decay_factor", 0), norm = n.number("norm_coefficient", 0);
  const double epsilon = n.number("epsilon", static_cast<double>(1e-6F));
  return convertSteps(n, 1, [&](const Step& s) -> Values {
    const Value rate = s.rate / (s.count * decay + 1);
    const Value gradient = s.tensors[0] * norm + s.tensors[1];
    const Value squares = s.tensors[2] + gradient * gradient;
    return {s.tensors[0] - rate * gradient / (sqrt(squares) + epsilon), squares};
  });
}

Status convertAdam(NodeImport& n) {
  const double alpha = n.number("alpha", static_cast<double>(0.9F)),
               beta = n.number("beta", static_cast<double>(0.999F));
  const double norm = n.number("norm_coefficient", 0), normAfter = n.number("norm_coefficient_post", 0);
  const double epsilon = n.number("epsilon", static_cast<double>(1e-6F));
  return convertSteps(n, 2, [&](const Step& s) -> Values {
    const Value gradient = s.tensors[0] * norm + s.tensors[1];
    const Value mean = s.tensors[2] * alpha + gradient * (1 - alpha);
    const Value squares = s.tensors[3] * beta + gradient * gradient * (1 - beta);
    const DType type = s.count.dtype();
    auto power = [&](double base) { return pow(n.g.scalar(base, type), s.count); };
    const Value corrected = s.rate * sqrt(1 - power(beta)) / (1 - power(alpha));
    const Value rate = select(greater(s.count, 0), corrected, s.rate);
    return {(s.tensors[0] - rate * (mean / (sqrt(squares) + epsilon))) * (1 - normAfter), mean, squares};
  });
}

Status convertMomentum(NodeImport& n) {
  for (const char* needed : {"alpha", "beta", "norm_coefficient", "mode"}) {
    if (!n.hasAttribute(needed)) {
      return n.invalid("it needs the attribute '" + std::string(needed) + "'");
    }
  }
  const double alpha = n.number("alpha", 0), beta = n.number("beta", 0), norm = n.number("norm_coefficient", 0);
  const std::string mode = n.text("mode", "");
  if (mode != "standard" && mode != "nesterov") {
    return n.invalid("mode '" + mode + "'");
  }
  return convertSteps(n, 1, [&](const Step& s) -> Values {
    const Value gradient = s.tensors[0] * norm + s.tensors[1];
    const Value scale = select(greater(s.count, 0), n.g.scalar(beta, s.count.dtype()), 1);
    const Value velocity = s.tensors[2] * alpha + scale * gradient;
    const Value direction = mode == "nesterov" ? gradient + velocity * alpha : velocity;
    return {s.tensors[0] - s.rate * direction, velocity};
  });
}

// The nodes of the model's graph that compute `y` from the values `given`, as a body that takes those.
GraphProto pathTo(const GraphProto& graph, const std::string& y, const std::vector<std::string>& given) {
  std::set<std::string> wanted = {y};
  std::vector<const NodeProto*> path;
  for (const std::string& name : given) {
    wanted.erase(name);
  }
  for (int i = graph.node_size() - 1; i >= 0; --i) {
    const NodeProto& node = graph.node(i);
    if (std::ranges::none_of(node.output(), [&](const std::string& name) { return wanted.contains(name); })) {
      continue;
    }
    path.push_back(&node);
    const std::function<void(const NodeProto&)> want = [&](const NodeProto& user) {
      for (const std::string& name : user.input()) {
        if (!name.empty() && std::ranges::find(given, name) == given.end()) {
          wanted.insert(name);
        }
      }
      for (const AttributeProto& attribute : user.attribute()) {
        std::ranges::for_each(attribute.g().node(), want);
      }
    };
    want(node);
  }
  GraphProto body;
  for (const std::string& name : given) {
    body.add_input()->set_name(name);
  }
  for (auto node = path.rbegin(); node != path.rend(); ++node) {
    *body.add_node() = **node;
  }
  body.add_output()->set_name(y);
  return body;
}

// The gradient is taken of the path from the xs and zs to y, computed again with the values that the node is given for
// them: where those are the named values themselves, the compiler finds that it is the same computation.
Status convertGradient(NodeImport& n) {
  if (&n.g != &n.importer().builder()) {
    return n.unsupported("a gradient of constants, known before the run");
  }
  const std::vector<std::string> xs = n.texts("xs"), zs = n.texts("zs");
  const std::string y = n.text("y", "");
  std::vector<std::string> given = xs;
  given.insert(given.end(), zs.begin(), zs.end());
  if (y.empty() || xs.empty() || static_cast<int>(given.size()) != n.numInputs()) {
    return n.invalid("it has " + std::to_string(n.numInputs()) + " inputs, and names " + std::to_string(given.size()) +
                     " values that y depends on");
  }
  const GraphProto body = pathTo(n.importer().model().proto().graph(), y, given);
  if (body.node_size() == 0 && std::ranges::find(given, y) == given.end()) {
    return n.unsupported("y is '" + y + "', which no node of the model's graph gives");
  }
  std::vector<Imported> arguments;
  Values variables;
  for (int i = 0; i < n.numInputs(); ++i) {
    if (i < static_cast<int>(xs.size())) {
      variables.push_back(n.in(i));
      arguments.push_back(n.argument(variables.back(), n.elementType(i)));
    } else {
      arguments.push_back(n.imported(i));
    }
  }
  KILN_ASSIGN_OR_RETURN(std::vector<Imported> results, n.importBody(body, std::move(arguments)));
  const Value target = n.valueOf(results[0]);
  if (target.isPoisoned() || !isFloat(target.dtype())) {
    return target.isPoisoned() ? Status() : n.invalid("y is no float tensor");
  }
  const Values gradients = n.g.gradients({target}, variables, {full(n.g, target.shape(), 1, target.dtype())});
  for (size_t i = 0; i < gradients.size(); ++i) {
    n.set(static_cast<int>(i), gradients[i]);
  }
  return {};
}

constexpr std::array kConverters = {
    Converter{"Adagrad", convertAdagrad, kTraining},
    Converter{"Adam", convertAdam, kTraining},
    Converter{"Momentum", convertMomentum, kTraining},
    Converter{"Gradient", convertGradient, kTraining},
};

}  // namespace

std::span<const Converter> trainingConverters() { return kConverters; }

}  // namespace kiln::onnx
