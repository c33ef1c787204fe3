// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Damaged graph files give a valid graph or an error with an id, through the whole of graph/io, the checks of graph/ir
// and the interpreter.
#include <iterator>
#include <string>
#include <vector>

#include "graph/io/graph_io.h"
#include "graph/io/test_graphs.h"
#include "tests/fuzz/evaluate.h"
#include "tests/fuzz/fuzz.h"

namespace kiln {
namespace {

wire::GraphDef validProto() {
  return graphToProto(Graph::create(testGraphData()).value(), {.isSelfContained = true}).def;
}

std::string validBytes(GraphForm form) { return serializeGraphDef(validProto(), form, "valid").value(); }

// Entries that ran to their end.
int numEvaluated = 0;

// What is accepted is a whole graph: it can be shown, run, written and read again.
Status readGraphBytes(const std::string& bytes) {
  auto def = parseGraphDef(bytes, "fuzz.pb");
  KILN_RETURN_IF_ERROR(def.status());
  auto graph = graphFromProto(*def, {}, {.maxExpandedBytes = 1 << 20});
  KILN_RETURN_IF_ERROR(graph.status());
  EXPECT_FALSE(toString(*graph).empty());
  EXPECT_FALSE(toDot(*graph).empty());
  EXPECT_FALSE(toJson(*graph).empty());
  numEvaluated += fuzz::evaluate(*graph);
  auto again = graphFromProto(graphToProto(*graph, {.isSelfContained = true}).def);
  EXPECT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again.ok() && *again == *graph) << toString(*graph);
  return absl::OkStatus();
}

// Makes the attribute a shape with another dimension.
void shapeDim(wire::AttrValue& value, fuzz::Mutator& random) {
  const char* expressions[] = {"n", "batch", "2*batch+1", "batch*batch*n-7", "9223372036854775807*n", "0"};
  wire::TensorShapeProto& shape = *value.mutable_shape();
  auto* dim = shape.dim_size() > 0 && random.below(2) == 0
                  ? shape.mutable_dim(static_cast<int>(random.below(shape.dim_size())))
                  : shape.add_dim();
  dim->set_size(random.below(2) == 0 ? static_cast<int64_t>(random.below(SIZE_MAX) >> (1 + random.below(63))) : -1);
  dim->set_name(expressions[random.below(std::size(expressions))]);
}

TEST(GraphFuzz, Binary) {
  fuzz::fuzz(validBytes(GraphForm::kBinary), validBytes(GraphForm::kText), 11, readGraphBytes);
}

TEST(GraphFuzz, Text) {
  fuzz::fuzz(validBytes(GraphForm::kText), "input: 'x:1' size: -1 name: '2*batch*batch-1' i: -1 op: 'slice'", 12,
             readGraphBytes);
}

// Damage to bytes rarely gives another well-formed graph; damage to the message always does.
TEST(GraphFuzz, Structure) {
  const wire::GraphDef valid = validProto();
  fuzz::Mutator random(fuzz::seedOf(13));
  std::vector<std::string> ops;
  for (const OpSchema& op : allOps()) {
    ops.emplace_back(op.name);
  }
  int numRead = 0;
  for (int i = 0; i < fuzz::kMutations && !HasFailure(); ++i) {
    wire::GraphDef def = valid;
    for (size_t k = 0, count = 1 + random.below(3); k < count; ++k) {
      auto& nodes =
          random.below(4) == 0 ? *def.mutable_library()->mutable_function(0)->mutable_node_def() : *def.mutable_node();
      wire::NodeDef& node = nodes[static_cast<int>(random.below(nodes.size()))];
      const wire::NodeDef& other = nodes[static_cast<int>(random.below(nodes.size()))];
      auto anyAttribute = [&]() -> wire::AttrValue& {
        auto& attributes = *node.mutable_attr();
        if (attributes.empty()) {
          return attributes["axis"];
        }
        auto at = attributes.begin();
        std::advance(at, random.below(attributes.size()));
        return at->second;
      };
      node.clear_outputs();
      switch (random.below(9)) {
        case 0:
          node.set_op(ops[random.below(ops.size())]);
          break;
        case 1:
          node.add_input(other.name());
          break;
        case 2:
          node.clear_input();
          break;
        case 3:
          node.clear_attr();
          break;
        case 4:
          *node.mutable_attr() = other.attr();
          break;
        case 5:
          anyAttribute().set_i(static_cast<int64_t>(random.below(SIZE_MAX)) >> random.below(64));
          break;
        case 6:
          shapeDim(anyAttribute(), random);
          break;
        case 7:
          nodes.SwapElements(static_cast<int>(random.below(nodes.size())),
                             static_cast<int>(random.below(nodes.size())));
          break;
        default:
          *nodes.Add() = other;
          break;
      }
    }
    // Nodes without stored types are inferred alone; the others would contradict the change.
    for (wire::NodeDef& node : *def.mutable_node()) {
      node.clear_outputs();
    }
    Status status = readGraphBytes(serializeGraphDef(def, GraphForm::kBinary, "fuzz").value());
    numRead += status.ok() ? 1 : 0;
    EXPECT_TRUE(status.ok() || errorIdOf(status).has_value()) << status;
    EXPECT_FALSE(HasFailure()) << "mutation " << i;
  }
  EXPECT_GT(numRead, fuzz::kMutations / 100);
  EXPECT_GT(numEvaluated, fuzz::kMutations / 100);
}

}  // namespace
}  // namespace kiln
