// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/importer.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "graph/eval/interpreter.h"
#include "graph/io/onnx/upgrade.h"

namespace kiln::onnx {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

// What function calls within function calls, and loops that are written out, may expand to: so many nodes, and so many
// for each node of the file. Exporters that make a function of every layer come to a few for each.
constexpr int64_t kMostNodes = 2'000;
constexpr int64_t kMostNodesForEach = 100;
const char* kindOf(const TypeProto& type) {
  switch (type.value_case()) {
    case TypeProto::kSequenceType:
      return "a sequence";
    case TypeProto::kMapType:
      return "a map";
    case TypeProto::kOptionalType:
      return "an optional";
    case TypeProto::kSparseTensorType:
      return "a sparse tensor";
    default:
      return "no tensor";
  }
}

// Where the exporter made the node, if it says so: PyTorch writes stack traces.
std::string exporterTrace(const NodeProto& node) {
  for (const StringStringEntryProto& entry : node.metadata_props()) {
    if (entry.key() == "pkg.torch.onnx.stack_trace") {
      // The innermost frame comes last, as `File "x.py", line 3, in forward` and a line of code.
      const std::string& trace = entry.value();
      const size_t at = trace.rfind("File \"");
      const size_t end = at == std::string::npos ? at : trace.find('\n', at);
      return at == std::string::npos ? trace.substr(0, 200) : trace.substr(at, end - at);
    }
  }
  return "";
}

}  // namespace

bool isMainDomain(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

std::string functionKey(std::string_view domain, std::string_view name, std::string_view overload) {
  return (isMainDomain(domain) ? "" : std::string(domain)) + ":" + std::string(name) + ":" + std::string(overload);
}

Importer::Importer(const Model& model, const ImportOptions& options) : model_(model), options_(options) {
  g_ = std::make_unique<GraphBuilder>(model.proto().graph().name().empty() ? "model"
                                                                           : graphName(model.proto().graph().name()));
  for (const OperatorSetIdProto& set : model.proto().opset_import()) {
    opsets_[isMainDomain(set.domain()) ? "" : set.domain()] = set.version();
  }
  for (const FunctionProto& function : model.proto().functions()) {
    const std::string key = functionKey(function.domain(), function.name(), function.overload());
    functions_[key] = &function;
    auto& opsets = functionOpsets_[key] = opsets_;
    for (const OperatorSetIdProto& set : function.opset_import()) {
      opsets[isMainDomain(set.domain()) ? "" : set.domain()] = set.version();
    }
  }
}

// --- names and messages

std::string Importer::nameInMessages(const NodeProto& node) const {
  std::string text = "'" + (node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name()) + "' (" +
                     (isMainDomain(node.domain()) ? "" : node.domain() + ".") + node.op_type() + ")";
  if (!callStack_.empty()) {
    text += " in function '" + callStack_.back() + "'";
  }
  if (std::string trace = exporterTrace(node); !trace.empty()) {
    text += " from " + trace;
  }
  return text;
}

void Importer::reportUnsupported(const NodeProto& node, const Status& status) {
  constexpr size_t kMostListed = 64;
  if (unsupported_.size() < kMostListed) {
    // The message without its id, which the whole list has.
    std::string text(status.message());
    const size_t colon = text.find(": ");
    unsupported_.push_back(status.ok() ? nameInMessages(node) + ": Kiln has no such operator"
                                       : text.substr(colon == std::string::npos ? 0 : colon + 2));
  }
}

// --- the model's parts

Status Importer::listUnsupported(const Nodes& nodes, int depth) {
  if (depth > kDeepestBody) {
    return makeError<ErrorId::kG0507>("of the graph", "bodies are nested", std::to_string(kDeepestBody) + " levels");
  }
  mostNodes_ += kMostNodesForEach * nodes.size();
  for (const NodeProto& node : nodes) {
    const std::string_view op = isMainDomain(node.domain()) ? newestName(node.op_type()) : node.op_type();
    if (findConverter(node.domain(), op) == nullptr &&
        !functions_.contains(functionKey(node.domain(), node.op_type(), node.overload()))) {
      reportUnsupported(node, {});
    }
    for (const AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        KILN_RETURN_IF_ERROR(listUnsupported(attribute.g().node(), depth + 1));
      }
    }
  }
  return {};
}

Status Importer::importInputs() {
  const std::vector<ModelPort>& inputs = model_.inputs();
  std::set<std::string> names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ModelPort& port = inputs[i];
    auto imported = std::make_shared<Imported>();
    imported->name = port.name;
    imported->elementType = port.elementType;
    if (port.elementType == 0) {
      const char* kind = "no tensor";
      for (const ValueInfoProto& info : model_.proto().graph().input()) {
        kind = info.name() == port.name ? kindOf(info.type()) : kind;
      }
      unsupported_.push_back("input '" + port.name + "' is " + kind + ", and Kiln computes with tensors only");
      imported->isBroken = true;
    } else if (auto type = storageType(port.elementType, port.name); !type.ok()) {
      unsupported_.push_back("input '" + port.name + "' has elements of type " + elementTypeName(port.elementType));
      imported->isBroken = true;
    } else {
      imported->dtype = *type;
      std::optional<Shape> shape = port.shape;
      if (auto given = options_.shapes.find(port.name); given != options_.shapes.end()) {
        shape = Shape::of(given->second);
      }
      auto known = options_.values.find(port.name);
      if (known != options_.values.end()) {
        if (known->second->dtype() != *type) {
          return makeError<ErrorId::kG0509>(port.name, toString(known->second->dtype()), toString(*type));
        }
        imported->constant = known->second;
        imported->shape = Shape::of(known->second->dims());
        builtIn_.push_back(port.name);
      } else if (!shape) {
        neededShapes_.insert(port.name);
        imported->isBroken = true;
      } else {
        imported->shape = *shape;
        std::string name = graphName(port.name);
        while (!names.insert(name).second) {
          name += "_";
        }
        imported->value = g_->placeholder(name, *type, *shape);
        imported->body = 0;
        imported->origins.inputs = {static_cast<int>(i)};
        feeds_.emplace_back(port.name, imported->value);
      }
    }
    auto& slot = environments_.back().values[port.name];
    if (slot != nullptr) {
      return makeError<ErrorId::kG0504>("of the graph's inputs", port.name);
    }
    slot = std::move(imported);
  }
  return {};
}

Status Importer::importInitializers(const GraphProto& graph) {
  if (graph.sparse_initializer_size() > 0) {
    unsupported_.push_back("sparse initializer '" + graph.sparse_initializer(0).values().name() + "'");
  }
  for (const TensorProto& tensor : graph.initializer()) {
    auto imported = std::make_shared<Imported>();
    imported->name = tensor.name();
    imported->elementType = tensor.data_type();
    auto type = storageType(tensor.data_type(), tensor.name());
    if (!type.ok()) {
      unsupported_.push_back("initializer '" + tensor.name() + "' has elements of type " +
                             elementTypeName(tensor.data_type()));
      imported->isBroken = true;
    } else {
      KILN_ASSIGN_OR_RETURN(imported->constant, model_.tensor(tensor));
      imported->dtype = imported->constant->dtype();
      imported->shape = Shape::of(imported->constant->dims());
    }
    auto& slot = environments_.back().values[tensor.name()];
    if (slot != nullptr) {
      return makeError<ErrorId::kG0504>("of the graph's initializers", tensor.name());
    }
    slot = std::move(imported);
  }
  return {};
}

Status Importer::importNodes(const Nodes& nodes) {
  for (const NodeProto& node : nodes) {
    if (++numNodes_ > mostNodes_) {
      return makeError<ErrorId::kG0507>(nameInMessages(node), "functions and loops expand to many nodes",
                                        std::to_string(mostNodes_) + " nodes");
    }
    KILN_RETURN_IF_ERROR(importNode(node));
  }
  return {};
}

Status Importer::importNode(const NodeProto& original) {
  const std::string outer = std::exchange(currentNode_, nameInMessages(original));
  NodeProto node = original;
  const bool isMain = isMainDomain(node.domain());
  const auto function = functions_.find(functionKey(node.domain(), node.op_type(), node.overload()));
  if (function == functions_.end()) {
    const auto& opsets = environments_.back().opsets != nullptr ? *environments_.back().opsets : opsets_;
    auto opset = opsets.find(isMain ? "" : node.domain());
    auto constant = [&](Tensor value) {
      std::string name = "kiln constant " + std::to_string(numConstants_++);
      auto imported = std::make_shared<Imported>();
      imported->dtype = value.dtype();
      imported->elementType = elementTypeOf(value.dtype());
      imported->shape = Shape::of(value.dims());
      imported->constant = std::make_shared<const Tensor>(std::move(value));
      environments_.back().values[name] = std::move(imported);
      return name;
    };
    const int64_t version = opset == opsets.end() ? (isMain ? kNewestOpset : 1) : opset->second;
    if (Status status = upgradeNode(node, version, currentNode_, constant); !status.ok()) {
      if (errorIdOf(status) != "KILN-G0501") {
        return status;
      }
      reportUnsupported(node, status);
      for (int i = 0; i < node.output_size(); ++i) {
        Imported broken;
        broken.isBroken = true;
        KILN_RETURN_IF_ERROR(define(node, i, std::move(broken)));
      }
      currentNode_ = outer;
      return {};
    }
  }
  std::vector<Imported*> inputs;
  bool isBroken = false;
  for (const std::string& name : node.input()) {
    Imported* found = nullptr;
    if (!name.empty()) {
      found = find(name);
      if (found == nullptr) {
        std::vector<std::string> known;
        for (const auto& [other, value] : environments_.back().values) {
          known.push_back(other);
        }
        return makeError<ErrorId::kG0503>(currentNode_, name, didYouMean(name, known));
      }
      isBroken |= found->isBroken;
    }
    inputs.push_back(found);
  }
  const Converter* converter = findConverter(node.domain(), node.op_type());
  if (isBroken || (converter == nullptr && function == functions_.end())) {
    for (int i = 0; i < node.output_size(); ++i) {
      Imported broken;
      broken.isBroken = true;
      KILN_RETURN_IF_ERROR(define(node, i, std::move(broken)));
    }
  } else if (function != functions_.end()) {
    KILN_RETURN_IF_ERROR(callFunction(*function->second, node, std::move(inputs)));
  } else {
    KILN_RETURN_IF_ERROR(convertNode(node, std::move(inputs)));
  }
  currentNode_ = outer;
  return {};
}

StatusOr<ImportedModel> Importer::run() {
  const GraphProto& graph = model_.proto().graph();
  environments_.emplace_back();
  mostNodes_ = kMostNodes;
  for (const FunctionProto& function : model_.proto().functions()) {
    KILN_RETURN_IF_ERROR(listUnsupported(function.node(), 0));
  }
  KILN_RETURN_IF_ERROR(listUnsupported(graph.node(), 0));
  Status status = importInputs();
  status = status.ok() ? importInitializers(graph) : status;
  if (neededShapes_.empty()) {
    status = status.ok() ? importNodes(graph.node()) : status;
  }
  if (!unsupported_.empty()) {
    std::string list;
    for (const std::string& line : unsupported_) {
      list += (list.empty() ? "" : "; ") + line;
    }
    return makeError<ErrorId::kG0501>(list);
  }
  if (!neededValues_.empty() || !neededShapes_.empty()) {
    ImportedModel model;
    model.neededValues.assign(neededValues_.begin(), neededValues_.end());
    model.neededShapes.assign(neededShapes_.begin(), neededShapes_.end());
    return model;
  }
  KILN_RETURN_IF_ERROR(status);
  return finish();
}

StatusOr<ImportedModel> Importer::finish() {
  EntrySpec spec;
  spec.feeds = feeds_;
  std::set<std::string_view> outputs;
  for (const ModelPort& output : model_.outputs()) {
    if (!outputs.insert(output.name).second) {
      return makeError<ErrorId::kG0504>("of the graph's outputs", output.name);
    }
    Imported* found = find(output.name);
    if (found == nullptr) {
      return makeError<ErrorId::kG0503>("of the graph's outputs", output.name, "");
    }
    Value value = materialize(*found, *g_);
    spec.fetches.emplace_back(output.name, value);
  }
  g_->entry("predict", std::move(spec));
  ImportedModel model;
  model.builtIn = builtIn_;
  StatusOr<Graph> finished = g_->finish();
  if (!finished.ok()) {
    // Of an operation whose results are not used; its name begins with that of the model's node.
    return makeError<ErrorId::kG0502>("of the graph", std::string(finished.status().message()));
  }
  model.graph = *std::move(finished);
  return model;
}

StatusOr<ImportedModel> Model::import(const ImportOptions& options) const { return Importer(*this, options).run(); }

}  // namespace kiln::onnx
