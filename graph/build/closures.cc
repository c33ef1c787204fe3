// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/closures.h"

#include <algorithm>
#include <set>

#include "graph/ir/verify.h"

namespace kiln {
namespace {

// What a failed call returns beside the results that are expected of it, so that a caller who takes results by number
// does not run over the end.
constexpr size_t kSparePoison = 16;

const OpSchema& placeholderOp() {
  static const OpSchema& op = *findOp("placeholder");
  return op;
}

// The name of a lambda's function: no function has it, and none is about to.
std::string freshFunctionName(GraphBuilder::State& state, const std::string& wanted) {
  std::string name = wanted;
  int& suffix = state.lambdaSuffixes[wanted];
  if (suffix++ == 0 && !state.functions.contains(name) && !state.brokenFunctions.contains(name)) {
    return name;
  }
  do {
    name = wanted + "_" + std::to_string(suffix++);
  } while (state.functions.contains(name) || state.brokenFunctions.contains(name) ||
           state.lambdaSuffixes.contains(name));
  state.lambdaSuffixes[name] = 1;
  return name;
}

// Ends a body also when the user's lambda throws.
class OpenBody {
 public:
  OpenBody(GraphBuilder::State& state, int body) : state_(state), depth_(state.openBodies.size()) {
    state_.openBodies.push_back(body);
  }
  ~OpenBody() { state_.openBodies.resize(depth_); }
  OpenBody(const OpenBody&) = delete;

 private:
  GraphBuilder::State& state_;
  size_t depth_;
};

}  // namespace

ClosureNode::ClosureNode(GraphBuilder& g, std::string_view op, std::string_view name, GraphBuilder::Where where)
    : g_(g), state_(g.state()), op_(*findOp(op)), where_(where), location_(state_.locate(where)) {
  isFine_ = !state_.isFinished;
  name_ = state_.freshName(state_.scopedName(name.empty() ? op : name));
  if (Status status = checkName(name_); !status.ok()) {
    fail(status);
    name_ = state_.freshName(state_.scopedName(op));
  }
}

void ClosureNode::fail(const Status& status, const Values& culprits) {
  state_.fail(status, location_, "kiln." + std::string(op_.name) + " '" + name_ + "'", culprits);
  isFine_ = false;
}

bool ClosureNode::take(Values& operands) {
  if (state_.isFinished) {
    return false;
  }
  operands = state_.adopt(std::move(operands));
  isFine_ =
      state_.checkOperands(op_, operands, location_, "kiln." + std::string(op_.name) + " '" + name_ + "'") && isFine_;
  return isFine_;
}

const Values& ClosureNode::lambda(LambdaSpec spec, const std::function<Values(const Values&)>& f) {
  Lambda& lambda = lambdas_.emplace_back();
  if (!isFine_) {
    return lambda.results;
  }
  lambda.name = freshFunctionName(state_, name_ + "/" + spec.role);
  lambda.body = static_cast<int>(state_.bodies.size());
  const size_t errorsBefore = state_.errors.size();
  BodyState& body = state_.bodies.emplace_back(lambda.name, state_.functions);
  body.closure = std::make_unique<ClosureState>();
  body.closure->drawsNumbers = spec.drawsNumbers;
  body.closure->location = location_;
  const OpenBody open(state_, lambda.body);
  auto declare = [&](const std::vector<LambdaParameter>& parameters, Values& values) {
    for (const LambdaParameter& parameter : parameters) {
      const Node* node =
          state_.addNamedNode(placeholderOp(), {}, {{"dtype", parameter.type.dtype}, {"shape", parameter.type.shape}},
                              parameter.name, location_);
      values.push_back(node == nullptr ? state_.poison() : state_.makeValue(lambda.body, {node->id, 0}));
    }
  };
  declare(spec.leading, lambda.leading);
  declare(spec.trailing, lambda.trailing);
  if (spec.isLoopBody) {
    body.closure->step = lambda.leading[0];
  }
  Values parameters = lambda.leading;
  parameters.insert(parameters.end(), lambda.trailing.begin(), lambda.trailing.end());
  lambda.results = state_.adopt(f(parameters));
  isFine_ = state_.checkOperands(*findOp("call"), lambda.results, location_, "result of '" + lambda.name + "'") &&
            state_.errors.size() == errorsBefore && isFine_;
  return lambda.results;
}

std::vector<ValueRef> ClosureNode::captured() const {
  std::vector<ValueRef> values;
  std::set<ValueRef> seen;
  for (const Lambda& lambda : lambdas_) {
    if (lambda.body < 0) {
      continue;
    }
    for (ValueRef value : state_.bodies[lambda.body].closure->captured) {
      if (seen.insert(value).second) {
        values.push_back(value);
      }
    }
  }
  return values;
}

void ClosureNode::addResultsForCaptured(size_t index, const std::function<Values(const Values&)>& f) {
  if (!isFine_) {
    return;
  }
  const std::vector<ValueRef> outer = captured();
  Lambda& lambda = lambdas_[index];
  const OpenBody open(state_, lambda.body);
  Values values;
  for (ValueRef value : outer) {
    values.push_back(state_.capture(state_.openBodies.size() - 1, value));
  }
  const Values results = f(values);
  isFine_ = state_.checkOperands(*findOp("call"), results, location_, "result of '" + lambda.name + "'");
  lambda.results.insert(lambda.results.end(), results.begin(), results.end());
}

Values ClosureNode::finish(Values operands, Attributes attributes, size_t expected) {
  const Values poisoned(expected + kSparePoison, state_.poison());
  if (!isFine_) {
    return poisoned;
  }
  for (const Lambda& lambda : lambdas_) {
    const OpenBody open(state_, lambda.body);
    state_.captureSymbols();
  }
  const std::vector<ValueRef> outer = captured();
  for (ValueRef value : outer) {
    operands.push_back(state_.makeValue(state_.openBodies.back(), value));
  }
  for (Lambda& lambda : lambdas_) {
    Function function;
    function.name = lambda.name;
    const OpenBody open(state_, lambda.body);
    for (const Value& value : lambda.leading) {
      function.parameters.push_back(value.ref());
    }
    for (ValueRef value : outer) {
      function.parameters.push_back(state_.capture(state_.openBodies.size() - 1, value).ref());
    }
    for (const Value& value : lambda.trailing) {
      function.parameters.push_back(value.ref());
    }
    for (const Value& value : lambda.results) {
      function.results.push_back(value.ref());
    }
    BodyState& body = state_.bodies[lambda.body];
    function.body = std::move(body.body);
    body.body.nodes.clear();
    body.names.clear();
    body.sourceOf.clear();
    state_.functions.emplace(lambda.name, std::move(function));
  }
  Values results = g_.makeNode(op_.name, operands, std::move(attributes),
                               name_.substr(state_.current().prefixes.back().size()), where_);
  return results.empty() && expected > 0 ? poisoned : results;
}

ValueType typeOf(const Value& value) { return {value.dtype(), value.shape(), ValueKind::kTensor}; }

std::vector<LambdaParameter> parametersFor(std::string_view name, const Values& values) {
  std::vector<LambdaParameter> parameters;
  for (size_t i = 0; i < values.size(); ++i) {
    parameters.push_back({std::string(name) + std::to_string(i), typeOf(values[i])});
  }
  return parameters;
}

Values sliceOf(const Values& values, size_t begin, size_t end) {
  return Values(values.begin() + static_cast<std::ptrdiff_t>(begin), values.begin() + static_cast<std::ptrdiff_t>(end));
}

// --- captures --------------------------------------------------------------------------------------------------------

std::vector<Value> GraphBuilder::State::adopt(std::vector<Value> values) {
  if (current().closure == nullptr) {
    return values;
  }
  for (Value& value : values) {
    if (value.builder_ != builder || value.isPoisoned() || value.body_ == openBodies.back()) {
      continue;
    }
    size_t level = openBodies.size() - 1;
    while (level > 0 && openBodies[level] != value.body_ && bodies[openBodies[level]].closure != nullptr) {
      --level;
    }
    if (openBodies[level] != value.body_ || nodeOf(value) == nullptr || nodeOf(value)->outputs.empty()) {
      continue;
    }
    for (++level; level < openBodies.size(); ++level) {
      value = capture(level, value.ref_);
    }
  }
  return values;
}

Value GraphBuilder::State::capture(size_t level, ValueRef outer) {
  BodyState& body = bodies[openBodies[level]];
  const BodyState& enclosing = bodies[openBodies[level - 1]];
  auto [known, isNew] = body.closure->parameterOf.try_emplace(outer, -1);
  if (!isNew) {
    return makeValue(openBodies[level], {known->second, 0});
  }
  const Node& maker = enclosing.body.node(outer.node);
  const ValueType& type = maker.outputs[outer.output];
  const std::vector<int> open = openBodies;
  openBodies.resize(level + 1);
  constexpr std::string_view kPrefix = "captured/";
  std::string name = (maker.name.starts_with(kPrefix) ? "" : std::string(kPrefix)) + maker.name;
  name += outer.output == 0 ? "" : "_" + std::to_string(outer.output);
  const Node* node = nullptr;
  if (std::optional<std::vector<Dim>> shape = enclosing.inference.shapeValue(outer);
      shape && (maker.op->name == "constant" || type.shape.rank() == 1)) {
    // What says a shape has to be known while the body is built.
    const bool isConstant = maker.op->name == "constant";
    Attributes attributes = isConstant ? maker.attributes : Attributes{{"shape", Shape(*std::move(shape))}};
    node = addNode(isConstant ? *maker.op : *findOp("shape_value"), {}, std::move(attributes), freshName(name),
                   maker.location);
  } else {
    node =
        addNode(placeholderOp(), {}, {{"dtype", type.dtype}, {"shape", type.shape}}, freshName(name), maker.location);
    body.closure->captured.push_back(outer);
  }
  openBodies = open;
  KILN_CHECK(node != nullptr);
  known->second = node->id;
  return makeValue(openBodies[level], {node->id, 0});
}

void GraphBuilder::State::captureSymbols() {
  const Body& body = current().body;
  std::set<std::string> told, needed;
  auto need = [&](const Shape& shape) {
    for (const Dim& d : shape) {
      if (!d.isStatic()) {
        for (std::string& symbol : d.symbols()) {
          needed.insert(std::move(symbol));
        }
      }
    }
  };
  for (const Node& node : body.nodes) {
    for (const ValueType& type : node.outputs) {
      need(type.shape);
      for (const Dim& d : type.shape) {
        if (auto symbol = d.asSymbol(); symbol && node.op->name == "placeholder") {
          told.insert(*symbol);
        }
      }
    }
    if (node.op->name == "shape_value") {
      need(node.attributes.get<Shape>("shape"));
    } else if (node.op->name == "scan") {
      need(node.attributes.get<Shape>("length"));
    } else if (node.op->name == "bind_dim") {
      told.insert(node.attributes.get<std::string>("symbol"));
    }
  }
  auto tellingValue = [](const Body& in, const std::string& symbol) -> std::optional<ValueRef> {
    for (const Node& node : in.nodes) {
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        for (const Dim& d : node.outputs[i].shape) {
          if (d.asSymbol() == symbol) {
            return ValueRef{node.id, static_cast<int32_t>(i)};
          }
        }
      }
    }
    return std::nullopt;
  };
  for (const std::string& symbol : needed) {
    if (told.contains(symbol)) {
      continue;
    }
    for (size_t level = openBodies.size() - 1; level > 0 && bodies[openBodies[level]].closure != nullptr; --level) {
      if (std::optional<ValueRef> found = tellingValue(bodies[openBodies[level - 1]].body, symbol)) {
        for (size_t inner = level; inner < openBodies.size(); ++inner) {
          found = capture(inner, *found).ref();
        }
        break;
      }
      if (std::optional<ValueRef> found = valueOfBoundLength(level - 1, symbol)) {
        for (size_t inner = level; inner < openBodies.size(); ++inner) {
          found = capture(inner, *found).ref();
        }
        break;
      }
    }
  }
}

std::optional<ValueRef> GraphBuilder::State::valueOfBoundLength(size_t level, const std::string& symbol) {
  const auto binds = [&](const Node& node) {
    return node.op->name == "bind_dim" && node.attributes.get<std::string>("symbol") == symbol;
  };
  const std::vector<Node>& nodes = bodies[openBodies[level]].body.nodes;
  auto binding = std::find_if(nodes.begin(), nodes.end(), binds);
  if (binding == nodes.end()) {
    return std::nullopt;
  }
  const SourceLocation location = binding->location;
  const std::string name = binding->name + "/positions";
  const std::vector<int> open = openBodies;
  openBodies.resize(level + 1);
  const Node* shape =
      addNode(*findOp("shape_value"), {}, {{"shape", Shape{Dim::symbol(symbol)}}}, freshName(name), location);
  const Node* positions = shape == nullptr ? nullptr
                                           : addNode(*findOp("iota"), {makeValue(openBodies[level], {shape->id, 0})},
                                                     {{"axis", int64_t{0}}, {"dtype", i64}}, freshName(name), location);
  openBodies = open;
  return positions == nullptr ? std::nullopt : std::optional(ValueRef{positions->id, 0});
}

Value GraphBuilder::State::randomStateAt(size_t level, Where where) {
  const std::vector<int> open = openBodies;
  struct Restore {
    std::vector<int>& target;
    const std::vector<int>& saved;
    ~Restore() { target = saved; }
  } restore{openBodies, open};
  openBodies.resize(level + 1);
  if (level == 0) {
    if (randomState.builder() != nullptr) {
      return randomState;
    }
    randomState = poison();  // stays so after an error, which is then reported once
    const SourceLocation location = locate(where);
    const Node* node = addNamedNode(*findOp("variable"), {}, {{"dtype", i64}, {"shape", Shape{2}}},
                                    std::string(kRandomState), location);
    if (node == nullptr) {
      return poison();
    }
    const Value variable = makeValue(0, {node->id, 0});
    current().prefixes.push_back(std::string(kRandomState) + "/");
    const Value one = builder->constant(Tensor::of<int64_t>({2}, {0, 1}), "one_step", where);
    const Value next = builder->makeNode("add", {variable, one}, {}, "next", where)[0];
    current().prefixes.pop_back();
    addNamedNode(*findOp("assign"), {variable, next}, {}, std::string(kRandomStateAdvance), location);
    return randomState = variable;
  }
  ClosureState& closure = *current().closure;
  if (closure.randomState.builder() != nullptr) {
    return closure.randomState;
  }
  const Value outer = randomStateAt(level - 1, where);
  if (outer.isPoisoned()) {
    return closure.randomState = poison();
  }
  Value state = capture(level, outer.ref());
  if (closure.step.builder() != nullptr) {
    // {seed, step of the run} with the seed moved by a multiple of an odd number, so that the seeds of all steps
    // differ: the golden ratio of 2^64 (Knuth, TAOCP 3, 6.4), and its powers in loops within loops, whose sums differ
    // too.
    constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
    uint64_t multiplier = 1;
    for (size_t around = 1; around <= level; ++around) {
      multiplier *= bodies[openBodies[around]].closure->step.builder() != nullptr ? kGolden : 1;
    }
    current().prefixes.push_back(std::string(kRandomState) + "/");
    const Value one = builder->constant(Tensor::scalar<int64_t>(1), "one", where);
    const Value ordinal = builder->makeNode("add", {closure.step, one}, {}, "ordinal", where)[0];
    const Value pair = builder->makeNode("shape_value", {}, {{"shape", Shape{2}}}, "pair", where)[0];
    const Value both = builder->makeNode("broadcast", {ordinal, pair}, {}, "ordinals", where)[0];
    const Value factor =
        builder->constant(Tensor::of<int64_t>({2}, {static_cast<int64_t>(multiplier), 0}), "factor", where);
    const Value shift = builder->makeNode("mul", {both, factor}, {}, "shift", where)[0];
    state = builder->makeNode("add", {state, shift}, {}, "of_step", where)[0];
    current().prefixes.pop_back();
  }
  return closure.randomState = state;
}

}  // namespace kiln
