// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// aot_reference FOLDER TARGET MODEL: writes MODEL.kiln, compiled for TARGET, and MODEL.expected, what trainer.c has to
// print: the losses and logits of a session that is compiled for the same target in this process.
#include <cstdio>
#include <memory>
#include <string>

#include "compiler/jit/session.h"
#include "compiler/pipelines/artifact.h"
#include "tests/aot_train/data.h"
#include "tests/aot_train/models.h"

namespace kiln::aot {
namespace {

// What step `step` feeds to the entry.
std::vector<Tensor> feedsOf(const EntryManifest& signature, const TrainedModel& model, int64_t step) {
  std::vector<Tensor> feeds;
  for (size_t i = 0; i < signature.feeds.size(); ++i) {
    const TensorSpec& spec = signature.feeds[i];
    std::vector<int64_t> dims;
    for (int axis = 0; axis < spec.shape.rank(); ++axis) {
      dims.push_back(spec.shape[axis].isStatic() ? spec.shape[axis].value() : model.batch);
    }
    Tensor feed(spec.dtype, dims);
    const auto count = static_cast<size_t>(feed.numElements());
    if (spec.dtype == f32) {
      fillFloats(feed.mutableData<float>(), count, seedOf(step, i));
    } else {
      fillIntegers(feed.mutableData<int32_t>(), count, model.classes, seedOf(step, i));
    }
    feeds.push_back(std::move(feed));
  }
  return feeds;
}

Status write(const TrainedModel& model, const std::string& target, const std::string& folder) {
  KILN_ASSIGN_OR_RETURN(Graph graph, model.build());
  const std::string base = folder + "/" + model.name;
  compiler::ArtifactRequest request;
  request.targets = target;
  KILN_RETURN_IF_ERROR(compiler::compileArtifact(graph, request, base + ".kiln").status());

  JitOptions jit;
  jit.compile.target = target;
  KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, std::move(jit)));
  KILN_ASSIGN_OR_RETURN(Callable step, session.prepareEntry("train_step"));
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen((base + ".expected").c_str(), "w"), std::fclose);
  KILN_CHECK(out != nullptr);
  std::vector<Tensor> fetches;
  for (int64_t i = 0; i < kTrainingSteps; ++i) {
    std::vector<Tensor> feeds = feedsOf(step.signature(), model, i);
    KILN_RETURN_IF_ERROR(step.run(std::vector<TensorView>(feeds.begin(), feeds.end()), fetches));
    std::fprintf(out.get(), "loss %a\n", static_cast<double>(fetches[0].data<float>()[0]));
  }
  KILN_ASSIGN_OR_RETURN(Callable predict, session.prepareEntry("predict"));
  std::vector<Tensor> feeds = feedsOf(predict.signature(), model, kPredictionSeed);
  KILN_RETURN_IF_ERROR(predict.run(std::vector<TensorView>(feeds.begin(), feeds.end()), fetches));
  for (int64_t i = 0; i < fetches[0].numElements(); ++i) {
    std::fprintf(out.get(), "logit %a\n", static_cast<double>(fetches[0].data<float>()[i]));
  }
  return Status();
}

}  // namespace
}  // namespace kiln::aot

int main(int argc, char** argv) {
  for (const kiln::aot::TrainedModel& model : kiln::aot::trainedModels()) {
    if (argc == 4 && model.name == argv[3]) {
      const kiln::Status status = kiln::aot::write(model, argv[2], argv[1]);
      if (!status.ok()) {
        std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
      }
      return status.ok() ? 0 : 1;
    }
  }
  std::fprintf(stderr, "aot_reference FOLDER TARGET MODEL\n");
  return 1;
}
