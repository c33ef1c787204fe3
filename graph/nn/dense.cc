// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/dense.h"

namespace kiln::nn {
namespace {

// A poisoned value: what is recorded already is not repeated.
Value failed(GraphBuilder& g, Status status, std::source_location where) {
  g.addError(std::move(status), where);
  return g.poisoned();
}

}  // namespace

Value dense(GraphBuilder& g, std::string_view name, Value x, int64_t units, Activation activation,
            const DenseOptions& options, std::source_location where) {
  if (x.builder() != nullptr && x.isPoisoned()) {
    return x;
  }
  if (x.builder() == nullptr) {
    return failed(g, makeError<ErrorId::kG0201>("x"), where);
  }
  if (!isFloat(x.dtype()) || x.rank() < 2 || !x.shape()[x.rank() - 1].isStatic()) {
    return failed(g,
                  makeError<ErrorId::kG0240>(x.name(), ValueType{x.dtype(), x.shape()}.toString(),
                                             "dense '" + std::string(name) + "'"),
                  where);
  }
  if (units < 1) {
    return failed(g, makeError<ErrorId::kG0243>("units of dense '" + std::string(name) + "'", units, "at least 1"),
                  where);
  }
  const int64_t inputs = x.shape()[x.rank() - 1].value();
  auto scope = g.scope(name, where);
  const InitializerContext ofKernel{g, Shape{inputs, units}, x.dtype(), inputs, units, where};
  const Value w = g.variable("w", Operand(options.kernel(ofKernel), where), true, where);
  // Axes before the last are one long batch: the weights are not repeated for each of them.
  const Value rows = x.rank() == 2 ? x : reshape(Operand(x, where), Shape{-1, inputs});
  Value result = matmul(Operand(rows, where), Operand(w, where));
  if (options.useBias) {
    const InitializerContext ofBias{g, Shape{units}, x.dtype(), inputs, units, where};
    const Value b = g.variable("b", Operand(options.bias(ofBias), where), true, where);
    result = Operand(result, where) + Operand(b, where);
  }
  if (x.rank() > 2 && !result.isPoisoned()) {
    std::vector<Dim> dims = x.shape().dims();
    dims.back() = units;
    result = reshape(Operand(result, where), Shape(std::move(dims)));
  }
  return activation ? activation(Operand(result, where)) : result;
}

}  // namespace kiln::nn
