// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every op: has a row, and what is exported computes the same numbers when it is imported again.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "graph/io/onnx/test_models.h"
#include "graph/io/onnx_export/op_cases.h"
#include "proto/codec/file.h"

namespace kiln::onnx {
namespace {

// Sums in another order, and formulas where ONNX has no operator.
constexpr double kRelative = 1e-5, kAbsolute = 1e-6;

std::string differenceOf(const Tensor& got, const Tensor& want) {
  if (got.dtype() != want.dtype() || got.dims() != want.dims()) {
    return got.toString() + " instead of " + want.toString();
  }
  double largest = 0;
  for (int64_t i = 0; i < want.numElements(); ++i) {
    largest = std::isfinite(want.at(i)) ? std::max(largest, std::abs(want.at(i))) : largest;
  }
  for (int64_t i = 0; i < want.numElements(); ++i) {
    const double a = got.at(i), b = want.at(i);
    const bool isSame = a == b || (std::isnan(a) && std::isnan(b));
    const double limit = isFloat(want.dtype()) ? kAbsolute * std::max(largest, 1.0) + kRelative * std::abs(b) : 0;
    if (!isSame && !(std::abs(a - b) <= limit)) {
      return got.toString() + " instead of " + want.toString();
    }
  }
  return "";
}

std::string checkRoundTrip(const testing::OpCase& opCase, int64_t opset) {
  const StatusOr<ExportedModel> model = exportOnnx(opCase.graph, "predict", {.opset = opset});
  if (!model.ok()) {
    return std::string(model.status().message());
  }
  // An op may read none of its operands; inputs of the model are feeds all the same.
  const StatusOr<std::vector<Tensor>> results = testing::runModel(model->proto, opCase.feeds);
  if (!results.ok()) {
    return std::string(results.status().message());
  }
  for (size_t i = 0; i < opCase.fetches.size(); ++i) {
    const std::string difference = differenceOf((*results)[i], opCase.fetches[i]);
    if (!difference.empty()) {
      return "output " + std::to_string(i) + ": " + difference;
    }
  }
  return "";
}

TEST(OnnxExportOps, every_op_has_a_row_and_every_row_an_op) {
  for (const OpSchema& op : allOps()) {
    const std::optional<ExportInfo> info = exportInfoOf(op.name);
    ASSERT_TRUE(info.has_value()) << "kiln." << op.name << " is in no table of graph/io/onnx_export";
    EXPECT_EQ(info->reason.empty(), info->kind == ExportKind::kDirect) << op.name;
  }
  EXPECT_FALSE(exportInfoOf("no_such_op").has_value());
}

TEST(OnnxExportOps, the_docs_list_every_op_that_is_refused) {
  const StatusOr<std::string> page = readFile(KILN_SOURCE_DIR "/docs/onnx_export.md", 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  for (const OpSchema& op : allOps()) {
    const std::optional<ExportInfo> info = exportInfoOf(op.name);
    if (info && info->kind == ExportKind::kRefused) {
      EXPECT_NE(page->find("`" + std::string(op.name) + "`"), std::string::npos) << op.name << ": " << info->reason;
    }
  }
}

TEST(OnnxExportOps, exports_of_all_ops_give_the_same_numbers_when_imported) {
  const StatusOr<std::vector<testing::OpCase>> cases = testing::opCases();
  ASSERT_TRUE(cases.ok()) << cases.status();
  std::set<std::string> ops;
  for (const testing::OpCase& opCase : *cases) {
    const int64_t opset = opCase.name == "bitcast" ? 26 : kOldestExportedOpset;
    EXPECT_EQ(checkRoundTrip(opCase, opset), "") << opCase.name;
    EXPECT_EQ(checkRoundTrip(opCase, kNewestExportedOpset), "") << opCase.name << " of the newest operator set";
  }
  EXPECT_GT(cases->size(), 200U);
}

}  // namespace
}  // namespace kiln::onnx
