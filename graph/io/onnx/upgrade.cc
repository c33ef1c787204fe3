// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One rule for each change of an operator that made nodes of older operator sets mean something else today. Changes
// that only allow more (types, inputs that may be left out, attributes whose default is the old meaning) need none. The
// history is that of https://onnx.ai/onnx/operators.
#include "graph/io/onnx/upgrade.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

namespace kiln::onnx {
namespace {

// A node under change.
class Upgrade {
 public:
  Upgrade(NodeProto& node, int64_t opset, const std::string& where, const std::function<std::string(Tensor)>& constant)
      : node(node), opset(opset), where_(where), constant_(constant) {}

  NodeProto& node;
  const int64_t opset;

  bool hasAttribute(std::string_view name) const { return find(name) != nullptr; }
  bool hasInput(int i) const { return i < node.input_size() && !node.input(i).empty(); }

  // Removes an attribute and returns what it was.
  std::optional<AttributeProto> take(std::string_view name) {
    auto& attributes = *node.mutable_attribute();
    for (int i = 0; i < attributes.size(); ++i) {
      if (attributes[i].name() == name) {
        AttributeProto taken = attributes[i];
        attributes.DeleteSubrange(i, 1);
        return taken;
      }
    }
    return std::nullopt;
  }

  StatusOr<int64_t> takeInteger(std::string_view name, int64_t otherwise) {
    const std::optional<AttributeProto> attribute = take(name);
    if (attribute && (!attribute->has_i() || !isOfType(*attribute, AttributeProto::INT))) {
      return wrong(name, "integer");
    }
    return attribute ? attribute->i() : otherwise;
  }

  // Nothing without the attribute.
  StatusOr<std::optional<float>> takeNumber(std::string_view name) {
    const std::optional<AttributeProto> attribute = take(name);
    if (attribute && (!attribute->has_f() || !isOfType(*attribute, AttributeProto::FLOAT))) {
      return wrong(name, "number");
    }
    return attribute ? std::optional(attribute->f()) : std::nullopt;
  }

  StatusOr<std::optional<std::vector<int64_t>>> takeIntegers(std::string_view name) {
    const std::optional<AttributeProto> attribute = take(name);
    if (attribute && (attribute->has_i() || !isOfType(*attribute, AttributeProto::INTS))) {
      return wrong(name, "list of integers");
    }
    return attribute ? std::optional(std::vector<int64_t>(attribute->ints().begin(), attribute->ints().end()))
                     : std::nullopt;
  }

  StatusOr<std::string> textOf(std::string_view name, std::string_view otherwise) {
    const AttributeProto* attribute = find(name);
    if (attribute != nullptr && (!attribute->has_s() || !isOfType(*attribute, AttributeProto::STRING))) {
      return wrong(name, "text");
    }
    return attribute != nullptr ? attribute->s() : std::string(otherwise);
  }

  void setInteger(std::string_view name, int64_t value) {
    AttributeProto& attribute = fresh(name, AttributeProto::INT);
    attribute.set_i(value);
  }
  void setNumber(std::string_view name, float value) {
    AttributeProto& attribute = fresh(name, AttributeProto::FLOAT);
    attribute.set_f(value);
  }
  void setText(std::string_view name, std::string_view value) {
    AttributeProto& attribute = fresh(name, AttributeProto::STRING);
    attribute.set_s(std::string(value));
  }
  void setIntegers(std::string_view name, const std::vector<int64_t>& values) {
    AttributeProto& attribute = fresh(name, AttributeProto::INTS);
    attribute.mutable_ints()->Assign(values.begin(), values.end());
  }

  void setInput(int i, const std::string& name) {
    while (node.input_size() <= i) {
      node.add_input("");
    }
    node.set_input(i, name);
  }
  void setIntegersInput(int i, const std::vector<int64_t>& values) {
    setInput(i, constant_(Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values)));
  }
  template <class T>
  void setScalarInput(int i, T value) {
    setInput(i, constant_(Tensor::scalar<T>(value)));
  }
  std::string constant(Tensor tensor) { return constant_(std::move(tensor)); }

  Status unsupported(std::string_view why) const {
    return makeError<ErrorId::kG0501>(where_ + " of operator set " + std::to_string(opset) + ": " + std::string(why));
  }
  Status invalid(std::string_view why) const { return makeError<ErrorId::kG0502>(where_, why); }
  Status wrong(std::string_view attribute, std::string_view wanted) const {
    return invalid("attribute '" + std::string(attribute) + "' is no " + std::string(wanted));
  }

 private:
  // Old files leave the type out.
  static bool isOfType(const AttributeProto& attribute, AttributeProto::AttributeType type) {
    return attribute.type() == type || attribute.type() == AttributeProto::UNDEFINED;
  }

  const AttributeProto* find(std::string_view name) const {
    const auto found = std::ranges::find_if(node.attribute(), [&](const auto& a) { return a.name() == name; });
    return found == node.attribute().end() ? nullptr : &*found;
  }

  AttributeProto& fresh(std::string_view name, AttributeProto::AttributeType type) {
    take(name);
    AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(std::string(name));
    attribute.set_type(type);
    return attribute;
  }

  const std::string& where_;
  const std::function<std::string(Tensor)>& constant_;
};

struct Rule;
using Apply = Status (*)(Upgrade& u, const Rule& rule);

// Changes nodes of operator sets before `before`.
struct Rule {
  std::string_view op;
  int64_t before;
  Apply apply;
  std::string_view attribute = "";
  int input = 0;      ///< Of what becomes one.
  int64_t value = 0;  ///< Of a default.
};

// Of operators that the newest operator set does not have.
constexpr int64_t kAlways = std::numeric_limits<int64_t>::max();

// --- attributes: defaults, names and types that changed --------------------------------------------------------------

Status dropAttribute(Upgrade& u, const Rule& rule) {
  u.take(rule.attribute);
  return {};
}

// An attribute whose default was another one, or none.
Status oldDefault(Upgrade& u, const Rule& rule) {
  if (!u.hasAttribute(rule.attribute)) {
    u.setInteger(rule.attribute, rule.value);
  }
  return {};
}

// p was a float.
Status integerP(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const std::optional<float> p, u.takeNumber("p"));
  const float value = p.value_or(2);
  if (!(value >= 1 && value < 1e6F) || value != static_cast<float>(static_cast<int64_t>(value))) {
    return u.unsupported("p = " + std::to_string(value) + ", which is no whole number");
  }
  u.setInteger("p", static_cast<int64_t>(value));
  return {};
}

Status seluDefaults(Upgrade& u, const Rule&) {
  if (!u.hasAttribute("alpha")) {
    u.setNumber("alpha", 1.6732F);
  }
  if (!u.hasAttribute("gamma")) {
    u.setNumber("gamma", 1.0507F);
  }
  return {};
}

// The axis was 1, and the axes from there on were one.
Status flattenedSoftmax(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, u.takeInteger("axis", 1));
  u.setInteger("axis", axis);
  u.setInteger("kiln_flatten", 1);
  return {};
}

// `to` was the name of a type.
Status castToName(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const std::string name, u.textOf("to", ""));
  TensorProto::DataType type = TensorProto::UNDEFINED;
  if (!TensorProto::DataType_Parse(name, &type)) {
    return u.unsupported("elements of type '" + name + "'");
  }
  u.setInteger("to", type);
  return {};
}

Status forwardDirection(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const std::string direction, u.textOf("direction", "forward"));
  if (direction == "foward") {  // As the default was spelled.
    u.setText("direction", "forward");
  }
  return {};
}

Status gridSampleModes(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const std::string mode, u.textOf("mode", "bilinear"));
  u.setText("mode", mode == "bilinear" ? "linear" : mode == "bicubic" ? "cubic" : mode);
  return {};
}

// Without the attribute the coordinates were not shifted by half a pixel.
Status roiAlignCoordinates(Upgrade& u, const Rule&) {
  if (!u.hasAttribute("coordinate_transformation_mode")) {
    u.setText("coordinate_transformation_mode", "output_half_pixel");
  }
  return {};
}

// --- attributes that became inputs -----------------------------------------------------------------------------------

Status integersToInput(Upgrade& u, const Rule& rule) {
  KILN_ASSIGN_OR_RETURN(const auto values, u.takeIntegers(rule.attribute));
  if (values) {
    u.setIntegersInput(rule.input, *values);
  }
  return {};
}

Status integerToInput(Upgrade& u, const Rule& rule) {
  if (!u.hasAttribute(rule.attribute)) {
    return u.wrong(rule.attribute, "integer");
  }
  KILN_ASSIGN_OR_RETURN(const int64_t value, u.takeInteger(rule.attribute, 0));
  u.setIntegersInput(rule.input, {value});
  return {};
}

Status numberToInput(Upgrade& u, const Rule& rule) {
  KILN_ASSIGN_OR_RETURN(const auto value, u.takeNumber(rule.attribute));
  if (value) {
    u.setScalarInput<float>(rule.input, *value);
  }
  return {};
}

Status renamedPads(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const auto pads, u.takeIntegers("paddings"));
  if (pads) {
    u.setIntegers("pads", *pads);
  }
  return {};
}

// Bounds were numbers of f32; operator set 6 gave them the limits of that type as defaults.
Status clipBounds(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(auto low, u.takeNumber("min"));
  KILN_ASSIGN_OR_RETURN(auto high, u.takeNumber("max"));
  if (u.opset >= 6) {
    low = low.value_or(std::numeric_limits<float>::lowest());
    high = high.value_or(std::numeric_limits<float>::max());
  }
  if (low) {
    u.setScalarInput<float>(1, *low);
  }
  if (high) {
    u.setScalarInput<float>(2, *high);
  }
  return {};
}

Status equalParts(Upgrade& u, const Rule&) {
  if (!u.hasInput(1) && !u.hasAttribute("num_outputs")) {
    u.setInteger("num_outputs", u.node.output_size());
  }
  return {};
}

Status dftAxis(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const int64_t axis, u.takeInteger("axis", 1));
  u.setScalarInput<int64_t>(2, axis);
  return {};
}

// --- broadcasting and training ---------------------------------------------------------------------------------------

// B was broadcast only with broadcast=1, from `axis` of A on or, without it, as today.
Status oldBroadcast(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const int64_t broadcast, u.takeInteger("broadcast", 0));
  const bool hasAxis = u.hasAttribute("axis");
  KILN_ASSIGN_OR_RETURN(const int64_t axis, u.takeInteger("axis", 0));
  if (broadcast != 0 && hasAxis) {
    u.setInteger("kiln_axis", axis);
  }
  return {};
}

// The slope had one element, or one for each channel.
Status slopeOfChannels(Upgrade& u, const Rule&) {
  u.setInteger("kiln_axis", 1);
  return {};
}

// Before operator set 7 `is_test` said which mode it is; up to 13 the number of outputs did.
Status batchNormalizationMode(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const int64_t isTest, u.takeInteger("is_test", 0));
  KILN_ASSIGN_OR_RETURN(const int64_t spatial, u.takeInteger("spatial", 1));
  if (spatial == 0) {
    return u.unsupported("statistics of each element (spatial=0)");
  }
  auto& outputs = *u.node.mutable_output();
  const bool hasStatistics = std::any_of(outputs.begin() + std::min(1, outputs.size()), outputs.end(),
                                         [](const std::string& output) { return !output.empty(); });
  u.setInteger("training_mode", u.opset < 7 ? (isTest == 0 ? 1 : 0) : (hasStatistics ? 1 : 0));
  // The 4th and 5th were kept for the derivative.
  while (outputs.size() > 3) {
    outputs.RemoveLast();
  }
  return {};
}

Status dropoutInputs(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const auto ratio, u.takeNumber("ratio"));
  KILN_ASSIGN_OR_RETURN(const int64_t isTest, u.takeInteger("is_test", 0));
  // From operator set 7 on a model has no other mode than inference.
  if (u.opset < 7 && isTest == 0) {
    u.setScalarInput<float>(1, ratio.value_or(0.5F));
    u.setInput(2, u.constant(Tensor::scalar<bool>(true)));
  }
  if (u.opset < 10) {
    u.setInteger("kiln_float_mask", 1);
  }
  return {};
}

// --- operators that became others ------------------------------------------------------------------------------------

Status scatterElements(Upgrade& u, const Rule&) {
  u.node.set_op_type(std::string(newestName("Scatter")));
  return {};
}

// Scales counted from the corner of the first pixel, and positions were cut off.
void resizeOfOldKind(Upgrade& u, const std::string& scales) {
  u.node.set_op_type("Resize");
  u.setInput(1, "");
  u.setInput(2, scales);
  u.setText("coordinate_transformation_mode", "asymmetric");
  u.setText("nearest_mode", "floor");
}

Status upsampleToResize(Upgrade& u, const Rule&) {
  std::string scales = u.hasInput(1) ? u.node.input(1) : "";
  KILN_ASSIGN_OR_RETURN(const auto height, u.takeNumber("height_scale"));
  KILN_ASSIGN_OR_RETURN(const auto width, u.takeNumber("width_scale"));
  if (height && width) {
    scales = u.constant(Tensor::of<float>({4}, {1, 1, *height, *width}));
  }
  if (const std::optional<AttributeProto> attribute = u.take("scales")) {
    const std::vector<float> values(attribute->floats().begin(), attribute->floats().end());
    scales = u.constant(Tensor::of<float>({static_cast<int64_t>(values.size())}, values));
  }
  KILN_ASSIGN_OR_RETURN(const std::string mode, u.textOf("mode", "nearest"));
  if (mode == "bilinear") {
    u.setText("mode", "linear");
  }
  resizeOfOldKind(u, scales);
  return {};
}

Status resizeInputs(Upgrade& u, const Rule&) {
  resizeOfOldKind(u, u.hasInput(1) ? u.node.input(1) : "");
  // The nearest position of a smaller image was rounded up, not down.
  u.setInteger("kiln_ceil_when_smaller", 1);
  return {};
}

// floor((x + 0.5) / scale) is half_pixel's (x + 0.5) / scale - 0.5, rounded with halves up.
Status resizeOfTensorFlow(Upgrade& u, const Rule&) {
  KILN_ASSIGN_OR_RETURN(const std::string coordinates, u.textOf("coordinate_transformation_mode", ""));
  if (coordinates != "tf_half_pixel_for_nn") {
    return {};
  }
  KILN_ASSIGN_OR_RETURN(const std::string mode, u.textOf("mode", "nearest"));
  KILN_ASSIGN_OR_RETURN(const std::string nearest, u.textOf("nearest_mode", "round_prefer_floor"));
  if (mode != "nearest" || nearest != "floor") {
    return u.unsupported("tf_half_pixel_for_nn with mode " + mode + " and nearest_mode " + nearest);
  }
  u.setText("coordinate_transformation_mode", "half_pixel");
  u.setText("nearest_mode", "round_prefer_ceil");
  return {};
}

Status oldTile(Upgrade& u, const Rule&) { return u.unsupported("one axis with `tiles` and `axis` inputs"); }

// A Scan of operator set 8 scans axis 1 of every element of a batch (axis 0). Today that is a Scan over the batch whose
// body scans one element.
Status batchedScan(Upgrade& u, const Rule&) {
  // The inner one, which has been made from such a node.
  if (u.take("kiln_of_batch")) {
    return {};
  }
  if (u.hasInput(0)) {
    return u.unsupported("lengths of sequences");
  }
  if (u.node.input_size() < 2) {
    return u.invalid("it has no inputs");
  }
  const int numInputs = u.node.input_size() - 1;
  NodeProto inner;
  inner.set_name(u.node.name());
  inner.set_op_type("Scan");
  *inner.mutable_attribute() = u.node.attribute();
  const std::function<std::string(Tensor)> noConstant = [](const Tensor&) { return std::string(); };
  const std::string where = u.node.name();
  Upgrade changed(inner, u.opset, where, noConstant);
  KILN_ASSIGN_OR_RETURN(const auto directions, changed.takeIntegers("directions"));
  if (directions) {
    changed.setIntegers("scan_input_directions", *directions);
  }
  changed.setInteger("kiln_of_batch", 1);

  GraphProto body;
  body.set_name("of_batch");
  // No name of the model has such characters in these places, so nothing around the body is hidden from it.
  const std::string prefix = "kiln scan " + (u.node.output_size() > 0 ? u.node.output(0) : u.node.name()) + " ";
  for (int i = 0; i < numInputs; ++i) {
    const std::string name = prefix + "input " + std::to_string(i);
    body.add_input()->set_name(name);
    inner.add_input(name);
  }
  for (int i = 0; i < u.node.output_size(); ++i) {
    const std::string name = prefix + "output " + std::to_string(i);
    inner.add_output(name);
    body.add_output()->set_name(name);
  }
  *body.add_node() = std::move(inner);
  u.node.mutable_input()->DeleteSubrange(0, 1);
  u.node.clear_attribute();
  u.setInteger("num_scan_inputs", numInputs);
  AttributeProto& attribute = *u.node.add_attribute();
  attribute.set_name("body");
  attribute.set_type(AttributeProto::GRAPH);
  *attribute.mutable_g() = std::move(body);
  return {};
}

// In the order in which they apply to a node.
constexpr Rule kRules[] = {
    {"Add", 7, oldBroadcast},
    {"Sub", 7, oldBroadcast},
    {"Mul", 7, oldBroadcast},
    {"Div", 7, oldBroadcast},
    {"Pow", 7, oldBroadcast},
    {"And", 7, oldBroadcast},
    {"Or", 7, oldBroadcast},
    {"Xor", 7, oldBroadcast},
    {"Equal", 7, oldBroadcast},
    {"Greater", 7, oldBroadcast},
    {"Less", 7, oldBroadcast},
    {"Gemm", 7, dropAttribute, "broadcast"},  // C fits with it as today, and without it is no other.
    {"PRelu", 7, slopeOfChannels},

    {"BatchNormalization", 14, batchNormalizationMode},
    {"Dropout", 12, dropoutInputs},

    {"Softmax", 13, flattenedSoftmax},
    {"LogSoftmax", 13, flattenedSoftmax},
    {"Hardmax", 13, flattenedSoftmax},
    {"Selu", 6, seluDefaults},
    {"Concat", 4, oldDefault, "axis", 0, 1},
    {"Cast", 6, castToName},
    {"LpPool", 2, integerP},
    {"GlobalLpPool", 2, integerP},
    {"GRU", 3, forwardDirection},
    {"RNN", 7, dropAttribute, "output_sequence"},
    {"GRU", 7, dropAttribute, "output_sequence"},
    {"LSTM", 7, dropAttribute, "output_sequence"},
    {"GridSample", 20, gridSampleModes},
    {"RoiAlign", 16, roiAlignCoordinates},

    {"Reshape", 5, integersToInput, "shape", 1},
    {"Squeeze", 13, integersToInput, "axes", 1},
    {"Unsqueeze", 13, integersToInput, "axes", 1},
    {"ReduceL1", 18, integersToInput, "axes", 1},
    {"ReduceL2", 18, integersToInput, "axes", 1},
    {"ReduceLogSum", 18, integersToInput, "axes", 1},
    {"ReduceLogSumExp", 18, integersToInput, "axes", 1},
    {"ReduceMax", 18, integersToInput, "axes", 1},
    {"ReduceMean", 18, integersToInput, "axes", 1},
    {"ReduceMin", 18, integersToInput, "axes", 1},
    {"ReduceProd", 18, integersToInput, "axes", 1},
    {"ReduceSum", 13, integersToInput, "axes", 1},
    {"ReduceSumSquare", 18, integersToInput, "axes", 1},
    {"Slice", 10, integersToInput, "starts", 1},
    {"Slice", 10, integersToInput, "ends", 2},
    {"Slice", 10, integersToInput, "axes", 3},
    {"Split", 13, integersToInput, "split", 1},
    {"Split", 18, equalParts},
    {"Pad", 2, renamedPads},
    {"Pad", 11, integersToInput, "pads", 1},
    {"Pad", 11, numberToInput, "value", 2},
    {"Clip", 11, clipBounds},
    {"TopK", 10, integerToInput, "k", 1},
    {"DFT", 20, dftAxis},

    {"Scatter", kAlways, scatterElements},
    {"Upsample", kAlways, upsampleToResize},
    {"Resize", 11, resizeInputs},
    {"Resize", 13, resizeOfTensorFlow},
    {"Tile", 6, oldTile},
    {"Scan", 9, batchedScan},
};

}  // namespace

Status upgradeNode(NodeProto& node, int64_t opset, const std::string& where,
                   const std::function<std::string(Tensor)>& constant) {
  if (!node.domain().empty() && node.domain() != "ai.onnx") {
    return {};
  }
  Upgrade u(node, opset, where, constant);
  // What an operator before set 6 could overwrite.
  u.take("consumed_inputs");
  const std::string op = node.op_type();
  for (const Rule& rule : kRules) {
    if (rule.op == op && opset < rule.before) {
      KILN_RETURN_IF_ERROR(rule.apply(u, rule));
    }
  }
  return {};
}

std::string_view newestName(std::string_view op) {
  return op == "Scatter" ? "ScatterElements" : op == "Upsample" ? "Resize" : op;
}

}  // namespace kiln::onnx
