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

// Tensors of more bytes are variables of the graph, whose values lie in the model's file; smaller ones are constants.
constexpr int64_t kMostConstantBytes = 1024;
// An input of more elements holds data, not lengths.
constexpr int64_t kMostElementsOfShapeInput = 4096;
// What function calls within function calls, and loops that are written out, may expand to: so many nodes, and so many
// for each node of the file. Exporters that make a function of every layer come to a few for each.
constexpr int64_t kMostNodes = 2'000;
constexpr int64_t kMostNodesForEach = 100;
constexpr int kDeepestCall = 64;
constexpr int kDeepestBody = 32;
// What is known before the run is computed by slow and obvious code; what takes longer is left to the run.
constexpr std::chrono::milliseconds kLongestFold{300};
// The same of all nodes together; from then on only small tensors are computed, which hold lengths and axes.
constexpr std::chrono::milliseconds kLongestFolding{1500};
constexpr int64_t kMostElementsOfSmallFold = 256;

bool isMainDomain(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

std::string functionKey(std::string_view domain, std::string_view name, std::string_view overload) {
  return (isMainDomain(domain) ? "" : std::string(domain)) + ":" + std::string(name) + ":" + std::string(overload);
}

bool isRandom(std::string_view op) {
  return op.starts_with("Random") || op == "Bernoulli" || op == "Multinomial" || op == "Dropout";
}

bool hasBodies(const NodeProto& node) {
  return std::ranges::any_of(node.attribute(), [](const AttributeProto& a) { return a.has_g() || a.graphs_size() > 0; });
}

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

void Origins::add(const Origins& other) {
  std::vector<int> merged;
  std::ranges::set_union(inputs, other.inputs, std::back_inserter(merged));
  inputs = std::move(merged);
  needsLengths |= other.needsLengths;
  isDecidedByRun |= other.isDecidedByRun;
}

std::string graphName(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto code = static_cast<unsigned char>(c);
    const bool isOdd = code <= ' ' || code == 0x7F || c == ':' || c == '@' || c == '^';
    if ((c == '/' && (out.empty() || out.back() == '/'))) {
      continue;
    }
    out += isOdd ? '_' : c;
  }
  while (!out.empty() && out.back() == '/') {
    out.pop_back();
  }
  return out.empty() ? "value" : out;
}

const Converter* findConverter(std::string_view domain, std::string_view op) {
  static const auto& table = *[] {
    auto* rows = new std::unordered_map<std::string, const Converter*>();
    for (const Converter* converter : allConverters()) {
      rows->emplace(std::string(converter->domain) + ":" + std::string(converter->op), converter);
    }
    return rows;
  }();
  auto found = table.find((isMainDomain(domain) ? "" : std::string(domain)) + ":" + std::string(op));
  return found == table.end() ? nullptr : found->second;
}

std::vector<const Converter*> allConverters() {
  std::vector<const Converter*> all;
  for (std::span<const Converter> family :
       {mathConverters(), reductionConverters(), movementConverters(), indexingConverters(), convolutionConverters(),
        imageConverters(), normalizationConverters(), attentionConverters(), recurrentConverters(), controlConverters(),
        lossConverters(), trainingConverters(), quantizationConverters(), castConverters(), dataDependentConverters(),
        signalConverters(), randomConverters()}) {
    for (const Converter& converter : family) {
      all.push_back(&converter);
    }
  }
  return all;
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

// --- values

Imported* Importer::find(std::string_view name) {
  for (auto environment = environments_.rbegin(); environment != environments_.rend(); ++environment) {
    if (auto found = environment->values.find(name); found != environment->values.end()) {
      return found->second.get();
    }
    if (environment->isFunction) {
      break;
    }
  }
  return nullptr;
}

bool Importer::isWeight(const Imported& imported) const {
  return imported.constant != nullptr && openBodies_.size() == 1 && imported.constant->numBytes() > kMostConstantBytes;
}

Value Importer::materialize(Imported& imported, GraphBuilder& g) {
  const bool isMain = &g == g_.get();
  if (isMain && imported.value.builder() == &g &&
      std::ranges::find(openBodies_, imported.body) != openBodies_.end()) {
    return imported.value;
  }
  if (imported.isBroken || (!isMain && imported.constant == nullptr && !imported.dims)) {
    return g.poisoned();
  }
  Value value;
  if (imported.constant != nullptr) {
    if (isMain && isWeight(imported)) {
      std::string name = "weights/" + graphName(imported.name);
      while (!weightNames_.insert(name).second) {
        name += "_";
      }
      value = g.weight(name, imported.constant);
    } else {
      value = g.constant(*imported.constant, "constant");
    }
  } else if (imported.dims) {
    value = g.makeNode("shape_value", {}, {{"shape", Shape(*imported.dims)}}, "", std::source_location::current())[0];
    if (imported.shape.rank() == 0) {
      value = reshape(value, Shape{});
    }
  } else {
    return g.poisoned();
  }
  if (isMain) {
    imported.value = value;
    imported.body = currentBody();
  }
  return value;
}

bool Importer::isKnowable(const Imported& imported) const {
  if (imported.constant != nullptr) {
    return true;
  }
  bool asks = false;
  for (int index : imported.origins.inputs) {
    const ModelPort& port = model_.inputs()[static_cast<size_t>(index)];
    const bool isSmall = !port.shape || !port.shape->isStatic() ||
                         checkedNumElements(port.shape->staticDims()).value_or(kMostElementsOfShapeInput + 1) <=
                             kMostElementsOfShapeInput;
    if (!isSmall && !options_.values.contains(port.name)) {
      return false;
    }
    asks |= !options_.values.contains(port.name);
  }
  for (const ModelPort& port : model_.inputs()) {
    asks |= imported.origins.needsLengths && port.shape && !port.shape->isStatic() && !options_.shapes.contains(port.name);
  }
  return asks && !imported.origins.isDecidedByRun;
}

Status Importer::require(const Imported& imported, std::string_view what) {
  bool canHelp = !imported.origins.isDecidedByRun;
  std::vector<std::string> values, lengths;
  for (int index : imported.origins.inputs) {
    const ModelPort& port = model_.inputs()[static_cast<size_t>(index)];
    if (options_.values.contains(port.name)) {
      continue;
    }
    const bool isSmall = !port.shape || !port.shape->isStatic() ||
                         checkedNumElements(port.shape->staticDims()).value_or(kMostElementsOfShapeInput + 1) <=
                             kMostElementsOfShapeInput;
    canHelp &= isSmall;
    values.push_back(port.name);
  }
  if (imported.origins.needsLengths) {
    for (const ModelPort& port : model_.inputs()) {
      if (port.shape && !port.shape->isStatic() && !options_.shapes.contains(port.name)) {
        lengths.push_back(port.name);
      }
    }
  }
  if (canHelp && !(values.empty() && lengths.empty())) {
    neededValues_.insert(values.begin(), values.end());
    neededShapes_.insert(lengths.begin(), lengths.end());
  }
  return makeError<ErrorId::kG0506>(currentNode_, what);
}

Status Importer::define(const NodeProto& node, int output, Imported value) {
  const std::string& name = node.output(output);
  if (name.empty()) {
    return {};
  }
  auto [slot, isNew] = environments_.back().values.emplace(name, nullptr);
  if (!isNew) {
    return makeError<ErrorId::kG0504>(nameInMessages(node), name);
  }
  value.name = name;
  slot->second = std::make_shared<Imported>(std::move(value));
  return {};
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

Status Importer::convertNode(const NodeProto& node, std::vector<Imported*> inputs) {
  const Converter& converter = *findConverter(node.domain(), node.op_type());
  Origins origins;
  bool isKnown = true;
  for (const Imported* input : inputs) {
    if (input != nullptr) {
      origins.add(input->origins);
      isKnown &= input->constant != nullptr;
    }
  }
  origins.isDecidedByRun |= isRandom(node.op_type());
  auto place = [&](NodeImport& n) {
    for (int i = 0; i < node.output_size(); ++i) {
      Imported& result = n.results()[static_cast<size_t>(i)];
      if (!node.output(i).empty() && result.elementType == 0 && !result.isBroken) {
        return n.invalid("output " + std::to_string(i) + " is not one of the operator's");
      }
      if (!std::ranges::all_of(result.shape, isShort)) {
        return makeError<ErrorId::kG0507>(currentNode_, "lengths of its results are long expressions",
                                          std::to_string(kMostTermsOfLength) + " terms");
      }
      if (result.constant == nullptr && !result.dims) {
        result.origins.add(origins);
      }
      result.origins.needsLengths |= result.dims && result.constant == nullptr;
      KILN_RETURN_IF_ERROR(define(node, i, std::move(result)));
    }
    return Status();
  };

  NodeImport n(*this, *g_, node, inputs);
  if (foldShapeArithmetic(n)) {
    return place(n);
  }
  const bool hasInputs = std::ranges::any_of(inputs, [](const Imported* input) { return input != nullptr; });
  if (isKnown && hasInputs && !isRandom(node.op_type()) && !hasBodies(node)) {
    bool isDone = false;
    KILN_RETURN_IF_ERROR(foldNode(node, converter, inputs, isDone));
    if (isDone) {
      return {};
    }
  }
  for (const Imported* input : inputs) {
    // What comes of dims through other operations is known when they are numbers.
    origins.needsLengths |= input != nullptr && ((input->dims && input->constant == nullptr) || !input->shape.isStatic());
  }
  g_->setOrigin(SourceLocation{internString(model_.file()), 0});
  for (Imported* input : inputs) {
    if (input != nullptr && isWeight(*input)) {
      materialize(*input, *g_);  // outside of the node's scope, so that weights have names of their own
    }
  }
  Status status;
  {
    auto scope = g_->scope(graphName(node.name().empty() ? node.op_type() : node.name()));
    status = converter.convert(n);
  }
  g_->setOrigin(std::nullopt);
  status = status.ok() ? n.status() : status;
  if (!status.ok()) {
    if (neededValues_.empty() && neededShapes_.empty() && errorIdOf(status) == "KILN-G0501") {
      reportUnsupported(node, status);
      for (int i = 0; i < node.output_size(); ++i) {
        Imported broken;
        broken.isBroken = true;
        KILN_RETURN_IF_ERROR(define(node, i, std::move(broken)));
      }
      return {};
    }
    return status;
  }
  for (const Imported& result : n.results()) {
    if (result.isBroken) {
      // An operation was refused: the builder knows why, and can say it only at the end.
      StatusOr<Graph> graph = g_->finish();
      return graph.ok() ? makeError<ErrorId::kG0502>(currentNode_, "it was refused")
                        : makeError<ErrorId::kG0502>(currentNode_, std::string(graph.status().message()));
    }
  }
  return place(n);
}

// Computes the node now when that is cheap. Otherwise isDone stays false, and it becomes a part of the graph.
Status Importer::foldNode(const NodeProto& node, const Converter& converter, const std::vector<Imported*>& inputs,
                          bool& isDone) {
  int64_t elements = 0;
  for (const Imported* input : inputs) {
    elements += input == nullptr ? 0 : input->constant->numElements();
  }
  const bool isLate = foldingTime_ > kLongestFolding;
  if (elements > (isLate ? std::min(kMostElementsOfSmallFold, options_.maxFoldedElements) : options_.maxFoldedElements)) {
    return {};
  }
  GraphBuilder scratch("fold");
  NodeImport n(*this, scratch, node, inputs);
  Status status = converter.convert(n);
  if (!status.ok() || !n.status().ok()) {
    return {};  // converting it into the graph meets the same error, and reports it
  }
  EntrySpec spec;
  std::vector<int> fetched;
  for (int i = 0; i < node.output_size(); ++i) {
    Imported& result = n.results()[static_cast<size_t>(i)];
    if (result.isBroken || (result.constant == nullptr && !result.dims && result.value.builder() != &scratch)) {
      if (n.wants(i)) {
        return {};
      }
      continue;
    }
    if (result.constant == nullptr && !result.dims) {
      // Of constants a length is open only where the run finds it, and then it is bounded by them.
      if (result.shape.isStatic() && checkedNumElements(result.shape.staticDims()).value_or(INT64_MAX) >
                                         options_.maxFoldedElements) {
        return {};
      }
      fetched.push_back(i);
      spec.fetches.emplace_back("result" + std::to_string(i), result.value);
    }
  }
  if (!fetched.empty()) {
    scratch.entry("fold", spec);
    auto graph = scratch.finish();
    if (!graph.ok() || !graph->variables().empty()) {
      return {};
    }
    VariableStore none;
    const auto start = std::chrono::steady_clock::now();
    auto values = Interpreter({.cancel = nullptr, .deadline = kLongestFold})
                      .evaluate(*graph, *graph->findEntry("fold"), {}, none);
    foldingTime_ += std::chrono::steady_clock::now() - start;
    if (!values.ok()) {
      return {};  // a fault, such as an index out of range, belongs to the run
    }
    for (size_t k = 0; k < fetched.size(); ++k) {
      Imported& result = n.results()[static_cast<size_t>(fetched[k])];
      result.constant = std::make_shared<const Tensor>(std::move((*values)[k]));
      result.shape = Shape::of(result.constant->dims());
      result.value = Value();
      result.body = -1;
    }
  }
  for (int i = 0; i < node.output_size(); ++i) {
    KILN_RETURN_IF_ERROR(define(node, i, std::move(n.results()[static_cast<size_t>(i)])));
  }
  isDone = true;
  return {};
}

StatusOr<std::vector<Imported>> Importer::importBody(const GraphProto& body, std::vector<Imported> arguments) {
  if (static_cast<int>(openBodies_.size()) > kDeepestBody) {
    return makeError<ErrorId::kG0507>(currentNode_, "bodies are nested", std::to_string(kDeepestBody) + " levels");
  }
  if (static_cast<int>(arguments.size()) != body.input_size()) {
    return makeError<ErrorId::kG0502>(currentNode_, "its body takes " + std::to_string(body.input_size()) +
                                                        " values, and is given " + std::to_string(arguments.size()));
  }
  Environment environment;
  environment.opsets = environments_.back().opsets;
  environments_.push_back(std::move(environment));
  openBodies_.push_back(numBodies_++);
  auto import = [&]() -> StatusOr<std::vector<Imported>> {
    for (int i = 0; i < body.input_size(); ++i) {
      // The caller's lambda made these values, in the body that is open now.
      if (arguments[static_cast<size_t>(i)].value.builder() == g_.get() &&
          arguments[static_cast<size_t>(i)].origins.isDecidedByRun) {
        arguments[static_cast<size_t>(i)].body = currentBody();
      }
      auto& slot = environments_.back().values[body.input(i).name()];
      if (slot != nullptr) {
        return makeError<ErrorId::kG0504>(currentNode_, body.input(i).name());
      }
      slot = std::make_shared<Imported>(std::move(arguments[static_cast<size_t>(i)]));
    }
    KILN_RETURN_IF_ERROR(importInitializers(body));
    KILN_RETURN_IF_ERROR(importNodes(body.node()));
    std::vector<Imported> results;
    for (const ValueInfoProto& output : body.output()) {
      Imported* found = find(output.name());
      if (found == nullptr) {
        return makeError<ErrorId::kG0503>(currentNode_, output.name(), "");
      }
      if (found->isBroken) {
        return makeError<ErrorId::kG0501>(currentNode_ + ": its body cannot be imported");
      }
      results.push_back(*found);
    }
    return results;
  };
  auto results = import();
  if (results.ok()) {
    // The body ends with the caller's lambda: results become values while it is open.
    for (Imported& result : *results) {
      if (result.constant == nullptr) {
        materialize(result, *g_);
      }
    }
  }
  openBodies_.pop_back();
  environments_.pop_back();
  if (results.ok()) {
    for (Imported& result : *results) {
      if (result.value.builder() == g_.get()) {
        result.body = currentBody();
      }
    }
  }
  return results;
}

Status Importer::callFunction(const FunctionProto& function, const NodeProto& call, std::vector<Imported*> inputs) {
  const std::string key = functionKey(function.domain(), function.name(), function.overload());
  if (std::ranges::find(callStack_, key) != callStack_.end()) {
    return makeError<ErrorId::kG0505>(currentNode_, function.name());
  }
  if (static_cast<int>(callStack_.size()) >= kDeepestCall) {
    return makeError<ErrorId::kG0507>(currentNode_, "functions call functions", std::to_string(kDeepestCall) + " levels");
  }
  if (static_cast<int>(inputs.size()) > function.input_size() || call.output_size() > function.output_size()) {
    return makeError<ErrorId::kG0502>(currentNode_, "function '" + function.name() + "' has " +
                                                        std::to_string(function.input_size()) + " inputs and " +
                                                        std::to_string(function.output_size()) + " outputs");
  }
  // Attributes of the call replace references to them in the body, also in bodies of its control flow.
  std::map<std::string, const AttributeProto*, std::less<>> attributes;
  for (const AttributeProto& attribute : function.attribute_proto()) {
    attributes[attribute.name()] = &attribute;
  }
  for (const AttributeProto& attribute : call.attribute()) {
    attributes[attribute.name()] = &attribute;
  }
  const std::function<void(Nodes&)> bind = [&](Nodes& nodes) {
    for (NodeProto& node : nodes) {
      google::protobuf::RepeatedPtrField<AttributeProto> bound;
      for (AttributeProto& attribute : *node.mutable_attribute()) {
        if (!attribute.ref_attr_name().empty()) {
          auto found = attributes.find(attribute.ref_attr_name());
          if (found == attributes.end()) {
            continue;  // an optional attribute that the call leaves out
          }
          AttributeProto* copy = bound.Add();
          *copy = *found->second;
          copy->set_name(attribute.name());
          continue;
        }
        if (attribute.has_g()) {
          bind(*attribute.mutable_g()->mutable_node());
        }
        bound.Add()->Swap(&attribute);
      }
      node.mutable_attribute()->Swap(&bound);
    }
  };
  Nodes nodes = function.node();
  bind(nodes);

  Environment environment;
  environment.isFunction = true;
  environment.opsets = &functionOpsets_[key];
  for (int i = 0; i < function.input_size(); ++i) {
    if (static_cast<size_t>(i) < inputs.size() && inputs[static_cast<size_t>(i)] != nullptr) {
      // The argument itself, so that what is made of it in the function is there for all later uses.
      environment.values[function.input(i)] = inputs[static_cast<size_t>(i)]->shared_from_this();
    }
  }
  for (const auto& node : nodes) {
    // An input that the call leaves out is left out where the body uses it.
    for (std::string& name : *const_cast<NodeProto&>(node).mutable_input()) {
      const bool isParameter = std::ranges::find(function.input(), name) != function.input().end();
      if (isParameter && !environment.values.contains(name)) {
        name.clear();
      }
    }
  }
  environments_.push_back(std::move(environment));
  callStack_.push_back(key);
  Status status = importNodes(nodes);
  std::vector<Imported> results;
  for (int i = 0; status.ok() && i < call.output_size(); ++i) {
    Imported* found = find(function.output(i));
    if (found == nullptr) {
      if (call.output(i).empty()) {
        results.emplace_back();
        continue;
      }
      status = makeError<ErrorId::kG0503>(currentNode_, function.output(i), "");
      break;
    }
    results.push_back(*found);
  }
  callStack_.pop_back();
  environments_.pop_back();
  KILN_RETURN_IF_ERROR(status);
  for (int i = 0; i < call.output_size(); ++i) {
    KILN_RETURN_IF_ERROR(define(call, i, std::move(results[static_cast<size_t>(i)])));
  }
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
