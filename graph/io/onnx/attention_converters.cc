// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Attention, and what language models put beside it.
#include <array>

#include "graph/io/onnx/node_import.h"
#include "graph/io/onnx/operands.h"
#include "graph/nn/attention.h"
#include "graph/nn/linear_attention.h"
#include "graph/nn/rotary_embedding.h"

namespace kiln::onnx {
namespace {

// For a layer that refused its operands: what differs by name may be equal as numbers.
Status checkLayer(NodeImport& n, const Value& result) {
  for (int i = 0; result.isPoisoned() && i < n.numInputs(); ++i) {
    if (n.has(i) && !n.shape(i).isStatic()) {
      return n.unsupported("operands of these symbolic lengths");
    }
  }
  return {};
}

// Zero stands for one that is left out.
StatusOr<DType> softmaxType(NodeImport& n) {
  const int64_t type = n.integer("softmax_precision", 0);
  if (type == 0) {
    return DType::kInvalid;
  }
  KILN_ASSIGN_OR_RETURN(DType dtype, storageType(static_cast<int>(type), "softmax_precision"));
  if (dtype != f16 && dtype != bf16 && dtype != f32 && dtype != f64) {
    return n.invalid("softmax_precision " + std::to_string(type) + " is no float type");
  }
  return dtype;
}

std::optional<double> optionalNumber(NodeImport& n, std::string_view name) {
  return n.hasAttribute(name) ? std::optional(n.number(name, 0)) : std::nullopt;
}

Status convertAttention(NodeImport& n) {
  Value q = n.in(0), k = n.in(1), v = n.in(2);
  const bool isFlat = n.rank(0) == 3;
  if (isFlat) {
    const int64_t heads = n.integer("q_num_heads", 0), sharedHeads = n.integer("kv_num_heads", 0);
    if (heads < 1 || sharedHeads < 1 || n.rank(1) != 3 || n.rank(2) != 3) {
      return n.invalid("inputs of rank 3 need q_num_heads and kv_num_heads");
    }
    q = nn::splitHeads(n.g, q, heads);
    k = nn::splitHeads(n.g, k, sharedHeads);
    v = nn::splitHeads(n.g, v, sharedHeads);
  }
  nn::AttentionOptions options;
  options.scale = optionalNumber(n, "scale");
  options.isCausal = n.integer("is_causal", 0) != 0;
  options.leftWindow = n.integer("left_window_size", -1);
  options.rightWindow = n.integer("right_window_size", -1);
  options.softcap = n.number("softcap", 0);
  KILN_ASSIGN_OR_RETURN(options.softmaxType, softmaxType(n));
  for (auto [input, option] :
       {std::pair{3, &options.mask}, {4, &options.pastKeys}, {5, &options.pastValues}, {6, &options.numKeys}}) {
    if (n.has(input)) {
      *option = n.in(input);
    }
  }
  const nn::AttentionResult result = nn::attention(n.g, q, k, v, options);
  KILN_RETURN_IF_ERROR(checkLayer(n, result.result));
  n.set(0, isFlat ? nn::mergeHeads(n.g, result.result) : result.result);
  n.set(1, result.keys);
  n.set(2, result.values);
  if (n.wants(3)) {
    const int64_t mode = n.integer("qk_matmul_output_mode", 0);
    const std::array stages = {result.scores, result.cappedScores, result.maskedScores, result.probabilities};
    if (mode < 0 || mode >= static_cast<int64_t>(stages.size())) {
      return n.invalid("qk_matmul_output_mode " + std::to_string(mode));
    }
    n.set(3, cast(stages[static_cast<size_t>(mode)], n.dtype(0)));
  }
  return {};
}

Status convertFlexAttention(NodeImport& n) {
  nn::AttentionOptions options;
  options.scale = optionalNumber(n, "scale");
  KILN_ASSIGN_OR_RETURN(options.softmaxType, softmaxType(n));
  Status status;
  auto changeBy = [&](std::string_view name) -> std::function<Value(Value)> {
    if (!n.hasAttribute(name)) {
      return nullptr;
    }
    return [&n, &status, name](Value x) {
      const GraphProto* body = n.graph(name);
      if (body == nullptr || !status.ok()) {
        return x;
      }
      auto results = n.importBody(*body, {n.argument(x)});
      if (!results.ok() || results->size() != 1) {
        status = results.ok() ? n.invalid(std::string(name) + " gives " + std::to_string(results->size()) + " values")
                              : results.status();
        return x;
      }
      const Value changed = n.valueOf((*results)[0]);
      if (!changed.isPoisoned() && (changed.dtype() != x.dtype() || !(changed.shape() == x.shape()))) {
        status = n.invalid(std::string(name) + " changes the type or shape of what it is given");
        return x;
      }
      return changed;
    };
  };
  options.changeScores = changeBy("score_mod");
  options.changeProbabilities = changeBy("prob_mod");
  const nn::AttentionResult result = nn::attention(n.g, n.in(0), n.in(1), n.in(2), options);
  KILN_RETURN_IF_ERROR(status);
  KILN_RETURN_IF_ERROR(checkLayer(n, result.result));
  n.set(0, result.result);
  return {};
}

Status convertRotaryEmbedding(NodeImport& n) {
  Value x = n.in(0);
  const Shape shape = n.shape(0);
  nn::RotaryOptions options{.positions = n.has(3) ? n.in(3) : Value(),
                            .isInterleaved = n.integer("interleaved", 0) != 0,
                            .rotatedSize = n.integer("rotary_embedding_dim", 0)};
  const bool isFlat = shape.rank() == 3;
  if (isFlat) {
    const int64_t heads = n.integer("num_heads", 0);
    const std::optional<Dim> size = heads > 0 ? shape[2].dividedBy(Dim(heads)) : std::nullopt;
    if (!size) {
      return n.invalid("an input of shape " + shape.toString() + " needs num_heads that divide its last axis");
    }
    options.headAxis = 2;
    x = reshape(x, Shape{shape[0], shape[1], heads, *size});
  }
  const Value result = nn::rotaryEmbedding(n.g, x, n.in(1), n.in(2), options);
  KILN_RETURN_IF_ERROR(checkLayer(n, result));
  n.set(0, isFlat ? reshape(result, shape) : result);
  return {};
}

Status convertLinearAttention(NodeImport& n) {
  const int64_t heads = n.integer("q_num_heads", 0), sharedHeads = n.integer("kv_num_heads", 0);
  if (heads < 1 || sharedHeads < 1) {
    return n.invalid("it needs q_num_heads and kv_num_heads");
  }
  const std::string rule = n.text("update_rule", "gated_delta");
  const bool isGated = rule == "gated" || rule == "gated_delta", isDelta = rule == "delta" || rule == "gated_delta";
  if (!isGated && !isDelta && rule != "linear") {
    return n.unsupported("update_rule '" + rule + "'");
  }
  if (n.has(4) != isGated || n.has(5) != isDelta) {
    return n.invalid("update_rule '" + rule + "' takes " + (isGated ? "" : "no ") + "decay and " +
                     (isDelta ? "" : "no ") + "beta");
  }
  nn::LinearAttentionOptions options;
  if (const double scale = n.number("scale", 0); scale != 0) {
    options.scale = scale;
  }
  if (n.has(3)) {
    options.pastState = n.in(3);
  }
  if (isGated) {
    options.decay = nn::splitHeads(n.g, n.in(4), sharedHeads);
  }
  if (isDelta) {
    const bool isShared = n.rank(5) == 3 && n.shape(5)[2] == Dim(1);
    options.rate = nn::splitHeads(n.g, n.in(5), isShared ? 1 : sharedHeads);
  }
  const nn::LinearAttentionResult result =
      nn::linearAttention(n.g, nn::splitHeads(n.g, n.in(0), heads), nn::splitHeads(n.g, n.in(1), sharedHeads),
                          nn::splitHeads(n.g, n.in(2), sharedHeads), options);
  KILN_RETURN_IF_ERROR(checkLayer(n, result.result));
  n.set(0, nn::mergeHeads(n.g, result.result));
  n.set(1, result.state);
  return {};
}

Status convertCausalConvolution(NodeImport& n) {
  const std::string activation = n.text("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") {
    return n.unsupported("activation '" + activation + "'");
  }
  const nn::CausalConvolutionResult result =
      nn::causalConvolution(n.g, n.in(0), n.in(1), n.has(2) ? n.in(2) : Value(), n.has(3) ? n.in(3) : Value());
  KILN_RETURN_IF_ERROR(checkLayer(n, result.result));
  n.set(0, activation == "none" ? result.result : inWide(result.result, [](Value x) { return silu(x); }));
  n.set(1, result.state);
  return {};
}

constexpr std::array kConverters = {
    Converter{"Attention", convertAttention},
    Converter{"FlexAttention", convertFlexAttention, "ai.onnx.preview"},
    Converter{"RotaryEmbedding", convertRotaryEmbedding},
    Converter{"LinearAttention", convertLinearAttention},
    Converter{"CausalConvWithState", convertCausalConvolution},
};

}  // namespace

std::span<const Converter> attentionConverters() { return kConverters; }

}  // namespace kiln::onnx
