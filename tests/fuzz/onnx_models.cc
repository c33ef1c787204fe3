// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/fuzz/onnx_models.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace kiln::fuzz {
namespace {

using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

constexpr int kFloat = TensorProto::FLOAT;
constexpr int kInt64 = TensorProto::INT64;

template <class Message>
void parse(const std::string& text, Message& into) {
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, &into)) << text;
}

ModelProto emptyModel() {
  ModelProto model;
  parse("ir_version: 10 producer_name: 'fuzz' opset_import { version: 21 } graph { name: 'g' }", model);
  return model;
}

// `names` are separated by spaces; `_` is one that is left out.
template <class Add>
void addNames(const std::string& names, Add add) {
  for (size_t begin = 0; begin < names.size();) {
    const size_t end = std::min(names.find(' ', begin), names.size());
    const std::string name = names.substr(begin, end - begin);
    *add() = name == "_" ? "" : name;
    begin = end + 1;
  }
}

class Writer {
 public:
  explicit Writer(GraphProto& graph) : graph_(graph) {}

  // `dims` in text: numbers and names, separated by spaces.
  Writer& input(const std::string& name, int type, const std::string& dims) {
    describe(*graph_.add_input(), name, type, dims);
    return *this;
  }
  Writer& output(const std::string& name) {
    graph_.add_output()->set_name(name);
    return *this;
  }
  Writer& node(const std::string& op, const std::string& inputs, const std::string& outputs,
               const std::string& attributes = "") {
    NodeProto& node = *graph_.add_node();
    node.set_op_type(op);
    node.set_name(op + "_" + std::to_string(graph_.node_size()));
    addNames(inputs, [&] { return node.add_input(); });
    addNames(outputs, [&] { return node.add_output(); });
    parse(attributes, node);
    return *this;
  }
  Writer& floats(const std::string& name, const std::vector<int64_t>& dims, float first = 0.25f) {
    TensorProto& tensor = add(name, kFloat, dims);
    int64_t count = 1;
    for (int64_t dim : dims) {
      count *= dim;
    }
    std::string bytes;
    for (int64_t i = 0; i < count; ++i) {
      const float value = first + static_cast<float>(i % 7) * 0.125f;
      bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    tensor.set_raw_data(bytes);
    return *this;
  }
  Writer& ints(const std::string& name, const std::vector<int64_t>& values, bool isScalar = false) {
    TensorProto& tensor = add(
        name, kInt64, isScalar ? std::vector<int64_t>{} : std::vector<int64_t>{static_cast<int64_t>(values.size())});
    tensor.mutable_int64_data()->Add(values.begin(), values.end());
    return *this;
  }
  TensorProto& add(const std::string& name, int type, const std::vector<int64_t>& dims) {
    TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    tensor.mutable_dims()->Add(dims.begin(), dims.end());
    return tensor;
  }
  NodeProto& last() { return *graph_.mutable_node(graph_.node_size() - 1); }

 private:
  static void describe(onnx::ValueInfoProto& value, const std::string& name, int type, const std::string& dims) {
    value.set_name(name);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape();
    std::vector<std::string> texts;
    addNames(dims, [&] { return &texts.emplace_back(); });
    for (const std::string& text : texts) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (text[0] >= '0' && text[0] <= '9') {
        dim.set_dim_value(std::stoll(text));
      } else {
        dim.set_dim_param(text);
      }
    }
  }
  GraphProto& graph_;
};

ModelProto convolutionalNet() {
  ModelProto model = emptyModel();
  Writer(*model.mutable_graph())
      .input("x", kFloat, "batch 1 8 8")
      .floats("w1", {4, 1, 3, 3})
      .floats("b1", {4})
      .floats("scale", {4}, 1)
      .floats("mean", {4}, 0)
      .floats("w2", {64, 5})
      .floats("b2", {5})
      .node("Conv", "x w1 b1", "c", "attribute { name: 'pads' ints: [1, 1, 1, 1] type: INTS }")
      .node("BatchNormalization", "c scale b1 mean scale", "n")
      .node("Relu", "n", "r")
      .node("MaxPool", "r", "p",
            "attribute { name: 'kernel_shape' ints: [2, 2] type: INTS } "
            "attribute { name: 'strides' ints: [2, 2] type: INTS }")
      .node("Flatten", "p", "f", "attribute { name: 'axis' i: 1 type: INT }")
      .node("Gemm", "f w2 b2", "logits", "attribute { name: 'alpha' f: 0.5 type: FLOAT }")
      .node("Softmax", "logits", "y", "attribute { name: 'axis' i: -1 type: INT }")
      .output("y")
      .output("logits");
  return model;
}

ModelProto controlFlow() {
  ModelProto model = emptyModel();
  Writer writer(*model.mutable_graph());
  writer.input("x", kFloat, "n 3")
      .ints("count", {4}, true)
      .floats("zero", {}, 0)
      .node("ReduceSum", "x", "sum", "attribute { name: 'keepdims' i: 0 type: INT }")
      .node("Greater", "sum zero", "isPositive")
      .node("If", "isPositive", "chosen");
  onnx::AttributeProto& then = *writer.last().add_attribute();
  then.set_name("then_branch");
  then.set_type(onnx::AttributeProto::GRAPH);
  Writer(*then.mutable_g()).node("Neg", "x", "negated").output("negated");
  onnx::AttributeProto& otherwise = *writer.last().add_attribute();
  otherwise.set_name("else_branch");
  otherwise.set_type(onnx::AttributeProto::GRAPH);
  Writer(*otherwise.mutable_g()).node("Identity", "x", "same").output("same");
  writer.node("Loop", "count _ chosen", "last all");
  onnx::AttributeProto& body = *writer.last().add_attribute();
  body.set_name("body");
  body.set_type(onnx::AttributeProto::GRAPH);
  Writer(*body.mutable_g())
      .input("i", kInt64, "")
      .input("goOn", TensorProto::BOOL, "")
      .input("state", kFloat, "n 3")
      .floats("step", {1, 3})
      .node("Identity", "goOn", "goOnToo")
      .node("Add", "state step", "next")
      .node("ReduceMean", "next", "mean", "attribute { name: 'keepdims' i: 0 type: INT }")
      .output("goOnToo")
      .output("next")
      .output("mean");
  writer.node("Scan", "chosen last", "scanned rows", "attribute { name: 'num_scan_inputs' i: 1 type: INT }");
  onnx::AttributeProto& scan = *writer.last().add_attribute();
  scan.set_name("body");
  scan.set_type(onnx::AttributeProto::GRAPH);
  Writer(*scan.mutable_g())
      .input("carry", kFloat, "n 3")
      .input("row", kFloat, "3")
      .node("Add", "carry row", "carried")
      .node("Identity", "row", "given")
      .output("carried")
      .output("given");
  writer.output("all").output("scanned").output("rows");
  return model;
}

ModelProto functions() {
  ModelProto model = emptyModel();
  parse(
      "opset_import { domain: 'local' version: 1 } "
      "functions { name: 'leak' domain: 'local' input: 'a' output: 'b' attribute: 'slope' opset_import { version: 21 } "
      "  node { op_type: 'LeakyRelu' input: 'a' output: 'b' "
      "    attribute { name: 'alpha' ref_attr_name: 'slope' type: FLOAT } } } "
      "functions { name: 'twice' domain: 'local' input: 'a' input: 'w' output: 'd' opset_import { version: 21 } "
      "  opset_import { domain: 'local' version: 1 } "
      "  node { op_type: 'leak' domain: 'local' input: 'a' output: 'b' "
      "    attribute { name: 'slope' f: 0.5 type: FLOAT } } "
      "  node { op_type: 'MatMul' input: 'b' input: 'w' output: 'c' } "
      "  node { op_type: 'leak' domain: 'local' input: 'c' output: 'd' } }",
      model);
  Writer(*model.mutable_graph())
      .input("x", kFloat, "n 3")
      .floats("w", {3, 3})
      .node("twice", "x w", "y", "domain: 'local'")
      .node("twice", "y w", "z", "domain: 'local'")
      .output("y")
      .output("z");
  return model;
}

ModelProto externalData() {
  ModelProto model = emptyModel();
  Writer writer(*model.mutable_graph());
  writer.input("x", kFloat, "n 4").node("MatMul", "x w", "p").node("Add", "p b", "y").output("y");
  for (const auto& [name, dims, offset, length] :
       {std::tuple<const char*, std::vector<int64_t>, const char*, const char*>{"w", {4, 4}, "16", "64"},
        {"b", {4}, "0", "16"}}) {
    TensorProto& tensor = writer.add(name, kFloat, dims);
    tensor.set_data_location(TensorProto::EXTERNAL);
    parse("external_data { key: 'location' value: '" + std::string(kOnnxDataFile) +
              "' } external_data { key: 'offset' value: '" + offset + "' } external_data { key: 'length' value: '" +
              length + "' }",
          tensor);
  }
  return model;
}

ModelProto quantized() {
  ModelProto model = emptyModel();
  Writer writer(*model.mutable_graph());
  writer.input("x", kFloat, "n 4");
  writer.add("w", TensorProto::INT4, {4, 2}).set_raw_data("\x12\x34\xf6\x78");
  writer.add("w8", TensorProto::UINT8, {4, 2}).set_raw_data("\x01\x02\x03\x84\x05\x06\x07\x08");
  writer.add("zero", TensorProto::UINT8, {}).set_raw_data(std::string(1, '\x80'));
  writer.floats("scale", {})
      .floats("scales", {2})
      .node("DequantizeLinear", "w scales", "weights", "attribute { name: 'axis' i: 1 type: INT }")
      .node("MatMul", "x weights", "a")
      .node("QuantizeLinear", "x scale zero", "q")
      .node("QLinearMatMul", "q scale zero w8 scale zero scale zero", "m")
      .node("DequantizeLinear", "m scale zero", "b")
      .node("MatMulInteger", "q w8 zero zero", "i")
      .node("Cast", "i", "j", "attribute { name: 'to' i: 1 type: INT }")
      .node("DynamicQuantizeLinear", "j", "dq ds dz")
      .node("Cast", "x", "f8", "attribute { name: 'to' i: 17 type: INT }")
      .node("Cast", "f8", "back", "attribute { name: 'to' i: 1 type: INT }")
      .output("a")
      .output("b")
      .output("dq")
      .output("back");
  return model;
}

ModelProto shapes() {
  ModelProto model = emptyModel();
  Writer(*model.mutable_graph())
      .input("x", kFloat, "n 4 6")
      .input("target", kInt64, "2")
      .ints("zero", {0}, true)
      .ints("one", {1}, true)
      .ints("axis0", {0})
      .ints("minusOne", {-1})
      .ints("two", {2})
      .ints("big", {1000})
      .ints("sizes", {5, 7})
      .ints("pads", {0, 1, 0, 0, 1, 0})
      .ints("threeTimes", {1, 3, 1})
      .floats("half", {}, 0.5f)
      .node("Shape", "x", "shape")
      .node("Gather", "shape zero", "n0")
      .node("Unsqueeze", "n0 axis0", "n1")
      .node("Concat", "n1 minusOne", "flat", "attribute { name: 'axis' i: 0 type: INT }")
      .node("Reshape", "x flat", "r")
      .node("Slice", "r axis0 big minusOne", "s")
      .node("Reshape", "x target", "given")
      .node("ConstantOfShape", "shape", "ones",
            "attribute { name: 'value' type: TENSOR t { dims: 1 data_type: 1 float_data: 1 } }")
      .node("Expand", "half shape", "e")
      .node("Tile", "x threeTimes", "t")
      .node("Range", "zero n0 one", "range")
      .node("Unsqueeze", "x axis0", "u")
      .node("Resize", "u _ _ sizes", "resized",
            "attribute { name: 'mode' s: 'linear' type: STRING } attribute { name: 'axes' ints: [2, 3] type: INTS }")
      .node("Pad", "x pads", "padded", "attribute { name: 'mode' s: 'reflect' type: STRING }")
      .node("Transpose", "x", "transposed", "attribute { name: 'perm' ints: [2, 0, 1] type: INTS }")
      .node("Split", "x", "left right",
            "attribute { name: 'axis' i: 2 type: INT } attribute { name: 'num_outputs' i: 2 type: INT }")
      .node("TopK", "x two", "top where", "attribute { name: 'axis' i: -1 type: INT }")
      .node("OneHot", "where two values", "hot")
      .floats("values", {2})
      .node("CumSum", "x one", "sums")
      .node("Squeeze", "n1", "n2")
      .node("Less", "x half", "mask")
      .node("Where", "mask x e", "masked")
      .output("s")
      .output("given")
      .output("ones")
      .output("t")
      .output("range")
      .output("resized")
      .output("padded")
      .output("transposed")
      .output("right")
      .output("hot")
      .output("sums")
      .output("n2")
      .output("masked");
  return model;
}

ModelProto transformer() {
  ModelProto model = emptyModel();
  Writer(*model.mutable_graph())
      .input("ids", kInt64, "batch seq")
      .floats("embedding", {200, 8})  // large enough to stay in the file
      .floats("gain", {8}, 1)
      .floats("w", {8, 24})
      .floats("v", {8, 8})
      .floats("lstm_w", {1, 16, 8})
      .floats("lstm_r", {1, 16, 4})
      .ints("zero", {0})
      .ints("heads", {0, 0, 2, 4})
      .ints("merged", {0, 0, 8})
      .ints("parts", {8, 8, 8})
      .node("Gather", "embedding ids", "x")
      .node("LayerNormalization", "x gain gain", "n", "attribute { name: 'epsilon' f: 0.001 type: FLOAT }")
      .node("MatMul", "n w", "qkv")
      .node("Split", "qkv parts", "q k v0", "attribute { name: 'axis' i: -1 type: INT }")
      .node("Reshape", "q heads", "q4")
      .node("Transpose", "q4", "qt", "attribute { name: 'perm' ints: [0, 2, 1, 3] type: INTS }")
      .node("Reshape", "k heads", "k4")
      .node("Einsum", "qt k4", "scores", "attribute { name: 'equation' s: 'bhid,bjhd->bhij' type: STRING }")
      .node("Softmax", "scores", "weights")
      .node("Reshape", "v0 heads", "v4")
      .node("Einsum", "weights v4", "mixed", "attribute { name: 'equation' s: 'bhij,bjhd->bihd' type: STRING }")
      .node("Reshape", "mixed merged", "merged3")
      .node("Gelu", "merged3", "g")
      .node("MatMul", "g v", "out")
      .node("Add", "out x", "residual")
      .node("Transpose", "residual", "timeMajor", "attribute { name: 'perm' ints: [1, 0, 2] type: INTS }")
      .node("LSTM", "timeMajor lstm_w lstm_r", "states", "attribute { name: 'hidden_size' i: 4 type: INT }")
      .output("residual")
      .output("states");
  return model;
}

}  // namespace

std::string onnxDataBytes() {
  std::string bytes;
  for (int i = 0; i < 20; ++i) {
    const float value = static_cast<float>(i) * 0.5f;
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

std::vector<OnnxSample> onnxSamples() {
  return {{"convolutional net", convolutionalNet()},
          {"control flow", controlFlow()},
          {"functions", functions()},
          {"external data", externalData()},
          {"quantised", quantized()},
          {"shapes", shapes()},
          {"transformer", transformer()}};
}

}  // namespace kiln::fuzz
