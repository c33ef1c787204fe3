// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// einsum as matrix products: operands are taken pairwise from left to right, and a label is summed over as soon as
// nothing after needs it.
#include <algorithm>
#include <set>

#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/index_terms.h"
#include "ops/contraction/einsum.h"

namespace kiln::compiler {
namespace {

using Labels = std::vector<int>;

bool contains(const Labels& labels, int label) { return llvm::is_contained(labels, label); }

// A tensor with a label for each axis, no label twice.
struct Labelled {
  Value value;
  Labels labels;
  Shape shape() const { return shapeOf(value.getType()); }
  Dim length(int label) const { return shape()[static_cast<int>(llvm::find(labels, label) - labels.begin())]; }
};

class Contraction {
 public:
  Contraction(mlir::OpBuilder& b, mlir::Location loc, const ops::Einsum& equation)
      : make_{b, loc}, equation_(equation) {}

  // The input with repeated labels replaced by their diagonal, and without axes that are repeated by broadcasting.
  Labelled read(Value input, Labels labels) {
    Labelled x{input, std::move(labels)};
    for (size_t i = 0; i < x.labels.size();) {
      const auto again = std::find(x.labels.begin() + static_cast<std::ptrdiff_t>(i) + 1, x.labels.end(), x.labels[i]);
      if (again == x.labels.end()) {
        ++i;
        continue;
      }
      const int label = x.labels[i];
      const int64_t second = again - x.labels.begin();
      x.value = create(make_.b, make_.loc, "diagonal", x.value,
                       {make_.attr("axis1", static_cast<int64_t>(i)), make_.attr("axis2", second)});
      x.labels.erase(x.labels.begin() + second);
      x.labels.erase(x.labels.begin() + static_cast<std::ptrdiff_t>(i));
      x.labels.push_back(label);
    }
    Shape kept;
    Labels names;
    for (int label : x.labels) {
      if (x.length(label) == equation_.lengths.at(label)) {
        kept.push_back(x.length(label));
        names.push_back(label);
      }
    }
    return {reshapeTo(make_.b, make_.loc, x.value, kept), std::move(names)};
  }

  // x summed over the labels that are not needed.
  Labelled sumOthers(const Labelled& x, const std::set<int>& needed) {
    llvm::SmallVector<int64_t> axes;
    Labels kept;
    for (size_t i = 0; i < x.labels.size(); ++i) {
      if (needed.contains(x.labels[i])) {
        kept.push_back(x.labels[i]);
      } else {
        axes.push_back(static_cast<int64_t>(i));
      }
    }
    return {reduceSum(make_.b, make_.loc, x.value, axes, /*keepDims=*/false), std::move(kept)};
  }

  // The product of two tensors, summed over the labels that are not needed.
  Labelled multiply(Labelled x, Labelled y, const std::set<int>& needed) {
    std::set<int> ofX = needed, ofY = needed;
    ofX.insert(y.labels.begin(), y.labels.end());
    ofY.insert(x.labels.begin(), x.labels.end());
    x = sumOthers(x, ofX);
    y = sumOthers(y, ofY);
    Labels batch, left, right, summed;
    for (int label : x.labels) {
      (!contains(y.labels, label) ? left : needed.contains(label) ? batch : summed).push_back(label);
    }
    std::copy_if(y.labels.begin(), y.labels.end(), std::back_inserter(right),
                 [&](int label) { return !contains(x.labels, label); });
    if (summed.empty() || (left.empty() && right.empty())) {
      // No matrices: a product of elements, over all labels, then perhaps a sum.
      Labels all = batch;
      for (const Labels& more : {left, right, summed}) {
        all.insert(all.end(), more.begin(), more.end());
      }
      return sumOthers({mul(make_.b, make_.loc, spread(x, all), spread(y, all)), all}, needed);
    }
    Value product =
        create(make_.b, make_.loc, "matmul", {grouped(x, batch, left, summed), grouped(y, batch, summed, right)});
    Labelled result{{}, batch};
    Shape shape;
    for (const Labels& more : {left, right}) {
      result.labels.insert(result.labels.end(), more.begin(), more.end());
    }
    for (int label : result.labels) {
      shape.push_back(equation_.lengths.at(label));
    }
    result.value = reshapeTo(make_.b, make_.loc, product, shape);
    return result;
  }

  // The axes in the order of `labels`, all of which x has.
  Value ordered(const Labelled& x, const Labels& labels) {
    llvm::SmallVector<int64_t> permutation;
    for (int label : labels) {
      permutation.push_back(llvm::find(x.labels, label) - x.labels.begin());
    }
    return transposeBy(make_.b, make_.loc, x.value, permutation);
  }

 private:
  // x with axes for all labels: broadcast over those that it does not have.
  Value spread(const Labelled& x, const Labels& all) {
    Labels own;
    Shape aligned, full;
    for (int label : all) {
      const bool isOwn = contains(x.labels, label);
      if (isOwn) {
        own.push_back(label);
      }
      aligned.push_back(isOwn ? x.length(label) : Dim(1));
      full.push_back(equation_.lengths.at(label));
    }
    return broadcastTo(make_.b, make_.loc, reshapeTo(make_.b, make_.loc, ordered(x, own), aligned), full);
  }

  // x as [batch.., rows, columns], each group of labels laid out as one axis.
  Value grouped(const Labelled& x, const Labels& batch, const Labels& rows, const Labels& columns) {
    Labels order = batch;
    Shape shape;
    for (int label : batch) {
      shape.push_back(x.length(label));
    }
    for (const Labels* group : {&rows, &columns}) {
      Dim product = 1;
      for (int label : *group) {
        order.push_back(label);
        product = product * x.length(label);
      }
      shape.push_back(product);
    }
    return reshapeTo(make_.b, make_.loc, ordered(x, order), shape);
  }

  IndexBuilder make_;
  const ops::Einsum& equation_;
};

}  // namespace

llvm::SmallVector<Value> expandEinsum(mlir::OpBuilder& b, mlir::Operation* op) {
  auto einsum = llvm::cast<EinsumOp>(op);
  std::vector<Shape> shapes;
  for (Value input : einsum.getInputs()) {
    shapes.push_back(shapeOf(input.getType()));
  }
  StatusOr<ops::Einsum> equation = ops::readEinsum(einsum.getEquation().str(), shapes);
  KILN_CHECK(equation.ok());  // the verifier read it
  Contraction contraction(b, op->getLoc(), *equation);
  Labelled product;
  for (size_t i = 0; i < shapes.size(); ++i) {
    std::set<int> needed(equation->output.begin(), equation->output.end());
    for (size_t j = i + 1; j < shapes.size(); ++j) {
      needed.insert(equation->inputs[j].begin(), equation->inputs[j].end());
    }
    Labelled next = contraction.read(einsum.getInputs()[i], equation->inputs[i]);
    product = i == 0 ? contraction.sumOthers(next, needed) : contraction.multiply(product, next, needed);
  }
  // An axis of `...` that has length 1 in all inputs but one is dropped where it is 1; the one that has it brings it.
  return {contraction.ordered(product, equation->output)};
}

}  // namespace kiln::compiler
