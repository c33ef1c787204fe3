// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every op in WebAssembly against the reference interpreter, in a browser: the rows of the structured sweep, and the
// elementwise ops. What calls a library is refused, and is listed here.
#include <algorithm>
#include <set>
#include <string>

#include "graph/build/operations.h"
#include "graph/ir/taps.h"
#include "gtest/gtest.h"
#include "tests/numerics/sweep.h"
#include "tests/wasm/model_in_browser.h"

namespace kiln::wasm_tests {
namespace {

using numerics::Feeds;
using numerics::Fetch;
using numerics::Sweep;
using numerics::SweepRows;

/// A graph of a sweep, its module, and what is compared.
struct Case {
  std::string name;
  Graph graph;
  std::vector<Feeds> feedSets;
  std::vector<Fetch> fetches;
  std::vector<uint8_t> module;
};

/// Compiles graphs, and then runs all of them in one page.
class Cases {
 public:
  void add(std::string name, StatusOr<Graph> graph, std::vector<Feeds> feedSets, std::vector<Fetch> fetches) {
    ASSERT_TRUE(graph.ok()) << name << ": " << graph.status();
    std::vector<std::string> feedNames, fetchNames;
    for (const auto& feed : feedSets[0]) {
      feedNames.push_back(feed.first);
    }
    for (const Fetch& fetch : fetches) {
      fetchNames.push_back(fetch.name);
    }
    StatusOr<Entry> entry = makeEntry(*graph, "check", feedNames, fetchNames, {});
    ASSERT_TRUE(entry.ok()) << name << ": " << entry.status();
    StatusOr<std::vector<uint8_t>> module = moduleOf(*graph, *entry);
    if (module.ok()) {
      cases_.push_back(
          {std::move(name), *std::move(graph), std::move(feedSets), std::move(fetches), *std::move(module)});
    } else if (errorIdOf(module.status()) == "KILN-C0405" || errorIdOf(module.status()) == "KILN-C0403") {
      refused_.insert(std::move(name));
    } else {
      ADD_FAILURE() << name << ": " << module.status();
    }
  }

  /// Every refused case is of one of these ops (`sort`), or of an op with a type (`erf f64`), and each of them has one.
  void expectRefused(const std::set<std::string>& wanted) const {
    std::set<std::string> found;
    for (const std::string& name : refused_) {
      const std::string op = name.substr(0, name.find(' '));
      found.insert(wanted.contains(op) ? op : name);
    }
    EXPECT_EQ(found, wanted);
  }
  /// `cos f32`
  const std::set<std::string>& refused() const { return refused_; }

  void expectAllSame() const {
    auto browser = Browser::start();
    ASSERT_TRUE(browser.ok()) << browser.status();
    std::vector<Job> jobs;
    for (const Case& c : cases_) {
      Job& job = jobs.emplace_back(Job{.module = c.module, .steps = {}});
      for (const Feeds& feeds : c.feedSets) {
        job.steps.push_back({"check", feeds});
      }
    }
    auto outcomes = runInBrowser(**browser, jobs);
    ASSERT_TRUE(outcomes.ok()) << outcomes.status();
    for (size_t i = 0; i < cases_.size(); ++i) {
      SCOPED_TRACE(cases_[i].name);
      size_t next = 0;
      numerics::expectSame(cases_[i].graph, cases_[i].feedSets, cases_[i].fetches,
                           [&](const Feeds&) -> StatusOr<std::map<std::string, Tensor>> {
                             const Outcome& outcome = (*outcomes)[i][next++];
                             if (!outcome.errorId.empty()) {
                               return absl::InternalError(outcome.errorText);
                             }
                             return outcome.fetches;
                           });
    }
  }

 private:
  std::vector<Case> cases_;
  std::set<std::string> refused_;
};

void addRows(Cases& cases, void (*addFamily)(SweepRows&), std::initializer_list<DType> dtypes) {
  SweepRows rows;
  addFamily(rows);
  for (const OpSchema& op : allOps()) {
    auto row = rows.find(op.name);
    if (row == rows.end()) {
      continue;
    }
    const bool byResult =
        op.operands.empty() || op.name == "iota" || op.name == "one_hot" || op.name.starts_with("random");
    const auto& known = byResult ? op.results[0].dtypes : op.operands[0].dtypes;
    for (DType dtype : dtypes) {
      if (std::ranges::find(known, dtype) == known.end()) {
        continue;
      }
      Sweep sweep(op, dtype);
      row->second(sweep);
      cases.add(std::string(op.name) + " " + std::string(toString(dtype)), sweep.g.finish(), {sweep.feeds},
                sweep.fetches);
    }
  }
}

TEST(WasmNumerics, contractionsAndConvolutions) {
  Cases cases;
  addRows(cases, numerics::addContractionRows, {f32, f64, i32, i64, f16, i8});
  addRows(cases, numerics::addConvolutionRows, {f32, f64, f16});
  cases.expectRefused({});
  cases.expectAllSame();
}

TEST(WasmNumerics, reductions) {
  Cases cases;
  addRows(cases, numerics::addReductionRows, {f32, f64, i32, i64, boolean, bf16, u8});
  cases.expectRefused({"cummax", "cummin", "cumprod", "cumsum", "linear_recurrence", "sort", "top_k"});
  cases.expectAllSame();
}

TEST(WasmNumerics, movementAndIndexing) {
  Cases cases;
  addRows(cases, numerics::addMovementRows, {f32, f64, i64, boolean, f16, u16});
  addRows(cases, numerics::addIndexingRows, {f32, i32, i64, bf16, i8});
  cases.expectRefused({});
  cases.expectAllSame();
}

TEST(WasmNumerics, normalizationsAndLosses) {
  Cases cases;
  addRows(cases, numerics::addNormalizationRows, {f32, f64, f16});
  addRows(cases, numerics::addLossRows, {f32, f64});
  cases.expectRefused({"ctc_loss", "ctc_loss_gradient"});
  cases.expectAllSame();
}

TEST(WasmNumerics, randomNumbersAndOptimizers) {
  Cases cases;
  addRows(cases, numerics::addRandomRows, {f32, f64, i32, i64});
  addRows(cases, numerics::addOptimizerRows, {f32, f64});
  cases.expectRefused({"random_gamma", "random_permutation", "random_truncated_normal"});
  cases.expectAllSame();
}

TEST(WasmNumerics, controlFlowAndLinearAlgebra) {
  Cases cases;
  addRows(cases, numerics::addControlRows, {f32, i32, i64, boolean});
  addRows(cases, numerics::addLinalgRows, {f32, f64});
  cases.expectRefused({"cholesky", "det", "inverse", "lu", "print", "solve", "triangular_solve"});
  cases.expectAllSame();
}

// With the special values of floats, on one static and one symbolic shape.
TEST(WasmNumerics, elementwiseOps) {
  Cases cases;
  numerics::Numbers numbers(7);
  for (const OpSchema& op : allOps()) {
    if (!op.isElementwise || op.name == "cast" || op.name == "bitcast") {
      continue;
    }
    for (DType dtype : {f32, f64, i32, i64, boolean, f16, u8}) {
      if (std::ranges::find(op.operands.back().dtypes, dtype) == op.operands.back().dtypes.end()) {
        continue;
      }
      GraphBuilder g("sweep");
      Feeds feeds;
      std::vector<Fetch> fetches;
      for (bool isSymbolic : {false, true}) {
        const std::vector<int64_t> dims = isSymbolic ? std::vector<int64_t>{7, 13} : std::vector<int64_t>{1031};
        std::vector<Value> operands;
        for (size_t i = 0; i < op.operands.size(); ++i) {
          const std::string name = "x" + std::to_string(fetches.size()) + "_" + std::to_string(i);
          const DType type = op.name == "select" && i == 0 ? boolean : dtype;
          const bool isDivisor = op.sweep == "nonzero" && i == 1 && !isFloat(dtype);
          Tensor tensor(type, dims);
          numerics::fill(tensor, isDivisor ? "nonzero" : "any", numbers);
          operands.push_back(
              g.placeholder(name, type, isSymbolic ? Shape{dim("rows"), dim("columns")} : Shape::of(dims)));
          feeds.emplace(name, std::move(tensor));
        }
        const std::string name = "y" + std::to_string(fetches.size());
        g.makeNode(op.name, operands, {}, name, std::source_location::current());
        fetches.push_back({name, op.tolerance});
      }
      cases.add(std::string(op.name) + " " + std::string(toString(dtype)), g.finish(), {feeds}, fetches);
    }
  }
  // Functions of f64 are the library's; of f32 and f16 those that leave rare arguments to it.
  for (const std::string& name : cases.refused()) {
    const std::string op = name.substr(0, name.find(' '));
    EXPECT_TRUE((name.ends_with(" f64") || std::set<std::string>{"cos", "mod", "remainder", "sin", "tan"}.contains(op)))
        << name;
  }
  cases.expectAllSame();
}

TEST(WasmNumerics, conversions) {
  Cases cases;
  numerics::Numbers numbers(5);
  for (DType from : {f32, f64, f16, bf16, i8, i32, i64, u8, u32, u64, boolean}) {
    GraphBuilder g("sweep");
    Tensor tensor(from, {523});
    numerics::fill(tensor, isFloat(from) ? "small" : "any", numbers);
    Value x = g.placeholder("x", from, {dim("n")});
    std::vector<Fetch> fetches;
    for (DType to : {f32, f64, f16, bf16, i8, i32, i64, u8, u32, u64, boolean}) {
      // To its own type a cast is the value itself.
      if (to == from) {
        continue;
      }
      const std::string name = "y_" + std::string(toString(to));
      cast(x, to).named(name);
      fetches.push_back({name, {}});
    }
    cases.add("cast from " + std::string(toString(from)), g.finish(), {{{"x", tensor}}}, fetches);
  }
  cases.expectRefused({});
  cases.expectAllSame();
}

}  // namespace
}  // namespace kiln::wasm_tests
