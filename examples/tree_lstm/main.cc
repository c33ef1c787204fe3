// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A network that follows the structure of what it reads: it learns the values of boolean expressions, which are trees.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "examples/tree_lstm/model.h"

namespace tree_lstm {
namespace {

struct Options {
  ModelOptions model;
  int steps = 600, batch = 128, minNodes = 1, maxNodes = 24, threads = 0;
};

Expressions draw(std::mt19937& random, int count, const Options& options) {
  Expressions expressions;
  for (int i = 0; i < count; ++i) {
    addExpression(random, options.minNodes, options.maxNodes, expressions);
  }
  return expressions;
}

kiln::Status run(const Options& options) {
  constexpr int kReportEvery = 50, kTestExpressions = 1000;
  KILN_ASSIGN_OR_RETURN(kiln::Graph graph, buildModel(options.model));
  KILN_ASSIGN_OR_RETURN(kiln::Session session, kiln::createSession(graph, {.threads = options.threads}));
  KILN_ASSIGN_OR_RETURN(Runner train, Runner::create(session, "train", options.model.width));
  KILN_ASSIGN_OR_RETURN(Runner evaluate, Runner::create(session, "evaluate", options.model.width));
  std::mt19937 random(static_cast<uint32_t>(options.model.seed));
  const Expressions test = draw(random, kTestExpressions, options);
  double loss = 0, accuracy = 0;
  for (int step = 1; step <= options.steps; ++step) {
    KILN_ASSIGN_OR_RETURN(Runner::Result result, train.run(draw(random, options.batch, options)));
    loss += result.loss;
    accuracy += result.accuracy;
    if (step % kReportEvery == 0) {
      std::printf("step %4d  loss %.4f  accuracy %.3f\n", step, loss / kReportEvery, accuracy / kReportEvery);
      std::fflush(stdout);
      loss = accuracy = 0;
    }
  }
  KILN_ASSIGN_OR_RETURN(Runner::Result result, evaluate.run(test));
  std::printf("%s is %s\n", toString(test, test.roots[0]).c_str(), test.values[0] != 0 ? "true" : "false");
  std::printf("test accuracy: %.4f on %d expressions of %d to %d nodes\n", result.accuracy, kTestExpressions,
              options.minNodes, options.maxNodes);
  return kiln::Status();
}

}  // namespace
}  // namespace tree_lstm

int main(int argc, char** argv) {
  tree_lstm::Options options;
  CLI::App app(
      "Trains a Tree-LSTM to tell the values of random boolean expressions.\n"
      "Example: tree_lstm --steps 600 --max-nodes 24");
  app.option_defaults()->always_capture_default();
  app.add_option("--steps", options.steps, "batches to train on")->check(CLI::NonNegativeNumber);
  app.add_option("--batch", options.batch, "expressions in a batch")->check(CLI::PositiveNumber);
  app.add_option("--min-nodes", options.minNodes, "of the smallest expressions")->check(CLI::Range(1, 10000));
  app.add_option("--max-nodes", options.maxNodes, "of the largest expressions")->check(CLI::Range(1, 10000));
  app.add_option("--units", options.model.units, "of the network")->check(CLI::PositiveNumber);
  app.add_option("--width", options.model.width, "nodes that are computed together")->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", options.model.learningRate, "of Adam")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.model.seed, "of weights and expressions");
  app.add_option("--threads", options.threads, "threads to use; 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  if (options.minNodes > options.maxNodes) {
    std::fprintf(stderr, "error: --min-nodes is above --max-nodes\n");
    return 1;
  }
  if (kiln::Status status = tree_lstm::run(options); !status.ok()) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
