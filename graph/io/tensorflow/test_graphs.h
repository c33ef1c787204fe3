// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Small graphs of TensorFlow for tests, run by the reference interpreter.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "graph/eval/interpreter.h"
#include "graph/io/tensorflow/frozen_graph.h"
#include "proto/codec/tensor_codec.h"

namespace kiln::tensorflow::testing {

// --- attributes
inline wire::AttrValue integer(int64_t value) {
  wire::AttrValue attribute;
  attribute.set_i(value);
  return attribute;
}
inline wire::AttrValue truth(bool value) {
  wire::AttrValue attribute;
  attribute.set_b(value);
  return attribute;
}
inline wire::AttrValue number(float value) {
  wire::AttrValue attribute;
  attribute.set_f(value);
  return attribute;
}
inline wire::AttrValue text(const std::string& value) {
  wire::AttrValue attribute;
  attribute.set_s(value);
  return attribute;
}
inline wire::AttrValue type(DType value) {
  wire::AttrValue attribute;
  attribute.set_type(static_cast<wire::DataType>(value));
  return attribute;
}
inline wire::AttrValue types(const std::vector<DType>& values) {
  wire::AttrValue attribute;
  for (const DType value : values) {
    attribute.mutable_list()->add_type(static_cast<wire::DataType>(value));
  }
  return attribute;
}
inline wire::AttrValue ints(const std::vector<int64_t>& values) {
  wire::AttrValue attribute;
  attribute.mutable_list();
  for (const int64_t value : values) {
    attribute.mutable_list()->add_i(value);
  }
  return attribute;
}
inline wire::AttrValue function(const std::string& name) {
  wire::AttrValue attribute;
  attribute.mutable_func()->set_name(name);
  return attribute;
}

using AttributeMap = std::map<std::string, wire::AttrValue>;

inline void addNode(google::protobuf::RepeatedPtrField<wire::NodeDef>* nodes, const std::string& name,
                    const std::string& op, const std::vector<std::string>& inputs, const AttributeMap& attributes) {
  wire::NodeDef* node = nodes->Add();
  node->set_name(name);
  node->set_op(op);
  for (const std::string& input : inputs) {
    node->add_input(input);
  }
  for (const auto& [key, value] : attributes) {
    (*node->mutable_attr())[key] = value;
  }
}

inline wire::AttrValue tensor(const Tensor& value) {
  wire::AttrValue attribute;
  tensorToProto(value, attribute.mutable_tensor());
  return attribute;
}

/// A function of the library: its nodes name their inputs as functions do (`node:output:0`).
class TestFunction {
 public:
  TestFunction(const std::string& name, const std::vector<std::string>& arguments) {
    def_.mutable_signature()->set_name(name);
    for (const std::string& argument : arguments) {
      def_.mutable_signature()->add_input_arg()->set_name(argument);
    }
  }
  TestFunction& node(const std::string& name, const std::string& op, const std::vector<std::string>& inputs = {},
                     const AttributeMap& attributes = {}) {
    addNode(def_.mutable_node_def(), name, op, inputs, attributes);
    return *this;
  }
  TestFunction& constant(const std::string& name, const Tensor& value) {
    return node(name, "Const", {}, {{"dtype", type(value.dtype())}, {"value", tensor(value)}});
  }
  TestFunction& result(const std::string& name, const std::string& value) {
    def_.mutable_signature()->add_output_arg()->set_name(name);
    (*def_.mutable_ret())[name] = value;
    return *this;
  }
  const wire::FunctionDef& def() const { return def_; }

 private:
  wire::FunctionDef def_;
};

class TestGraph {
 public:
  /// Lengths of -1 are open.
  TestGraph& input(const std::string& name, DType dtype, const std::vector<int64_t>& dims) {
    wire::AttrValue shape;
    shape.mutable_shape();
    for (const int64_t length : dims) {
      shape.mutable_shape()->add_dim()->set_size(length);
    }
    return node(name, "Placeholder", {}, {{"dtype", type(dtype)}, {"shape", shape}});
  }
  TestGraph& constant(const std::string& name, const Tensor& value, const std::string& control = "") {
    return node(name, "Const", control.empty() ? std::vector<std::string>{} : std::vector<std::string>{control},
                {{"dtype", type(value.dtype())}, {"value", tensor(value)}});
  }
  TestGraph& node(const std::string& name, const std::string& op, const std::vector<std::string>& inputs,
                  const AttributeMap& attributes = {}) {
    addNode(def_.mutable_node(), name, op, inputs, attributes);
    return *this;
  }
  TestGraph& add(const TestFunction& function) {
    *def_.mutable_library()->add_function() = function.def();
    return *this;
  }
  const wire::GraphDef& def() const { return def_; }
  StatusOr<FrozenGraph> read() const { return FrozenGraph::create(def_, "test.pb"); }

 private:
  wire::GraphDef def_;
};

/// The outputs for these inputs, by the reference interpreter. What decides shapes is built in, and lengths become
/// numbers when the graph asks for it, as a session does.
inline StatusOr<std::vector<Tensor>> run(const FrozenGraph& graph, const std::map<std::string, Tensor>& feeds,
                                         const GraphUse& use = {}) {
  ImportOptions options;
  bool isFixed = false;
  while (true) {
    StatusOr<ImportedModel> imported = graph.import(options, use);
    if (!imported.ok() && !isFixed) {
      isFixed = true;
      for (const auto& [name, value] : feeds) {
        options.shapes[name] = value.dims();
      }
      continue;
    }
    KILN_RETURN_IF_ERROR(imported.status());
    if (imported->neededValues.empty() && imported->neededShapes.empty()) {
      const Entry& entry = *imported->graph.findEntry("predict");
      std::vector<TensorView> views;
      for (const Port& feed : entry.feeds) {
        views.push_back(feeds.at(feed.name).view());
      }
      KILN_ASSIGN_OR_RETURN(VariableStore variables, initialValues(imported->graph));
      return Interpreter().evaluate(imported->graph, entry, views, variables);
    }
    for (const std::string& name : imported->neededValues) {
      options.values[name] = std::make_shared<const Tensor>(feeds.at(name));
    }
    for (const std::string& name : imported->neededShapes) {
      options.shapes[name] = feeds.at(name).dims();
    }
  }
}

inline StatusOr<std::vector<Tensor>> run(const TestGraph& graph, const std::map<std::string, Tensor>& feeds,
                                         const GraphUse& use = {}) {
  KILN_ASSIGN_OR_RETURN(const FrozenGraph frozen, graph.read());
  return run(frozen, feeds, use);
}

/// The first output.
inline StatusOr<Tensor> runOne(const TestGraph& graph, const std::map<std::string, Tensor>& feeds,
                               const GraphUse& use = {}) {
  KILN_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, run(graph, feeds, use));
  return std::move(outputs[0]);
}

inline Tensor floats(std::vector<int64_t> dims, const std::vector<float>& values) {
  return Tensor::of<float>(std::move(dims), values);
}
inline Tensor indices(std::vector<int64_t> dims, const std::vector<int32_t>& values) {
  return Tensor::of<int32_t>(std::move(dims), values);
}

/// The values of a tensor, and why there is none.
inline std::vector<double> valuesOf(const StatusOr<Tensor>& tensor) {
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  std::vector<double> values;
  for (int64_t i = 0; tensor.ok() && i < tensor->numElements(); ++i) {
    values.push_back(tensor->at(i));
  }
  return values;
}

inline std::vector<int64_t> dimsOf(const StatusOr<Tensor>& tensor) {
  return tensor.ok() ? tensor->dims() : std::vector<int64_t>{-1};
}

}  // namespace kiln::tensorflow::testing
