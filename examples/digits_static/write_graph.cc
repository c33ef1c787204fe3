// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// digits_graph FILE: writes the convolutional net of examples/digits with its training step as a graph.
#include <cstdio>
#include <string>

#include "examples/digits/model.h"
#include "graph/io/graph_io.h"

namespace {

kiln::Status write(const std::string& path) {
  digits::ModelOptions options;
  options.model = "cnn";
  KILN_ASSIGN_OR_RETURN(kiln::Graph graph, digits::buildModel(options));
  return kiln::writeGraph(graph, path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "digits_graph FILE\n");
    return 1;
  }
  const kiln::Status status = write(argv[1]);
  if (!status.ok()) {
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
