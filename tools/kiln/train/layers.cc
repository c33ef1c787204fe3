// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The kinds of layers: which function builds which, and those that take a line or two.
#include "tools/kiln/train/layer_context.h"

namespace kiln::train {
namespace {

Signal buildReshape(LayerContext& context, const Reshape& config) {
  Shape shape{context.shape()[0]};
  int numOpen = 0;
  for (int64_t length : config.shape()) {
    numOpen += length == -1 ? 1 : 0;
    if (length < -1 || numOpen > 1) {
      return context.fail("shape has " + (length < -1 ? std::to_string(length) : "-1 twice") +
                          ", wanted lengths, one of which may be -1");
    }
    shape.push_back(length);
  }
  return context.each([&](Value x) { return reshape(x, shape); });
}

Signal buildFlatten(LayerContext& context) {
  const Shape shape = context.shape();
  Dim product(1);
  for (int axis = 1; axis < shape.rank(); ++axis) {
    product = product * shape[axis];
  }
  return context.each([&](Value x) { return reshape(x, Shape{shape[0], product}); });
}

Signal buildTranspose(LayerContext& context, const Transpose& config) {
  std::vector<int64_t> permutation(config.permutation().begin(), config.permutation().end());
  if (permutation.empty() || permutation[0] != 0) {
    return context.fail("permutation has to begin with 0, the batch");
  }
  return context.each([&](Value x) { return transpose(x, permutation); });
}

Signal buildGlobalPool(LayerContext& context, bool isMax) {
  if (context.x().rank() < 3 || context.x().rank() > 5) {
    return context.failInput("floats [batch, 1 to 3 spatial axes, channels]");
  }
  return context.each([&](Value x) { return isMax ? globalMaxPool(x) : globalAvgPool(x); });
}

Signal buildDropout(LayerContext& context, const Dropout& config) {
  if (!(config.rate() >= 0 && config.rate() < 1)) {
    return context.fail("rate is " + numberText(config.rate()) + ", wanted 0 or more and less than 1");
  }
  return {dropout(context.x(), config.rate()), context.inputs[0].prediction};
}

Signal buildActivation(LayerContext& context, const Activation& config) {
  const nn::Activation activation = config.has_type() ? activationOf(config.type()) : nullptr;
  return activation ? context.each([&](Value x) { return activation(x); })
                    : context.fail("type " + unknownName(config.type(), activationNames()));
}

Signal buildLastStep(LayerContext& context) {
  if (context.x().rank() != 3) {
    return context.failInput("[batch, length, size]");
  }
  const Shape shape = context.shape();
  return context.each([&](Value x) {
    const Value last = slice(x, {0, shape[1] - 1, 0}, shape);
    return last.isPoisoned() ? last : squeeze(last, 1);
  });
}

// The axis, counted from the front, when it is one after the batch; nothing after an error.
std::optional<int64_t> axisOf(LayerContext& context, const Axis& config) {
  const int64_t rank = context.x().rank();
  const int64_t axis = config.axis() < 0 ? config.axis() + rank : config.axis();
  if (axis < 1 || axis >= rank) {
    context.fail("axis is " + std::to_string(config.axis()) + ", and the axes of " + context.shape().toString() +
                 " after the batch are 1 to " + std::to_string(rank - 1));
    return std::nullopt;
  }
  return axis;
}

Signal buildMean(LayerContext& context, const Axis& config) {
  const std::optional<int64_t> axis = axisOf(context, config);
  return axis ? context.each([&](Value x) { return reduceMean(x, {*axis}); })
              : Signal{context.g.poisoned(), context.g.poisoned()};
}

// Several inputs: once for training, and once for prediction where one of them is another value there.
Signal combine(LayerContext& context, const std::function<Value(const std::vector<Value>&)>& function) {
  if (context.inputs.size() < 2) {
    return context.fail(kindOf(context.layer) + " has one input, wanted two or more: input: \"a\" input: \"b\"");
  }
  std::vector<Value> training, prediction;
  bool isShared = true;
  for (const Signal& signal : context.inputs) {
    training.push_back(signal.training);
    prediction.push_back(signal.prediction);
    isShared = isShared && signal.isShared();
  }
  const Value result = function(training);
  return {result, isShared ? result : function(prediction)};
}

Signal buildConcat(LayerContext& context, const Axis& config) {
  const std::optional<int64_t> axis = axisOf(context, config);
  return axis ? combine(context, [&](const std::vector<Value>& values) { return concat(values, *axis); })
              : Signal{context.g.poisoned(), context.g.poisoned()};
}

Signal buildSum(LayerContext& context, bool isProduct) {
  for (const Signal& signal : context.inputs) {
    // Broadcasting would hide a branch of another size.
    if (!(signal.training.shape() == context.shape())) {
      return context.fail("its inputs are " + context.shape().toString() + " and " +
                          signal.training.shape().toString() + ", wanted equal shapes");
    }
  }
  return combine(context, [&](const std::vector<Value>& values) {
    Value result = values[0];
    for (size_t i = 1; i < values.size(); ++i) {
      result = isProduct ? result * values[i] : result + values[i];
    }
    return result;
  });
}

}  // namespace

std::string kindOf(const Layer& layer) {
  const google::protobuf::OneofDescriptor* kinds = Layer::descriptor()->FindOneofByName("kind");
  const google::protobuf::FieldDescriptor* field = layer.GetReflection()->GetOneofFieldDescriptor(layer, kinds);
  return field == nullptr ? "" : field->name();
}

Signal buildLayer(LayerContext& context) {
  const Layer& layer = context.layer;
  const Layer::KindCase kind = layer.kind_case();
  const bool takesSeveral = kind == Layer::kConcat || kind == Layer::kAdd || kind == Layer::kMul;
  if (!takesSeveral && context.inputs.size() != 1) {
    return context.fail(kindOf(layer) + " has " + std::to_string(context.inputs.size()) +
                        " inputs, wanted one; concat, add and mul take several");
  }
  switch (kind) {
    case Layer::kDense:
      return buildDense(context, layer.dense());
    case Layer::kConv:
      return buildConv(context, layer.conv(), false);
    case Layer::kConvTranspose:
      return buildConv(context, layer.conv_transpose(), true);
    case Layer::kMaxPool:
      return buildPool(context, layer.max_pool(), true);
    case Layer::kAveragePool:
      return buildPool(context, layer.average_pool(), false);
    case Layer::kGlobalMaxPool:
    case Layer::kGlobalAveragePool:
      return buildGlobalPool(context, kind == Layer::kGlobalMaxPool);
    case Layer::kFlatten:
      return buildFlatten(context);
    case Layer::kReshape:
      return buildReshape(context, layer.reshape());
    case Layer::kTranspose:
      return buildTranspose(context, layer.transpose());
    case Layer::kBatchNorm:
      return buildBatchNorm(context, layer.batch_norm());
    case Layer::kLayerNorm:
      return buildNorm(context, NormKind::kLayer, layer.layer_norm().axes(), 1, layer.layer_norm().epsilon());
    case Layer::kRmsNorm:
      return buildNorm(context, NormKind::kRms, layer.rms_norm().axes(), 1,
                       layer.rms_norm().has_epsilon() ? layer.rms_norm().epsilon() : 1e-6);
    case Layer::kInstanceNorm:
      return buildNorm(context, NormKind::kInstance, 1, 1, layer.instance_norm().epsilon());
    case Layer::kGroupNorm:
      return buildNorm(context, NormKind::kGroup, 1, layer.group_norm().groups(), layer.group_norm().epsilon());
    case Layer::kDropout:
      return buildDropout(context, layer.dropout());
    case Layer::kActivation:
      return buildActivation(context, layer.activation());
    case Layer::kEmbedding:
      return buildEmbedding(context, layer.embedding());
    case Layer::kPositionEmbedding:
      return buildPositionEmbedding(context);
    case Layer::kLstm:
      return buildRecurrent(context, layer.lstm(), RecurrentKind::kLstm);
    case Layer::kGru:
      return buildRecurrent(context, layer.gru(), RecurrentKind::kGru);
    case Layer::kRnn:
      return buildRecurrent(context, layer.rnn(), RecurrentKind::kRnn);
    case Layer::kAttention:
      return buildAttention(context, layer.attention());
    case Layer::kTransformer:
      return buildTransformer(context, layer.transformer());
    case Layer::kMean:
      return buildMean(context, layer.mean());
    case Layer::kLastStep:
      return buildLastStep(context);
    case Layer::kConcat:
      return buildConcat(context, layer.concat());
    case Layer::kAdd:
    case Layer::kMul:
      return buildSum(context, kind == Layer::kMul);
    case Layer::KIND_NOT_SET:
      break;
  }
  return context.fail("has no kind: dense {..}, conv {..} or another");
}

}  // namespace kiln::train
