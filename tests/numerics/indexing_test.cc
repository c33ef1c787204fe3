// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Indexing ops in compiled programs: faults, and the order in which updates meet on any number of threads.
#include "compiler/jit/session.h"
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/numerics/compare.h"

namespace kiln::numerics {
namespace {

TEST(IndexingFaults, nameTheNodeTheIndexAndTheLength) {
  GraphBuilder g("faults");
  Value x = g.placeholder("x", f32, {4, 3}), i = g.placeholder("i", i64, {2, 3}), u = g.placeholder("u", f32, {2, 3});
  Value rows = g.placeholder("rows", i32, {2});
  gatherElements(x, i).named("gather_elements");
  gatherNd(x, reshape(i, {3, 2})).named("gather_nd");
  scatter(x, i, u, 0, "max").named("scatter");
  scatterNd(x, expandDims(rows, -1), u, "add").named("scatter_nd");
  scatterSlices(x, rows, u).named("scatter_slices");
  embedding(x, rows, 1).named("embedding");
  segmentMean(u, rows, 4).named("segment_mean");
  segmentMax(u, rows, 4).named("segment_max");
  Session session = createSession(g.finish().value()).value();
  Feeds feeds = {{"x", Tensor(f32, {4, 3})}, {"u", Tensor(f32, {2, 3})}};
  auto run = [&](const std::string& name, double last) {
    // The last index alone is out of range, at the end of a loop over vectors.
    Tensor indices = Tensor::of<int64_t>({2, 3}, {0, 1, 0, 2, 3, 0}), of = Tensor::of<int32_t>({2}, {3, 0});
    indices.set(5, last);
    of.set(1, last);
    feeds.insert_or_assign("i", indices);
    feeds.insert_or_assign("rows", of);
    const bool byElement = name == "gather_elements" || name == "gather_nd" || name == "scatter";
    std::map<std::string, TensorView> given = {{byElement ? "i" : "rows", feeds.at(byElement ? "i" : "rows")}};
    if (name != "segment_mean" && name != "segment_max") {
      given.insert({"x", feeds.at("x")});
    }
    if (name.starts_with("scatter") || name.starts_with("segment")) {
      given.insert({"u", feeds.at("u")});
    }
    return std::string(session.run(given, {name}).status().message());
  };
  for (const std::string name : {"gather_elements", "gather_nd", "scatter", "scatter_nd", "scatter_slices", "embedding",
                                 "segment_mean", "segment_max"}) {
    EXPECT_EQ(run(name, 2), "") << name;
    const std::string text = run(name, 9);
    EXPECT_NE(text.find("KILN-R0030"), std::string::npos) << text;
    EXPECT_NE(text.find("'" + name + "'"), std::string::npos) << text;
    EXPECT_NE(
        text.find("index 9 is out of range for an axis of length " + std::string(name == "gather_nd" ? "3" : "4")),
        std::string::npos)
        << text;
    // Only these count from the end.
    const bool allowsNegative = !name.starts_with("embedding") && !name.starts_with("segment");
    EXPECT_EQ(run(name, -1).find("KILN-R0030") == std::string::npos, allowsNegative) << name;
  }
}

TEST(Scattering, isTheSameOnAnyNumberOfThreads) {
  GraphBuilder g("threads");
  Value x = g.placeholder("x", f32, {40, 30}), i = g.placeholder("i", i64, {5000}),
        u = g.placeholder("u", f32, {5000, 30});
  for (const char* how : {"none", "add", "mul", "max"}) {
    scatterNd(x, expandDims(i, -1), tanh(u) + 1, how).named(std::string("by_") + how);
  }
  Graph graph = g.finish().value();
  Numbers numbers(3);
  Feeds feeds = {{"x", Tensor(f32, {40, 30})}, {"i", Tensor(i64, {5000})}, {"u", Tensor(f32, {5000, 30})}};
  fill(feeds.at("x"), "unit", numbers);
  fill(feeds.at("u"), "unit", numbers);
  for (int64_t k = 0; k < 5000; ++k) {
    feeds.at("i").set(k, static_cast<double>(numbers.next() % 40));
  }
  std::map<std::string, Tensor> results[2];
  for (int threads : {1, 2}) {
    Session session = createSession(graph, {.threads = threads}).value();
    results[threads - 1] = session.run({feeds.begin(), feeds.end()}, {"by_none", "by_add", "by_mul", "by_max"}).value();
  }
  for (const auto& [name, tensor] : results[0]) {
    EXPECT_TRUE(tensor.identicalTo(results[1].at(name))) << name;
  }
}

}  // namespace
}  // namespace kiln::numerics
