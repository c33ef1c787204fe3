// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/builder.h"

#include <algorithm>

#include "graph/build/builder_state.h"
#include "graph/build/operations.h"
#include "graph/ir/verify.h"

namespace kiln {
namespace {

const OpSchema& schemaOf(std::string_view op) {
  const OpSchema* schema = findOp(op);
  KILN_CHECK(schema != nullptr);
  return *schema;
}

std::string describeValue(const GraphBuilder::State& state, const Value& value) {
  return kiln::describe(state.bodyOf(value.body()).node(value.ref().node));
}

}  // namespace

// --- values
// -----------------------------------------------------------------------------------------------------------

DType Value::dtype() const {
  const Node* node = builder_ == nullptr ? nullptr : builder_->state().nodeOf(*this);
  return node == nullptr || node->outputs.empty() ? DType::kInvalid : node->outputs[ref_.output].dtype;
}

const Shape& Value::shape() const {
  static const auto& scalar = *new Shape();
  const Node* node = builder_ == nullptr ? nullptr : builder_->state().nodeOf(*this);
  return node == nullptr || node->outputs.empty() ? scalar : node->outputs[ref_.output].shape;
}

std::string Value::name() const {
  const bool isKnown = builder_ != nullptr && builder_->state().nodeOf(*this) != nullptr;
  return isKnown ? endpointName(builder_->state().bodyOf(body_), ref_) : "";
}

Value Value::named(std::string_view name, std::source_location where) const {
  if (isPoisoned() || builder_ == nullptr || builder_->state().isFinished) {
    return *this;
  }
  GraphBuilder::State& state = builder_->state();
  BodyState& body = state.bodies[body_];
  if (body.body.nodes.empty()) {
    return *this;  // a function that is complete keeps its names
  }
  Node& node = body.body.nodes[ref_.node];
  std::string wanted = state.scopedName(name);
  if (wanted == node.name) {
    return *this;
  }
  const SourceLocation location = state.locate(where);
  if (Status status = checkName(wanted); !status.ok()) {
    state.fail(status, location, kiln::describe(node));
    return *this;
  }
  if (auto found = body.names.find(wanted); found != body.names.end()) {
    const Node& other = body.body.node(found->second);
    state.fail(withNote(makeError<ErrorId::kG0001>(kiln::describe(other)), other.location,
                        kiln::describe(other) + " was made here"),
               location, "kiln." + std::string(node.op->name) + " '" + wanted + "'");
    return *this;
  }
  body.names.erase(node.name);
  body.names.emplace(wanted, node.id);
  node.name = std::move(wanted);
  return *this;
}

// --- the builder
// ------------------------------------------------------------------------------------------------------

GraphBuilder::GraphBuilder(std::string name) : state_(std::make_unique<State>()) {
  state_->builder = this;
  state_->name = std::move(name);
  state_->bodies.emplace_back("", state_->functions);
}
GraphBuilder::~GraphBuilder() = default;

const std::string& GraphBuilder::name() const { return state_->name; }

void GraphBuilder::addError(Status status, Where where) { state_->fail(status, state_->locate(where)); }

Value GraphBuilder::poisoned() const { return state_->poison(); }

Value GraphBuilder::placeholder(std::string_view name, DType dtype, Shape shape, Where where) {
  const SourceLocation location = state_->locate(where);
  if (state_->isFinished || state_->refuseInFunction("kiln.placeholder '" + std::string(name) + "'",
                                                     "its parameters are what is given to it", location)) {
    return state_->poison();
  }
  const Node* node = state_->addNamedNode(schemaOf("placeholder"), {}, {{"dtype", dtype}, {"shape", std::move(shape)}},
                                          state_->scopedName(name), location);
  return node == nullptr ? state_->poison() : state_->makeValue(0, {node->id, 0});
}

Value GraphBuilder::constant(Tensor value, std::string_view name, Where where) {
  return makeNode("constant", {}, {{"value", TensorPtr(std::make_shared<const Tensor>(std::move(value)))}}, name,
                  where)[0];
}

Value GraphBuilder::scalar(double value, DType dtype, Where where) {
  Tensor tensor(dtype, {});
  // Of smaller types and strings there is no number to store; the constant is refused below.
  const bool hasNumbers = bitWidth(dtype) >= (isFloat(dtype) ? 16 : 8);
  const bool isWhole = hasNumbers && (isInteger(dtype) || dtype == boolean);
  if (hasNumbers) {
    tensor.set(0, value);
  }
  if (isWhole && tensor.at(0) != value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    state_->fail(makeError<ErrorId::kG0205>(text.ends_with('.') ? text + "0" : text, kiln::toString(dtype)),
                 state_->locate(where));
    return state_->poison();
  }
  return constant(std::move(tensor), "constant", where);
}

Value GraphBuilder::variable(std::string_view name, Operand initial, bool isTrainable, Where where) {
  State& state = *state_;
  const SourceLocation location = state.locate(where);
  const std::string fullName = state.scopedName(name);
  const std::string subject = "kiln.variable '" + fullName + "'";
  if (state.isFinished || state.refuseInFunction(subject, "functions have no state", location)) {
    return state.poison();
  }
  const Value value = initial.number ? scalar(*initial.number, f32, where) : initial.value;
  if (!state.checkOperands(schemaOf("assign"), {value}, location, subject)) {
    return state.poison();
  }
  if (!value.shape().isStatic()) {
    state.fail(makeError<ErrorId::kG0208>(fullName, value.shape().toString()), location, "", {value});
    return state.poison();
  }
  if (NodeId source = state.bodies[0].sourceOf[value.ref().node]; source >= 0) {
    const Node& node = state.bodies[0].body.node(source);
    state.fail(withNote(makeError<ErrorId::kG0209>(fullName, kiln::describe(node)), node.location,
                        kiln::describe(node) + " was made here"),
               location);
    return state.poison();
  }
  const Node* node = state.addNamedNode(schemaOf("variable"), {}, {{"dtype", value.dtype()}, {"shape", value.shape()}},
                                        fullName, location);
  if (node == nullptr) {
    return state.poison();
  }
  const Value variable = state.makeValue(0, {node->id, 0});
  const Node* assign =
      state.addNode(schemaOf("assign"), {variable, value}, {}, state.freshName(fullName + "/init"), location);
  if (assign == nullptr) {
    return state.poison();
  }
  state.initialAssigns.push_back(assign->id);
  if (isTrainable) {
    state.trainable.push_back(variable);
  }
  return variable;
}

Value GraphBuilder::weight(std::string_view name, TensorPtr initial, bool isTrainable, Where where) {
  State& state = *state_;
  const SourceLocation location = state.locate(where);
  const std::string fullName = state.scopedName(name);
  if (state.isFinished ||
      state.refuseInFunction("kiln.variable '" + fullName + "'", "functions have no state", location)) {
    return state.poison();
  }
  const Node* node =
      state.addNamedNode(schemaOf("variable"), {}, {{"dtype", initial->dtype()}, {"shape", Shape::of(initial->dims())}},
                         fullName, location);
  if (node == nullptr) {
    return state.poison();
  }
  const Value variable = state.makeValue(0, {node->id, 0});
  state.weights.emplace(fullName, std::move(initial));
  if (isTrainable) {
    state.trainable.push_back(variable);
  }
  return variable;
}

void GraphBuilder::setOrigin(std::optional<SourceLocation> origin) { state_->origin = origin; }

std::vector<Value> GraphBuilder::trainableVariables() const { return state_->trainable; }

Target GraphBuilder::assign(Value variable, Operand value, std::string_view name, Where where) {
  State& state = *state_;
  const SourceLocation location = state.locate(where);
  const std::string fullName = state.freshName(
      name.empty() ? (variable.name().empty() ? "assign" : variable.name() + "/assign") : state.scopedName(name));
  const std::string subject = "kiln.assign '" + fullName + "'";
  if (state.isFinished || state.refuseInFunction(subject, "functions have no state", location) ||
      !state.checkOperands(schemaOf("assign"), {variable}, location, subject)) {
    return Target(state.poison());
  }
  if (state.bodies[0].body.node(variable.ref().node).op->name != "variable") {
    state.fail(makeError<ErrorId::kG0018>(describeValue(state, variable)), location, subject, {variable});
    return Target(state.poison());
  }
  Value given = value.value;
  if (value.number) {
    given = broadcastTo(Operand(scalar(*value.number, variable.dtype(), where), where), variable.shape());
  }
  if (!state.checkOperands(schemaOf("assign"), {variable, given}, location, subject)) {
    return Target(state.poison());
  }
  const Node* node =
      name.empty() ? state.addNode(schemaOf("assign"), {variable, given}, {}, fullName, location)
                   : state.addNamedNode(schemaOf("assign"), {variable, given}, {}, state.scopedName(name), location);
  return Target(node == nullptr ? state.poison() : state.makeValue(0, {node->id, 0}));
}

Target GraphBuilder::group(std::string_view name, const std::vector<Target>& targets, Where where) {
  State& state = *state_;
  const SourceLocation location = state.locate(where);
  const std::string fullName = state.scopedName(name);
  const std::string subject = "kiln.group '" + fullName + "'";
  std::vector<Value> values;
  for (const Target& target : targets) {
    values.push_back(target.node());
  }
  if (state.isFinished || state.refuseInFunction(subject, "functions have no state", location) ||
      !state.checkOperands(schemaOf("group"), values, location, subject)) {
    return Target(state.poison());
  }
  std::vector<Value> inputs;
  for (const Value& value : values) {
    const Node& node = state.bodies[0].body.node(value.ref().node);
    if (node.op->name == "group") {
      for (ValueRef input : node.inputs) {
        inputs.push_back(state.makeValue(0, input));
      }
    } else {
      inputs.push_back(value);
    }
  }
  const Node* node = state.addNamedNode(schemaOf("group"), inputs, {}, fullName, location);
  return Target(node == nullptr ? state.poison() : state.makeValue(0, {node->id, 0}));
}

// --- entries, dims, scopes, random state
// --------------------------------------------------------------------------------

void GraphBuilder::entry(std::string_view name, EntrySpec spec, Where where) {
  state_->entries.push_back({std::string(name), std::move(spec), state_->locate(where)});
}

Dim GraphBuilder::dim(std::string_view name, int64_t min, int64_t max, Where where) {
  const DimRange range{min, max};
  if (min < 0 || max < min || max > DimRange::kUnbounded) {
    addError(makeError<ErrorId::kG0015>(name, min, max), where);
  } else if (auto [found, isNew] = state_->symbols.try_emplace(std::string(name), range);
             !isNew && found->second != range) {
    addError(makeError<ErrorId::kG0217>(name, found->second.min, found->second.max, min, max), where);
  }
  return Dim::symbol(std::string(name));
}

GraphBuilder::Scope GraphBuilder::scope(std::string_view name, Where where) {
  BodyState& body = state_->current();
  if (Status status = checkName(name); !status.ok()) {
    state_->fail(status, state_->locate(where));
    name = "scope";
  }
  std::string prefix = state_->scopedName(name);
  if (int& uses = body.scopeSuffixes[prefix]; uses++ > 0) {
    // `dense_1` may have been entered by that name, so the fresh one is looked for.
    std::string fresh;
    int suffix = uses - 1;
    do {
      fresh = prefix + "_" + std::to_string(suffix++);
    } while (body.scopeSuffixes.contains(fresh));
    body.scopeSuffixes[fresh] = 1;
    prefix = std::move(fresh);
  }
  body.prefixes.push_back(prefix + "/");
  return Scope(this);
}

GraphBuilder::Scope GraphBuilder::scopeOf(Value value) {
  const std::string name = value.name();
  state_->current().prefixes.push_back(name.empty() ? state_->current().prefixes.back() : name + "/");
  return Scope(this);
}

GraphBuilder::Scope::~Scope() { builder_->state().current().prefixes.pop_back(); }

void GraphBuilder::setSeed(int64_t seed) { state_->seed = seed; }

int64_t GraphBuilder::nextRandomOpId() { return state_->nextRandomOpId++; }

Value GraphBuilder::randomState(Where where) {
  State& state = *state_;
  const SourceLocation location = state.locate(where);
  for (int open : state.openBodies) {
    const BodyState& body = state.bodies[open];
    const bool isLambda = body.closure != nullptr;
    if (!body.function.empty() && !(isLambda && body.closure->drawsNumbers)) {
      const char* advice = isLambda ? "draw the numbers in the body and pass them on as a carry"
                                    : "draw the numbers outside and pass them as an argument";
      state.fail(makeError<ErrorId::kG0019>("a random op", body.function, advice), location);
      return state.poison();
    }
  }
  return state.isFinished ? state.poison() : state.randomStateAt(state.openBodies.size() - 1, where);
}

// --- functions
// --------------------------------------------------------------------------------------------------------

void GraphBuilder::function(std::string_view name, const std::vector<ValueType>& parameters,
                            const std::function<std::vector<Value>(const std::vector<Value>&)>& body, Where where) {
  State& state = *state_;
  const SourceLocation location = state.locate(where);
  const std::string functionName(name);
  if (state.isFinished) {
    return;
  }
  if (Status status = checkName(name); !status.ok()) {
    state.fail(status, location);
    state.brokenFunctions.insert(functionName);
    return;
  }
  bool isTaken = state.functions.contains(functionName) || state.brokenFunctions.contains(functionName);
  isTaken = isTaken || state.lambdaSuffixes.contains(functionName);
  for (int open : state.openBodies) {
    isTaken = isTaken || state.bodies[open].function == functionName;
  }
  if (isTaken) {
    state.fail(makeError<ErrorId::kG0214>(name), location);
    return;
  }
  const int index = static_cast<int>(state.bodies.size());
  const size_t errorsBefore = state.errors.size();
  state.bodies.emplace_back(functionName, state.functions);
  state.openBodies.push_back(index);
  std::vector<Value> arguments;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Node* node = state.addNamedNode(schemaOf("placeholder"), {},
                                          {{"dtype", parameters[i].dtype}, {"shape", parameters[i].shape}},
                                          "arg" + std::to_string(i), location);
    arguments.push_back(node == nullptr ? state.poison() : state.makeValue(index, {node->id, 0}));
  }
  const std::vector<Value> results = body(arguments);
  const bool isFine =
      state.checkOperands(schemaOf("call"), results, location, "result of function '" + functionName + "'");
  state.openBodies.pop_back();
  if (!isFine || state.errors.size() != errorsBefore) {
    state.brokenFunctions.insert(functionName);
    return;
  }
  Function function;
  function.name = functionName;
  for (const Value& value : arguments) {
    function.parameters.push_back(value.ref());
  }
  for (const Value& value : results) {
    function.results.push_back(value.ref());
  }
  function.body = std::move(state.bodies[index].body);
  state.bodies[index].body.nodes.clear();
  state.functions.emplace(functionName, std::move(function));
}

std::vector<Value> GraphBuilder::call(std::string_view function, const std::vector<Value>& arguments, Where where) {
  State& state = *state_;
  // What a failed call returns, so that a caller who takes its results by number does not run over the end.
  constexpr size_t kPoisonedResults = 16;
  const std::vector<Value> poisoned(kPoisonedResults, state.poison());
  const std::string name(function);
  std::string chain;
  for (int open : state.openBodies) {
    if (chain.empty() && state.bodies[open].function != name) {
      continue;
    }
    chain += "'" + state.bodies[open].function + "' calls ";
  }
  if (!chain.empty()) {
    addError(makeError<ErrorId::kG0006>(chain + "'" + name + "'"), where);
    return poisoned;
  }
  if (state.isFinished || state.brokenFunctions.contains(name)) {
    return poisoned;
  }
  std::vector<Value> results = makeNode("call", arguments, {{"callee", name}}, name, where);
  return results.empty() ? poisoned : results;
}

}  // namespace kiln
