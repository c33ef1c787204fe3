// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every op that is no elementwise map, for each of its element types, with rank 0, empty, single, odd, large and
// symbolic shapes, compiled against the reference. One function for each op; a test makes sure that none is forgotten.
#include <algorithm>
#include <set>
#include <span>

#include "gtest/gtest.h"
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

const SweepRows& sweeps() {
  static const SweepRows table = [] {
    SweepRows rows;
    addContractionRows(rows);
    addControlRows(rows);
    addIndexingRows(rows);
    addMovementRows(rows);
    addConvolutionRows(rows);
    addLinalgRows(rows);
    addLossRows(rows);
    addNormalizationRows(rows);
    addOptimizerRows(rows);
    addRandomRows(rows);
    addReductionRows(rows);
    addStateRows(rows);
    return rows;
  }();
  return table;
}

// Ops that the interpreter and the session handle themselves; whole programs test them.
const std::set<std::string_view> kHandled = {"placeholder", "variable", "assign",    "group",    "call",    "gradients",
                                             "shape_value", "bind_dim", "vectorize", "tangents", "jacobian"};

// One op with one of the main types, or with all others that it takes: those of 8 and 16 bits, and unsigned ones.
struct Case {
  const OpSchema* op;
  std::vector<DType> dtypes;
};

std::string nameOf(const Case& c) {
  return std::string(c.op->name) + "_" + (c.dtypes.size() == 1 ? std::string(toString(c.dtypes[0])) : "small_types");
}

void PrintTo(const Case& c, std::ostream* out) { *out << nameOf(c); }

bool isMainType(DType dtype) { return bitWidth(dtype) >= 32 ? !isUnsignedInteger(dtype) : dtype == boolean; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const OpSchema& op : allOps()) {
    if (!sweeps().contains(op.name)) {
      continue;
    }
    // These choose their result's type.
    const bool byResult =
        op.operands.empty() || op.name == "iota" || op.name == "one_hot" || op.name.starts_with("random");
    std::vector<DType> small;
    for (DType dtype : byResult ? op.results[0].dtypes : op.operands[0].dtypes) {
      if (isMainType(dtype)) {
        all.push_back({&op, {dtype}});
      } else {
        small.push_back(dtype);
      }
    }
    if (!small.empty()) {
      all.push_back({&op, std::move(small)});
    }
  }
  return all;
}

// The small types share the code of the others but for what loads, rounds and stores them: each takes a part of the
// row's shapes, and together they take all.
void keepPart(DType dtype, std::vector<Fetch>& fetches) {
  constexpr DType kHalves[] = {f16, bf16}, kIntegers[] = {i8, u16, u32, i16, u8, u64};
  const std::span<const DType> group = isFloat(dtype) ? std::span<const DType>(kHalves) : kIntegers;
  const size_t part = static_cast<size_t>(std::find(group.begin(), group.end(), dtype) - group.begin());
  if (isMainType(dtype) || part == group.size() || fetches.empty()) {
    return;
  }
  const size_t parts = std::min(group.size(), fetches.size());
  std::vector<Fetch> kept;
  for (size_t i = part % parts; i < fetches.size(); i += parts) {
    kept.push_back(fetches[i]);
  }
  fetches = std::move(kept);
}

class StructuredSweep : public testing::TestWithParam<Case> {};

TEST_P(StructuredSweep, compiledEqualsReference) {
  for (DType dtype : GetParam().dtypes) {
    SCOPED_TRACE(toString(dtype));
    Sweep sweep(*GetParam().op, dtype);
    sweeps().at(GetParam().op->name)(sweep);
    StatusOr<Graph> graph = sweep.g.finish();
    ASSERT_TRUE(graph.ok()) << graph.status();
    keepPart(dtype, sweep.fetches);
    expectSame(*graph, sweep.feeds, sweep.fetches);
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, StructuredSweep, testing::ValuesIn(cases()),
                         [](const auto& info) { return nameOf(info.param); });

TEST(Sweep, leavesNoOpOut) {
  for (const OpSchema& op : allOps()) {
    EXPECT_TRUE(op.isElementwise || sweeps().contains(op.name) || kHandled.contains(op.name))
        << op.name << " has no sweep";
  }
}

}  // namespace
}  // namespace kiln::numerics
