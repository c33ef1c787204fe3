// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whole models out to ONNX and back: the numbers stay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "compiler/jit/session.h"
#include "compiler/pipelines/plain_graph.h"
#include "graph/eval/interpreter.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx_export/exporter.h"
#include "tests/onnx/example_models.h"

namespace kiln {
namespace {

// In units of the largest magnitude; other orders of sums.
double distance(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) {
    return std::numeric_limits<double>::infinity();
  }
  double largest = 1e-30, difference = 0;
  for (int64_t i = 0; i < a.numElements(); ++i) {
    largest = std::max({largest, std::abs(a.at(i)), std::abs(b.at(i))});
    difference = std::max(difference, std::abs(a.at(i) - b.at(i)));
  }
  return difference / largest;
}

// The model as it comes back from its bytes.
StatusOr<Graph> importedAgain(const onnx::ExportedModel& exported) {
  KILN_ASSIGN_OR_RETURN(const onnx::Model model,
                        onnx::Model::parse(exported.proto.SerializeAsString(), "test.onnx", ""));
  KILN_ASSIGN_OR_RETURN(ImportedModel imported, model.import());
  EXPECT_THAT(imported.neededValues, ::testing::IsEmpty());
  EXPECT_THAT(imported.neededShapes, ::testing::IsEmpty());
  return std::move(imported.graph);
}

StatusOr<std::vector<Tensor>> predict(const Graph& graph, std::string_view entry, const std::vector<Tensor>& feeds) {
  KILN_ASSIGN_OR_RETURN(VariableStore variables, initialValues(graph));
  const std::vector<TensorView> views(feeds.begin(), feeds.end());
  return Interpreter().evaluate(graph, *graph.findEntry(entry), views, variables);
}

TEST(OnnxRoundTrip, models_predict_the_same_at_all_sizes_of_one_export) {
  const auto models = tests::exampleModels();
  ASSERT_TRUE(models.ok()) << models.status();
  for (const tests::ExampleModel& model : *models) {
    if (model.entry != "predict") {
      continue;
    }
    SCOPED_TRACE(model.name);
    const auto exported = onnx::exportOnnx(model.graph, model.entry);
    ASSERT_TRUE(exported.ok()) << exported.status();
    const auto again = importedAgain(*exported);
    ASSERT_TRUE(again.ok()) << again.status();
    const auto got = predict(*again, "predict", model.feeds), want = predict(model.graph, model.entry, model.feeds);
    ASSERT_TRUE(got.ok() && want.ok()) << got.status() << want.status();
    ASSERT_EQ(got->size(), want->size());
    for (size_t i = 0; i < want->size(); ++i) {
      EXPECT_LT(distance((*got)[i], (*want)[i]), 1e-5) << "output " << i;
    }
  }
}

TEST(OnnxRoundTrip, exported_train_steps_train_as_the_compiled_graph_does) {
  const Graph graph = tests::digitsCnn().value();
  const auto plain = compiler::plainGraph(graph, *graph.findEntry("train_step"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_TRUE(onnx::needsPlainGraph(graph, "train_step").value());
  EXPECT_FALSE(onnx::needsPlainGraph(*plain, "train_step").value());
  const auto exported = onnx::exportOnnx(*plain, "train_step");
  ASSERT_TRUE(exported.ok()) << exported.status();
  const auto again = importedAgain(*exported);
  ASSERT_TRUE(again.ok()) << again.status();

  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto step = session->prepareEntry("train_step");
  ASSERT_TRUE(step.ok()) << step.status();
  std::vector<Tensor> feeds = {tests::someNumbers({4, 64}, 0.1), tests::someIndices(i32, {4}, 10)};
  const auto& inputs = exported->proto.graph().input();
  for (int i = 2; i < inputs.size(); ++i) {
    feeds.push_back(*exported->state.at(inputs[i].name()));
  }
  // Dropout draws other numbers in every step, the same on both sides.
  for (int i = 0; i < 3; ++i) {
    std::vector<Tensor> want;
    ASSERT_TRUE(step->run({feeds[0], feeds[1]}, want).ok());
    auto got = predict(*again, "predict", feeds);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_LT(distance((*got)[0], want[0]), 1e-4) << "loss of step " << i;
    for (size_t k = 2; k < feeds.size(); ++k) {
      feeds[k] = (*got)[k - 1];
    }
  }
}

}  // namespace
}  // namespace kiln
