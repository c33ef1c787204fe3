// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <charconv>
#include <filesystem>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "graph/io/graph_io.h"
#include "graph/io/sort_nodes.h"
#include "graph/ir/diagnostics.h"
#include "proto/codec/file.h"
#include "proto/codec/tensor_codec.h"
#include "proto/codec/wire_scan.h"

namespace kiln {
namespace {

using NodeList = google::protobuf::RepeatedPtrField<wire::NodeDef>;

// Suggestions for a wrong name look at every name, so a file full of wrong names is not read to its end.
constexpr size_t kMaxErrors = 20;
// Each entry is checked by a walk over the graph, and each function's callees are, so a small file of many takes much
// time.
constexpr int kMaxEntries = 1024;
constexpr int kMaxFunctions = 16384;
// A call has as many outputs as its function has results, and a node may name a function often, so few bytes stand for
// many.
constexpr int64_t kMaxCallValues = int64_t{1} << 22;
// File names are kept for the life of the process.
constexpr size_t kMaxFileNames = 1000;
constexpr size_t kMaxFileNameBytes = 1024;

class Reader {
 public:
  Reader(const wire::GraphDef& def, const WeightReader& weights, const ReadOptions& options)
      : def_(def), weights_(weights), budget_{options.maxExpandedBytes} {}

  StatusOr<Graph> run() {
    if (def_.kiln_format() == 0) {
      return makeError<ErrorId::kG0401>();
    }
    KILN_RETURN_IF_ERROR(checkCounts());
    data_.name = def_.name();
    readSymbols();
    for (const wire::FunctionDef& function : def_.library().function()) {
      if (!data_.functions.try_emplace(function.signature().name()).second) {
        errors_.add(makeError<ErrorId::kG0214>(function.signature().name()));
      }
    }
    for (const wire::FunctionDef& function : def_.library().function()) {
      readFunction(function);
    }
    Names names = readBody(def_.node(), "", data_.body);
    // What follows refers to nodes by name, which would only repeat the errors of the nodes.
    KILN_RETURN_IF_ERROR(errors_.status());
    KILN_RETURN_IF_ERROR(checkCalls());
    for (const wire::Entry& entry : def_.entries()) {
      readEntry(entry, names);
    }
    KILN_RETURN_IF_ERROR(errors_.status());
    return Graph::create(std::move(data_));
  }

 private:
  using Names = std::unordered_map<std::string_view, NodeId>;

  bool isFull() const { return errors_.size() >= kMaxErrors; }

  Status checkCounts() const {
    if (def_.entries_size() > kMaxEntries) {
      return makeError<ErrorId::kG0408>(def_.entries_size(), "entries", kMaxEntries);
    }
    if (def_.library().function_size() > kMaxFunctions) {
      return makeError<ErrorId::kG0408>(def_.library().function_size(), "functions", kMaxFunctions);
    }
    return absl::OkStatus();
  }

  void readSymbols() {
    for (const wire::Symbol& symbol : def_.symbols()) {
      auto parsed = Dim::parse(symbol.name());
      if (!parsed.ok() || !parsed->asSymbol()) {
        errors_.add(parsed.ok() ? makeError<ErrorId::kP0021>(symbol.name()) : parsed.status());
      } else if (!data_.symbols.emplace(symbol.name(), DimRange{symbol.min(), symbol.max()}).second) {
        errors_.add(makeError<ErrorId::kG0409>(symbol.name()));
      }
      if (isFull()) {
        return;
      }
    }
  }

  SourceLocation locationOf(const wire::Location& location) {
    const std::string& file = location.file();
    bool isAccepted = !file.empty() && file.size() <= kMaxFileNameBytes &&
                      (fileNames_.contains(file) || fileNames_.size() < kMaxFileNames);
    if (!isAccepted) {
      return {};
    }
    fileNames_.insert(file);
    return {internString(file), location.line()};
  }
  SourceLocation locationOf(const wire::NodeDef& node) {
    return locationOf(!node.has_location() && node.stack_size() > 0 ? node.stack(0) : node.location());
  }

  void fail(const wire::NodeDef& node, const Status& status) {
    if (!status.ok()) {
      errors_.add(diagnose(status, locationOf(node), "'" + node.name() + "'"));
    }
  }

  // The node and output that an endpoint means; the node's index is in the order of `names`.
  static std::optional<std::pair<std::string_view, int32_t>> splitEndpoint(std::string_view endpoint) {
    size_t colon = endpoint.rfind(':');
    if (colon == std::string_view::npos) {
      return std::pair(endpoint, 0);
    }
    int32_t output = -1;
    const char* end = endpoint.data() + endpoint.size();
    auto [stopped, error] = std::from_chars(endpoint.data() + colon + 1, end, output);
    if (error != std::errc() || stopped != end || output < 0) {
      return std::nullopt;
    }
    return std::pair(endpoint.substr(0, colon), output);
  }

  static std::string suggest(std::string_view name, const Names& names) {
    std::vector<std::string> known;
    for (const auto& [other, id] : names) {
      known.emplace_back(other);
    }
    std::sort(known.begin(), known.end());
    return didYouMean(name, known);
  }

  // Reads the nodes in an order in which inputs come first, and gives the name -> id of that order.
  Names readBody(const NodeList& protos, const std::string& function, Body& body) {
    Names names;
    names.reserve(static_cast<size_t>(protos.size()));
    for (int i = 0; i < protos.size() && !isFull(); ++i) {
      auto [other, isNew] = names.emplace(protos[i].name(), i);
      if (!isNew) {
        const wire::NodeDef& first = protos[other->second];
        fail(protos[i], makeError<ErrorId::kG0001>("kiln." + first.op() + " '" + first.name() + "'"));
      }
    }
    std::vector<std::vector<ValueRef>> inputs(static_cast<size_t>(protos.size()));
    std::vector<std::vector<int32_t>> needed(inputs.size());
    for (int i = 0; i < protos.size() && !isFull(); ++i) {
      for (const std::string& endpoint : protos[i].input()) {
        if (auto value = readInput(protos[i], static_cast<int>(inputs[i].size()), endpoint, names)) {
          inputs[i].push_back(*value);
          needed[i].push_back(value->node);
        }
        if (isFull()) {
          return names;
        }
      }
    }
    auto order = graph::sortNodes(needed, [&](int32_t node) { return protos[node].name(); });
    if (!order.ok()) {
      errors_.add(order.status());
      return names;
    }
    std::vector<NodeId> placeOf(inputs.size());
    for (size_t i = 0; i < order->size(); ++i) {
      placeOf[(*order)[i]] = static_cast<NodeId>(i);
    }
    body.nodes.reserve(inputs.size());
    for (int32_t index : *order) {
      for (ValueRef& input : inputs[index]) {
        input.node = placeOf[input.node];
      }
      body.nodes.push_back(
          readNode(protos[index], static_cast<NodeId>(body.nodes.size()), std::move(inputs[index]), function));
      if (isFull()) {
        break;
      }
    }
    for (auto& [name, id] : names) {
      id = placeOf[id];
    }
    return names;
  }

  std::optional<ValueRef> readInput(const wire::NodeDef& node, int index, const std::string& endpoint,
                                    const Names& names) {
    auto refuse = [&](const std::string& why) {
      fail(node, makeError<ErrorId::kG0002>(index, why));
      return std::nullopt;
    };
    if (endpoint.starts_with("^")) {
      return refuse("'" + endpoint + "' is a control input, which Kiln's graphs do not have");
    }
    auto parts = splitEndpoint(endpoint);
    if (!parts) {
      return refuse("'" + endpoint + "' has no output number after ':'");
    }
    auto found = names.find(parts->first);
    if (found == names.end()) {
      return refuse("the graph has no node '" + std::string(parts->first) + "'" + suggest(parts->first, names));
    }
    return ValueRef{found->second, parts->second};
  }

  Node readNode(const wire::NodeDef& proto, NodeId id, std::vector<ValueRef> inputs, const std::string& function) {
    Node node;
    node.id = id;
    node.name = proto.name();
    node.inputs = std::move(inputs);
    node.location = locationOf(proto);
    node.device = proto.device();
    node.op = findOp(proto.op());
    if (node.op == nullptr) {
      std::vector<std::string> known;
      for (const OpSchema& op : allOps()) {
        known.emplace_back(op.name);
      }
      fail(proto, makeError<ErrorId::kG0220>(proto.op(), didYouMean(proto.op(), known)));
      return node;
    }
    for (const auto& [name, value] : proto.attr()) {
      auto attribute = readAttribute(name, value);
      if (!attribute.ok()) {
        fail(proto, attribute.status());
      } else {
        node.attributes.set(name, *std::move(attribute));
      }
    }
    for (const wire::ValueType& output : proto.outputs()) {
      auto shape = shapeFromProto(output.shape());
      if (!shape.ok()) {
        fail(proto, shape.status());
      } else {
        node.outputs.push_back({static_cast<DType>(output.dtype()), *std::move(shape)});
      }
    }
    if (proto.has_value()) {
      auto value = readTensor(proto.value());
      if (!value.ok()) {
        fail(proto, value.status());
      } else if (!function.empty()) {
        fail(proto, makeError<ErrorId::kG0019>("a value of a variable", function, "functions have no state"));
      } else {
        data_.weights[node.name] = *std::move(value);
      }
    }
    return node;
  }

  StatusOr<Attribute> readAttribute(const std::string& name, const wire::AttrValue& value) {
    using Case = wire::AttrValue;
    auto refuse = [&](const char* what) { return makeError<ErrorId::kG0403>(name, what); };
    switch (value.value_case()) {
      case Case::kI:
        return Attribute(value.i());
      case Case::kF64:
        return Attribute(value.f64());
      case Case::kF:
        return Attribute(static_cast<double>(value.f()));
      case Case::kB:
        return Attribute(value.b());
      case Case::kS:
        return codec::isUtf8(value.s()) ? StatusOr<Attribute>(Attribute(value.s())) : refuse("text that is not UTF-8");
      case Case::kType:
        return isKnownDType(value.type()) ? StatusOr<Attribute>(Attribute(static_cast<DType>(value.type())))
                                          : refuse("an unknown dtype");
      case Case::kShape: {
        KILN_ASSIGN_OR_RETURN(Shape shape, shapeFromProto(value.shape()));
        return Attribute(std::move(shape));
      }
      case Case::kTensor: {
        KILN_ASSIGN_OR_RETURN(TensorPtr tensor, readTensor(value.tensor()));
        return Attribute(std::move(tensor));
      }
      case Case::kFunc:
        return value.func().attr().empty() ? StatusOr<Attribute>(Attribute(value.func().name()))
                                           : refuse("a function with attributes");
      case Case::kList: {
        const wire::AttrValue::ListValue& list = value.list();
        if (list.s_size() + list.f_size() + list.b_size() + list.type_size() + list.shape_size() + list.tensor_size() +
                list.f64_size() !=
            0) {
          return refuse("a list of something else than integers or functions");
        }
        if (list.func_size() > 0) {
          return readFunctionNames(name, list);
        }
        return Attribute(std::vector<int64_t>(list.i().begin(), list.i().end()));
      }
      case Case::kPlaceholder:
        return refuse("a placeholder");
      default:
        return refuse("no value");
    }
  }

  static StatusOr<Attribute> readFunctionNames(const std::string& name, const wire::AttrValue::ListValue& list) {
    std::vector<std::string> names;
    for (const auto& function : list.func()) {
      if (!function.attr().empty() || list.i_size() > 0) {
        return makeError<ErrorId::kG0403>(
            name, function.attr().empty() ? "both functions and integers in one list" : "a function with attributes");
      }
      names.push_back(function.name());
    }
    return Attribute(std::move(names));
  }

  StatusOr<TensorPtr> readTensor(const wire::TensorProto& proto) {
    if (proto.weight().empty()) {
      KILN_ASSIGN_OR_RETURN(Tensor tensor, tensorFromProto(proto, budget_));
      return std::make_shared<const Tensor>(std::move(tensor));
    }
    if (!weights_) {
      return makeError<ErrorId::kG0407>(proto.weight());
    }
    TensorPtr& tensor = tensors_[proto.weight()];
    if (tensor == nullptr) {
      KILN_ASSIGN_OR_RETURN(tensor, weights_(proto.weight()));
    }
    KILN_ASSIGN_OR_RETURN(Shape shape, shapeFromProto(proto.tensor_shape()));
    if (static_cast<DType>(proto.dtype()) != tensor->dtype() || shape != Shape::of(tensor->dims())) {
      return makeError<ErrorId::kG0406>(proto.weight(), "it has " + std::string(toString(tensor->dtype())) +
                                                            Shape::of(tensor->dims()).toString() + ", the graph " +
                                                            std::string(toString(static_cast<DType>(proto.dtype()))) +
                                                            shape.toString());
    }
    return tensor;
  }

  void readFunction(const wire::FunctionDef& proto) {
    if (isFull()) {
      return;
    }
    Function& function = data_.functions[proto.signature().name()];
    function.name = proto.signature().name();
    function.body.nodes.clear();
    size_t before = errors_.size();
    Names names = readBody(proto.node_def(), function.name, function.body);
    if (errors_.size() != before) {
      return;
    }
    for (const auto& argument : proto.signature().input_arg()) {
      auto found = names.find(argument.name());
      if (found == names.end()) {
        errors_.add(makeError<ErrorId::kG0020>(
            function.name, "its body has no placeholder '" + argument.name() + "' for the argument"));
        return;
      }
      function.parameters.push_back({found->second, 0});
    }
    for (const auto& result : proto.signature().output_arg()) {
      auto endpoint = proto.ret().find(result.name());
      auto parts = endpoint == proto.ret().end() ? std::nullopt : splitEndpoint(endpoint->second);
      auto found = parts ? names.find(parts->first) : names.end();
      if (found == names.end()) {
        errors_.add(makeError<ErrorId::kG0410>(result.name(), function.name));
        return;
      }
      function.results.push_back({found->second, parts->second});
    }
  }

  void checkCall(const Node& node, const std::string& name, int64_t& numValues) {
    auto function = data_.functions.find(name);
    if (function == data_.functions.end()) {
      std::vector<std::string> known;
      for (const auto& [other, unused] : data_.functions) {
        known.push_back(other);
      }
      errors_.add(diagnose(makeError<ErrorId::kG0007>(name, didYouMean(name, known)), node.location, describe(node)));
    } else if (const size_t taken = function->second.parameters.size();
               node.op->name == "call" && taken != node.inputs.size()) {
      errors_.add(diagnose(makeError<ErrorId::kO0125>(name, taken, node.inputs.size()), node.location, describe(node)));
    } else {
      numValues += static_cast<int64_t>(taken + function->second.results.size());
    }
  }

  // Graph::create reports calls that do not fit; here they are only kept from multiplying.
  Status checkCalls() {
    int64_t numValues = 0;
    auto checkBody = [&](const Body& body) {
      for (const Node& node : body.nodes) {
        for (const std::string& name : calleesOf(*node.op, node.attributes)) {
          if (isFull()) {
            return;
          }
          checkCall(node, name, numValues);
        }
      }
    };
    checkBody(data_.body);
    for (const auto& [name, function] : data_.functions) {
      checkBody(function.body);
    }
    if (numValues > kMaxCallValues) {
      errors_.add(makeError<ErrorId::kG0408>(numValues, "inputs and outputs of calls", kMaxCallValues));
    }
    return errors_.status();
  }

  void readEntry(const wire::Entry& proto, const Names& names) {
    if (isFull()) {
      return;
    }
    Entry entry;
    entry.name = proto.name();
    entry.location = locationOf(proto.location());
    auto find = [&](const char* kind, const std::string& endpoint) -> std::optional<ValueRef> {
      auto parts = splitEndpoint(endpoint);
      auto found = parts ? names.find(parts->first) : names.end();
      if (found == names.end()) {
        if (!isFull()) {
          errors_.add(diagnose(makeError<ErrorId::kG0404>(entry.name, kind, endpoint, suggest(endpoint, names)),
                               entry.location));
        }
        return std::nullopt;
      }
      return ValueRef{found->second, parts->second};
    };
    for (bool isFeed : {true, false}) {
      for (const wire::Binding& binding : isFeed ? proto.feeds() : proto.fetches()) {
        if (auto value = find(isFeed ? "feed" : "fetch", binding.endpoint())) {
          (isFeed ? entry.feeds : entry.fetches)
              .push_back({binding.name().empty() ? binding.endpoint() : binding.name(), *value});
        }
      }
    }
    for (const std::string& target : proto.targets()) {
      if (auto value = find("target", target)) {
        entry.targets.push_back(value->node);
      }
    }
    data_.entries.push_back(std::move(entry));
  }

  const wire::GraphDef& def_;
  const WeightReader& weights_;
  ExpansionBudget budget_;
  GraphData data_;
  ErrorList errors_;
  std::unordered_set<std::string> fileNames_;
  std::unordered_map<std::string, TensorPtr> tensors_;  // of the weights file; one that several nodes name is shared
};

// The weights file of a graph, in the folder of the graph.
StatusOr<std::string> weightsPath(const wire::WeightsFile& weights, const std::string& graphPath) {
  const std::string& path = weights.path();
  auto refuse = [&](const char* why) { return makeError<ErrorId::kG0405>(path, why); };
  if (path.empty() || path.find('\0') != std::string::npos) {
    return refuse("it is no file name");
  }
  if (path.front() == '/' || path.find('\\') != std::string::npos) {
    return refuse("it is not relative to the graph's folder");
  }
  for (const auto& part : std::filesystem::path(path)) {
    if (part == "..") {
      return refuse("it leads out of the graph's folder");
    }
  }
  return std::filesystem::path(graphPath).replace_filename(path).string();
}

StatusOr<SafetensorsFile> openWeights(const wire::WeightsFile& weights, const std::string& graphPath,
                                      const ReadOptions& options) {
  KILN_ASSIGN_OR_RETURN(std::string path, weightsPath(weights, graphPath));
  KILN_ASSIGN_OR_RETURN(ReadableFile file, ReadableFile::open(path));
  if (static_cast<uint64_t>(file.numBytes()) != weights.num_bytes()) {
    return makeError<ErrorId::kG0406>(
        path, "it has " + std::to_string(file.numBytes()) + " bytes, wanted " + std::to_string(weights.num_bytes()));
  }
  if (options.checksWeights) {
    KILN_ASSIGN_OR_RETURN(Sha256 digest, sha256OfFile(file));
    if (std::string(digest.begin(), digest.end()) != weights.sha256()) {
      return makeError<ErrorId::kG0406>(path, "its SHA-256 digest differs");
    }
  }
  return SafetensorsFile::open(path);
}

}  // namespace

StatusOr<Graph> graphFromProto(const wire::GraphDef& def, const WeightReader& weights, const ReadOptions& options) {
  return Reader(def, weights, options).run();
}

StatusOr<Graph> readGraph(const std::string& path, const ReadOptions& options) {
  KILN_ASSIGN_OR_RETURN(wire::GraphDef def, readGraphDef(path, options.limits));
  auto inFile = [&](const Status& status) { return annotate(status, "'" + path + "'"); };
  std::optional<SafetensorsFile> file;
  WeightReader weights;
  if (def.kiln_format() != 0 && def.has_weights()) {
    auto opened = openWeights(def.weights(), path, options);
    if (!opened.ok()) {
      return inFile(opened.status());
    }
    file = *std::move(opened);
    weights = [&](const std::string& name) -> StatusOr<TensorPtr> {
      KILN_ASSIGN_OR_RETURN(const SafetensorsFile::Entry* entry, file->find(name));
      KILN_ASSIGN_OR_RETURN(Tensor tensor, file->read(*entry));
      return std::make_shared<const Tensor>(std::move(tensor));
    };
  }
  auto graph = graphFromProto(def, weights, options);
  if (!graph.ok()) {
    return inFile(graph.status());
  }
  return graph;
}

}  // namespace kiln
