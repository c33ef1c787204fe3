// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A loop h <- h W whose intermediate values are watched, and its gradient for W.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "compiler/jit/session.h"
#include "graph/build/control_flow.h"
#include "graph/graph.h"
#include "proto/codec/npy.h"

namespace {

using kiln::f64;
using kiln::Graph;
using kiln::Status;
using kiln::StatusOr;
using kiln::Tensor;
using kiln::Value;
using kiln::Values;

struct Options {
  std::string w, x, output;
  int64_t steps = 0;
};

// The loop knows nothing of who watches it: `h` is a name, no output.
StatusOr<Graph> define(const Tensor& w, const Tensor& x, int64_t steps) {
  kiln::GraphBuilder g("loop_with_taps");
  Value weights = g.placeholder("w", f64, kiln::Shape::of(w.dims()));
  Value start = g.placeholder("x", f64, kiln::Shape::of(x.dims()));
  // The number of steps is the bound too, so that a gradient knows how much there is to keep, and a tap has a shape.
  Values loop = kiln::whileLoop(
      g, {start, g.constant(Tensor::scalar<int64_t>(0), "taken")},
      [&](const Values& carries) { return less(carries[1], steps); },
      [&](Value, const Values& carries) { return Values{matmul(carries[0], weights).named("h"), carries[1] + 1}; },
      {.name = "loop", .maxSteps = steps});
  Value final = loop[0];
  Value dw = g.gradients({reduceSum(final, {0, 1})}, {weights})[0].named("dw");
  g.entry("run", {.feeds = {weights, start}, .fetches = {{"final", final}, {"dw", dw}}, .targets = {}});
  return g.finish();
}

Status run(const Options& options) {
  KILN_ASSIGN_OR_RETURN(Tensor w, kiln::readNpy(options.w));
  KILN_ASSIGN_OR_RETURN(Tensor x, kiln::readNpy(options.x));
  KILN_ASSIGN_OR_RETURN(Graph graph, define(w, x, options.steps));
  KILN_ASSIGN_OR_RETURN(kiln::Session session, kiln::createSession(graph));
  KILN_ASSIGN_OR_RETURN(auto values, session.run({{"w", w}, {"x", x}}, {"final", "loop//h@stacked", "dw"}));
  std::error_code error;
  std::filesystem::create_directories(options.output, error);
  const std::filesystem::path folder = options.output;
  KILN_RETURN_IF_ERROR(kiln::writeNpy((folder / "final.npy").string(), values.at("final")));
  KILN_RETURN_IF_ERROR(kiln::writeNpy((folder / "taps.npy").string(), values.at("loop//h@stacked")));
  return kiln::writeNpy((folder / "dw.npy").string(), values.at("dw"));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Multiplies x by W again and again, keeps what each step made, and takes the gradient of the end for W.\n"
      "Example: loop_with_taps --w w.npy --x x.npy --steps 5 --output out");
  app.add_option("--w", options.w, "W: f64 [n, n], a .npy file")->required();
  app.add_option("--x", options.x, "the first h: f64 [m, n], a .npy file")->required();
  app.add_option("--steps", options.steps, "how many times")->required()->check(CLI::NonNegativeNumber);
  app.add_option("--output", options.output, "folder for final.npy, taps.npy [steps, m, n] and dw.npy")->required();
  CLI11_PARSE(app, argc, argv);
  if (Status status = run(options); !status.ok()) {
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
