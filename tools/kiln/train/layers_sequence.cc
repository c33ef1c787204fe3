// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Layers over sequences [batch, length, size].
#include "graph/nn/attention.h"
#include "graph/nn/recurrent.h"
#include "tools/kiln/train/layer_context.h"

namespace kiln::train {
namespace {

constexpr char kSequences[] = "floats [batch, length, size]";
// How far learnt positions are from zero at first; that of GPT-2.
constexpr double kPositionDeviation = 0.02;

bool isSequence(const LayerContext& context) {
  return isFloat(context.x().dtype()) && context.x().rank() == 3 && context.hasLength(-1);
}

std::string headsFault(const LayerContext& context, int64_t heads) {
  return heads >= 1 && context.length(-1) % heads == 0
             ? ""
             : "heads is " + std::to_string(heads) + ", wanted a divisor of the size " +
                   std::to_string(context.length(-1));
}

// Queries, keys and values of the same sequence, and what becomes of the heads' results.
struct SelfAttention {
  Affine query, key, value, out;
  int64_t heads;
  bool isCausal;

  Value operator()(Value x) const {
    GraphBuilder& g = *x.builder();
    const auto split = [&](const Affine& affine) { return nn::splitHeads(g, affine(x), heads); };
    nn::AttentionOptions options;
    options.isCausal = isCausal;
    return out(nn::mergeHeads(g, nn::attention(g, split(query), split(key), split(value), options).result));
  }
};
SelfAttention makeAttention(LayerContext& context, const std::string& prefix, int64_t heads, bool isCausal) {
  const int64_t size = context.length(-1);
  const auto affine = [&](const char* name) { return makeAffine(context, prefix + name, size, size); };
  const Affine query = affine("query"), key = affine("key"), value = affine("value");
  return {query, key, value, affine("out"), heads, isCausal};
}

}  // namespace

Signal buildEmbedding(LayerContext& context, const Embedding& config) {
  if (!isInteger(context.x().dtype())) {
    return context.failInput("whole numbers: a text, or data with integer_features");
  }
  const bool isText = !config.has_rows();
  const int64_t rows = isText ? context.data.numClasses : config.rows();
  if (rows < 1 || config.size() < 1) {
    return context.fail(config.size() < 1 ? "size is " + std::to_string(config.size()) + ", wanted at least 1"
                                          : "rows is " + std::to_string(rows) + ", wanted at least 1");
  }
  const auto initializer = initializerOf(context, config.has_initializer(), config.initializer(), nn::normal(1));
  if (!initializer) {
    return {context.g.poisoned(), context.g.poisoned()};
  }
  const Value table = context.parameter("w", {rows, config.size()}, *initializer, rows, config.size());
  return context.each([&](Value ids) { return embedding(table, ids); });
}

Signal buildPositionEmbedding(LayerContext& context) {
  if (!isSequence(context) || !context.hasLength(1)) {
    return context.failInput(std::string(kSequences) + " of a known length");
  }
  const Value table = context.parameter("w", {context.length(1), context.length(2)}, nn::normal(kPositionDeviation),
                                        context.length(1), context.length(2));
  return context.each([&](Value x) { return x + table; });
}

Signal buildRecurrent(LayerContext& context, const Recurrent& config, RecurrentKind kind) {
  if (!isSequence(context)) {
    return context.failInput(kSequences);
  }
  const int64_t units = config.units();
  if (units < 1) {
    return context.fail("units is " + std::to_string(units) + ", wanted at least 1");
  }
  const auto initializer = initializerOf(context, config.has_initializer(), config.initializer());
  if (!initializer) {
    return {context.g.poisoned(), context.g.poisoned()};
  }
  const int64_t size = context.length(-1), directions = config.bidirectional() ? 2 : 1;
  const int64_t columns = units * (kind == RecurrentKind::kLstm ? 4 : kind == RecurrentKind::kGru ? 3 : 1);
  // All start as in torch.nn.LSTM: by the size of the state.
  const auto make = [&](const char* name, const Shape& shape) {
    return context.parameter(name, shape, *initializer, units, units);
  };
  const Value input = make("input", {directions, columns, size}), hidden = make("hidden", {directions, columns, units});
  const nn::RecurrentWeights weights{input, hidden, make("b", {directions, 2 * columns})};
  nn::RecurrentOptions options;
  options.direction =
      config.bidirectional() ? nn::RecurrentOptions::Direction::kBoth : nn::RecurrentOptions::Direction::kForward;
  options.resetsAfter = kind == RecurrentKind::kGru;
  return context.each([&](Value x) {
    GraphBuilder& g = context.g;
    const Value steps = transpose(x, {1, 0, 2});
    const nn::RecurrentResult result = kind == RecurrentKind::kLstm  ? nn::lstm(g, steps, weights, options)
                                       : kind == RecurrentKind::kGru ? nn::gru(g, steps, weights, options)
                                                                     : nn::rnn(g, steps, weights, options);
    if (result.sequence.isPoisoned()) {
      return result.sequence;
    }
    const Dim batch = x.shape()[0], width = directions * units;
    return config.sequence() ? reshape(transpose(result.sequence, {2, 0, 1, 3}), Shape{batch, x.shape()[1], width})
                             : reshape(transpose(result.hidden, {1, 0, 2}), Shape{batch, width});
  });
}

Signal buildAttention(LayerContext& context, const Attention& config) {
  if (!isSequence(context)) {
    return context.failInput(kSequences);
  }
  if (const std::string fault = headsFault(context, config.heads()); !fault.empty()) {
    return context.fail(fault);
  }
  return context.each(makeAttention(context, "", config.heads(), config.causal()));
}

Signal buildTransformer(LayerContext& context, const Transformer& config) {
  if (!isSequence(context)) {
    return context.failInput(kSequences);
  }
  if (const std::string fault = headsFault(context, config.heads()); !fault.empty()) {
    return context.fail(fault);
  }
  const nn::Activation activation = activationOf(config.activation());
  if (!activation) {
    return context.fail("activation " + unknownName(config.activation(), activationNames()));
  }
  const int64_t size = context.length(-1), hidden = config.has_hidden() ? config.hidden() : 4 * size;
  if (hidden < 1) {
    return context.fail("hidden is " + std::to_string(hidden) + ", wanted at least 1");
  }
  const auto makeNorm = [&](const std::string& name) {
    const Value scale = context.parameter(name + "/scale", {size}, nn::ones(), 1, 1);
    const Value bias = context.parameter(name + "/bias", {size}, nn::zeros(), 1, 1);
    return [scale, bias](Value x) { return layerNorm(x, scale, bias, -1); };
  };
  const auto firstNorm = makeNorm("norm1");
  const SelfAttention attention = makeAttention(context, "attention/", config.heads(), config.causal());
  const auto secondNorm = makeNorm("norm2");
  const Affine in = makeAffine(context, "hidden", size, hidden), out = makeAffine(context, "out", hidden, size);
  const auto block = [&](Value x, bool isTraining) {
    const auto drop = [&](Value added) {
      return isTraining && config.dropout() > 0 ? dropout(added, config.dropout()) : added;
    };
    const Value attended = x + drop(attention(firstNorm(x)));
    return attended + drop(out(activation(in(secondNorm(attended)))));
  };
  const Value training = block(context.inputs[0].training, true);
  const bool isShared = context.inputs[0].isShared() && !(config.dropout() > 0);
  return {training, isShared ? training : block(context.inputs[0].prediction, false)};
}

}  // namespace kiln::train
