// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/tensorflow/importer.h"

#include <algorithm>
#include <chrono>

#include "graph/eval/interpreter.h"

namespace kiln::tensorflow {
namespace {

// Bounds what function calls within function calls can expand to. Detectors have some ten thousand nodes.
constexpr int64_t kMostNodes = 200'000;
// What is known before the run is computed by slow and obvious code; what takes longer is left to the run.
constexpr std::chrono::milliseconds kLongestFold{300};

bool isReadByImporter(std::string_view op) {
  return op == "Const" || op == "Placeholder" || op == "PlaceholderWithDefault" || op == "If" || op == "StatelessIf" ||
         op == "Case" || op == "StatelessCase" || op == "While" || op == "StatelessWhile" || op == "PartitionedCall" ||
         op == "StatefulPartitionedCall";
}

bool isBroken(const std::vector<ImportedPtr>& values) {
  return std::ranges::any_of(values, [](const ImportedPtr& value) { return value->isBroken; });
}

}  // namespace

std::vector<const Converter*> allConverters() {
  std::vector<const Converter*> all;
  for (std::span<const Converter> family :
       {mathConverters(), reductionConverters(), shapeConverters(), movementConverters(), indexingConverters(),
        convolutionConverters(), imageConverters(), dataDependentConverters(), listConverters()}) {
    for (const Converter& converter : family) {
      all.push_back(&converter);
    }
  }
  return all;
}

const Converter* findConverter(std::string_view op) {
  static const auto& table = *[] {
    auto* rows = new std::unordered_map<std::string_view, const Converter*>();
    for (const Converter* converter : allConverters()) {
      rows->emplace(converter->op, converter);
    }
    return rows;
  }();
  auto found = table.find(op);
  return found == table.end() ? nullptr : found->second;
}

bool isSupported(std::string_view op) {
  return isReadByImporter(op) || findConverter(op) != nullptr || op == "Switch" || op == "Merge" || op == "Enter" ||
         op == "Exit" || op == "NextIteration";
}

Importer::Importer(const FrozenGraph& graph, const ImportOptions& options, const GraphUse& use,
                   const std::vector<GraphPort>& inputs, bool isOneBatch)
    : graph_(graph),
      options_(options),
      use_(use),
      inputs_(inputs),
      isOneBatch_(isOneBatch),
      main_(std::make_unique<GraphBuilder>("graph")),
      g_(main_.get()),
      outputNames_(use.outputs) {
  if (outputNames_.empty()) {
    for (const GraphPort& port : graph.outputs()) {
      outputNames_.push_back(port.name);
    }
  }
  for (const GraphPort& port : inputs) {
    inputNumbers_.emplace(port.name, static_cast<int>(inputNumbers_.size()));
  }
  for (const wire::FunctionDef& function : graph.proto().library().function()) {
    functions_.emplace(function.signature().name(), &function);
  }
}

// --- functions

StatusOr<std::shared_ptr<const Program>> Importer::functionOf(const wire::NodeDef& node,
                                                              const wire::NameAttrList& function) {
  auto found = functions_.find(function.name());
  if (found == functions_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, def] : functions_) {
      known.emplace_back(name);
    }
    std::ranges::sort(known);
    return makeError<ErrorId::kG0503>(nameInMessages(node), function.name(), didYouMean(function.name(), known));
  }
  auto& slot = programs_[found->first];
  if (slot == nullptr) {
    auto program = programOf(*found->second);
    if (!program.ok()) {
      return annotate(program.status(), "function '" + function.name() + "'");
    }
    slot = std::make_shared<const Program>(*std::move(program));
  }
  return slot;
}

StatusOr<std::vector<const wire::NameAttrList*>> Importer::functionsOf(const wire::NodeDef& node) {
  std::vector<const wire::NameAttrList*> functions;
  auto add = [&](const char* name) {
    auto found = node.attr().find(name);
    if (found == node.attr().end() || !found->second.has_func()) {
      return makeError<ErrorId::kG0502>(nameInMessages(node),
                                        "it has no attribute '" + std::string(name) + "' that is a function");
    }
    functions.push_back(&found->second.func());
    return Status();
  };
  const std::string& op = node.op();
  if (op == "If" || op == "StatelessIf") {
    KILN_RETURN_IF_ERROR(add("else_branch"));
    KILN_RETURN_IF_ERROR(add("then_branch"));
  } else if (op == "While" || op == "StatelessWhile") {
    KILN_RETURN_IF_ERROR(add("cond"));
    KILN_RETURN_IF_ERROR(add("body"));
  } else if (op == "PartitionedCall" || op == "StatefulPartitionedCall") {
    KILN_RETURN_IF_ERROR(add("f"));
  } else if (op == "Case" || op == "StatelessCase") {
    auto found = node.attr().find("branches");
    if (found == node.attr().end() || found->second.list().func_size() == 0) {
      return makeError<ErrorId::kG0502>(nameInMessages(node), "it has no attribute 'branches' that is a list");
    }
    for (const wire::NameAttrList& branch : found->second.list().func()) {
      functions.push_back(&branch);
    }
  }
  return functions;
}

Status Importer::listUnsupported(const Program& program, int depth) {
  if (depth > kMostNestedBodies) {
    return makeError<ErrorId::kG0507>(currentNode_, "functions and bodies are nested",
                                      std::to_string(kMostNestedBodies) + " levels");
  }
  if (!listed_.insert(&program).second) {
    return {};
  }
  for (const ProgramNode& node : program.nodes) {
    if (node.kind == ProgramNode::Kind::kBranch || node.kind == ProgramNode::Kind::kLoop) {
      KILN_RETURN_IF_ERROR(listUnsupported(*node.first, depth + 1));
      KILN_RETURN_IF_ERROR(listUnsupported(*node.second, depth + 1));
    }
    if (node.kind != ProgramNode::Kind::kOperation) {
      continue;
    }
    if (isFed(*node.def)) {
      continue;
    }
    if (!isReadByImporter(node.def->op()) && findConverter(node.def->op()) == nullptr) {
      reportUnsupported(*node.def, {});
    }
    KILN_ASSIGN_OR_RETURN(const auto functions, functionsOf(*node.def));
    for (const wire::NameAttrList* function : functions) {
      if (std::ranges::find(callStack_, function->name(), &std::pair<std::string, const Attributes*>::first) !=
          callStack_.end()) {
        return makeError<ErrorId::kG0505>(nameInMessages(*node.def), function->name());
      }
      KILN_ASSIGN_OR_RETURN(const auto body, functionOf(*node.def, *function));
      callStack_.emplace_back(function->name(), &function->attr());
      const Status status = listUnsupported(*body, depth + 1);
      callStack_.pop_back();
      KILN_RETURN_IF_ERROR(status);
    }
  }
  return {};
}

// Large constants of bodies become variables, which are made outside of them.
Status Importer::prepareBodies(const Program& program, int depth) {
  if (!prepared_.insert(&program).second) {
    return {};
  }
  for (const ProgramNode& node : program.nodes) {
    if (node.kind == ProgramNode::Kind::kBranch || node.kind == ProgramNode::Kind::kLoop) {
      KILN_RETURN_IF_ERROR(prepareBodies(*node.first, depth + 1));
      KILN_RETURN_IF_ERROR(prepareBodies(*node.second, depth + 1));
    }
    if (node.kind != ProgramNode::Kind::kOperation) {
      continue;
    }
    if (node.def->op() == "Const") {
      KILN_ASSIGN_OR_RETURN(const ImportedPtr constant, importConstant(*node.def));
      if (constant->constant->numBytes() > kMostConstantBytes) {
        materialize(*constant, *main_);
      }
    }
    KILN_ASSIGN_OR_RETURN(const auto functions, functionsOf(*node.def));
    for (const wire::NameAttrList* function : functions) {
      KILN_ASSIGN_OR_RETURN(const auto body, functionOf(*node.def, *function));
      KILN_RETURN_IF_ERROR(prepareBodies(*body, depth + 1));
    }
  }
  return {};
}

Status Importer::prepare(const Results& arguments, const std::vector<const Program*>& bodies) {
  if (g_ != main_.get()) {
    return {};
  }
  for (const ImportedPtr& argument : arguments) {
    const bool isSymbolic = argument->dims && argument->constant == nullptr;
    const bool isWeight = argument->constant != nullptr && argument->constant->numBytes() > kMostConstantBytes;
    // A body knows only the lengths that its operands have.
    if (isSymbolic || (isWeight && openBodies_.size() == 1)) {
      materialize(*argument, *g_);
    }
  }
  if (openBodies_.size() == 1) {
    for (const Program* body : bodies) {
      KILN_RETURN_IF_ERROR(prepareBodies(*body, 0));
    }
  }
  return {};
}

// --- nodes

StatusOr<Importer::Results> Importer::importProgram(const Program& program, const Results& arguments) {
  std::vector<Results> values(program.nodes.size());
  for (size_t k = 0; k < program.parameters.size() && k < arguments.size(); ++k) {
    values[static_cast<size_t>(program.parameters[k])] = {arguments[k]};
  }
  auto valueOf = [&](Source source, const std::string& user) -> StatusOr<ImportedPtr> {
    const Results& outputs = values[static_cast<size_t>(source.node)];
    if (outputs.size() == 1 && outputs[0]->isBroken) {
      return outputs[0];
    }
    if (static_cast<size_t>(source.output) >= outputs.size()) {
      const wire::NodeDef* def = program.nodes[static_cast<size_t>(source.node)].def;
      return makeError<ErrorId::kG0503>(
          user, (def == nullptr ? "an argument" : def->name()) + ":" + std::to_string(source.output), "");
    }
    return outputs[static_cast<size_t>(source.output)];
  };
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const ProgramNode& node = program.nodes[i];
    if (node.kind == ProgramNode::Kind::kParameter) {
      if (values[i].empty()) {
        return makeError<ErrorId::kG0502>(currentNode_, "'" + program.name + "' is given " +
                                                            std::to_string(arguments.size()) + " arguments, wanted " +
                                                            std::to_string(program.parameters.size()));
      }
      continue;
    }
    const std::string outer = std::exchange(currentNode_, nameInMessages(*node.def));
    if (++numNodes_ > kMostNodes) {
      return makeError<ErrorId::kG0507>(currentNode_, "functions expand to many nodes",
                                        std::to_string(kMostNodes) + " nodes");
    }
    Results inputs;
    for (const Source& source : node.inputs) {
      KILN_ASSIGN_OR_RETURN(ImportedPtr input, valueOf(source, currentNode_));
      inputs.push_back(std::move(input));
    }
    if (isBroken(inputs)) {
      values[i] = {brokenValue()};
    } else {
      KILN_ASSIGN_OR_RETURN(values[i], importNode(node, inputs));
    }
    currentNode_ = outer;
  }
  Results results;
  for (const Source& source : program.results) {
    KILN_ASSIGN_OR_RETURN(ImportedPtr result, valueOf(source, currentNode_));
    results.push_back(std::move(result));
  }
  return results;
}

StatusOr<Importer::Results> Importer::importNode(const ProgramNode& node, const Results& inputs) {
  auto tail = [&] { return Results(inputs.begin() + 1, inputs.end()); };
  switch (node.kind) {
    case ProgramNode::Kind::kForward:
      return Results{inputs[0]};
    case ProgramNode::Kind::kBranch:
      return importBranches(inputs[0], {node.first, node.second}, tail(), true);
    case ProgramNode::Kind::kLoop:
      return importLoop(*node.first, *node.second, inputs);
    default:
      break;
  }
  const wire::NodeDef& def = *node.def;
  const std::string& op = def.op();
  if (op == "Const") {
    KILN_ASSIGN_OR_RETURN(ImportedPtr constant, importConstant(def));
    return Results{std::move(constant)};
  }
  if (isFed(def)) {
    KILN_ASSIGN_OR_RETURN(ImportedPtr input, importPlaceholder(def));
    return Results{std::move(input)};
  }
  if (op == "Placeholder") {
    return makeError<ErrorId::kG0502>(currentNode_, "a placeholder stands in a function");
  }
  if (op == "PlaceholderWithDefault") {
    return inputs.size() == 1 ? StatusOr<Results>(inputs)
                              : makeError<ErrorId::kG0502>(currentNode_, "it has one input, its default");
  }
  if (isReadByImporter(op)) {
    return importFunctions(def, inputs);
  }
  if (findConverter(op) == nullptr) {
    return Results{brokenValue()};  // listed before
  }
  return convertNode(def, inputs);
}

StatusOr<Importer::Results> Importer::convertNode(const wire::NodeDef& node, const Results& inputs) {
  const Converter& converter = *findConverter(node.op());
  Origins origins;
  bool isKnown = !inputs.empty();
  for (const ImportedPtr& input : inputs) {
    origins.add(input->origins);
    isKnown &= input->constant != nullptr;
  }
  auto place = [&](NodeImport& n) {
    Results results;
    for (Imported& result : n.results()) {
      if (result.constant == nullptr && !result.dims) {
        result.origins.add(origins);
      }
      result.origins.needsLengths |= result.dims && result.constant == nullptr;
      result.name = node.name();
      results.push_back(std::make_shared<Imported>(std::move(result)));
    }
    return results;
  };
  Results results;
  if (isKnown && foldNode(node, converter, inputs, results)) {
    return results;
  }
  NodeImport n(*this, *g_, node, inputs);
  if (foldShapeArithmetic(n)) {
    return place(n);
  }
  for (const ImportedPtr& input : inputs) {
    // What comes of dims through other operations is known when they are numbers.
    origins.needsLengths |= (input->dims && input->constant == nullptr) || !input->shape.isStatic();
  }
  g_->setOrigin(SourceLocation{internString(graph_.file()), 0});
  if (openBodies_.size() == 1 && g_ == main_.get()) {
    for (const ImportedPtr& input : inputs) {
      if (input->constant != nullptr && input->constant->numBytes() > kMostConstantBytes) {
        materialize(*input, *g_);  // outside of the node's scope, so that weights have names of their own
      }
    }
  }
  Status status;
  {
    auto scope = g_->scope(graphName(node.name()));
    status = converter.convert(n);
  }
  g_->setOrigin(std::nullopt);
  status = n.status().ok() ? status : n.status();
  if (!status.ok()) {
    if (errorIdOf(status) == "KILN-G0501") {
      reportUnsupported(node, status);
      return Results{brokenValue()};
    }
    if (errorIdOf(status) == "KILN-G0506" && !(neededValues_.empty() && neededShapes_.empty())) {
      return Results{brokenValue()};  // the caller is asked, and with the answer the node is imported
    }
    return status;
  }
  if (std::ranges::any_of(n.results(), &Imported::isBroken)) {
    // An operation was refused: the builder knows why, and can say it only at the end.
    StatusOr<Graph> graph = g_->finish();
    return makeError<ErrorId::kG0502>(currentNode_,
                                      graph.ok() ? "it was refused" : std::string(graph.status().message()));
  }
  return place(n);
}

// Computes the node now when that is cheap. False: it becomes a part of the graph.
bool Importer::foldNode(const wire::NodeDef& node, const Converter& converter, const Results& inputs,
                        Results& results) {
  int64_t elements = 0;
  for (const ImportedPtr& input : inputs) {
    elements += input->constant->numElements();
  }
  if (elements > options_.maxFoldedElements) {
    return false;
  }
  GraphBuilder scratch("fold");
  NodeImport n(*this, scratch, node, inputs);
  if (Status status = converter.convert(n); !status.ok() || !n.status().ok()) {
    return false;  // converting it into the graph meets the same error, and reports it
  }
  EntrySpec spec;
  std::vector<size_t> fetched;
  for (size_t i = 0; i < n.results().size(); ++i) {
    const Imported& result = n.results()[i];
    if (result.isBroken || result.list != nullptr) {
      return false;
    }
    if (result.constant != nullptr || result.dims) {
      continue;
    }
    if (!result.shape.isStatic() ||
        checkedNumElements(result.shape.staticDims()).value_or(INT64_MAX) > options_.maxFoldedElements) {
      return false;
    }
    fetched.push_back(i);
    spec.fetches.emplace_back("result" + std::to_string(i), result.value);
  }
  if (!fetched.empty()) {
    scratch.entry("fold", spec);
    auto graph = scratch.finish();
    if (!graph.ok() || !graph->variables().empty()) {
      return false;
    }
    VariableStore none;
    auto values = Interpreter({.cancel = nullptr, .deadline = kLongestFold})
                      .evaluate(*graph, *graph->findEntry("fold"), {}, none);
    if (!values.ok()) {
      return false;  // a fault, such as an index out of range, belongs to the run
    }
    for (size_t k = 0; k < fetched.size(); ++k) {
      Imported& result = n.results()[fetched[k]];
      result.constant = std::make_shared<const Tensor>(std::move((*values)[k]));
      result.shape = Shape::of(result.constant->dims());
      result.value = Value();
      result.body = -1;
    }
  }
  for (Imported& result : n.results()) {
    result.name = node.name();
    results.push_back(std::make_shared<Imported>(std::move(result)));
  }
  return true;
}

// --- the whole

StatusOr<ImportedModel> Importer::run() {
  isHopeless_ = true;
  currentNode_ = "of the graph";
  if (outputNames_.empty()) {
    return makeError<ErrorId::kG0502>(currentNode_, "it computes nothing: no node is an output");
  }
  KILN_ASSIGN_OR_RETURN(const Program program, programOf(graph_.proto(), outputNames_, use_.fed));
  auto refuse = [&] {
    std::string list;
    for (const std::string& line : unsupported_) {
      list += (list.empty() ? "" : "; ") + line;
    }
    return makeError<ErrorId::kG0501>(list);
  };
  for (const ProgramNode& node : program.nodes) {
    if (node.kind == ProgramNode::Kind::kOperation && isFed(*node.def)) {
      usedInputs_.push_back(inputNumbers_.at(node.def->name()));
    }
  }
  KILN_RETURN_IF_ERROR(listUnsupported(program, 0));
  if (!unsupported_.empty()) {
    return refuse();
  }
  isHopeless_ = false;
  auto results = importProgram(program, {});
  if (!neededValues_.empty() || !neededShapes_.empty()) {
    ImportedModel graph;
    graph.neededValues.assign(neededValues_.begin(), neededValues_.end());
    graph.neededShapes.assign(neededShapes_.begin(), neededShapes_.end());
    return graph;
  }
  if (!unsupported_.empty()) {
    return refuse();
  }
  KILN_RETURN_IF_ERROR(results.status());
  return finish(*results);
}

StatusOr<ImportedModel> Importer::finish(const Results& results) {
  EntrySpec spec;
  for (auto& [index, feed] : feeds_) {
    spec.feeds.push_back(feed);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i]->list != nullptr) {
      return makeError<ErrorId::kG0501>("output '" + outputNames_[i] + "' is a list of tensors");
    }
    spec.fetches.emplace_back(outputNames_[i], materialize(*results[i], *main_));
  }
  main_->entry("predict", std::move(spec));
  ImportedModel graph;
  graph.builtIn = builtIn_;
  KILN_ASSIGN_OR_RETURN(graph.graph, main_->finish());
  return graph;
}

}  // namespace kiln::tensorflow
