// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// load_digits, load_resnet50: from a file on disk to the first run that could begin, with the artifact's pages in
// memory.
#include <algorithm>
#include <vector>

#include "compiler/jit/session.h"
#include "compiler/pipelines/artifact.h"
#include "graph/graph.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/nn/convolution.h"
#include "graph/optim/methods.h"
#include "runtime/session/artifact_source.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/special.h"
#include "tools/kiln-bench/temporary_folder.h"

namespace kiln::bench {
namespace {

// The medians of fewer opens would be those of the machine's mood.
constexpr size_t kLeastOpens = 51;

// The convolutional net of the digits example: 8x8 images, ten classes, trained with Adam.
StatusOr<Graph> digitsGraph() {
  GraphBuilder g("digits");
  g.setSeed(1);
  Value x = g.placeholder("x", f32, {dim("batch"), 64});
  Value y = g.placeholder("y", i32, {dim("batch")});
  Value h = reshape(x, {dim("batch"), 8, 8, 1});
  h = nn::conv(g, "conv1", h, 8, {3}, relu, {.padding = Padding::same()});
  h = nn::conv(g, "conv2", h, 16, {3}, relu, {.padding = Padding::same()});
  Value logits = nn::dense(g, "out", reshape(maxPool(h, {.kernel = {2}}), {dim("batch"), 4 * 4 * 16}), 10);
  Value loss = reduceMean(softmaxCrossEntropy(logits, y));
  KILN_ASSIGN_OR_RETURN(optim::Optimizer optimizer, optim::makeOptimizer(g, "adam", {}));
  Target step = optimizer.minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {{"loss", loss}}, .targets = {step}});
  g.entry("predict", {.feeds = {x}, .fetches = {{"logits", logits}}, .targets = {}});
  return g.finish();
}

StatusOr<Fields> measureLoad(const Graph& graph, const SpecialOptions& options) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/model.kiln";
  KILN_ASSIGN_OR_RETURN(compiler::ArtifactReport report, compiler::compileArtifact(graph, {}, path));
  // The file's pages are in memory now: they were just written.
  std::vector<double> times;
  double first = 0;
  const double begin = now();
  while (times.size() < kLeastOpens || now() - begin < options.seconds) {
    const double start = now();
    KILN_ASSIGN_OR_RETURN(Session session, openSession(path, {}, {.threads = options.threads}));
    for (const EntryInfo& entry : session.model().entries) {
      KILN_RETURN_IF_ERROR(session.prepareEntry(entry.name).status());
    }
    times.push_back(now() - start);
    first = times.front();
  }
  std::ranges::sort(times);
  return Fields{{"load_s", times[times.size() / 2]},
                {"first_s", first},
                {"min_s", times.front()},
                {"p90_s", times[times.size() * 9 / 10]},
                {"opens", static_cast<double>(times.size())},
                {"file_bytes", static_cast<double>(report.sizes.numBytes)},
                {"code_bytes", static_cast<double>(report.sizes.codeBytes)}};
}

// Trains a few steps from the artifact and from the graph; both are to have the same bits.
StatusOr<std::vector<Tensor>> trained(Session& session) {
  Tensor x(f32, {5, 64});
  for (int64_t i = 0; i < x.numElements(); ++i) {
    x.mutableData<float>()[i] = static_cast<float>(i % 17) / 16;
  }
  const Tensor y = Tensor::of<int32_t>({5}, {3, 1, 4, 1, 5});
  std::vector<Tensor> results;
  for (int step = 0; step < 3; ++step) {
    KILN_ASSIGN_OR_RETURN(auto loss, session.runEntry("train_step", {{"x", x}, {"y", y}}));
    results.push_back(std::move(loss.at("loss")));
  }
  KILN_ASSIGN_OR_RETURN(auto logits, session.runEntry("predict", {{"x", x}}));
  results.push_back(std::move(logits.at("logits")));
  return results;
}

}  // namespace

StatusOr<Fields> measureLoadDigits(const SpecialOptions& options) {
  KILN_ASSIGN_OR_RETURN(const Graph graph, digitsGraph());
  return measureLoad(graph, options);
}

StatusOr<Fields> measureLoadResnet(const SpecialOptions& options) {
  KILN_ASSIGN_OR_RETURN(onnx::Model model, onnx::Model::read(options.models + "/resnet50_b1.onnx"));
  KILN_ASSIGN_OR_RETURN(ImportedModel imported, model.import());
  return measureLoad(imported.graph, options);
}

StatusOr<Verification> verifyLoad(int threads) {
  KILN_ASSIGN_OR_RETURN(const Graph graph, digitsGraph());
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/model.kiln";
  KILN_RETURN_IF_ERROR(compiler::compileArtifact(graph, {}, path).status());
  KILN_ASSIGN_OR_RETURN(Session loaded, openSession(path, {}, {.threads = threads}));
  KILN_ASSIGN_OR_RETURN(Session compiled, createSession(graph, {.threads = threads}));
  KILN_ASSIGN_OR_RETURN(const std::vector<Tensor> got, trained(loaded));
  KILN_ASSIGN_OR_RETURN(const std::vector<Tensor> want, trained(compiled));
  Verification verification = compare(got, want);
  verification.isEqual =
      std::ranges::equal(got, want, [](const Tensor& a, const Tensor& b) { return a.identicalTo(b); });
  return verification;
}

}  // namespace kiln::bench
