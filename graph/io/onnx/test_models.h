// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Small models for tests: written as text, run by the reference interpreter.
#pragma once

#include <google/protobuf/text_format.h>

#include <map>
#include <string>
#include <vector>

#include "graph/eval/interpreter.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/tensor_proto.h"

namespace kiln::onnx::testing {

/// A model of one node: `node` in text form (op_type: "Add" input: "a" ...). The inputs are named a, b, c ... with the
/// types of `inputs` (those that the node names), and the outputs y, z, w ... as the node names them. `elementTypes` of
/// inputs, where they are not those of the tensors.
inline ModelProto nodeModel(const std::string& node, const std::vector<Tensor>& inputs, int64_t opset = 27,
                            const std::map<std::string, int>& elementTypes = {}, const std::string& domain = "") {
  ModelProto model;
  model.set_ir_version(10);
  OperatorSetIdProto* version = model.add_opset_import();
  version->set_domain("");
  version->set_version(opset);
  GraphProto* graph = model.mutable_graph();
  graph->set_name("test");
  NodeProto* proto = graph->add_node();
  if (!google::protobuf::TextFormat::ParseFromString(node, proto)) {
    proto->set_op_type("the node's text does not parse");
  }
  if (!domain.empty()) {
    proto->set_domain(domain);
    version = model.add_opset_import();
    version->set_domain(domain);
    version->set_version(1);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    ValueInfoProto* input = graph->add_input();
    input->set_name(std::string(1, static_cast<char>('a' + i)));
    auto* type = input->mutable_type()->mutable_tensor_type();
    auto found = elementTypes.find(input->name());
    type->set_elem_type(found != elementTypes.end() ? found->second : elementTypeOf(inputs[i].dtype()));
    type->mutable_shape();
    for (int64_t length : inputs[i].dims()) {
      type->mutable_shape()->add_dim()->set_dim_value(length);
    }
  }
  for (const std::string& output : proto->output()) {
    if (!output.empty()) {
      graph->add_output()->set_name(output);
    }
  }
  return model;
}

/// The outputs of a model for these inputs, by the reference interpreter. Inputs whose values decide shapes are built
/// in, as a session does.
inline StatusOr<std::vector<Tensor>> runModel(const ModelProto& proto, const std::vector<Tensor>& inputs) {
  KILN_ASSIGN_OR_RETURN(Model model, Model::parse(proto.SerializeAsString(), "test.onnx", ""));
  ImportOptions options;
  std::map<std::string, const Tensor*> feeds;
  for (size_t i = 0; i < model.inputs().size() && i < inputs.size(); ++i) {
    feeds[model.inputs()[i].name] = &inputs[i];
  }
  while (true) {
    KILN_ASSIGN_OR_RETURN(ImportedModel imported, model.import(options));
    if (imported.neededValues.empty() && imported.neededShapes.empty()) {
      const Entry& entry = *imported.graph.findEntry("predict");
      std::vector<TensorView> views;
      for (const Port& feed : entry.feeds) {
        views.push_back(feeds.at(feed.name)->view());
      }
      KILN_ASSIGN_OR_RETURN(VariableStore variables, initialValues(imported.graph));
      return Interpreter().evaluate(imported.graph, entry, views, variables);
    }
    for (const std::string& name : imported.neededValues) {
      options.values[name] = std::make_shared<const Tensor>(*feeds.at(name));
    }
    for (const std::string& name : imported.neededShapes) {
      options.shapes[name] = feeds.at(name)->dims();
    }
  }
}

/// As above, of one node.
inline StatusOr<std::vector<Tensor>> runNode(const std::string& node, const std::vector<Tensor>& inputs,
                                             int64_t opset = 27, const std::map<std::string, int>& elementTypes = {},
                                             const std::string& domain = "") {
  return runModel(nodeModel(node, inputs, opset, elementTypes, domain), inputs);
}

}  // namespace kiln::onnx::testing
