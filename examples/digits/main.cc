// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Defines a network for handwritten digits, compiles its training step and its prediction to native code, and trains
// it.

#include <cstdio>
#include <string>

#include "compiler/jit/session.h"
#include "examples/digits/checkpoints.h"
#include "examples/digits/dataset.h"
#include "examples/digits/model.h"
#include "examples/digits/options.h"
#include "examples/digits/outputs.h"
#include "examples/digits/report.h"
#include "examples/digits/training.h"

namespace digits {
namespace {

using kiln::Status;

// What to say to the shell when the user stopped the run: 128 and the signal's number.
constexpr int kInterruptedExit = 130;

Status run(const Options& options) {
  KILN_ASSIGN_OR_RETURN(Dataset data, readDataset(options.data));
  KILN_ASSIGN_OR_RETURN(Checkpoints checkpoints, Checkpoints::open(options));
  KILN_ASSIGN_OR_RETURN(kiln::Graph graph, buildModel(options.model));
  KILN_ASSIGN_OR_RETURN(kiln::Session session, kiln::createSession(graph, {.threads = options.threads}));
  if (!options.init.empty()) {
    KILN_RETURN_IF_ERROR(setVariables(session, options.init, options.model.dtype));
  }
  KILN_RETURN_IF_ERROR(checkpoints.restore(session));

  Predictor predictor(session, data.test, options.model.dtype);
  std::vector<double> losses;
  KILN_RETURN_IF_ERROR(train(options, data.train, session, checkpoints, predictor, losses));
  // What the run has learnt is worth writing down, also when the last checkpoint could not be.
  Status saved = checkpoints.close();
  if (!options.losses.empty()) {
    KILN_RETURN_IF_ERROR(writeLosses(options.losses, losses));
  }
  if (!options.exportPath.empty()) {
    KILN_RETURN_IF_ERROR(exportGraph(graph, session, options.exportPath));
  }
  KILN_ASSIGN_OR_RETURN(double accuracy, predictor.accuracy());
  drawPrediction({data.test.pixels.data(), kPixels}, predictor.firstLogits(), data.test.labels[0]);
  std::printf("test accuracy: %.4f\n", accuracy);
  return saved;
}

}  // namespace
}  // namespace digits

int main(int argc, char** argv) {
  digits::Options options;
  if (int code = digits::parseOptions(argc, argv, options); code >= 0) {
    return code;
  }
  kiln::Status status = digits::run(options);
  if (!status.ok()) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return digits::wasInterrupted() ? digits::kInterruptedExit : 0;
}
