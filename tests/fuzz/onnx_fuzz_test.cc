// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Damaged ONNX models give a graph or an error that names the file, the node or the tensor, in bounded time and memory.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "graph/io/onnx/node_import.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/summary.h"
#include "tests/fuzz/evaluate.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/onnx_models.h"
#include "tests/fuzz/onnx_mutate.h"

namespace kiln {
namespace {

using onnx::Model;
using onnx::ModelPort;

// Enough for a mutant; the library's own limits are for real models.
constexpr onnx::ModelLimits kLimits = {.maxFields = 1 << 20};

// The folder of the models, with the file that one of them names.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("kiln_fuzz_onnx_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_ / "models");
    write(fuzz::kOnnxDataFile, fuzz::onnxDataBytes());
    std::ofstream(path_ / "outside.bin") << "outside";
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string write(const std::string& name, const std::string& bytes) const {
    const auto path = path_ / "models" / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

 private:
  std::filesystem::path path_;
};

// What a session would feed: a small tensor of the declared type.
StatusOr<TensorPtr> valueFor(const ModelPort& port) {
  KILN_ASSIGN_OR_RETURN(const DType type, onnx::storageType(port.elementType, port.name));
  std::vector<int64_t> dims;
  for (const Dim& dim : port.shape.value_or(Shape{2})) {
    dims.push_back(std::clamp<int64_t>(dim.evaluate([](std::string_view) { return 2; }), 0, 3));
  }
  KILN_ASSIGN_OR_RETURN(Tensor value, Tensor::allocate(type, std::move(dims)));
  for (int64_t i = 0; i < std::min<int64_t>(value.numElements(), 64); ++i) {
    value.set(i, i == 0 ? -1 : 6);
  }
  return std::make_shared<const Tensor>(std::move(value));
}

int numImported = 0;
int numEvaluated = 0;

Status importAsSessionDoes(const Model& model) {
  onnx::summarize(model);
  ImportOptions options;
  for (int round = 0; round < 4; ++round) {
    KILN_ASSIGN_OR_RETURN(ImportedModel imported, model.import(options));
    if (imported.neededValues.empty() && imported.neededShapes.empty()) {
      ++numImported;
      numEvaluated += fuzz::evaluate(imported.graph);
      return {};
    }
    for (const ModelPort& port : model.inputs()) {
      if (std::ranges::find(imported.neededValues, port.name) != imported.neededValues.end()) {
        KILN_ASSIGN_OR_RETURN(options.values[port.name], valueFor(port));
      }
      if (std::ranges::find(imported.neededShapes, port.name) != imported.neededShapes.end()) {
        KILN_ASSIGN_OR_RETURN(TensorPtr value, valueFor(port));
        options.shapes[port.name] = value->dims();
      }
    }
  }
  ADD_FAILURE() << "the importer asks for the same values again and again";
  return {};
}

Status readAndImport(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(Model model, Model::read(path, kLimits));
  return importAsSessionDoes(model);
}

void expectUsefulError(const Status& status) {
  const std::string id = errorIdOf(status).value_or("none");
  EXPECT_TRUE(id.starts_with("KILN-P") || id.starts_with("KILN-G05")) << status;
  EXPECT_LT(status.message().size(), 20000u);
  // Where to look: the file with the byte, the node, the tensor or the input, by its name.
  EXPECT_NE(std::string(status.message()).find('\''), std::string::npos) << status;
}

std::vector<std::string> allOperators() {
  std::vector<std::string> ops;
  for (const onnx::Converter* converter : onnx::allConverters()) {
    ops.push_back(std::string(converter->domain) + ":" + std::string(converter->op));
  }
  return ops;
}

class OnnxFuzz : public ::testing::Test {
 protected:
  Folder folder_;
};

TEST_F(OnnxFuzz, SamplesAreValid) {
  for (const fuzz::OnnxSample& sample : fuzz::onnxSamples()) {
    numEvaluated = 0;
    const Status status = readAndImport(folder_.write("sample.onnx", sample.model.SerializeAsString()));
    EXPECT_TRUE(status.ok()) << sample.name << ": " << status;
    EXPECT_EQ(numEvaluated, 1) << sample.name;
  }
}

// One case for each sample, so that they run side by side.
class OnnxStructure : public OnnxFuzz, public ::testing::WithParamInterface<int> {};

TEST_P(OnnxStructure, DamagedModels) {
  constexpr int kMutants = 400;
  const fuzz::OnnxSample sample = fuzz::onnxSamples()[static_cast<size_t>(GetParam())];
  const uint64_t seed = fuzz::seedOf(static_cast<uint64_t>(1000 * GetParam()));
  fuzz::OnnxMutator mutator(seed, allOperators());
  int numRead = 0;
  for (int i = 0; i < kMutants && !HasFailure(); ++i) {
    onnx::ModelProto model = sample.model;
    mutator.mutate(model);
    const std::string path = folder_.write("mutant.onnx", model.SerializePartialAsString());
    const double start = fuzz::processorSeconds();
    const Status status = readAndImport(path);
    EXPECT_LT(fuzz::processorSeconds() - start, fuzz::kLongestSeconds);
    numRead += status.ok() ? 1 : 0;
    if (!status.ok()) {
      expectUsefulError(status);
    }
    EXPECT_FALSE(HasFailure()) << sample.name << ", seed " << seed << ", mutant " << i << "\n"
                               << model.ShortDebugString().substr(0, 4000);
  }
  EXPECT_GT(numRead, kMutants / 50) << sample.name;
  EXPECT_LT(numRead, kMutants) << sample.name;
}

INSTANTIATE_TEST_SUITE_P(Samples, OnnxStructure, ::testing::Range(0, 7));

TEST_F(OnnxFuzz, DamagedBytes) {
  const std::vector<fuzz::OnnxSample> samples = fuzz::onnxSamples();
  constexpr int kMutants = 1000;
  fuzz::Mutator mutator(fuzz::seedOf(21));
  for (int i = 0; i < kMutants && !HasFailure(); ++i) {
    const auto& sample = samples[static_cast<size_t>(i) % samples.size()];
    const auto& other = samples[static_cast<size_t>(i + 1) % samples.size()];
    const std::string bytes = mutator.mutate(sample.model.SerializeAsString(), other.model.SerializeAsString());
    const Status status = readAndImport(folder_.write("mutant.onnx", bytes));
    if (!status.ok()) {
      expectUsefulError(status);
    }
    EXPECT_FALSE(HasFailure()) << sample.name << ", seed " << fuzz::seedOf(21) << ", mutant " << i;
  }
}

TEST_F(OnnxFuzz, NoiseIsRefusedByName) {
  fuzz::Mutator random(fuzz::seedOf(22));
  for (int i = 0; i < 1000 && !HasFailure(); ++i) {
    std::string bytes(random.below(400), '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random.below(256));
    }
    const Status status = readAndImport(folder_.write("noise.onnx", bytes));
    EXPECT_FALSE(status.ok()) << "noise " << i << " is read as a model";
    EXPECT_NE(std::string(status.message()).find("noise.onnx"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace kiln
