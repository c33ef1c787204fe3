// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Defines a network for handwritten digits, compiles its training step and its prediction to native code, and trains
// it.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <numeric>
#include <random>

#include "compiler/jit/session.h"
#include "examples/digits/dataset.h"
#include "examples/digits/model.h"
#include "examples/digits/report.h"
#include "graph/io/graph_io.h"
#include "proto/codec/file.h"
#include "proto/codec/safetensors.h"

namespace digits {
namespace {

using kiln::Status;
using kiln::StatusOr;
using kiln::Tensor;

constexpr int64_t kBatch = 32;

struct Options {
  ModelOptions model;
  std::string data = KILN_DIGITS_DATA;
  std::string init, losses, exportPath;
  int64_t epochs = 40;
  int64_t steps = -1;  // no limit
  int threads = 0;
};

// The order of the training rows in an epoch: as in the file for the reference model, shuffled otherwise.
std::vector<int64_t> epochOrder(const Options& options, int64_t numRows, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(numRows));
  std::iota(order.begin(), order.end(), 0);
  if (options.model.model != "reference") {
    std::mt19937_64 random(options.model.seed * 1000003 + static_cast<uint64_t>(epoch));
    for (size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random() % i]);
    }
  }
  return order;
}

Status setVariables(kiln::Session& session, const std::string& path, kiln::DType dtype) {
  KILN_ASSIGN_OR_RETURN(auto tensors, kiln::readSafetensors(path));
  for (const auto& [name, value] : tensors) {
    Tensor converted(dtype, value.dims());
    for (int64_t i = 0; i < value.numElements(); ++i) {
      converted.set(i, value.at(i));
    }
    KILN_RETURN_IF_ERROR(kiln::annotate(session.setVariable(name, converted), path));
  }
  return kiln::Status();
}

// The shortest decimals that read back to the same doubles.
Status writeLosses(const std::string& path, const std::vector<double>& losses) {
  std::string text = "[";
  for (size_t i = 0; i < losses.size(); ++i) {
    char digits[32];
    char* end = std::to_chars(digits, digits + sizeof digits, losses[i]).ptr;
    text += (i == 0 ? "" : ",\n ") + std::string(digits, end);
  }
  return kiln::writeFileAtomically(path, text + "]\n");
}

Status exportGraph(const kiln::Graph& graph, kiln::Session& session, const std::string& path) {
  std::map<std::string, kiln::TensorPtr> weights;
  for (const std::string& name : session.variableNames()) {
    KILN_ASSIGN_OR_RETURN(Tensor value, session.variable(name));
    weights[name] = std::make_shared<const Tensor>(std::move(value));
  }
  return kiln::writeGraph(graph.withWeights(std::move(weights)), path);
}

StatusOr<double> accuracy(kiln::Callable& predict, const Tensor& x, const Tensor& y, std::vector<Tensor>& logits) {
  KILN_RETURN_IF_ERROR(predict.run({x}, logits));
  int64_t right = 0;
  int64_t rows = y.numElements();
  for (int64_t i = 0; i < rows; ++i) {
    int64_t best = 0;
    for (int64_t c = 1; c < kClasses; ++c) {
      best = logits[0].at(i * kClasses + c) > logits[0].at(i * kClasses + best) ? c : best;
    }
    right += best == y.data<int32_t>()[i] ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(rows);
}

Status run(const Options& options) {
  KILN_ASSIGN_OR_RETURN(Dataset data, readDataset(options.data));
  KILN_ASSIGN_OR_RETURN(kiln::Graph graph, buildModel(options.model));
  KILN_ASSIGN_OR_RETURN(kiln::Session session, kiln::createSession(graph, {.threads = options.threads}));
  if (!options.init.empty()) {
    KILN_RETURN_IF_ERROR(setVariables(session, options.init, options.model.dtype));
  }
  KILN_ASSIGN_OR_RETURN(kiln::Callable train, session.prepareEntry("train_step"));
  KILN_ASSIGN_OR_RETURN(kiln::Callable predict, session.prepareEntry("predict"));

  int64_t stepsPerEpoch = data.train.numRows() / kBatch;
  int64_t total = options.steps >= 0 ? options.steps : options.epochs * stepsPerEpoch;
  std::vector<int64_t> testRows(static_cast<size_t>(data.test.numRows()));
  std::iota(testRows.begin(), testRows.end(), 0);
  Tensor x, y, testX, testY;
  fillBatch(data.test, testRows, options.model.dtype, testX, testY);

  Progress progress(stepsPerEpoch, total);
  std::vector<Tensor> fetched, logits;
  std::vector<double> losses;
  std::vector<int64_t> order;
  double epochLoss = 0;
  for (int64_t step = 0; step < total; ++step) {
    int64_t inEpoch = step % stepsPerEpoch;
    if (inEpoch == 0) {
      order = epochOrder(options, data.train.numRows(), step / stepsPerEpoch);
      epochLoss = 0;
    }
    fillBatch(data.train, {order.begin() + inEpoch * kBatch, order.begin() + (inEpoch + 1) * kBatch},
              options.model.dtype, x, y);
    KILN_RETURN_IF_ERROR(train.run({x, y}, fetched));
    losses.push_back(fetched[0].at(0));
    epochLoss += losses.back();
    progress.step(step + 1, losses.back());
    if (inEpoch + 1 == stepsPerEpoch) {
      KILN_ASSIGN_OR_RETURN(double reached, accuracy(predict, testX, testY, logits));
      progress.epoch(step / stepsPerEpoch + 1, epochLoss / static_cast<double>(stepsPerEpoch), reached);
    }
  }

  if (!options.losses.empty()) {
    KILN_RETURN_IF_ERROR(writeLosses(options.losses, losses));
  }
  if (!options.exportPath.empty()) {
    KILN_RETURN_IF_ERROR(exportGraph(graph, session, options.exportPath));
  }
  KILN_ASSIGN_OR_RETURN(double reached, accuracy(predict, testX, testY, logits));
  std::vector<double> firstLogits;
  for (int64_t c = 0; c < kClasses; ++c) {
    firstLogits.push_back(logits[0].at(c));
  }
  drawPrediction({data.test.pixels.data(), kPixels}, firstLogits, data.test.labels[0]);
  std::printf("test accuracy: %.4f\n", reached);
  return kiln::Status();
}

}  // namespace
}  // namespace digits

int main(int argc, char** argv) {
  digits::Options options;
  std::string dtype = "f32";
  CLI::App app(
      "Trains a network on 8x8 images of handwritten digits.\nExample: digits --model mlp --optimizer adam --epochs "
      "10");
  app.option_defaults()->always_capture_default();
  app.add_option("--model", options.model.model,
                 "mlp (64-128-10, relu) or reference (64-64-10, tanh, batches in file order)")
      ->check(CLI::IsMember({"mlp", "reference"}));
  app.add_option("--optimizer", options.model.optimizer, "how weights are updated")
      ->check(CLI::IsMember({"sgd", "momentum", "adam"}));
  app.add_option("--learning-rate", options.model.learningRate, "step size")->check(CLI::PositiveNumber);
  app.add_option("--momentum", options.model.momentum, "for --optimizer momentum")->check(CLI::Range(0.0, 1.0));
  app.add_option("--dtype", dtype, "type of weights and arithmetic")->check(CLI::IsMember({"f32", "f64"}));
  app.add_option("--epochs", options.epochs, "passes over the training rows")->check(CLI::NonNegativeNumber);
  app.add_option("--steps", options.steps, "stop after that many batches of 32; overrules --epochs; 0 trains nothing")
      ->check(CLI::NonNegativeNumber)
      ->default_str("");
  app.add_option("--seed", options.model.seed, "of the initial weights and of the shuffling");
  app.add_option("--threads", options.threads, "threads to use; 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--data", options.data, "CSV file of 64 pixels and a label a line, gzip-compressed or plain");
  app.add_option("--init", options.init, "initial values of variables, by name, from a .safetensors file");
  app.add_option("--losses", options.losses, "write the loss of each step to this file, as a JSON array");
  app.add_option("--export", options.exportPath, "write the trained graph to this file, its weights beside it");
  CLI11_PARSE(app, argc, argv);
  options.model.dtype = kiln::parseDType(dtype).value();

  kiln::Status status = digits::run(options);
  if (!status.ok()) {
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
