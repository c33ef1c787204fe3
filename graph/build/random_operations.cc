// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/random_operations.h"

#include "graph/build/operations.h"

namespace kiln {
namespace {

// A random op of a tensor, which says in which graph it is.
Value drawFor(std::string_view op, const Operand& x, Attributes attributes) {
  if (x.value.builder() == nullptr || x.value.isPoisoned()) {
    return x.value;
  }
  GraphBuilder& g = *x.value.builder();
  attributes.set("op_id", g.nextRandomOpId());
  return g.makeNode(op, {g.randomState(x.where), x.value}, std::move(attributes), "", x.where)[0];
}

Value drawShaped(std::string_view op, GraphBuilder& g, Shape shape, Attributes attributes, std::source_location where) {
  const Value lengths = g.makeNode("shape_value", {}, {{"shape", std::move(shape)}}, "", where)[0];
  return drawFor(op, Operand(lengths, where), std::move(attributes));
}

}  // namespace

Value randomTruncatedNormal(GraphBuilder& g, Shape shape, DType dtype, double mean, double stddev,
                            std::source_location where) {
  return drawShaped("random_truncated_normal", g, std::move(shape),
                    {{"dtype", dtype}, {"mean", mean}, {"stddev", stddev}}, where);
}

Value randomBernoulli(Operand probability, DType dtype) {
  return drawFor("random_bernoulli", probability, {{"dtype", dtype}});
}

Value randomBernoulli(GraphBuilder& g, Shape shape, double probability, DType dtype, std::source_location where) {
  return randomBernoulli(Operand(full(g, std::move(shape), probability, f32, where), where), dtype);
}

Value randomCategorical(Operand logits, int64_t numSamples, DType dtype) {
  return drawFor("random_categorical", logits, {{"num_samples", numSamples}, {"dtype", dtype}});
}

Value randomPermutation(GraphBuilder& g, Dim n, DType dtype, std::source_location where) {
  return drawShaped("random_permutation", g, {std::move(n)}, {{"dtype", dtype}}, where);
}

Value randomGamma(Operand concentration) { return drawFor("random_gamma", concentration, {}); }

Value randomGamma(GraphBuilder& g, Shape shape, double concentration, DType dtype, std::source_location where) {
  return randomGamma(Operand(full(g, std::move(shape), concentration, dtype, where), where));
}

Value randomIntegers(GraphBuilder& g, Shape shape, int64_t low, int64_t high, DType dtype, std::source_location where) {
  return drawShaped("random_integers", g, std::move(shape), {{"dtype", dtype}, {"low", low}, {"high", high}}, where);
}

}  // namespace kiln
