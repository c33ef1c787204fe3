// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contractions and linear algebra.
#include <numeric>
#include <utility>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

// The matrices of operand i, exchanged rows and columns when asked for.
std::string matrices(NodeExport& n, int i, bool isTransposed) {
  std::vector<int64_t> permutation(static_cast<size_t>(n.rank(i)));
  std::iota(permutation.begin(), permutation.end(), 0);
  if (isTransposed) {
    std::swap(permutation[permutation.size() - 2], permutation[permutation.size() - 1]);
  }
  return n.transpose(n.in(i), permutation);
}

Status writeMatmul(NodeExport& n) {
  n.set(0, n.op("MatMul", {matrices(n, 0, n.flag("transpose_a")), matrices(n, 1, n.flag("transpose_b"))}));
  return {};
}

Status writeEinsum(NodeExport& n) {
  std::string equation = n.attribute<std::string>("equation");
  std::erase(equation, ' ');
  n.set(0, n.op("Einsum", n.inputs(), {{"equation", equation}}));
  return {};
}

Status writeDet(NodeExport& n) {
  n.set(0, n.op("Det", {n.in(0)}));
  return {};
}

constexpr std::string_view kNoLinearAlgebra = "of linear algebra ONNX has MatMul, Einsum and Det only";

constexpr ExportRow kRows[] = {
    refused("cholesky", kNoLinearAlgebra),
    {"det", writeDet},
    {"einsum", writeEinsum},
    refused("inverse", kNoLinearAlgebra),
    refused("lu", kNoLinearAlgebra),
    {"matmul", writeMatmul},
    refused("solve", kNoLinearAlgebra),
    refused("triangular_solve", kNoLinearAlgebra),
};

}  // namespace

std::span<const ExportRow> contractionRows() { return kRows; }

}  // namespace kiln::onnx
