// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Dense layers, convolutions, pools and normalisation.
#include <charconv>

#include "tools/kiln/train/layer_context.h"

namespace kiln::train {
namespace {

std::optional<Padding> paddingOf(const std::string& text) {
  if (text == "same") {
    return Padding::same();
  }
  if (text == "valid") {
    return Padding();
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return std::nullopt;
  }
  return Padding(number);
}

std::string unknownPadding(const std::string& text) {
  return "padding '" + text + "', wanted 'same', 'valid' or a number" + didYouMean(text, {"same", "valid"});
}

std::vector<int64_t> listOf(const google::protobuf::RepeatedField<int64_t>& numbers) {
  return {numbers.begin(), numbers.end()};
}

bool areImages(const LayerContext& context) {
  return isFloat(context.x().dtype()) && context.x().rank() >= 3 && context.x().rank() <= 5 && context.hasLength(-1);
}
constexpr char kImages[] = "floats [batch, 1 to 3 spatial axes, channels]; the layer reshape makes them of rows";

Value channelVector(LayerContext& context, const std::string& name, double value) {
  return context.parameter(name, {context.length(-1)}, nn::constant(value), 1, 1);
}

// The window of a pool or convolution, or a fault.
std::string windowFault(const LayerContext& context, const google::protobuf::RepeatedField<int64_t>& kernel,
                        const std::string& padding) {
  const int axes = context.x().rank() - 2;
  if (kernel.size() != 1 && kernel.size() != axes) {
    return "kernel has " + std::to_string(kernel.size()) + " numbers, wanted one, or one for each of the " +
           std::to_string(axes) + " spatial axes";
  }
  for (int64_t length : kernel) {
    if (length < 1) {
      return "kernel is " + std::to_string(length) + ", wanted at least 1";
    }
  }
  return paddingOf(padding) ? "" : unknownPadding(padding);
}

}  // namespace

Signal buildDense(LayerContext& context, const Dense& config) {
  if (!isFloat(context.x().dtype()) || context.x().rank() < 2 || !context.hasLength(-1)) {
    return context.failInput(isFloat(context.x().dtype()) ? "two axes or more, the last of a known length"
                                                          : "floats; the layer embedding makes them of whole numbers");
  }
  const int64_t units = config.has_units() ? config.units() : context.data.numClasses;
  if (units < 1) {
    return context.fail(config.has_units() ? "units is " + std::to_string(units) + ", wanted at least 1"
                                           : "units is missing, and the labels are no classes to take it from");
  }
  const nn::Activation activation = activationOf(config.activation());
  if (!activation) {
    return context.fail("activation " + unknownName(config.activation(), activationNames()));
  }
  const auto kernel = initializerOf(context, config.has_kernel_initializer(), config.kernel_initializer());
  const auto bias = initializerOf(context, config.has_bias_initializer(), config.bias_initializer());
  if (!kernel || !bias) {
    return {context.g.poisoned(), context.g.poisoned()};
  }
  const Affine affine = makeAffine(context, "", context.length(-1), units, *kernel, *bias, config.bias());
  return context.each([&](Value x) { return activation(affine(x)); });
}

Signal buildConv(LayerContext& context, const Conv& config, bool isTransposed) {
  if (!areImages(context)) {
    return context.failInput(kImages);
  }
  if (const std::string fault = windowFault(context, config.kernel(), config.padding()); !fault.empty()) {
    return context.fail(fault);
  }
  const int64_t channels = context.length(-1), outputs = config.outputs(), groups = config.groups();
  if (outputs < 1) {
    return context.fail(config.has_outputs() ? "outputs is " + std::to_string(outputs) + ", wanted at least 1"
                                             : "outputs is missing: the channels of the result");
  }
  if (groups < 1 || channels % groups != 0 || outputs % groups != 0) {
    return context.fail("groups is " + std::to_string(groups) + ", wanted a divisor of the " +
                        std::to_string(channels) + " channels and " + std::to_string(outputs) + " outputs");
  }
  const nn::Activation activation = activationOf(config.activation());
  if (!activation) {
    return context.fail("activation " + unknownName(config.activation(), activationNames()));
  }
  const auto kernel = initializerOf(context, config.has_kernel_initializer(), config.kernel_initializer());
  const auto bias = initializerOf(context, config.has_bias_initializer(), config.bias_initializer());
  if (!kernel || !bias) {
    return {context.g.poisoned(), context.g.poisoned()};
  }
  std::vector<int64_t> window = listOf(config.kernel());
  window.resize(static_cast<size_t>(context.x().rank() - 2), window[0]);
  int64_t taps = 1;
  for (int64_t length : window) {
    taps *= length;
  }
  Shape shape = Shape::of(window);
  shape.push_back(isTransposed ? channels : channels / groups);
  shape.push_back(isTransposed ? outputs / groups : outputs);
  // As nn::conv and nn::convTranspose count them.
  const int64_t fanIn = taps * (isTransposed ? outputs : channels) / groups;
  const int64_t fanOut = isTransposed ? taps * channels : taps * outputs / groups;
  const Value w = context.parameter("w", shape, *kernel, fanIn, fanOut);
  const Value b = config.bias() ? context.parameter("b", {outputs}, *bias, fanIn, fanOut) : Value();
  return context.each([&](Value x) {
    const std::vector<int64_t> strides = listOf(config.stride()), dilations = listOf(config.dilation());
    const Padding padding = *paddingOf(config.padding());
    Value result = isTransposed ? convTranspose(x, w,
                                                {.strides = strides,
                                                 .dilations = dilations,
                                                 .padding = padding,
                                                 .outputPadding = {},
                                                 .groups = groups,
                                                 .layout = {},
                                                 .filterLayout = {}})
                                : conv(x, w,
                                       {.strides = strides,
                                        .dilations = dilations,
                                        .padding = padding,
                                        .groups = groups,
                                        .layout = {},
                                        .filterLayout = {}});
    return activation(config.bias() ? result + b : result);
  });
}

Signal buildPool(LayerContext& context, const Pool& config, bool isMax) {
  if (!areImages(context)) {
    return context.failInput(kImages);
  }
  if (const std::string fault = windowFault(context, config.kernel(), config.padding()); !fault.empty()) {
    return context.fail(fault);
  }
  const PoolOptions options{.kernel = listOf(config.kernel()),
                            .strides = listOf(config.stride()),
                            .dilations = {},
                            .padding = *paddingOf(config.padding()),
                            .ceilMode = false,
                            .layout = {}};
  // Padding is no part of the mean.
  return context.each([&](Value x) { return isMax ? maxPool(x, options) : avgPool(x, options, false); });
}

Signal buildBatchNorm(LayerContext& context, const BatchNorm& config) {
  GraphBuilder& g = context.g;
  const Value x = context.x();
  if (!isFloat(x.dtype()) || x.rank() < 2 || !context.hasLength(-1)) {
    return context.failInput("floats [batch, .., channels]");
  }
  if (!(config.momentum() >= 0 && config.momentum() <= 1)) {
    return context.fail("momentum is " + numberText(config.momentum()) + ", wanted 0 to 1");
  }
  const Value scale = channelVector(context, "scale", 1), bias = channelVector(context, "bias", 0);
  const DType statistics = x.dtype() == f16 || x.dtype() == bf16 ? f32 : x.dtype();
  const auto running = [&](const char* name, double value) {
    return g.variable(name, full(g, {context.length(-1)}, value, statistics), false);
  };
  const Value mean = running("running_mean", 0), variance = running("running_variance", 1);
  const BatchNormResult batch = batchNorm(x, scale, bias, -1, config.epsilon());
  if (batch.result.isPoisoned()) {
    return {batch.result, batch.result};
  }
  // Bessel's correction, as nn::batchNorm makes it.
  Dim count(1);
  for (int axis = 0; axis + 1 < x.rank(); ++axis) {
    count = count * x.shape()[axis];
  }
  const Value number = count.isStatic() ? g.scalar(static_cast<double>(count.value()), statistics)
                                        : cast(reshape(g.makeNode("shape_value", {}, {{"shape", Shape{count}}}, "",
                                                                  std::source_location::current())[0],
                                                       Shape{}),
                                               statistics);
  const Value corrected = batch.variance * number / maximum(number - 1, 1);
  const auto update = [&](Value old, Value now) {
    return g.assign(old, old * (1 - config.momentum()) + now * config.momentum());
  };
  context.updates.push_back(update(mean, batch.mean));
  context.updates.push_back(update(variance, corrected));
  return {batch.result,
          batchNormInference(context.inputs[0].prediction, scale, bias, mean, variance, -1, config.epsilon())};
}

Signal buildNorm(LayerContext& context, NormKind kind, int64_t axes, int64_t groups, double epsilon) {
  const Value x = context.x();
  bool fits = isFloat(x.dtype()) && axes >= 1 && axes < x.rank();
  for (int64_t axis = 1; fits && axis <= axes; ++axis) {
    fits = context.hasLength(static_cast<int>(-axis));
  }
  if (!fits) {
    return context.failInput("floats whose last axes (" + std::to_string(axes) + ") have known lengths");
  }
  if (kind == NormKind::kGroup && (groups < 1 || context.length(-1) % groups != 0)) {
    return context.fail("groups is " + std::to_string(groups) + ", wanted a divisor of the " +
                        std::to_string(context.length(-1)) + " channels");
  }
  const Shape normalized(std::vector<Dim>(x.shape().end() - axes, x.shape().end()));
  const Value scale = context.parameter("scale", normalized, nn::ones(), 1, 1);
  const Value bias = kind == NormKind::kRms ? Value() : context.parameter("bias", normalized, nn::zeros(), 1, 1);
  const int64_t first = x.rank() - axes;
  return context.each([&](Value in) {
    switch (kind) {
      case NormKind::kLayer:
        return layerNorm(in, scale, bias, first, epsilon);
      case NormKind::kRms:
        return rmsNorm(in, scale, first, epsilon);
      case NormKind::kInstance:
        return instanceNorm(in, scale, bias, -1, epsilon);
      case NormKind::kGroup:
        return groupNorm(in, scale, bias, groups, -1, epsilon);
    }
    return in;
  });
}

}  // namespace kiln::train
