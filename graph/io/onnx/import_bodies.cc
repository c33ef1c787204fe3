// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Bodies of control flow, and calls of model-local functions.
#include "graph/io/onnx/importer.h"

#include <algorithm>

namespace kiln::onnx {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

constexpr int kDeepestCall = 64;

}  // namespace

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
    return makeError<ErrorId::kG0507>(currentNode_, "functions call functions",
                                      std::to_string(kDeepestCall) + " levels");
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

}  // namespace kiln::onnx
