// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Graphs as files: GraphDef with a weights file beside it, DOT and JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/arena.h"
#include "graph/ir/graph.h"
#include "proto/base/status.h"
#include "proto/codec/graph_file.h"
#include "proto/codec/safetensors.h"
#include "proto/wire/graph.pb.h"

namespace kiln {

struct WriteOptions {
  /// Constants of more bytes go to the weights file. Values of variables always do.
  int64_t maxInlineBytes = 1024;
  /// Everything goes into the graph itself, and no weights file is written. For small graphs: a GraphDef is below 2
  /// GiB.
  bool isSelfContained = false;
};

struct ReadOptions {
  ReadLimits limits = {};
  /// Compares the weights file's SHA-256 digest with the one in the graph. Its size and layout are checked in any case.
  bool checksWeights = true;
  /// What tensors of one repeated value may take in all (ExpansionBudget).
  int64_t maxExpandedBytes = int64_t{1} << 30;
};

/// Reads a graph that Kiln wrote, in binary or text form, and the weights file that it names, which must lie in the
/// graph's folder. Nothing in the file is trusted: nodes may come in any order and are sorted, every type is inferred
/// again, and what the file says of types must agree. Errors name the file; all of the graph's errors are in the
/// status, each on a line. Errors: KILN-P0001 to P0047 (bytes), G0401 to G0410 (structure), those of Graph::create.
StatusOr<Graph> readGraph(const std::string& path, const ReadOptions& options = {});

/// Writes the graph (text form for .pbtxt and .textproto) and, when it has values of variables or large constants,
/// NAME.safetensors beside it. Each file is replaced in one step, the weights first; a crash between the two leaves a
/// pair that readGraph refuses. Errors: KILN-P0004, P0013, P0046.
Status writeGraph(const Graph& graph, const std::string& path, const WriteOptions& options = {});

/// The weights file that writeGraph writes beside `path`: `m.graph.pb` -> `m.safetensors`.
std::string weightsPathOf(const std::string& path);

/// A graph as a message, with the tensors that are in its weights file. The views are valid as long as the graph.
struct GraphProto {
  /// Holds the message: a graph of many nodes is made and freed as one piece.
  std::unique_ptr<google::protobuf::Arena> arena = std::make_unique<google::protobuf::Arena>();
  wire::GraphDef& def = *google::protobuf::Arena::CreateMessage<wire::GraphDef>(arena.get());
  std::vector<NamedTensorView> weights;
};
GraphProto graphToProto(const Graph& graph, const WriteOptions& options = {});

/// Finds a tensor of the weights file by its name there.
using WeightReader = std::function<StatusOr<TensorPtr>(const std::string& name)>;

/// As readGraph(), of a message. Without `weights`, a tensor in a weights file is KILN-G0407.
StatusOr<Graph> graphFromProto(const wire::GraphDef& def, const WeightReader& weights = {},
                               const ReadOptions& options = {});

/// The graph for Graphviz: nodes with op and type, functions as boxes.
std::string toDot(const Graph& graph);

/// A summary as one JSON object: `name`, `entries`, `functions`, `nodes`, `variables` (arrays), `dims` (object: symbol
/// -> min and max).
std::string toJson(const Graph& graph);

}  // namespace kiln
