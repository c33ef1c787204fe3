// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graphs that were changed at random: imported or refused, and nothing else.
#include <gmock/gmock.h>

#include <random>

#include "graph/io/tensorflow/node_import.h"
#include "graph/io/tensorflow/test_graphs.h"

namespace kiln::tensorflow {
namespace {

using namespace testing;

constexpr int kMutants = 400;

// A network with a branch, a loop and shape arithmetic: something of each family.
wire::GraphDef victim() {
  TestGraph graph;
  graph
      .add(TestFunction("go", {"i", "v"})
               .constant("three", indices({}, {3}))
               .node("l", "Less", {"i", "three:output:0"})
               .result("r", "l:z:0"))
      .add(TestFunction("step", {"i", "v"})
               .constant("one", indices({}, {1}))
               .node("next", "AddV2", {"i", "one:output:0"})
               .node("m", "Tanh", {"v"})
               .result("i_out", "next:z:0")
               .result("v_out", "m:y:0"))
      .input("x", f32, {-1, 8, 8, 2})
      .input("p", boolean, {})
      .constant("filter", Tensor(f32, {3, 3, 2, 4}))
      .node("conv", "Conv2D", {"x", "filter"}, {{"strides", ints({1, 2, 2, 1})}, {"padding", text("SAME")}})
      .node("pool", "MaxPool", {"conv"},
            {{"ksize", ints({1, 2, 2, 1})}, {"strides", ints({1, 2, 2, 1})}, {"padding", text("VALID")}})
      .node("shape", "Shape", {"pool"})
      .constant("zero", indices({1}, {0}))
      .constant("one", indices({1}, {1}))
      .node("batch", "StridedSlice", {"shape", "zero", "one", "one"}, {{"shrink_axis_mask", integer(1)}})
      .constant("rest", indices({}, {-1}))
      .node("flat", "Pack", {"batch", "rest"}, {{"axis", integer(0)}})
      .node("features", "Reshape", {"pool", "flat"})
      .node("s", "Switch", {"features", "p"})
      .node("neg", "Neg", {"s:1"})
      .node("merged", "Merge", {"s", "neg"})
      .constant("start", indices({}, {0}))
      .node("loop", "While", {"start", "merged"},
            {{"cond", function("go")}, {"body", function("step")}, {"T", types({i32, f32})}})
      .constant("axis", indices({}, {1}))
      .node("parts", "Split", {"axis", "loop:1"}, {{"num_split", integer(2)}})
      .node("joined", "ConcatV2", {"parts", "parts:1", "axis"})
      .node("mean", "Mean", {"joined", "axis"}, {{"keep_dims", truth(true)}})
      .node("range", "Range", {"start", "batch", "axis"})
      .node("picked", "GatherV2", {"joined", "range", "start"}, {{"batch_dims", integer(0)}})
      .node("enter", "Enter", {"picked"}, {{"frame_name", text("f")}})
      .node("enter_i", "Enter", {"start"}, {{"frame_name", text("f")}})
      .node("merge", "Merge", {"enter", "next"})
      .node("merge_i", "Merge", {"enter_i", "next_i"})
      .constant("limit", indices({}, {2}), "^merge_i")
      .node("less", "Less", {"merge_i", "limit"})
      .node("cond", "LoopCond", {"less"})
      .node("switch", "Switch", {"merge", "cond"})
      .node("switch_i", "Switch", {"merge_i", "cond"})
      .node("sig", "Sigmoid", {"switch:1"})
      .node("one_i", "OnesLike", {"switch_i:1"})
      .node("add_i", "AddV2", {"switch_i:1", "one_i"})
      .node("next", "NextIteration", {"sig"})
      .node("next_i", "NextIteration", {"add_i"})
      .node("exit", "Exit", {"switch"})
      .node("y", "AddV2", {"exit", "mean"});
  return graph.def();
}

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  void change(wire::GraphDef& def) {
    const int count = 1 + pick(3);
    for (int i = 0; i < count; ++i) {
      const int place = pick(def.node_size() + 2);
      if (place >= def.node_size() && def.library().function_size() > 0) {
        wire::FunctionDef& function = *def.mutable_library()->mutable_function(pick(def.library().function_size()));
        changeNode(*function.mutable_node_def(pick(function.node_def_size())), def);
      } else {
        changeNode(*def.mutable_node(std::min(place, def.node_size() - 1)), def);
      }
    }
  }
  std::string flip(std::string bytes) {
    for (int i = 0, count = 1 + pick(4); i < count; ++i) {
      bytes[static_cast<size_t>(pick(static_cast<int>(bytes.size())))] = static_cast<char>(pick(256));
    }
    return bytes;
  }

 private:
  int pick(int count) { return static_cast<int>(random_() % static_cast<uint32_t>(count)); }

  int64_t oddNumber() {
    constexpr int64_t kOdd[] = {-1,        0,         1,         2,         -2,      7, 65536, int64_t{1} << 31,
                                INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, 1 << 20, 3};
    return kOdd[pick(std::size(kOdd))];
  }

  void changeNode(wire::NodeDef& node, const wire::GraphDef& def) {
    const std::string& other = def.node(pick(def.node_size())).name();
    switch (pick(8)) {
      case 0:
        if (node.input_size() > 0) {
          node.set_input(pick(node.input_size()), pick(4) == 0 ? "^" + other : other);
        }
        break;
      case 1:
        if (node.input_size() > 0) {
          node.set_input(pick(node.input_size()), other + ":" + std::to_string(pick(3)));
        }
        break;
      case 2:
        node.add_input(other);
        break;
      case 3:
        if (node.input_size() > 0) {
          node.mutable_input()->RemoveLast();
        }
        break;
      case 4: {
        static const std::vector<const Converter*> all = allConverters();
        node.set_op(std::string(all[static_cast<size_t>(pick(static_cast<int>(all.size())))]->op));
        break;
      }
      default:
        changeAttribute(node);
    }
  }

  void changeAttribute(wire::NodeDef& node) {
    if (node.attr_size() == 0) {
      (*node.mutable_attr())["axis"].set_i(oddNumber());
      return;
    }
    auto attribute = node.mutable_attr()->begin();
    std::advance(attribute, pick(node.attr_size()));
    wire::AttrValue& value = attribute->second;
    if (value.has_tensor()) {
      wire::TensorProto& tensor = *value.mutable_tensor();
      if (pick(2) == 0 && tensor.tensor_content().size() >= 4) {
        const auto number = static_cast<int32_t>(oddNumber());
        tensor.mutable_tensor_content()->replace(0, 4, reinterpret_cast<const char*>(&number), 4);
      } else if (pick(2) == 0) {
        tensor.mutable_tensor_shape()->add_dim()->set_size(oddNumber());
      } else {
        tensor.set_dtype(static_cast<wire::DataType>(pick(24)));
      }
    } else if (value.has_shape() && value.shape().dim_size() > 0) {
      value.mutable_shape()->mutable_dim(pick(value.shape().dim_size()))->set_size(oddNumber());
    } else if (value.has_list() && value.list().i_size() > 0) {
      value.mutable_list()->set_i(pick(value.list().i_size()), oddNumber());
    } else if (value.value_case() == wire::AttrValue::kI) {
      value.set_i(oddNumber());
    } else if (value.has_func()) {
      value.mutable_func()->set_name(pick(2) == 0 ? "go" : "step");
    } else {
      node.mutable_attr()->erase(attribute);
    }
  }

  std::mt19937 random_;
};

// Whatever the importer answers, it has an id.
void import(const StatusOr<FrozenGraph>& graph, uint32_t seed) {
  if (graph.ok()) {
    ImportOptions options;
    for (int attempt = 0; attempt < 3; ++attempt) {
      auto imported = graph->import(options);
      if (!imported.ok()) {
        EXPECT_TRUE(errorIdOf(imported.status()).has_value()) << "seed " << seed << ": " << imported.status();
        break;
      }
      for (const std::string& name : imported->neededShapes) {
        options.shapes[name] = {2, 8, 8, 2};
      }
      for (const std::string& name : imported->neededValues) {
        options.values[name] = std::make_shared<const Tensor>(Tensor::scalar<bool>(true));
      }
    }
  }
}

TEST(HostileGraphsTest, theGraphThatIsChangedIsFine) {
  auto graph = FrozenGraph::create(victim(), "victim.pb");
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto imported = graph->import();
  EXPECT_TRUE(imported.ok()) << imported.status();
}

TEST(HostileGraphsTest, graphsWithChangedNodesAreImportedOrRefused) {
  for (uint32_t seed = 0; seed < kMutants; ++seed) {
    wire::GraphDef def = victim();
    Mutator(seed).change(def);
    import(FrozenGraph::create(std::move(def), "mutant.pb"), seed);
  }
}

TEST(HostileGraphsTest, graphsWithChangedBytesAreImportedOrRefused) {
  const std::string bytes = victim().SerializeAsString();
  for (uint32_t seed = 0; seed < kMutants; ++seed) {
    import(FrozenGraph::parse(Mutator(seed).flip(bytes), "mutant.pb"), seed);
  }
}

}  // namespace
}  // namespace kiln::tensorflow
