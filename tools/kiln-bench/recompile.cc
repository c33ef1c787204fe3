// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// recompile_edited_resnet50: what compiling a model costs after a layer was changed, when the cache knows the rest.
#include <algorithm>
#include <optional>
#include <set>

#include "compiler/cache/kernel_cache.h"
#include "compiler/emit/link_image.h"
#include "compiler/jit/session.h"
#include "compiler/pipelines/compile.h"
#include "graph/graph.h"
#include "graph/io/onnx/onnx_model.h"
#include "graph/ir/inference.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/special.h"
#include "tools/kiln-bench/temporary_folder.h"

namespace kiln::bench {
namespace {

constexpr int kRounds = 5;

// Two convolutions in a row, with one relu between that nothing else reads: the first one's results may become more
// without anybody else noticing.
struct Layer {
  NodeId first = -1, activation = -1, second = -1;
};

std::vector<Layer> layersOf(const Body& body) {
  std::vector<std::vector<NodeId>> users(body.nodes.size());
  for (const Node& node : body.nodes) {
    for (const ValueRef& input : node.inputs) {
      users[static_cast<size_t>(input.node)].push_back(node.id);
    }
  }
  const auto onlyUser = [&](NodeId id, std::string_view op) -> NodeId {
    const std::vector<NodeId>& all = users[static_cast<size_t>(id)];
    return all.size() == 1 && body.node(all[0]).op->name == op ? all[0] : -1;
  };
  const auto hasOwnFilter = [&](NodeId id) {
    const NodeId filter = body.node(id).inputs[1].node;
    return body.node(filter).op->name == "variable" && users[static_cast<size_t>(filter)].size() == 1;
  };
  std::vector<Layer> layers;
  for (const Node& node : body.nodes) {
    if (node.op->name != "conv" || !hasOwnFilter(node.id)) {
      continue;
    }
    Layer layer{.first = node.id, .activation = onlyUser(node.id, "relu")};
    layer.second = layer.activation < 0 ? -1 : onlyUser(layer.activation, "conv");
    if (layer.second >= 0 && hasOwnFilter(layer.second)) {
      layers.push_back(layer);
    }
  }
  return layers;
}

// The axis of a filter with its results, or with the channels that it takes, by the convolution's filter layout.
size_t filterAxis(const Node& conv, char which) {
  const Attribute* layout = conv.attributes.find("filter_layout");
  const std::string text = layout != nullptr ? std::get<std::string>(*layout) : "OIHW";
  return text.find(which);
}

// Gives a filter half as many entries more along an axis, and its variable a value of that shape.
void widen(GraphData& data, NodeId filter, size_t axis) {
  Node& variable = data.body.nodes[static_cast<size_t>(filter)];
  std::vector<int64_t> dims;
  for (const Dim& dim : variable.outputs[0].shape) {
    dims.push_back(dim.value());
  }
  dims[axis] += dims[axis] / 2;
  variable.attributes.set("shape", Shape::of(dims));
  if (auto weight = data.weights.find(variable.name); weight != data.weights.end()) {
    Tensor value(variable.outputs[0].dtype, dims);
    std::fill_n(value.mutableData<float>(), value.numElements(), 0.01f);
    weight->second = std::make_shared<const Tensor>(std::move(value));
  }
}

StatusOr<Graph> withTypes(GraphData data) {
  BodyInference inference(data.body, data.functions);
  for (Node& node : data.body.nodes) {
    KILN_RETURN_IF_ERROR(inference.infer(node));
  }
  return Graph::create(std::move(data));
}

enum class Edit { kActivation, kFilters };

// The graph with one layer changed: another activation, or half as many filters more.
StatusOr<Graph> editLayer(const Graph& graph, const Layer& layer, Edit edit) {
  GraphData data = graph.data();
  if (edit == Edit::kActivation) {
    data.body.nodes[static_cast<size_t>(layer.activation)].op = findOp("tanh");
  } else {
    const Node first = data.body.node(layer.first), second = data.body.node(layer.second);
    widen(data, first.inputs[1].node, filterAxis(first, 'O'));
    widen(data, second.inputs[1].node, filterAxis(second, 'I'));
  }
  return withTypes(std::move(data));
}

struct Compiled {
  double seconds = 0;
  compiler::CompileReport report;
};

// From a graph to an image, as `kiln compile` does it.
StatusOr<Compiled> compile(const Graph& graph, std::shared_ptr<KernelCache> cache, int threads) {
  Compiled compiled;
  compiler::CompileOptions options;
  options.cache = std::move(cache);
  options.codegenThreads = threads;
  std::vector<const Entry*> entries;
  for (const Entry& entry : graph.entries()) {
    entries.push_back(&entry);
  }
  const double start = now();
  KILN_ASSIGN_OR_RETURN(compiler::CompiledCode code, compiler::compileCode(graph, entries, options, &compiled.report));
  KILN_RETURN_IF_ERROR(compiler::linkImage(code.objects).status());
  compiled.seconds = now() - start;
  return compiled;
}

double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

}  // namespace

// Each round has a cache of its own, which the first compilation fills; then layers from all parts of the model are
// changed, one in each round. The ratio is that of the costlier kind of change.
StatusOr<Fields> measureRecompile(const SpecialOptions& options) {
  KILN_ASSIGN_OR_RETURN(onnx::Model model, onnx::Model::read(options.models + "/resnet50_b1.onnx"));
  KILN_ASSIGN_OR_RETURN(ImportedModel imported, model.import());
  const Graph& graph = imported.graph;
  const std::vector<Layer> layers = layersOf(graph.body());
  if (layers.empty()) {
    return absl::InvalidArgumentError("the model has no two convolutions in a row");
  }
  // What a process does once: LLVM's tables, pages of the program.
  KILN_RETURN_IF_ERROR(compile(graph, nullptr, options.threads).status());
  std::vector<double> first, activation, filters;
  int hits = 0, misses = 0, units = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Layer& layer = layers[layers.size() * static_cast<size_t>(round) / kRounds];
    std::vector<double>* times[] = {&activation, &filters};
    for (const Edit edit : {Edit::kActivation, Edit::kFilters}) {
      const TemporaryFolder folder;
      KILN_ASSIGN_OR_RETURN(std::shared_ptr<KernelCache> cache, KernelCache::open(folder.path()));
      KILN_ASSIGN_OR_RETURN(Compiled before, compile(graph, cache, options.threads));
      KILN_ASSIGN_OR_RETURN(Graph edited, editLayer(graph, layer, edit));
      KILN_ASSIGN_OR_RETURN(Compiled after, compile(edited, cache, options.threads));
      first.push_back(before.seconds);
      times[static_cast<int>(edit)]->push_back(after.seconds);
      if (after.report.cacheMisses > misses) {
        hits = after.report.cacheHits;
        misses = after.report.cacheMisses;
        units = after.report.numUnits;
      }
    }
  }
  const double edited = std::max(median(activation), median(filters));
  return Fields{{"ratio", median(first) / edited},
                {"first_s", median(first)},
                {"edited_s", edited},
                {"activation_s", median(activation)},
                {"filters_s", median(filters)},
                {"hits", hits},
                {"misses", misses},
                {"units", units}};
}

// A small net of the same kind: what is computed with code from the cache, after each change, against the interpreter.
StatusOr<Verification> verifyRecompile(int threads) {
  GraphBuilder g("two_convolutions");
  Value x = g.placeholder("x", f32, {1, 3, 12, 12});
  const auto filter = [&](const char* name, std::vector<int64_t> dims) {
    Tensor value(f32, dims);
    for (int64_t i = 0; i < value.numElements(); ++i) {
      value.mutableData<float>()[i] = 0.05f * static_cast<float>(i % 13 - 6);
    }
    return g.weight(name, std::make_shared<const Tensor>(std::move(value)));
  };
  const ConvOptions layout{.layout = "NCHW", .filterLayout = "OIHW"};
  Value h = relu(conv(x, filter("a", {8, 3, 3, 3}), layout));
  h = relu(conv(h, filter("b", {8, 8, 3, 3}), layout));
  g.entry("run", {.feeds = {x}, .fetches = {{"y", conv(h, filter("c", {4, 8, 1, 1}), layout)}}, .targets = {}});
  KILN_ASSIGN_OR_RETURN(Graph graph, g.finish());
  Tensor feed(f32, {1, 3, 12, 12});
  for (int64_t i = 0; i < feed.numElements(); ++i) {
    feed.mutableData<float>()[i] = 0.1f * static_cast<float>(i % 29 - 14);
  }
  const TemporaryFolder folder;
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<KernelCache> cache, KernelCache::open(folder.path()));
  KILN_RETURN_IF_ERROR(compile(graph, cache, threads).status());
  Verification all{.isEqual = true, .maxError = 0};
  for (const Layer& layer : layersOf(graph.body())) {
    for (const Edit edit : {Edit::kActivation, Edit::kFilters}) {
      KILN_ASSIGN_OR_RETURN(Graph edited, editLayer(graph, layer, edit));
      KILN_ASSIGN_OR_RETURN(Verification one, verify(Workload{std::move(edited), {feed}}, threads, {.cache = cache}));
      all.isEqual &= one.isEqual;
      all.maxError = std::max(all.maxError, one.maxError);
    }
  }
  all.isEqual &= cache->use().hits > 0;
  return all;
}

}  // namespace kiln::bench
