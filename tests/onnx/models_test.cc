// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The models of tests/onnx/models, which PyTorch exported, compute what ONNX Runtime stored beside them, at two sizes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "compiler/jit/model_session.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/tensor_proto.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> modelNames() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(KILN_MODELS_DIR)) {
    if (entry.path().extension() == ".onnx") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

std::vector<Tensor> readAll(const fs::path& folder, const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path path = folder / (prefix + std::to_string(i) + ".pb");
    if (!fs::exists(path)) {
      return tensors;
    }
    tensors.push_back(onnx::readTensorFile(path.string()).value());
  }
}

void expectClose(const Tensor& found, const Tensor& wanted, const std::string& what) {
  ASSERT_EQ(found.dtype(), wanted.dtype()) << what;
  ASSERT_EQ(found.dims(), wanted.dims()) << what;
  double largest = 1;
  for (int64_t i = 0; i < wanted.numElements(); ++i) {
    largest = std::max(largest, std::abs(wanted.at(i)));
  }
  for (int64_t i = 0; i < wanted.numElements(); ++i) {
    ASSERT_NEAR(found.at(i), wanted.at(i), 1e-5 * largest + 1e-3 * std::abs(wanted.at(i))) << what << ", element " << i;
  }
}

class ExportedModel : public testing::TestWithParam<std::string> {};

TEST_P(ExportedModel, givesWhatOnnxRuntimeGivesAtTwoSizesThroughOneCompilation) {
  const fs::path base = fs::path(KILN_MODELS_DIR) / GetParam();
  auto model = onnx::Model::read(base.string() + ".onnx");
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<std::string> names;
  for (const onnx::ModelPort& input : model->inputs()) {
    names.push_back(input.name);
  }
  ModelSession session([&](const ImportOptions& options) { return model->import(options); }, names, {});
  for (const char* size : {"size_0", "size_1"}) {
    const std::vector<Tensor> inputs = readAll(base / size, "input_"), wanted = readAll(base / size, "output_");
    ASSERT_FALSE(wanted.empty());
    auto outputs = session.run({inputs.begin(), inputs.end()});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    ASSERT_EQ(outputs->size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      expectClose((*outputs)[i], wanted[i], std::string(size) + ", output " + std::to_string(i));
    }
  }
  EXPECT_EQ(session.numVersions(), 1) << session.specializedInputs();
}

TEST(ExportedModelErrors, anotherNumberOfValuesIsG0511) {
  auto model = onnx::Model::read(std::string(KILN_MODELS_DIR) + "/tiny_cnn.script.onnx");
  ASSERT_TRUE(model.ok()) << model.status();
  ModelSession session([&](const ImportOptions& options) { return model->import(options); }, {"x"}, {});
  EXPECT_EQ(errorIdOf(session.run({}).status()), "KILN-G0511");
}

// y = x as the shape that the second input says.
StatusOr<onnx::Model> reshapeModel() {
  onnx::ModelProto proto;
  proto.set_ir_version(10);
  proto.add_opset_import()->set_version(20);
  onnx::GraphProto* graph = proto.mutable_graph();
  onnx::NodeProto* node = graph->add_node();
  node->set_op_type("Reshape");
  node->add_input("x");
  node->add_input("shape");
  node->add_output("y");
  for (const auto& [name, type] : {std::pair("x", onnx::TensorProto::FLOAT), {"shape", onnx::TensorProto::INT64}}) {
    onnx::ValueInfoProto* input = graph->add_input();
    input->set_name(name);
    input->mutable_type()->mutable_tensor_type()->set_elem_type(type);
    const int64_t length = type == onnx::TensorProto::FLOAT ? 12 : 2;
    input->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(length);
  }
  graph->add_output()->set_name("y");
  return onnx::Model::parse(proto.SerializeAsString(), "reshape.onnx", "");
}

TEST(ModelSession, compilesOnceForEachValueThatDecidesAShape) {
  auto model = reshapeModel();
  ASSERT_TRUE(model.ok()) << model.status();
  ModelSession session([&](const ImportOptions& options) { return model->import(options); }, {"x", "shape"}, {});
  const Tensor x(f32, {12});
  auto dimsFor = [&](int64_t rows, int64_t columns) {
    const Tensor shape = Tensor::of<int64_t>({2}, {rows, columns});
    auto outputs = session.run({x, shape});
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    return outputs.ok() ? (*outputs)[0].dims() : std::vector<int64_t>();
  };
  EXPECT_EQ(dimsFor(3, 4), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(dimsFor(2, -1), (std::vector<int64_t>{2, 6}));
  EXPECT_EQ(dimsFor(3, 4), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(session.numVersions(), 2);
  EXPECT_EQ(session.specializedInputs(), "the values of 'shape'");
  EXPECT_FALSE(session.run({x, Tensor::of<int64_t>({2}, {5, 5})}).ok());
}

INSTANTIATE_TEST_SUITE_P(Models, ExportedModel, testing::ValuesIn(modelNames()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '.', '_');
  return name;
});

}  // namespace
}  // namespace kiln
