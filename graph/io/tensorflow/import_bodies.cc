// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Functions, branches and loops.
#include <algorithm>

#include "graph/io/tensorflow/importer.h"

namespace kiln::tensorflow {
namespace {

// A number is true when it is not 0.
Value asCondition(Value value) { return value.isPoisoned() || value.dtype() == boolean ? value : notEqual(value, 0); }

// What the lambdas of a control-flow function are to give: as many values as the others, or it is no use to go on.
Values poisonedValues(GraphBuilder& g, size_t count) { return Values(count, g.poisoned()); }

// The argument of a body: a value that only the run knows.
ImportedPtr argument(const Imported& original, Value value, int body) {
  auto imported = std::make_shared<Imported>();
  imported->name = original.name;
  imported->value = value;
  imported->dtype = original.dtype;
  imported->shape = original.list != nullptr ? original.shape : value.shape();
  imported->list = original.list;
  imported->body = body;
  imported->origins.isDecidedByRun = true;
  return imported;
}

}  // namespace

StatusOr<Importer::Results> Importer::importFunctions(const wire::NodeDef& node, const Results& inputs) {
  KILN_ASSIGN_OR_RETURN(const auto functions, functionsOf(node));
  const std::string& op = node.op();
  if (op == "PartitionedCall" || op == "StatefulPartitionedCall") {
    return importCall(node, *functions[0], inputs);
  }
  std::vector<std::shared_ptr<const Program>> programs;
  for (const wire::NameAttrList* function : functions) {
    KILN_ASSIGN_OR_RETURN(auto program, functionOf(node, *function));
    programs.push_back(std::move(program));
  }
  callStack_.emplace_back(functions.back()->name(), &functions.back()->attr());
  StatusOr<Results> results = Results();
  if (op == "While" || op == "StatelessWhile") {
    results = programs[0]->parameters.size() == inputs.size() && programs[1]->parameters.size() == inputs.size() &&
                      programs[1]->results.size() == inputs.size() && programs[0]->results.size() == 1
                  ? importLoop(*programs[0], *programs[1], inputs)
                  : makeError<ErrorId::kG0502>(currentNode_, "its functions do not take and give what it has");
  } else if (inputs.empty()) {
    results = makeError<ErrorId::kG0502>(currentNode_, "it has no condition");
  } else {
    results = importBranches(inputs[0], programs, Results(inputs.begin() + 1, inputs.end()), !op.ends_with("Case"));
  }
  callStack_.pop_back();
  return results;
}

StatusOr<Importer::Results> Importer::importCall(const wire::NodeDef& node, const wire::NameAttrList& function,
                                                 const Results& arguments) {
  KILN_ASSIGN_OR_RETURN(const auto program, functionOf(node, function));
  callStack_.emplace_back(function.name(), &function.attr());
  auto results = importProgram(*program, arguments);
  callStack_.pop_back();
  return results;
}

StatusOr<Importer::Results> Importer::importBody(const Program& program, const Results& arguments) {
  KILN_ASSIGN_OR_RETURN(Results results, importProgram(program, arguments));
  Results values;
  for (const ImportedPtr& result : results) {
    if (result->isBroken) {
      values.push_back(result);
      continue;
    }
    auto value = std::make_shared<Imported>(*result);
    value->value = materialize(*result, *g_);
    value->body = currentBody();
    if (value->value.isPoisoned()) {
      return result->list != nullptr
                 ? makeError<ErrorId::kG0501>(currentNode_ + ": a list whose elements have no known shape")
                 : makeError<ErrorId::kG0502>(currentNode_, "its body was refused");
    }
    values.push_back(std::move(value));
  }
  return values;
}

StatusOr<Importer::Results> Importer::importBranches(const ImportedPtr& index,
                                                     const std::vector<std::shared_ptr<const Program>>& branches,
                                                     const Results& arguments, bool isTwoWay) {
  const size_t count = branches[0]->results.size();
  for (const auto& branch : branches) {
    if (branch->parameters.size() != arguments.size() || branch->results.size() != count) {
      return makeError<ErrorId::kG0502>(currentNode_, "its functions do not take and give what it has");
    }
  }
  const auto last = static_cast<int64_t>(branches.size()) - 1;
  if (index->constant != nullptr && index->constant->numElements() == 1) {
    int64_t chosen = 0;
    if (isTwoWay) {
      chosen = index->constant->at(0) != 0 ? 1 : 0;
    } else {
      const double number = index->constant->at(0);
      chosen = number >= 0 && number <= static_cast<double>(last) ? static_cast<int64_t>(number) : last;
    }
    return importProgram(*branches[static_cast<size_t>(std::min(chosen, last))], arguments);
  }
  if (count == 0) {
    return Results();  // for its effects, and there are none
  }
  KILN_RETURN_IF_ERROR(prepare(arguments, [&] {
    std::vector<const Program*> bodies;
    for (const auto& branch : branches) {
      bodies.push_back(branch.get());
    }
    return bodies;
  }()));
  const std::string name = graphName(currentNode_.substr(1, currentNode_.find('\'', 1) - 1));
  Status status;
  Results first;
  auto lambda = [&](const Program& branch) {
    if (!status.ok()) {
      return poisonedValues(*g_, count);
    }
    openBodies_.push_back(numBodies_++);
    auto results = importBody(branch, arguments);
    openBodies_.pop_back();
    status = results.status();
    if (!status.ok() || std::ranges::any_of(*results, [](const ImportedPtr& r) { return r->isBroken; })) {
      status = status.ok() ? makeError<ErrorId::kG0501>(currentNode_ + ": its body cannot be imported") : status;
      return poisonedValues(*g_, count);
    }
    Values values;
    for (size_t i = 0; i < count; ++i) {
      const Imported& result = *(*results)[i];
      if (!first.empty() && (first[i]->list == nullptr) != (result.list == nullptr)) {
        status = makeError<ErrorId::kG0502>(currentNode_, "its branches give different types");
      }
      values.push_back(result.value);
    }
    first = first.empty() ? *results : first;
    return values;
  };
  const Value condition = materialize(*index, *g_);
  Values values;
  if (isTwoWay) {
    values = ifElse(
        *g_, asCondition(condition), [&] { return lambda(*branches[1]); }, [&] { return lambda(*branches[0]); }, name);
  } else {
    std::vector<std::function<Values()>> lambdas;
    for (const auto& branch : branches) {
      lambdas.emplace_back([&, program = branch.get()] { return lambda(*program); });
    }
    const Value number = cast(condition, i64);
    values = switchCase(*g_, select(logicalOr(less(number, 0), greater(number, last)), last, number), lambdas, name);
  }
  if (!status.ok()) {
    return status;
  }
  Results results;
  for (size_t i = 0; i < count; ++i) {
    if (values[i].isPoisoned()) {
      StatusOr<Graph> graph = g_->finish();
      return makeError<ErrorId::kG0502>(currentNode_,
                                        graph.ok() ? "it was refused" : std::string(graph.status().message()));
    }
    ImportedPtr result = argument(*first[i], values[i], currentBody());
    // With the inputs known, the condition and so the value would be known.
    result->origins = index->origins;
    for (const ImportedPtr& given : arguments) {
      result->origins.add(given->origins);
    }
    results.push_back(std::move(result));
  }
  return results;
}

// Lists often get their elements' shape only when a body puts something in. So the body is imported once into a graph
// that is thrown away.
Status Importer::inferLists(const Program& body, const Results& arguments, const std::vector<bool>& isCarried) {
  const bool isOpen = std::ranges::any_of(
      arguments, [](const ImportedPtr& argument) { return argument->list != nullptr && !argument->list->element; });
  if (!isOpen) {
    return {};
  }
  GraphBuilder scratch("types");
  GraphBuilder* const outer = std::exchange(g_, &scratch);
  openBodies_.push_back(numBodies_++);
  Results given;
  int number = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Imported& original = *arguments[i];
    if (!isCarried[i] && (original.constant != nullptr || original.dims)) {
      given.push_back(arguments[i]);
      continue;
    }
    Value value;
    if (original.list == nullptr || original.list->element) {
      Shape shape = original.shape;
      if (original.list != nullptr) {
        std::vector<Dim> dims = {original.list->size};
        dims.insert(dims.end(), original.list->element->begin(), original.list->element->end());
        shape = Shape(std::move(dims));
      }
      value = scratch.placeholder("argument" + std::to_string(number++),
                                  original.list != nullptr ? original.list->dtype : original.dtype, shape);
    }
    auto copy = std::make_shared<Imported>();
    copy->name = original.name;
    copy->dtype = original.dtype;
    copy->shape = original.shape;
    copy->list = original.list;
    copy->value = value;
    copy->body = currentBody();
    copy->origins = original.origins;
    copy->origins.isDecidedByRun |= isCarried[i];
    given.push_back(std::move(copy));
  }
  const Status status = importProgram(body, given).status();
  openBodies_.pop_back();
  g_ = outer;
  return status;
}

StatusOr<Importer::Results> Importer::importLoop(const Program& condition, const Program& body,
                                                 const Results& arguments) {
  // What the body hands on as it is, the loop does not carry.
  std::vector<bool> isCarried(arguments.size(), false);
  std::vector<size_t> carried;
  for (size_t i = 0; i < body.results.size(); ++i) {
    if (resolveIdentity(body, body.results[i]) != Source{body.parameters[i], 0}) {
      isCarried[i] = true;
      carried.push_back(i);
    }
  }
  KILN_RETURN_IF_ERROR(inferLists(body, arguments, isCarried));
  KILN_RETURN_IF_ERROR(prepare(arguments, {&condition, &body}));
  Values initial;
  for (const size_t i : carried) {
    initial.push_back(materialize(*arguments[i], *g_));
    if (initial.back().isPoisoned()) {
      return makeError<ErrorId::kG0501>(currentNode_ + ": it carries a list whose elements have no known shape");
    }
  }
  const std::string name = graphName(currentNode_.substr(1, currentNode_.find('\'', 1) - 1));
  Status status;
  auto run = [&](const Program& program, const Values& carries) -> std::optional<Results> {
    if (!status.ok()) {
      return std::nullopt;
    }
    openBodies_.push_back(numBodies_++);
    Results given = arguments;
    for (size_t k = 0; k < carried.size(); ++k) {
      given[carried[k]] = argument(*arguments[carried[k]], carries[k], currentBody());
    }
    auto results = importBody(program, given);
    openBodies_.pop_back();
    status = results.status();
    if (status.ok() && std::ranges::any_of(*results, [](const ImportedPtr& r) { return r->isBroken; })) {
      status = makeError<ErrorId::kG0501>(currentNode_ + ": its body cannot be imported");
    }
    return status.ok() ? std::optional(*std::move(results)) : std::nullopt;
  };
  const Values values = whileLoop(
      *g_, initial,
      [&](const Values& carries) {
        const auto results = run(condition, carries);
        return results ? asCondition((*results)[0]->value) : g_->poisoned();
      },
      [&](Value, const Values& carries) {
        const auto results = run(body, carries);
        Values next;
        for (const size_t i : carried) {
          if (results && ((*results)[i]->list == nullptr) != (arguments[i]->list == nullptr)) {
            status = makeError<ErrorId::kG0502>(currentNode_, "what it carries changes its type");
          }
          next.push_back(results ? (*results)[i]->value : g_->poisoned());
        }
        return next;
      },
      {.name = name});
  if (!status.ok()) {
    return status;
  }
  Results results = arguments;
  for (size_t k = 0; k < carried.size(); ++k) {
    if (values[k].isPoisoned()) {
      StatusOr<Graph> graph = g_->finish();
      return makeError<ErrorId::kG0502>(currentNode_,
                                        graph.ok() ? "it was refused" : std::string(graph.status().message()));
    }
    results[carried[k]] = argument(*arguments[carried[k]], values[k], currentBody());
  }
  return results;
}

}  // namespace kiln::tensorflow
