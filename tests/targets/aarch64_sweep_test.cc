// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every op in code for aarch64 against the reference interpreter: the rows of the structured sweep, the elementwise
// ops, and all conversions. Ops that call kernels of the runtime, which is not built for aarch64 here, are listed.
#include <algorithm>
#include <set>

#include "graph/build/operations.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"
#include "tests/numerics/sweep.h"
#include "tests/targets/cross.h"

namespace kiln::targets {
namespace {

using numerics::Feeds;
using numerics::Fetch;
using numerics::Sweep;
using numerics::SweepRows;

// What driver.c has no function for.
bool needsRuntime(const std::string& use) {
#define KILN_OP(constant, op) #op,
  constexpr std::string_view kOps[] = {
      KILN_KERNELS(KILN_OP) "digamma", "trigamma", "erfinv", "lgamma", "random_permutation", "random_truncated_normal"};
#undef KILN_OP
  return std::ranges::any_of(kOps, [&](std::string_view op) { return use.find(op) != std::string::npos; });
}

/// Runs cases as they come, and remembers what could not be run.
class Cases {
 public:
  explicit Cases(std::set<std::string> refused = {}) : wanted_(std::move(refused)) {}
  ~Cases() { EXPECT_EQ(refused_, wanted_); }

  void add(const std::string& op, const std::string& name, StatusOr<Graph> graph, const Feeds& feeds,
           const std::vector<Fetch>& fetches) {
    SCOPED_TRACE(op + " " + name);
    ASSERT_TRUE(graph.ok()) << graph.status();
    std::vector<std::string> feedNames, fetchNames;
    for (const auto& feed : feeds) {
      feedNames.push_back(feed.first);
    }
    for (const Fetch& fetch : fetches) {
      fetchNames.push_back(fetch.name);
    }
    const StatusOr<Entry> entry = makeEntry(*graph, "run", feedNames, fetchNames, {});
    ASSERT_TRUE(entry.ok()) << entry.status();
    auto foreign = ForeignEntry::make(Machine::aarch64(), *graph, *entry, compiler::NativeProfile::kHosted);
    if (errorIdOf(foreign.status()) == "KILN-C0403") {
      refused_.insert(op);
      return;
    }
    ASSERT_TRUE(foreign.ok()) << foreign.status();
    if (needsRuntime((*foreign)->code().hostUses[0])) {
      refused_.insert(op);
      return;
    }
    const VariableStore store = initialValues(*graph).value();
    std::vector<Tensor> variables;
    for (const VariableUse& use : (*foreign)->manifest().variables) {
      const NodeId id = graph->variables()[static_cast<size_t>(use.variable)];
      variables.push_back(*store.find(graph->body().node(id).name));
    }
    numerics::expectSame(*graph, {feeds}, fetches, [&](const Feeds& given) -> StatusOr<std::map<std::string, Tensor>> {
      KILN_ASSIGN_OR_RETURN(ForeignRun run, (*foreign)->run(given, variables));
      if (run.status != 0) {
        return absl::InternalError("status " + std::to_string(run.status));
      }
      std::map<std::string, Tensor> results;
      for (size_t i = 0; i < run.fetches.size(); ++i) {
        results[(*foreign)->manifest().fetches[i].name] = std::move(run.fetches[i]);
      }
      return results;
    });
    ++numRun_;
  }

  void addRows(void (*addFamily)(SweepRows&), std::initializer_list<DType> dtypes) {
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
        if (std::ranges::find(known, dtype) != known.end()) {
          Sweep sweep(op, dtype);
          row->second(sweep);
          add(std::string(op.name), std::string(toString(dtype)), sweep.g.finish(), sweep.feeds, sweep.fetches);
        }
      }
    }
  }

  int numRun() const { return numRun_; }

 private:
  std::set<std::string> refused_, wanted_;
  int numRun_ = 0;
};

TEST(Aarch64Sweep, contractions) {
  Cases cases;
  cases.addRows(numerics::addContractionRows, {f32, f64, f16, bf16, i8, i64});
}

TEST(Aarch64Sweep, convolutions) {
  Cases cases;
  cases.addRows(numerics::addConvolutionRows, {f32, f16});
}

TEST(Aarch64Sweep, reductions) {
  Cases cases({"cummax", "cummin", "cumprod", "cumsum", "linear_recurrence", "sort", "top_k"});
  cases.addRows(numerics::addReductionRows, {f32, i32, bf16, boolean});
}

TEST(Aarch64Sweep, movement) {
  Cases cases;
  cases.addRows(numerics::addMovementRows, {f32, i64, f16, boolean});
}

TEST(Aarch64Sweep, indexing) {
  Cases cases;
  cases.addRows(numerics::addIndexingRows, {f32, i32, bf16});
}

TEST(Aarch64Sweep, normalizationsAndLosses) {
  Cases cases({"ctc_loss", "ctc_loss_gradient"});
  cases.addRows(numerics::addNormalizationRows, {f32, f16});
  cases.addRows(numerics::addLossRows, {f32});
}

TEST(Aarch64Sweep, randomNumbersAndOptimizers) {
  Cases cases({"random_gamma", "random_permutation", "random_truncated_normal"});
  cases.addRows(numerics::addRandomRows, {f32, f64, i32});
  cases.addRows(numerics::addOptimizerRows, {f32});
}

TEST(Aarch64Sweep, controlFlow) {
  Cases cases({"print"});
  cases.addRows(numerics::addControlRows, {f32, i64});
}

// All elementwise ops of one type in one graph, with the special values of floats, on a static and a symbolic shape.
class Aarch64Elementwise : public ::testing::TestWithParam<DType> {};

TEST_P(Aarch64Elementwise, agreesWithTheReference) {
  const DType dtype = GetParam();
  numerics::Numbers numbers(7);
  GraphBuilder g("sweep");
  Feeds feeds;
  std::vector<Fetch> fetches;
  for (const OpSchema& op : allOps()) {
    const bool isTaken = op.isElementwise && op.name != "cast" && op.name != "bitcast" &&
                         std::ranges::find(op.operands.back().dtypes, dtype) != op.operands.back().dtypes.end();
    // These functions of f64 are the runtime's.
    if (!isTaken || (dtype == f64 && needsRuntime(std::string(op.name)))) {
      continue;
    }
    for (bool isSymbolic : {false, true}) {
      const std::vector<int64_t> dims = isSymbolic ? std::vector<int64_t>{7, 13} : std::vector<int64_t>{131};
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
      const std::string name = std::string(op.name) + "_" + std::to_string(fetches.size());
      g.makeNode(op.name, operands, {}, name, std::source_location::current());
      fetches.push_back({name, op.tolerance});
    }
  }
  ASSERT_GT(fetches.size(), 10u);
  Cases cases;
  cases.add("elementwise", std::string(toString(dtype)), g.finish(), feeds, fetches);
  EXPECT_EQ(cases.numRun(), 1);
}

INSTANTIATE_TEST_SUITE_P(Types, Aarch64Elementwise,
                         ::testing::Values(f32, f64, f16, bf16, i32, i64, i8, u8, u16, boolean),
                         [](const auto& info) { return std::string(toString(info.param)); });

// From every type to every other, with NaN, infinities, and numbers on both sides of what the type holds; of f16 and
// bf16, all there are.
TEST(Aarch64Sweep, conversions) {
  constexpr DType kTypes[] = {f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, boolean};
  GraphBuilder g("conversions");
  Feeds feeds;
  std::vector<Fetch> fetches;
  numerics::Numbers numbers(5);
  for (DType from : kTypes) {
    const bool isHalf = from == f16 || from == bf16;
    Tensor tensor(from, {isHalf ? 65536 : 517});
    numerics::fill(tensor, "any", numbers);
    if (isHalf) {
      for (int64_t i = 0; i < tensor.numElements(); ++i) {
        tensor.mutableData<uint16_t>()[i] = static_cast<uint16_t>(i);
      }
    }
    const std::string name = "x_" + std::string(toString(from));
    Value x = g.placeholder(name, from, Shape::of(tensor.dims()));
    feeds.emplace(name, std::move(tensor));
    for (DType to : kTypes) {
      if (to != from) {
        const std::string fetch = std::string(toString(from)) + "_to_" + std::string(toString(to));
        cast(x, to).named(fetch);
        fetches.push_back({fetch, {.kind = ToleranceKind::kExact}});
      }
    }
  }
  Cases cases;
  cases.add("cast", "", g.finish(), feeds, fetches);
  EXPECT_EQ(cases.numRun(), 1);
}

}  // namespace
}  // namespace kiln::targets
