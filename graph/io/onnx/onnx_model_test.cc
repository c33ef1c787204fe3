// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/onnx_model.h"

#include <google/protobuf/text_format.h>

#include <filesystem>

#include "proto/codec/test_util.h"

namespace kiln::onnx {
namespace {

constexpr const char* kHead = "ir_version: 10 opset_import { version: 21 } ";

ModelProto modelOf(const std::string& text) {
  ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model)) << text;
  return model;
}

StatusOr<Model> parse(const std::string& text) {
  return Model::parse(modelOf(text).SerializeAsString(), "some.onnx", "");
}

// A model whose inputs are f32 tensors; `dims` is the text of their dims.
StatusOr<Model> parseInputs(const std::vector<std::pair<std::string, std::string>>& inputs) {
  std::string text = std::string(kHead) + "graph { ";
  for (const auto& [name, dims] : inputs) {
    text += "input { name: '" + name + "' type { tensor_type { elem_type: 1 shape { " + dims + " } } } } ";
  }
  return parse(text + "}");
}

std::string shapeOf(const Model& model, int input) { return model.inputs()[input].shape->toString(); }

TensorProto floats(const std::string& name, int64_t count) {
  TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(TensorProto::FLOAT);
  tensor.add_dims(count);
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i);
  }
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  return tensor;
}

TensorProto external(const std::string& location, int64_t count, const std::string& offset = "",
                     const std::string& length = "") {
  TensorProto tensor;
  tensor.set_name("w");
  tensor.set_data_type(TensorProto::UINT8);
  tensor.add_dims(count);
  tensor.set_data_location(TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair{"location", location}, {"offset", offset}, {"length", length}}) {
    if (!value.empty()) {
      auto* entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
  }
  return tensor;
}

TEST(OnnxModel, FileThatDoesNotExist) {
  EXPECT_TRUE(failsWith(Model::read("no/such.onnx"), "KILN-P0001", "no/such.onnx"));
}

TEST(OnnxModel, NoiseIsNamed) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(Model::read(folder.write("a.onnx", "")), "KILN-P0061", "a.onnx"));
  EXPECT_TRUE(failsWith(Model::read(folder.write("b.onnx", "\xff\x01\x80garbage")), "KILN-P0061", "b.onnx"));
  EXPECT_TRUE(failsWith(Model::read(folder.write("c.onnx", "PK\x03\x04")), "KILN-P0061", "c.onnx"));
  EXPECT_TRUE(failsWith(Model::read(folder.write("d.onnx", "\x08\x0a\x0f")), "KILN-P0006", "d.onnx"));
}

TEST(OnnxModel, CutOff) {
  std::string bytes = modelOf(std::string(kHead) + "graph { name: 'g' doc_string: 'a few words' }").SerializeAsString();
  bytes.resize(bytes.size() - 12);
  EXPECT_TRUE(failsWith(Model::parse(bytes, "cut.onnx", ""), "KILN-P0005", "cut.onnx"));
}

TEST(OnnxModel, PartsThatAreMissing) {
  EXPECT_TRUE(failsWith(parse("ir_version: 10 opset_import { version: 21 }"), "KILN-P0061", "no graph"));
  EXPECT_TRUE(failsWith(parse("graph { } opset_import { version: 21 }"), "KILN-P0061", "ir_version"));
  EXPECT_TRUE(failsWith(parse("ir_version: 10 graph { }"), "KILN-P0061", "opset_import"));
  EXPECT_TRUE(failsWith(parse("ir_version: 10 graph { } opset_import { }"), "KILN-P0061", "version 0"));
  EXPECT_TRUE(failsWith(parse(std::string(kHead) + "graph { input { } }"), "KILN-P0061", "input 0 has no name"));
  EXPECT_TRUE(parse("ir_version: 2 graph { }").ok());
}

TEST(OnnxModel, NewerThanKnown) {
  EXPECT_TRUE(failsWith(parse("ir_version: 10 graph { } opset_import { version: 99 }"), "KILN-P0062", "ai.onnx 99"));
  EXPECT_TRUE(
      failsWith(parse("ir_version: 10 graph { } opset_import { domain: 'ai.onnx' version: 28 }"), "KILN-P0062"));
  EXPECT_TRUE(failsWith(parse("ir_version: 99 graph { } opset_import { version: 21 }"), "KILN-P0062", "ir_version 99"));
  EXPECT_TRUE(failsWith(parse(std::string(kHead) + "graph { } functions { name: 'f' opset_import { version: 28 } }"),
                        "KILN-P0062"));
  EXPECT_TRUE(parse(std::string(kHead) + "opset_import { domain: 'a.company' version: 99 } graph { }").ok());
}

TEST(OnnxModel, Limits) {
  const std::string bytes = modelOf(std::string(kHead) + "graph { node { attribute { g { } } } }").SerializeAsString();
  EXPECT_TRUE(failsWith(Model::parse(bytes, "a.onnx", "", {.maxBytes = 4}), "KILN-P0003", "a.onnx"));
  EXPECT_TRUE(failsWith(Model::parse(bytes, "a.onnx", "", {.maxParsedBytes = 4}), "KILN-P0003", "a.onnx"));
  EXPECT_TRUE(failsWith(Model::parse(bytes, "a.onnx", "", {.maxDepth = 2}), "KILN-P0007", "a.onnx"));
  EXPECT_TRUE(failsWith(Model::parse(bytes, "a.onnx", "", {.maxFields = 2}), "KILN-P0011", "a.onnx"));
}

TEST(OnnxModel, InitializersAreNotFed) {
  auto model = parse(
      "ir_version: 3 opset_import { version: 7 } graph { input { name: 'x' } input { name: 'w' } "
      "initializer { name: 'w' } output { name: 'y' } }");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].elementType, 0);
  EXPECT_FALSE(model->inputs()[0].shape.has_value());
  EXPECT_EQ(model->outputs()[0].name, "y");
}

TEST(OnnxModel, NamesOfDimsAreSymbols) {
  auto model = parseInputs({{"ids", "dim { dim_param: 'batch' } dim { dim_param: 'seq.len' } dim { dim_value: 3 }"},
                            {"mask", "dim { dim_param: 'batch' } dim { dim_param: 'past + seq.len' }"},
                            {"past", "dim { dim_param: 'past' }"}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(shapeOf(*model, 0), "[batch, seq.len, 3]");
  EXPECT_EQ(shapeOf(*model, 1), "[batch, past+seq.len]");
}

TEST(OnnxModel, ExpressionsOfUnknownSymbolsBecomeNames) {
  auto model =
      parseInputs({{"a", "dim { dim_param: '2*s0 + 1' } dim { dim_param: 's1' } dim { dim_param: '2*s1 + 1' }"},
                   {"b", "dim { dim_param: '2*s0 + 1' }"}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(shapeOf(*model, 0), "[_2_s0___1, s1, 2*s1+1]");
  EXPECT_EQ(shapeOf(*model, 1), "[_2_s0___1]");
}

TEST(OnnxModel, OtherTextsBecomeNames) {
  auto model =
      parseInputs({{"a", "dim { dim_param: 'batch size' } dim { dim_param: 'batch_size' } dim { dim_param: '-1' }"},
                   {"b/c", "dim { } dim { dim_param: 'batch size' } dim { dim_param: '?' } dim { dim_param: '4' }"},
                   {"b:c", "dim { } dim { dim_param: 'b_c_0_1' }"}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(shapeOf(*model, 0), "[batch_size_1, batch_size, _1]");
  EXPECT_EQ(shapeOf(*model, 1), "[b_c_0, batch_size_1, _, 4]");
  EXPECT_EQ(shapeOf(*model, 2), "[b_c_0_2, b_c_0_1]");
}

TEST(OnnxModel, NegativeLength) {
  EXPECT_TRUE(failsWith(parseInputs({{"x", "dim { dim_value: 2 } dim { dim_value: -7 }"}}), "KILN-P0061",
                        "axis 1 of input 'x' is -7"));
}

// What was read from the file is the same as what is parsed whole, with large data left where it is.
TEST(OnnxModel, LargeTensorsStayInTheFile) {
  TemporaryFolder folder;
  ModelProto proto =
      modelOf(std::string(kHead) + "graph { name: 'g' node { op_type: 'If' attribute { name: 'then' } } }");
  *proto.mutable_graph()->add_initializer() = floats("small", 3);
  *proto.mutable_graph()->add_initializer() = floats("large", 5000);
  *proto.mutable_graph()->add_initializer() = floats("weight", 300000);
  *proto.mutable_graph()->mutable_node(0)->mutable_attribute(0)->mutable_g()->add_initializer() = floats("inner", 2000);
  proto.add_functions()->add_node()->add_attribute()->mutable_t()->CopyFrom(floats("of a function", 1500));
  proto.set_producer_name("written last");
  const std::string path = folder.write("m.onnx", proto.SerializeAsString());
  auto model = Model::read(path);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_LT(model->proto().ByteSizeLong(), 1000u);
  EXPECT_EQ(model->proto().producer_name(), "written last");
  const GraphProto& graph = model->proto().graph();
  for (const TensorProto* tensor :
       {&graph.initializer(0), &graph.initializer(1), &graph.initializer(2),
        &graph.node(0).attribute(0).g().initializer(0), &model->proto().functions(0).node(0).attribute(0).t()}) {
    EXPECT_EQ(tensor->has_mapped_offset(), tensor->dims(0) > 1024) << tensor->name();
    auto values = model->tensor(*tensor);
    ASSERT_TRUE(values.ok()) << values.status();
    const TensorProto wanted = floats(tensor->name(), tensor->dims(0));
    EXPECT_EQ((*values)->dims(), std::vector<int64_t>{tensor->dims(0)});
    (*values)->releasePages();
    EXPECT_EQ(std::string(static_cast<const char*>((*values)->data()), static_cast<size_t>((*values)->numBytes())),
              wanted.raw_data());
  }
}

TEST(OnnxModel, ViewsOutliveTheModel) {
  TemporaryFolder folder;
  ModelProto proto = modelOf(std::string(kHead) + "graph { }");
  *proto.mutable_graph()->add_initializer() = floats("weight", 300000);
  TensorPtr tensor;
  {
    auto model = Model::read(folder.write("m.onnx", proto.SerializeAsString()));
    ASSERT_TRUE(model.ok()) << model.status();
    tensor = model->tensor(model->proto().graph().initializer(0)).value();
  }
  float last = 0;
  std::memcpy(&last, static_cast<const char*>(tensor->data()) + 299999 * sizeof(float), sizeof(float));
  EXPECT_EQ(last, 299999.0f);
}

TEST(OnnxModel, MappedFieldsOfAFileAreDropped) {
  TensorProto tensor = floats("w", 2);
  tensor.set_mapped_offset(int64_t{1} << 40);
  tensor.set_mapped_length(8);
  ModelProto proto = modelOf(std::string(kHead) + "graph { }");
  *proto.mutable_graph()->add_initializer() = tensor;
  auto model = Model::parse(proto.SerializeAsString(), "m.onnx", "");
  ASSERT_TRUE(model.ok()) << model.status();
  const TensorProto& read = model->proto().graph().initializer(0);
  EXPECT_FALSE(read.has_mapped_offset());
  EXPECT_EQ(model->tensor(read).value()->at(1), 1);
}

TEST(OnnxModel, MappedTensorThatContradictsItself) {
  TemporaryFolder folder;
  auto tensorOf = [&](TensorProto tensor) -> StatusOr<TensorPtr> {
    ModelProto proto = modelOf(std::string(kHead) + "graph { }");
    *proto.mutable_graph()->add_initializer() = std::move(tensor);
    KILN_ASSIGN_OR_RETURN(Model model, Model::read(folder.write("m.onnx", proto.SerializeAsString())));
    return model.tensor(model.proto().graph().initializer(0));
  };
  TensorProto tensor = floats("w", 5000);
  EXPECT_TRUE(tensorOf(tensor).ok());
  tensor.set_dims(0, 5001);
  EXPECT_TRUE(failsWith(tensorOf(tensor), "KILN-P0063", "'w'"));
  tensor.set_dims(0, -5000);
  EXPECT_TRUE(failsWith(tensorOf(tensor), "KILN-P0063", "'w'"));
  tensor.set_dims(0, int64_t{1} << 40);
  tensor.add_dims(int64_t{1} << 40);
  EXPECT_TRUE(failsWith(tensorOf(tensor), "KILN-P0063", "'w'"));
  tensor = floats("w", 5000);
  tensor.add_float_data(1);
  EXPECT_TRUE(failsWith(tensorOf(tensor), "KILN-P0063", "two places"));
  tensor = floats("w", 5000);
  tensor.set_data_location(TensorProto::EXTERNAL);
  EXPECT_TRUE(failsWith(tensorOf(tensor), "KILN-P0063", "two places"));
  tensor = floats("w", 5000);
  tensor.mutable_segment();
  EXPECT_TRUE(failsWith(tensorOf(tensor), "KILN-P0063", "segment"));
  tensor = floats("w", 5000);
  tensor.set_data_type(TensorProto::COMPLEX64);
  EXPECT_TRUE(failsWith(tensorOf(tensor), "KILN-P0064", "'w'"));
}

class OnnxExternalData : public ::testing::Test {
 protected:
  OnnxExternalData() {
    std::filesystem::create_directories(folder_ / "models/weights");
    folder_.write("outside.bin", "outside");
    folder_.write("models/w.bin", "0123456789");
    folder_.write("models/weights/w.bin", "abcdef");
    folder_.write("models/m.onnx", modelOf(std::string(kHead) + "graph { }").SerializeAsString());
  }

  StatusOr<std::string> read(const TensorProto& tensor) {
    KILN_ASSIGN_OR_RETURN(Model model, Model::read(folder_ / "models/m.onnx"));
    KILN_ASSIGN_OR_RETURN(TensorPtr value, model.tensor(tensor));
    return std::string(value->data<char>(), static_cast<size_t>(value->numBytes()));
  }

  TemporaryFolder folder_;
};

TEST_F(OnnxExternalData, PartsOfFiles) {
  EXPECT_EQ(read(external("w.bin", 10)).value(), "0123456789");
  EXPECT_EQ(read(external("./w.bin", 3, "4", "3")).value(), "456");
  EXPECT_EQ(read(external("weights/w.bin", 2, "4")).value(), "ef");
  EXPECT_EQ(read(external("w.bin", 0, "10", "0")).value(), "");
}

TEST_F(OnnxExternalData, OneMappingServesAllTensors) {
  auto model = Model::read(folder_ / "models/m.onnx").value();
  const TensorPtr a = model.tensor(external("w.bin", 3, "0", "3")).value();
  const TensorPtr b = model.tensor(external("./w.bin", 3, "4", "3")).value();
  EXPECT_EQ(a->data<char>() + 4, b->data<char>());
}

TEST_F(OnnxExternalData, PathsThatLeadOut) {
  EXPECT_TRUE(failsWith(read(external("../outside.bin", 7)), "KILN-P0065", "'..'"));
  EXPECT_TRUE(failsWith(read(external("weights/../../outside.bin", 7)), "KILN-P0065", "'..'"));
  EXPECT_TRUE(failsWith(read(external(folder_ / "models/w.bin", 10)), "KILN-P0065", "absolute"));
  std::filesystem::create_symlink("../outside.bin", folder_ / "models/link.bin");
  std::filesystem::create_directory_symlink("..", folder_ / "models/up");
  EXPECT_TRUE(failsWith(read(external("link.bin", 7)), "KILN-P0065", "link"));
  EXPECT_TRUE(failsWith(read(external("up/outside.bin", 7)), "KILN-P0065", "link"));
  std::filesystem::create_symlink("w.bin", folder_ / "models/inner.bin");
  EXPECT_EQ(read(external("inner.bin", 10)).value(), "0123456789");
}

TEST_F(OnnxExternalData, NoPlainFile) {
  EXPECT_TRUE(failsWith(read(external("none.bin", 1)), "KILN-P0065", "none.bin"));
  EXPECT_TRUE(failsWith(read(external("weights", 1)), "KILN-P0065", "plain file"));
  EXPECT_TRUE(failsWith(read(external("", 1)), "KILN-P0065", "no name"));
  EXPECT_TRUE(failsWith(read(external(std::string("w.bin\0x", 7), 1)), "KILN-P0065", "no name"));
}

TEST_F(OnnxExternalData, RangesBeyondTheFile) {
  EXPECT_TRUE(failsWith(read(external("w.bin", 11, "0", "11")), "KILN-P0065", "beyond the end at 10"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 1, "11")), "KILN-P0065", "beyond"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 9, "2", "9")), "KILN-P0065", "beyond"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 1, "18446744073709551615", "1")), "KILN-P0065", "beyond"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 1, "1", "18446744073709551615")), "KILN-P0065", "beyond"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 1, "-1")), "KILN-P0065", "no number"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 1, "18446744073709551616")), "KILN-P0065", "no number"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 1, "0", "1x")), "KILN-P0065", "no number"));
}

TEST_F(OnnxExternalData, LengthThatIsNotTheTensors) {
  EXPECT_TRUE(failsWith(read(external("w.bin", 4, "0", "5")), "KILN-P0063", "'w'"));
  EXPECT_TRUE(failsWith(read(external("w.bin", 4)), "KILN-P0063", "'w'"));
}

TEST_F(OnnxExternalData, OnlyBesideAFile) {
  auto model = parse(std::string(kHead) + "graph { }").value();
  EXPECT_TRUE(failsWith(model.tensor(external("w.bin", 10)), "KILN-P0065", "not read from a file"));
}

}  // namespace
}  // namespace kiln::onnx
