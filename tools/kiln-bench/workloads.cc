// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-bench/workloads.h"

#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <random>

#include "tools/kiln-bench/loops.h"
#include "tools/kiln-bench/special.h"

namespace kiln::bench {
namespace {

using Random = std::mt19937;

Tensor normal(Random& random, std::vector<int64_t> dims) {
  Tensor tensor(f32, std::move(dims));
  std::normal_distribution<float> distribution;
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.mutableData<float>()[i] = distribution(random);
  }
  return tensor;
}

Tensor classes(Random& random, int64_t count, int limit) {
  Tensor tensor(i32, {count});
  for (int64_t i = 0; i < count; ++i) {
    tensor.mutableData<int32_t>()[i] = static_cast<int32_t>(random() % static_cast<uint32_t>(limit));
  }
  return tensor;
}

StatusOr<Workload> finished(GraphBuilder& g, std::vector<Tensor> feeds) {
  KILN_ASSIGN_OR_RETURN(Graph graph, g.finish());
  return Workload{std::move(graph), std::move(feeds)};
}

StatusOr<Workload> callAdd(Random& random) {
  GraphBuilder g("call_add");
  Value x = g.placeholder("x", f32, {4});
  Value y = (x + 1).named("y");
  g.entry("run", {.feeds = {x}, .fetches = {y}, .targets = {}});
  return finished(g, {normal(random, {4})});
}

StatusOr<Workload> callChain100(Random& random) {
  GraphBuilder g("call_chain100");
  Value x = g.placeholder("x", f32, {64});
  Value y = x;
  for (int i = 0; i < 33; ++i) {
    y = tanh(y) * 1.01 + 0.1;
  }
  g.entry("run", {.feeds = {x}, .fetches = {{"y", y}}, .targets = {}});
  return finished(g, {normal(random, {64})});
}

StatusOr<Workload> gemm(Random& random, int64_t m, int64_t n, int64_t k) {
  GraphBuilder g("gemm");
  Value a = g.placeholder("a", f32, {m, k});
  Value b = g.placeholder("b", f32, {k, n});
  g.entry("run", {.feeds = {a, b}, .fetches = {{"c", matmul(a, b)}}, .targets = {}});
  return finished(g, {normal(random, {m, k}), normal(random, {k, n})});
}

// One optimizer step of a multi-layer perceptron: loss out.
StatusOr<Workload> trainMlp(Random& random, int64_t batch, const std::vector<int64_t>& sizes,
                            Value (*activation)(Operand), const std::function<Target(GraphBuilder&, Value)>& minimize) {
  GraphBuilder g("train_mlp");
  Value x = g.placeholder("x", f32, {batch, sizes.front()});
  Value y = g.placeholder("y", i32, {batch});
  Value h = x;
  for (size_t i = 1; i < sizes.size(); ++i) {
    bool isLast = i + 1 == sizes.size();
    std::string name = "layer" + std::to_string(i);
    h = isLast ? nn::dense(g, name, h, sizes[i]) : nn::dense(g, name, h, sizes[i], activation);
  }
  Value loss = reduceMean(softmaxCrossEntropy(h, y)).named("loss");
  Target step = minimize(g, loss);
  g.entry("run", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  return finished(g, {normal(random, {batch, sizes.front()}), classes(random, batch, static_cast<int>(sizes.back()))});
}

const std::map<std::string, StatusOr<Workload> (*)(Random&)>& fixedWorkloads() {
  static const auto* workloads = new std::map<std::string, StatusOr<Workload> (*)(Random&)>{
      {"call_add", callAdd},
      {"call_chain100", callChain100},
      {"train_mlp_tiny",
       [](Random& random) {
         return trainMlp(random, 32, {64, 64, 10}, tanh, [](GraphBuilder& g, Value loss) {
           return optim::momentum(g, {.learningRate = 1e-2, .momentum = 0.9}).minimize(loss);
         });
       }},
      {"train_mlp",
       [](Random& random) {
         return trainMlp(random, 128, {784, 512, 512, 10}, relu, [](GraphBuilder& g, Value loss) {
           return optim::adam(g, {.learningRate = 1e-3}).minimize(loss);
         });
       }},
  };
  return *workloads;
}

constexpr std::pair<const char*, int64_t> kOrbits[] = {
    {"orbit_1e4", 10'000}, {"orbit_1e6", 1'000'000}, {"orbit_grad_1e4", 10'000}};
constexpr char kTanhRnn[] = "tanh_rnn_grad";
// Few enough that rounding differences have not grown.
constexpr int64_t kSmallOrbit = 200;

std::optional<StatusOr<Workload>> loopNamed(const std::string& name, Random& random, bool isSmall) {
  for (const auto& [orbitName, steps] : kOrbits) {
    if (name == orbitName) {
      return orbit(isSmall ? kSmallOrbit : steps, name.find("grad") != std::string::npos);
    }
  }
  return name == kTanhRnn ? std::optional(tanhRnnGradient(random, 50)) : std::nullopt;
}

// The three sizes of `gemm_MxNxK`.
std::optional<std::vector<int64_t>> gemmSizes(const std::string& name) {
  constexpr std::string_view kPrefix = "gemm_";
  if (name.rfind(kPrefix, 0) != 0) {
    return std::nullopt;
  }
  std::vector<int64_t> sizes;
  const char* at = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  while (sizes.size() < 3) {
    int64_t size = 0;
    auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 1 || size > (1 << 16)) {
      return std::nullopt;
    }
    sizes.push_back(size);
    bool last = sizes.size() == 3;
    if (last ? next != end : next == end || *next != 'x') {
      return std::nullopt;
    }
    at = next + 1;
  }
  return sizes;
}

}  // namespace

std::vector<std::string> workloadNames() {
  std::vector<std::string> names;
  for (const auto& [name, make] : fixedWorkloads()) {
    names.push_back(name);
  }
  for (const auto& [name, steps] : kOrbits) {
    names.emplace_back(name);
  }
  names.emplace_back(kTanhRnn);
  for (const SpecialWorkload& special : specialWorkloads()) {
    names.emplace_back(special.name);
  }
  for (const char* name :
       {"gemm_1x4096x4096", "gemm_16x1024x1024", "gemm_128x3072x768", "gemm_512x512x512", "gemm_1024x1024x1024"}) {
    names.emplace_back(name);
  }
  return names;
}

StatusOr<Workload> makeWorkload(const std::string& name, bool isSmall) {
  Random random(7);
  if (auto loop = loopNamed(name, random, isSmall)) {
    return *std::move(loop);
  }
  auto found = fixedWorkloads().find(name);
  if (found != fixedWorkloads().end()) {
    return found->second(random);
  }
  if (auto sizes = gemmSizes(name)) {
    return gemm(random, (*sizes)[0], (*sizes)[1], (*sizes)[2]);
  }
  return makeError<ErrorId::kT0020>(name, nearestNames(name, workloadNames()));
}

}  // namespace kiln::bench
