// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the kinds of layers are built from. Private to the room.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/nn/dense.h"
#include "tools/kiln/train/network.h"

namespace kiln::train {

/// A value while the net is trained, and when it predicts: two values behind a layer that tells the two apart.
struct Signal {
  Value training, prediction;
  bool isShared() const { return training.ref() == prediction.ref(); }
};

/// One layer under construction; its names are made in its scope.
struct LayerContext {
  GraphBuilder& g;
  const Layer& layer;
  std::string name;
  std::vector<Signal> inputs;
  const NetworkInput& data;
  std::vector<Target>& updates;  ///< What a step does beside the optimizer.

  const Value& x() const { return inputs[0].training; }
  const Shape& shape() const { return x().shape(); }
  /// The length of an axis of x that has to be a number, and whether it is; negative axes count from the end.
  bool hasLength(int axis) const;
  int64_t length(int axis) const;

  /// Records KILN-T0031 of this layer.
  Signal fail(const std::string& text) const;
  /// As fail(), when x is not what the layer takes: `x is f32 [batch, 64], wanted ...`.
  Signal failInput(const std::string& wanted) const;
  /// A trainable variable of the type of x, or `dtype`.
  Value parameter(const std::string& name, const Shape& shape, const nn::Initializer& initializer, int64_t fanIn,
                  int64_t fanOut) const;
  /// The function of what the layer reads, once for training and, where that is another value, once for prediction.
  Signal each(const std::function<Value(Value)>& function) const;
  static Signal each(const Signal& signal, const std::function<Value(Value)>& function);
};

/// Builds the layer; poisoned after an error, which has been recorded.
Signal buildLayer(LayerContext& context);
/// The name of the kind, `conv`; "" when none is set.
std::string kindOf(const Layer& layer);

// --- the kinds by groups, each in a file of its own
// -------------------------------------------------------------------
Signal buildDense(LayerContext& context, const Dense& config);
Signal buildConv(LayerContext& context, const Conv& config, bool isTransposed);
Signal buildPool(LayerContext& context, const Pool& config, bool isMax);
Signal buildBatchNorm(LayerContext& context, const BatchNorm& config);
enum class NormKind { kLayer, kRms, kInstance, kGroup };
Signal buildNorm(LayerContext& context, NormKind kind, int64_t axes, int64_t groups, double epsilon);
enum class RecurrentKind { kRnn, kGru, kLstm };
Signal buildRecurrent(LayerContext& context, const Recurrent& config, RecurrentKind kind);
Signal buildEmbedding(LayerContext& context, const Embedding& config);
Signal buildPositionEmbedding(LayerContext& context);
Signal buildAttention(LayerContext& context, const Attention& config);
Signal buildTransformer(LayerContext& context, const Transformer& config);

// --- what they share -------------------------------------------------------------------------------------------------
/// Every name that activationOf() knows, sorted.
std::vector<std::string> activationNames();
/// Null for an unknown name; the identity for "".
nn::Activation activationOf(const std::string& name);
/// Nothing, after an error, for an unknown type; `fallback` when none is given.
std::optional<nn::Initializer> initializerOf(LayerContext& context, bool isGiven, const Initializer& config,
                                             const nn::Initializer& fallback = nn::uniformFanIn());

/// A weight and a bias over the last axis.
struct Affine {
  Value w, b;
  Value operator()(Value x) const;
};
/// Makes them in the scope `name`, or in that of the layer when it is empty.
Affine makeAffine(LayerContext& context, const std::string& name, int64_t inputs, int64_t units,
                  const nn::Initializer& kernel = nn::uniformFanIn(), const nn::Initializer& bias = nn::uniformFanIn(),
                  bool hasBias = true);

}  // namespace kiln::train
