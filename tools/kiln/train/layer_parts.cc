// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the kinds of layers share.
#include <algorithm>
#include <iterator>

#include "tools/kiln/train/layer_context.h"

namespace kiln::train {
namespace {

struct ActivationRow {
  const char* name;
  Value (*function)(Operand);
};
constexpr ActivationRow kActivations[] = {
    {"abs", [](Operand x) { return abs(x); }},
    {"celu", [](Operand x) { return celu(x); }},
    {"cos", [](Operand x) { return cos(x); }},
    {"elu", [](Operand x) { return elu(x); }},
    {"erf", [](Operand x) { return erf(x); }},
    {"exp", [](Operand x) { return exp(x); }},
    {"gelu", [](Operand x) { return gelu(x); }},
    {"gelu_tanh", [](Operand x) { return geluTanh(x); }},
    {"hard_sigmoid", [](Operand x) { return hardSigmoid(x); }},
    {"hard_swish", [](Operand x) { return hardSwish(x); }},
    {"hard_tanh", [](Operand x) { return hardTanh(x); }},
    {"hardshrink", [](Operand x) { return hardshrink(x); }},
    {"leaky_relu", [](Operand x) { return leakyRelu(x); }},
    {"linear", [](Operand x) { return x.value; }},
    {"log_sigmoid", [](Operand x) { return logSigmoid(x); }},
    {"log_softmax", [](Operand x) { return logSoftmax(x); }},
    {"mish", [](Operand x) { return mish(x); }},
    {"relu", [](Operand x) { return relu(x); }},
    {"relu6", [](Operand x) { return relu6(x); }},
    {"selu", [](Operand x) { return selu(x); }},
    {"sigmoid", [](Operand x) { return sigmoid(x); }},
    {"silu", [](Operand x) { return silu(x); }},
    {"sin", [](Operand x) { return sin(x); }},
    {"softmax", [](Operand x) { return softmax(x); }},
    {"softplus", [](Operand x) { return softplus(x); }},
    {"softshrink", [](Operand x) { return softshrink(x); }},
    {"softsign", [](Operand x) { return softsign(x); }},
    {"square", [](Operand x) { return square(x); }},
    {"squared_relu", [](Operand x) { return squaredRelu(x); }},
    {"tanh", [](Operand x) { return tanh(x); }},
    {"thresholded_relu", [](Operand x) { return thresholdedRelu(x); }},
};

}  // namespace

bool LayerContext::hasLength(int axis) const {
  const int at = axis < 0 ? axis + x().rank() : axis;
  return at >= 0 && at < x().rank() && shape()[at].isStatic();
}

int64_t LayerContext::length(int axis) const { return shape()[axis < 0 ? axis + x().rank() : axis].value(); }

Signal LayerContext::fail(const std::string& text) const {
  g.addError(makeError<ErrorId::kT0031>("layer '" + name + "'", text), std::source_location::current());
  return {g.poisoned(), g.poisoned()};
}

Signal LayerContext::failInput(const std::string& wanted) const {
  return fail(kindOf(layer) + " reads " + ValueType{x().dtype(), shape()}.toString() + ", wanted " + wanted);
}

Value LayerContext::parameter(const std::string& parameterName, const Shape& shape, const nn::Initializer& initializer,
                              int64_t fanIn, int64_t fanOut) const {
  const DType dtype = isFloat(x().dtype()) ? x().dtype() : data.dtype;
  return g.variable(
      parameterName,
      initializer({.g = g, .shape = shape, .dtype = dtype, .fanIn = fanIn, .fanOut = fanOut, .where = {}}));
}

Signal LayerContext::each(const Signal& signal, const std::function<Value(Value)>& function) {
  const Value training = function(signal.training);
  return {training, signal.isShared() ? training : function(signal.prediction)};
}

Signal LayerContext::each(const std::function<Value(Value)>& function) const { return each(inputs[0], function); }

std::vector<std::string> activationNames() {
  std::vector<std::string> names;
  for (const ActivationRow& row : kActivations) {
    names.emplace_back(row.name);
  }
  return names;
}

nn::Activation activationOf(const std::string& name) {
  if (name.empty()) {
    return [](Operand x) { return x.value; };
  }
  const auto found = std::ranges::find_if(kActivations, [&](const ActivationRow& row) { return row.name == name; });
  return found == std::end(kActivations) ? nn::Activation() : nn::Activation(found->function);
}

std::optional<nn::Initializer> initializerOf(LayerContext& context, bool isGiven, const Initializer& config,
                                             const nn::Initializer& fallback) {
  if (!isGiven) {
    return fallback;
  }
  const std::string& type = config.type();
  if (type == "uniform_fan_in") {
    return nn::uniformFanIn();
  }
  if (type == "glorot_uniform") {
    return nn::glorotUniform();
  }
  if (type == "he_normal") {
    return nn::heNormal();
  }
  if (type == "normal") {
    return nn::normal(config.stddev());
  }
  if (type == "constant") {
    return nn::constant(config.value());
  }
  if (type == "zeros" || type == "ones") {
    return nn::constant(type == "ones" ? 1 : 0);
  }
  context.fail("initializer " + unknownName(type, {"uniform_fan_in", "glorot_uniform", "he_normal", "normal",
                                                   "constant", "zeros", "ones"}));
  return std::nullopt;
}

Value Affine::operator()(Value x) const {
  if (x.isPoisoned() || w.isPoisoned()) {
    return x.isPoisoned() ? x : w;
  }
  // Axes before the last are one long batch: the weights are not repeated for each of them.
  const Value rows = x.rank() == 2 ? x : reshape(x, Shape{-1, w.shape()[0]});
  Value result = matmul(rows, w);
  if (b.builder() != nullptr) {
    result = result + b;
  }
  if (x.rank() > 2 && !result.isPoisoned()) {
    Shape shape = x.shape();
    shape[x.rank() - 1] = w.shape()[1];
    result = reshape(result, shape);
  }
  return result;
}

Affine makeAffine(LayerContext& context, const std::string& name, int64_t inputs, int64_t units,
                  const nn::Initializer& kernel, const nn::Initializer& bias, bool hasBias) {
  const std::string prefix = name.empty() ? "" : name + "/";
  Affine affine;
  affine.w = context.parameter(prefix + "w", {inputs, units}, kernel, inputs, units);
  if (hasBias) {
    affine.b = context.parameter(prefix + "b", {units}, bias, inputs, units);
  }
  return affine;
}

}  // namespace kiln::train
