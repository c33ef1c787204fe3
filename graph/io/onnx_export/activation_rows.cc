// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Activations.
#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

Status set(NodeExport& n, std::string value) {
  n.set(0, std::move(value));
  return {};
}

Status writeCelu(NodeExport& n) {
  if (n.dtype() == f32) {
    return set(n, n.op("Celu", {n.in(0)}, {{"alpha", n.real("alpha")}}));
  }
  const Formula x = operand(n, 0);  // The operator takes f32 only.
  const double alpha = n.real("alpha");
  const Formula curve = ((x.with("Min", x.number(0)) / alpha).apply("Exp") - 1.0) * alpha;
  return set(n, choose(x > 0.0, x, curve).value());
}

Status writeElu(NodeExport& n) { return set(n, n.op("Elu", {n.in(0)}, {{"alpha", n.real("alpha")}})); }
Status writeGelu(NodeExport& n) { return set(n, n.op("Gelu", {n.in(0)})); }
Status writeGeluTanh(NodeExport& n) { return set(n, n.op("Gelu", {n.in(0)}, {{"approximate", std::string("tanh")}})); }
Status writeHardSigmoid(NodeExport& n) {
  return set(n, n.op("HardSigmoid", {n.in(0)}, {{"alpha", 1.0 / 6}, {"beta", 0.5}}));
}
Status writeHardSwish(NodeExport& n) { return set(n, n.op("HardSwish", {n.in(0)})); }

std::string clip(NodeExport& n, const std::string& x, double low, double high) {
  return n.op("Clip", {x, n.number(low, n.dtype()), n.number(high, n.dtype())});
}
Status writeHardTanh(NodeExport& n) { return set(n, clip(n, n.in(0), n.real("low"), n.real("high"))); }
Status writeRelu6(NodeExport& n) { return set(n, clip(n, n.in(0), 0, 6)); }

Status writeHardshrink(NodeExport& n) { return set(n, n.op("Shrink", {n.in(0)}, {{"lambd", n.real("lambd")}})); }
Status writeSoftshrink(NodeExport& n) {
  return set(n, n.op("Shrink", {n.in(0)}, {{"lambd", n.real("lambd")}, {"bias", n.real("lambd")}}));
}
Status writeLeakyRelu(NodeExport& n) { return set(n, n.op("LeakyRelu", {n.in(0)}, {{"alpha", n.real("alpha")}})); }
Status writeLogSigmoid(NodeExport& n) { return set(n, n.op("Neg", {n.op("Softplus", {n.op("Neg", {n.in(0)})})})); }
Status writeMish(NodeExport& n) { return set(n, n.op("Mish", {n.in(0)})); }
Status writePrelu(NodeExport& n) { return set(n, n.op("PRelu", {n.in(0), n.in(1)})); }
Status writeSelu(NodeExport& n) {
  return set(n, n.op("Selu", {n.in(0)}, {{"alpha", n.real("alpha")}, {"gamma", n.real("gamma")}}));
}
Status writeSilu(NodeExport& n) { return set(n, n.op("Mul", {n.in(0), n.op("Sigmoid", {n.in(0)})})); }
Status writeSoftplus(NodeExport& n) {
  const Formula x = operand(n, 0);
  const double beta = n.real("beta");
  return set(n, beta == 1 ? x.apply("Softplus").value() : ((x * beta).apply("Softplus") / beta).value());
}
Status writeSoftsign(NodeExport& n) { return set(n, n.op("Softsign", {n.in(0)})); }
Status writeSquaredRelu(NodeExport& n) {
  const Formula y = operand(n, 0).apply("Relu");
  return set(n, (y * y).value());
}
Status writeThresholdedRelu(NodeExport& n) {
  return set(n, n.op("ThresholdedRelu", {n.in(0)}, {{"alpha", n.real("alpha")}}));
}

constexpr ExportRow kRows[] = {
    {"celu", writeCelu},
    {"elu", writeElu},
    {"gelu", writeGelu},
    {"gelu_tanh", writeGeluTanh},
    {"hard_sigmoid", writeHardSigmoid},
    {"hard_swish", writeHardSwish},
    {"hard_tanh", writeHardTanh},
    {"hardshrink", writeHardshrink},
    {"leaky_relu", writeLeakyRelu},
    {"log_sigmoid", writeLogSigmoid},
    {"mish", writeMish},
    {"prelu", writePrelu},
    {"relu6", writeRelu6},
    {"selu", writeSelu},
    {"silu", writeSilu},
    {"softplus", writeSoftplus},
    {"softshrink", writeSoftshrink},
    {"softsign", writeSoftsign},
    {"squared_relu", writeSquaredRelu},
    {"thresholded_relu", writeThresholdedRelu},
};

}  // namespace

std::span<const ExportRow> activationRows() { return kRows; }

}  // namespace kiln::onnx
