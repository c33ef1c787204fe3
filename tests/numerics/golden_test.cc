// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Mathematical functions and activations against values from higher precision (golden/make_golden.py): the references
// and the compiled code, in f32 and f64, each within the op's tolerance.
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "compiler/jit/session.h"
#include "graph/build/builder.h"
#include "gtest/gtest.h"
#include "ops/spec/run_reference.h"

namespace kiln::numerics {
namespace {

struct Golden {
  const char* op;
  double x;
  long double value;
};
constexpr Golden kGolden[] = {
#include "tests/numerics/golden/special_functions.inc"
};

std::vector<Golden> rowsOf(const std::string& op) {
  std::vector<Golden> rows;
  for (const Golden& row : kGolden) {
    if (op == row.op) {
      rows.push_back(row);
    }
  }
  return rows;
}

std::vector<std::string> opsWithRows() {
  std::vector<std::string> names;
  for (const Golden& row : kGolden) {
    if (names.empty() || names.back() != row.op) {
      names.emplace_back(row.op);
    }
  }
  return names;
}

template <class T>
void expectGolden(const std::string& who, const Tensor& found, const std::vector<Golden>& rows, int bound) {
  ASSERT_EQ(found.numElements(), static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    const T value = found.data<T>()[i];
    const T size = std::max(static_cast<T>(std::fabs(rows[i].value)), std::numeric_limits<T>::min());
    const T unit = std::nextafter(size, std::numeric_limits<T>::infinity()) - size;
    const double ulps = static_cast<double>(std::fabs(value - rows[i].value) / unit);
    EXPECT_LE(ulps, rows[i].value == 0 ? 0 : bound)
        << who << " of " << rows[i].op << "(" << rows[i].x << ") gives " << ::testing::PrintToString(value)
        << ", wanted " << ::testing::PrintToString(static_cast<T>(rows[i].value));
  }
}

class GoldenValues : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenValues, reference_and_compiled_code_have_them) {
  const std::vector<Golden> rows = rowsOf(GetParam());
  const OpSchema* op = findOp(GetParam());
  ASSERT_NE(op, nullptr);
  const int64_t n = static_cast<int64_t>(rows.size());
  for (DType dtype : {f32, f64}) {
    Tensor x(dtype, {n});
    for (int64_t i = 0; i < n; ++i) {
      x.set(i, rows[static_cast<size_t>(i)].x);
    }
    GraphBuilder g("golden");
    g.makeNode(op->name, {g.placeholder("x", dtype, {n})}, {}, "y", std::source_location::current());
    StatusOr<Graph> graph = g.finish();
    ASSERT_TRUE(graph.ok()) << graph.status();
    StatusOr<Session> session = createSession(*graph);
    ASSERT_TRUE(session.ok()) << session.status();
    auto compiled = session->run({{"x", x}}, {"y"});
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    auto reference = runReference(op->name, {x}, {});
    ASSERT_TRUE(reference.ok()) << reference.status();
    if (dtype == f32) {
      expectGolden<float>("compiled f32", (*compiled)["y"], rows, op->tolerance.amount);
      expectGolden<float>("reference f32", reference->front(), rows, 1);
    } else {
      expectGolden<double>("compiled f64", (*compiled)["y"], rows, op->tolerance.amount);
      expectGolden<double>("reference f64", reference->front(), rows, 1);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, GoldenValues, ::testing::ValuesIn(opsWithRows()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace kiln::numerics
