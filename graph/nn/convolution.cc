// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/convolution.h"

#include "ops/convolution/windows.h"

namespace kiln::nn {
namespace {

Value failed(GraphBuilder& g, Status status, std::source_location where) {
  g.addError(std::move(status), where);
  return g.poisoned();
}

// What both layers find out of x and their arguments.
struct Plan {
  int64_t channels = 0;
  int channelAxis = 0;
  int64_t taps = 1;
  std::vector<int64_t> kernel;
};

StatusOr<Plan> planOf(const std::string& layer, Value x, int64_t outputs, std::vector<int64_t> kernel, int64_t groups,
                      const std::string& layout) {
  const ValueType type{x.dtype(), x.shape()};
  Plan plan;
  plan.channelAxis = x.rank() - 1;
  if (!layout.empty()) {
    KILN_ASSIGN_OR_RETURN(ops::Layout axes, ops::parseLayout(layout, type, "x"));
    plan.channelAxis = axes.channels;
  }
  if (!isFloat(type.dtype) || x.rank() < 3 || x.rank() > 5 || !type.shape[plan.channelAxis].isStatic()) {
    return makeError<ErrorId::kG0243>("x of " + layer, type.toString(),
                                      "a float tensor with a batch axis, 1 to 3 spatial axes and a number of channels");
  }
  plan.channels = type.shape[plan.channelAxis].value();
  if (kernel.size() == 1) {
    kernel.assign(static_cast<size_t>(x.rank() - 2), kernel[0]);
  }
  if (kernel.size() != static_cast<size_t>(x.rank() - 2)) {
    return makeError<ErrorId::kG0243>("kernel of " + layer, toString(Attribute(kernel)),
                                      "a number for each of the " + std::to_string(x.rank() - 2) + " spatial axes");
  }
  for (int64_t length : kernel) {
    if (length < 1) {
      return makeError<ErrorId::kG0243>("kernel of " + layer, toString(Attribute(kernel)), "numbers from 1");
    }
    plan.taps *= length;
  }
  if (outputs < 1) {
    return makeError<ErrorId::kG0243>("outputs of " + layer, outputs, "at least 1");
  }
  if (groups < 1 || plan.channels % groups != 0 || outputs % groups != 0) {
    return makeError<ErrorId::kG0243>("groups of " + layer, groups,
                                      "a number that divides the " + std::to_string(plan.channels) + " channels and " +
                                          std::to_string(outputs) + " outputs");
  }
  plan.kernel = std::move(kernel);
  return plan;
}

Shape filterShape(const Plan& plan, int64_t inputs, int64_t outputs) {
  Shape shape = Shape::of(plan.kernel);
  shape.push_back(Dim(inputs));
  shape.push_back(Dim(outputs));
  return shape;
}

Value addBias(Value x, Value bias, int channelAxis, std::source_location where) {
  if (x.isPoisoned() || bias.isPoisoned()) {
    return x;
  }
  if (channelAxis != x.rank() - 1) {
    Shape shape(std::vector<Dim>(static_cast<size_t>(x.rank() - channelAxis), Dim(1)));
    shape[0] = bias.shape()[0];
    bias = reshape(Operand(bias, where), std::move(shape));
  }
  return Operand(x, where) + Operand(bias, where);
}

}  // namespace

Value conv(GraphBuilder& g, std::string_view name, Value x, int64_t outputs, std::vector<int64_t> kernel,
           Activation activation, const ConvLayerOptions& options, std::source_location where) {
  if (x.builder() == nullptr) {
    return failed(g, makeError<ErrorId::kG0201>("x"), where);
  }
  if (x.isPoisoned()) {
    return x;
  }
  StatusOr<Plan> plan =
      planOf("conv '" + std::string(name) + "'", x, outputs, std::move(kernel), options.groups, options.layout);
  if (!plan.ok()) {
    return failed(g, plan.status(), where);
  }
  const int64_t inputs = plan->channels / options.groups, fanIn = inputs * plan->taps;
  const int64_t fanOut = outputs / options.groups * plan->taps;
  auto scope = g.scope(name, where);
  const Shape shape = filterShape(*plan, inputs, outputs);
  const Value w =
      g.variable("w", Operand(options.kernel({g, shape, x.dtype(), fanIn, fanOut, where}), where), true, where);
  Value result = kiln::conv(Operand(x, where), Operand(w, where),
                            {.strides = options.strides,
                             .dilations = options.dilations,
                             .padding = options.padding,
                             .groups = options.groups,
                             .layout = options.layout});
  if (options.useBias) {
    const InitializerContext ofBias{g, Shape{outputs}, x.dtype(), fanIn, fanOut, where};
    result =
        addBias(result, g.variable("b", Operand(options.bias(ofBias), where), true, where), plan->channelAxis, where);
  }
  return activation ? activation(Operand(result, where)) : result;
}

Value convTranspose(GraphBuilder& g, std::string_view name, Value x, int64_t outputs, std::vector<int64_t> kernel,
                    Activation activation, const ConvTransposeLayerOptions& options, std::source_location where) {
  if (x.builder() == nullptr) {
    return failed(g, makeError<ErrorId::kG0201>("x"), where);
  }
  if (x.isPoisoned()) {
    return x;
  }
  StatusOr<Plan> plan = planOf("convTranspose '" + std::string(name) + "'", x, outputs, std::move(kernel),
                               options.groups, options.layout);
  if (!plan.ok()) {
    return failed(g, plan.status(), where);
  }
  const int64_t perGroup = outputs / options.groups, fanIn = perGroup * plan->taps;
  const int64_t fanOut = plan->channels * plan->taps;
  auto scope = g.scope(name, where);
  const Shape shape = filterShape(*plan, plan->channels, perGroup);
  const Value w =
      g.variable("w", Operand(options.kernel({g, shape, x.dtype(), fanIn, fanOut, where}), where), true, where);
  Value result = kiln::convTranspose(Operand(x, where), Operand(w, where),
                                     {.strides = options.strides,
                                      .dilations = options.dilations,
                                      .padding = options.padding,
                                      .outputPadding = options.outputPadding,
                                      .groups = options.groups,
                                      .layout = options.layout});
  if (options.useBias) {
    const InitializerContext ofBias{g, Shape{outputs}, x.dtype(), fanIn, fanOut, where};
    result =
        addBias(result, g.variable("b", Operand(options.bias(ofBias), where), true, where), plan->channelAxis, where);
  }
  return activation ? activation(Operand(result, where)) : result;
}

Value dropout(Value x, double rate, bool isTraining, std::source_location where) {
  return isTraining ? kiln::dropout(Operand(x, where), rate) : x;
}

}  // namespace kiln::nn
