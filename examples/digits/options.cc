// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/options.h"

#include <CLI/CLI.hpp>

#include "graph/optim/methods.h"

namespace digits {

int parseOptions(int argc, char** argv, Options& options) {
  std::string dtype = "f32";
  CLI::App app(
      "Trains a network on 8x8 images of handwritten digits.\nExample: digits --model mlp --optimizer adam --epochs "
      "10");
  app.option_defaults()->always_capture_default();
  app.add_option("--model", options.model.model, modelHelp())->check(CLI::IsMember(modelNames()));
  app.add_option("--optimizer", options.model.optimizer, "how weights are updated")
      ->check(CLI::IsMember(kiln::optim::optimizerNames()));
  app.add_option("--learning-rate", options.model.learningRate,
                 "step size; by default the optimizer's own, and 3e-3 for the model cnn with adam")
      ->check(CLI::PositiveNumber);
  app.add_option("--momentum", options.model.momentum, "for the optimizers momentum, nesterov and rmsprop")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--weight-decay", options.model.weightDecay,
                 "pull of the weights towards zero; by default the optimizer's own")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--dtype", dtype, "type of weights and arithmetic")->check(CLI::IsMember({"f32", "f64"}));
  app.add_option("--epochs", options.epochs, "passes over the training rows")->check(CLI::NonNegativeNumber);
  app.add_option("--steps", options.steps,
                 "stop after that many batches of 32 in total, those before a checkpoint included; overrules --epochs; "
                 "0 trains nothing")
      ->check(CLI::NonNegativeNumber)
      ->default_str("");
  app.add_option("--seed", options.model.seed, "of the initial weights and of the shuffling");
  app.add_option("--threads", options.threads, "threads to use; 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--data", options.data, "CSV file of 64 pixels and a label a line, gzip-compressed or plain");
  auto* init = app.add_option("--init", options.init, "initial values of variables, by name, from a .safetensors file");
  auto* checkpoint = app.add_option("--checkpoint", options.checkpoint,
                                    "write checkpoints into this folder while training and at the end");
  app.add_option("--checkpoint-every", options.checkpointEvery, "steps between two checkpoints")
      ->check(CLI::PositiveNumber)
      ->default_str("an epoch's")
      ->needs(checkpoint);
  app.add_flag("--resume", options.resume, "go on from the newest checkpoint of the folder")
      ->needs(checkpoint)
      ->excludes(init);
  app.add_option("--losses", options.losses, "write the losses of this run's steps to this file, as a JSON array");
  app.add_option("--export", options.exportPath, "write the trained graph to this file, its weights beside it");
  CLI11_PARSE(app, argc, argv);
  options.model.dtype = kiln::parseDType(dtype).value();
  return -1;
}

}  // namespace digits
