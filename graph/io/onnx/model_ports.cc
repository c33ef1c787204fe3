// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/model_ports.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace kiln::onnx {
namespace {

using Dimension = TensorShapeProto::Dimension;

// Lengths that people write are short; what is longer is a name.
constexpr size_t kLongestExpression = 256;

bool isNameCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

// The text without spaces; nothing when one of them separates two names, which would become one.
std::optional<std::string> withoutSpaces(std::string_view text) {
  std::string compact;
  bool hasGap = false;
  for (char c : text) {
    if (c == ' ' || c == '\t') {
      hasGap = true;
      continue;
    }
    if (hasGap && !compact.empty() && isNameCharacter(c) && isNameCharacter(compact.back())) {
      return std::nullopt;
    }
    hasGap = false;
    compact += c;
  }
  return compact;
}

std::optional<Dim> parseDim(std::string_view text) {
  if (text.size() > kLongestExpression) {
    return std::nullopt;
  }
  const auto compact = withoutSpaces(text);
  auto dim = compact ? Dim::parse(*compact) : StatusOr<Dim>(Dim());
  return compact && dim.ok() ? std::optional<Dim>(*std::move(dim)) : std::nullopt;
}

std::string sanitized(std::string_view text) {
  constexpr size_t kLongestName = 64;
  std::string name;
  for (char c : text.substr(0, kLongestName)) {
    name += isNameCharacter(c) ? c : '_';
  }
  if (name.empty() || name[0] == '.' || (name[0] >= '0' && name[0] <= '9')) {
    name.insert(0, 1, '_');
  }
  return name;
}

// The symbols of one model.
class Symbols {
 public:
  // Names of the model keep their meaning, so they are known before any other symbol is made.
  void addName(const Dimension& dimension) {
    const auto dim = parseDim(dimension.dim_param());
    if (const auto name = dim ? dim->asSymbol() : std::nullopt) {
      names_.insert(*name);
    }
  }

  Dim dimOf(const std::string& port, int axis, const Dimension& dimension) {
    if (dimension.has_dim_value()) {
      return dimension.dim_value();
    }
    const std::string& text = dimension.dim_param();
    if (text.empty()) {
      return fresh(port + "_" + std::to_string(axis));
    }
    auto found = dims_.find(text);
    if (found == dims_.end()) {
      const auto dim = parseDim(text);
      found = dims_.emplace(text, dim && isKnown(*dim) ? *dim : fresh(text)).first;
    }
    return found->second;
  }

 private:
  bool isKnown(const Dim& dim) const {
    if (dim.isStatic()) {
      return dim.value() >= 0;
    }
    const auto symbols = dim.symbols();
    return std::all_of(symbols.begin(), symbols.end(), [&](const std::string& s) { return names_.count(s) > 0; });
  }

  Dim fresh(const std::string& text) {
    const std::string base = sanitized(text);
    std::string name = base;
    for (int64_t& count = counts_[base]; names_.count(name) > 0 || !taken_.insert(name).second;) {
      name = base + "_" + std::to_string(++count);
    }
    return Dim::symbol(name);
  }

  std::set<std::string, std::less<>> names_;  // Those that the model uses as the length of an axis.
  std::set<std::string> taken_;
  std::map<std::string, int64_t> counts_;
  std::map<std::string, Dim> dims_;  // By the model's text.
};

StatusOr<ModelPort> portOf(const ValueInfoProto& value, const char* kind, int index, Symbols& symbols,
                           const std::string& file) {
  if (value.name().empty()) {
    return makeError<ErrorId::kP0061>(file, std::string(kind) + " " + std::to_string(index) + " has no name");
  }
  ModelPort port;
  port.name = value.name();
  if (!value.type().has_tensor_type()) {
    return port;
  }
  const TypeProto::Tensor& type = value.type().tensor_type();
  port.elementType = type.elem_type();
  if (!type.has_shape()) {
    return port;
  }
  port.shape.emplace();
  for (int axis = 0; axis < type.shape().dim_size(); ++axis) {
    const Dimension& dimension = type.shape().dim(axis);
    if (dimension.dim_value() < 0) {
      return makeError<ErrorId::kP0061>(file, "the length of axis " + std::to_string(axis) + " of " + kind + " '" +
                                                  value.name() + "' is " + std::to_string(dimension.dim_value()));
    }
    port.shape->push_back(symbols.dimOf(value.name(), axis, dimension));
  }
  return port;
}

}  // namespace

StatusOr<ModelPorts> portsOf(const GraphProto& graph, const std::string& file) {
  std::set<std::string_view> initialized;
  for (const TensorProto& tensor : graph.initializer()) {
    initialized.insert(tensor.name());
  }
  for (const SparseTensorProto& tensor : graph.sparse_initializer()) {
    initialized.insert(tensor.values().name());
  }
  Symbols symbols;
  std::vector<const ValueInfoProto*> inputs;
  for (const ValueInfoProto& input : graph.input()) {
    if (initialized.count(input.name()) == 0) {
      inputs.push_back(&input);
      for (const Dimension& dimension : input.type().tensor_type().shape().dim()) {
        symbols.addName(dimension);
      }
    }
  }
  ModelPorts ports;
  for (size_t i = 0; i < inputs.size(); ++i) {
    KILN_ASSIGN_OR_RETURN(ModelPort port, portOf(*inputs[i], "input", static_cast<int>(i), symbols, file));
    ports.inputs.push_back(std::move(port));
  }
  for (int i = 0; i < graph.output_size(); ++i) {
    KILN_ASSIGN_OR_RETURN(ModelPort port, portOf(graph.output(i), "output", i, symbols, file));
    ports.outputs.push_back(std::move(port));
  }
  return ports;
}

}  // namespace kiln::onnx
