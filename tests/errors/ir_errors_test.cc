// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One program for each thing that Graph::create and makeEntry refuse.
#include "graph/ir/graph.h"
#include "tests/errors/expect_error.h"

namespace kiln {
namespace {

class IrErrors : public testing::Test {
 protected:
  // Nodes get the lines 10, 11, ... of model.cc.
  static NodeId add(Body& body, std::string_view op, std::string name, std::vector<ValueRef> inputs = {},
                    Attributes attributes = {}) {
    Node node;
    node.id = static_cast<NodeId>(body.nodes.size());
    node.op = findOp(op);
    node.name = std::move(name);
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    node.location = {"model.cc", 10 + node.id};
    body.nodes.push_back(std::move(node));
    return body.nodes.back().id;
  }
  static NodeId input(Body& body, std::string name, Shape shape) {
    return add(body, "placeholder", std::move(name), {}, {{"dtype", f32}, {"shape", std::move(shape)}});
  }
  NodeId variable(std::string name) {
    return add(data.body, "variable", std::move(name), {}, {{"dtype", f32}, {"shape", Shape{2}}});
  }
  NodeId assign(NodeId variable, std::string name) {
    return add(data.body, "assign", std::move(name), {{variable, 0}, {variable, 0}});
  }
  // A function of one f32 scalar that calls `callee`, or gives its argument when that is empty.
  Function& function(const std::string& name, const std::string& callee) {
    Function& f = data.functions[name];
    f.name = name;
    const NodeId arg = input(f.body, "arg", {});
    f.parameters = {{arg, 0}};
    f.results = {{callee.empty() ? arg : add(f.body, "call", "inner", {{arg, 0}}, {{"callee", callee}}), 0}};
    return f;
  }
  Status create() { return Graph::create(std::move(data)).status(); }
  Entry& entry(std::string name, std::vector<Port> feeds, std::vector<Port> fetches, std::vector<NodeId> targets = {}) {
    data.entries.push_back(
        {std::move(name), std::move(feeds), std::move(fetches), std::move(targets), {"model.cc", 99}});
    return data.entries.back();
  }

  GraphData data;
  Body& body = data.body;
};

TEST_F(IrErrors, G0001DuplicateNodeName) {
  variable("w");
  input(body, "w", {2, 3});
  expectError(create(), "G0001",
              {"model.cc:11: error: [KILN-G0001] kiln.placeholder 'w'", "kiln.variable 'w'", "model.cc:10: note:"});
}

TEST_F(IrErrors, G0002InputDoesNotExist) {
  input(body, "x", {2});
  add(body, "tanh", "y", {{0, 3}});
  expectError(
      create(), "G0002",
      {"model.cc:11: error: [KILN-G0002] kiln.tanh 'y': input 0", "output 3 of kiln.placeholder 'x', which has 1"});
}

TEST_F(IrErrors, G0002NodeDoesNotExist) {
  add(body, "tanh", "y", {{7, 0}});
  expectError(create(), "G0002", {"model.cc:10", "kiln.tanh 'y'", "node 7 of a body with 1 node"});
}

TEST_F(IrErrors, G0003InputComesLater) {
  add(body, "tanh", "y", {{1, 0}});
  input(body, "x", {2});
  expectError(create(), "G0003", {"model.cc:10: error: [KILN-G0003] kiln.tanh 'y': input 0 is 'x'"});
}

TEST_F(IrErrors, G0003ANodeOfItself) {
  add(body, "tanh", "y", {{0, 0}});
  expectError(create(), "G0003", {"kiln.tanh 'y': input 0 is 'y'"});
}

TEST_F(IrErrors, G0004InvalidNames) {
  for (const char* name : {"", "a b", "a:0", "^a", "/a", "a\n"}) {
    GraphData named;
    input(named.body, name, {2});
    expectError(Graph::create(std::move(named)).status(), "G0004",
                {"model.cc:10", std::string("'") + name + "' is not a valid name"});
  }
}

TEST_F(IrErrors, G0005StoredTypeDiffers) {
  input(body, "x", {2, 3});
  const NodeId y = add(body, "tanh", "y", {{0, 0}});
  body.nodes[y].outputs = {{f32, Shape{2, 4}}};
  expectError(create(), "G0005",
              {"model.cc:11: error: [KILN-G0005] kiln.tanh 'y': result 0", "f32[2, 4]", "f32[2, 3]"});
}

TEST_F(IrErrors, G0006DirectRecursion) {
  function("f", "f");
  expectError(create(), "G0006", {"model.cc:11: error: [KILN-G0006]", "'f' calls 'f'"});
}

TEST_F(IrErrors, G0006IndirectRecursionNamesTheChain) {
  function("a", "b");
  function("b", "c");
  function("c", "a");
  const NodeId x = input(body, "x", {});
  add(body, "call", "y", {{x, 0}}, {{"callee", std::string("a")}});
  const Status status = create();
  expectError(status, "G0006", {"'a' calls 'b' calls 'c' calls 'a'"});
  EXPECT_THAT(std::string(status.message()), testing::Not(testing::HasSubstr("'y'")));
}

TEST_F(IrErrors, G0007UnknownFunction) {
  function("scale", "");
  const NodeId x = input(body, "x", {});
  add(body, "call", "y", {{x, 0}}, {{"callee", std::string("scael")}});
  expectError(create(), "G0007",
              {"model.cc:11: error: [KILN-G0007] kiln.call 'y': function 'scael'", "did you mean 'scale'?"});
}

TEST_F(IrErrors, G0008NoOp) {
  input(body, "x", {2});
  body.nodes[0].op = nullptr;
  expectError(create(), "G0008", {"model.cc:10", "node 0 ('x')"});
}

TEST_F(IrErrors, G0009EntryTwice) {
  const NodeId w = variable("w");
  entry("main", {}, {{"w", {w, 0}}});
  entry("main", {}, {{"w", {w, 0}}});
  expectError(create(), "G0009", {"model.cc:99", "entry 'main'"});
}

TEST_F(IrErrors, G0010EntryOfNoValue) {
  variable("w");
  entry("main", {}, {{"w", {5, 0}}});
  expectError(create(), "G0010", {"model.cc:99", "entry 'main': fetch 'w'"});
}

TEST_F(IrErrors, G0011TwoFetchesOfOneName) {
  const NodeId w = variable("w");
  entry("main", {}, {{"w", {w, 0}}, {"w", {w, 0}}});
  expectError(create(), "G0011", {"entry 'main': two fetches have the name 'w'"});
}

TEST_F(IrErrors, G0012FeedOfAnInnerValue) {
  const NodeId x = input(body, "x", {2});
  const NodeId y = add(body, "tanh", "y", {{x, 0}});
  entry("main", {{"y", {y, 0}}}, {{"y2", {y, 0}}});
  expectError(create(), "G0012", {"entry 'main': feed 'y' is kiln.tanh 'y'"});
}

TEST_F(IrErrors, G0013TargetWithoutEffect) {
  const NodeId x = input(body, "x", {2});
  const NodeId y = add(body, "tanh", "y", {{x, 0}});
  entry("main", {{"x", {x, 0}}}, {}, {y});
  expectError(create(), "G0013", {"entry 'main': target 'y' is kiln.tanh 'y'"});
}

TEST_F(IrErrors, G0014DimensionThatNoFeedTells) {
  add(body, "shape_value", "s", {}, {{"shape", Shape{dim("n"), 2}}});
  const NodeId i = add(body, "iota", "i", {{0, 0}}, {{"axis", int64_t{0}}, {"dtype", i64}});
  entry("main", {}, {{"i", {i, 0}}});
  expectError(create(), "G0014",
              {"model.cc:10: error: [KILN-G0014]", "dimension 'n' of kiln.shape_value 's'", "feed of entry 'main'"});
}

TEST_F(IrErrors, G0014OnlyALinearDimTellsADimension) {
  const NodeId x = input(body, "x", {dim("n") * dim("n")});
  entry("main", {{"x", {x, 0}}}, {{"y", {x, 0}}});
  expectError(create(), "G0014", {"dimension 'n' of kiln.placeholder 'x'"});
}

TEST_F(IrErrors, G0015RangeWithoutALength) {
  data.symbols["batch"] = {5, 4};
  expectError(create(), "G0015", {"'batch'", "[5, 4]"});
}

TEST_F(IrErrors, G0016WeightOfNoVariable) {
  variable("hidden/w");
  data.weights["hiden/w"] = std::make_shared<Tensor>(Tensor::of<float>({2}, {1, 2}));
  expectError(create(), "G0016", {"'hiden/w'", "did you mean 'hidden/w'?"});
}

TEST_F(IrErrors, G0017WeightOfAnotherShape) {
  variable("w");
  data.weights["w"] = std::make_shared<Tensor>(Tensor::of<float>({3}, {1, 2, 3}));
  expectError(create(), "G0017", {"model.cc:10", "variable 'w'", "f32[3]", "f32[2]"});
}

TEST_F(IrErrors, G0018AssignmentToAValue) {
  const NodeId w = variable("w");
  const NodeId y = add(body, "tanh", "y", {{w, 0}});
  assign(y, "update");
  expectError(create(), "G0018", {"model.cc:12: error: [KILN-G0018] kiln.assign 'update'", "kiln.tanh 'y'"});
}

TEST_F(IrErrors, G0019VariableInAFunction) {
  Function& f = function("f", "");
  add(f.body, "variable", "w", {}, {{"dtype", f32}, {"shape", Shape{2}}});
  expectError(create(), "G0019", {"model.cc:11", "kiln.variable 'w'", "function 'f'"});
}

TEST_F(IrErrors, G0020ResultOutsideOfTheBody) {
  function("f", "").results = {{9, 0}};
  expectError(create(), "G0020", {"function 'f'", "result 0"});
}

TEST_F(IrErrors, G0022ShapesThatGrowWithoutBound) {
  // Squaring a shape value forty times would give a polynomial of degree 2^40.
  Dim sum = 0;
  for (int i = 0; i < 100; ++i) {
    sum = sum + dim("s" + std::to_string(i));
  }
  input(body, "x", {sum, sum, sum});
  expectError(create(), "G0022", {"model.cc:10", "kiln.placeholder 'x'", "rank 3"});
}

TEST_F(IrErrors, G0023ShapesWithTooManyAxes) {
  input(body, "x", Shape(std::vector<Dim>(65, Dim(1))));
  expectError(create(), "G0023", {"model.cc:10", "kiln.placeholder 'x'", "65 axes", "64"});
}

TEST_F(IrErrors, G0024ValuesMultipliedByCalls) {
  // A function with 4000 results, called 2000 times: few bytes, and 8 million values.
  Function& f = function("many", "");
  f.results.assign(4000, f.parameters[0]);
  const NodeId x = input(body, "x", {});
  for (int i = 0; i < 2000; ++i) {
    add(body, "call", "call" + std::to_string(i), {{x, 0}}, {{"callee", std::string("many")}});
  }
  expectError(create(), "G0024", {"4000000 values"});
}

TEST_F(IrErrors, G0024TooManyEntries) {
  const NodeId w = variable("w");
  for (int i = 0; i < 1001; ++i) {
    entry("e" + std::to_string(i), {}, {{"w", {w, 0}}});
  }
  expectError(create(), "G0024", {"1000 entries"});
}

TEST_F(IrErrors, ManyErrorsAreListedUpToALimit) {
  for (int i = 0; i < 5000; ++i) {
    add(body, "call", "call" + std::to_string(i), {}, {{"callee", std::string("none")}});
  }
  const Status status = create();
  expectError(status, "G0007", {"'call0'", "'call99'", "and more errors"});
  EXPECT_THAT(std::string(status.message()), testing::Not(testing::HasSubstr("'call200'")));
}

TEST_F(IrErrors, VariableWithASymbolicShape) {
  add(body, "variable", "w", {}, {{"dtype", f32}, {"shape", Shape{dim("n")}}});
  const Status status = create();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(testing::HasSubstr("model.cc:10"), testing::HasSubstr("kiln.variable 'w'"),
                             testing::HasSubstr("[n]")));
}

class EntryErrors : public IrErrors {
 protected:
  EntryErrors() {
    const NodeId x = input(body, "image", {dim("batch"), 64});
    add(body, "tanh", "logits", {{x, 0}});
    const NodeId w = variable("w");
    assign(w, "train_step");
    assign(w, "reset");
    graph = Graph::create(std::move(data)).value();
  }
  Status make(const std::vector<std::string>& feeds, const std::vector<std::string>& fetches,
              const std::vector<std::string>& targets) {
    return makeEntry(graph, "mine", feeds, fetches, targets).status();
  }
  Graph graph;
};

TEST_F(EntryErrors, G0030UnknownValue) {
  expectError(graph.findValue("logit").status(), "G0030", {"'logit'", "did you mean 'logits'"});
  expectError(graph.findValue("logits:1").status(), "G0030", {"'logits:1'", "'logits'"});
}
TEST_F(EntryErrors, G0031UnknownFeed) {
  expectError(make({"imag"}, {"logits"}, {}), "G0031", {"'imag'", "did you mean 'image'?"});
}
TEST_F(EntryErrors, G0032UnknownFetch) {
  expectError(make({"image"}, {"logist"}, {}), "G0032", {"'logist'", "'logits'"});
}
TEST_F(EntryErrors, G0033UnknownTarget) {
  expectError(make({}, {}, {"train_stp"}), "G0033", {"'train_stp'", "did you mean 'train_step'"});
}
TEST_F(EntryErrors, G0034TwoAssignments) {
  expectError(make({}, {}, {"train_step", "reset"}), "G0034",
              {"model.cc:14", "variable 'w'", "entry 'mine'", "'train_step'", "'reset'"});
}
TEST_F(EntryErrors, G0035MissingFeed) { expectError(make({}, {"logits"}, {}), "G0035", {"entry 'mine'", "'image'"}); }

}  // namespace
}  // namespace kiln
