// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>

#include "ops/optimizer/checks.h"
#include "ops/spec/loops.h"

namespace kiln::ops::adafactor {
namespace {

// The distance from 1 to the next number.
double machineEpsilon(DType dtype) {
  switch (dtype) {
    case f16:
      return 0x1p-10;
    case bf16:
      return 0x1p-7;
    case f32:
      return 0x1p-23;
    default:
      return 0x1p-52;
  }
}

// The larger one; NaN stays NaN.
double atLeast(double low, double x) { return x < low ? low : x; }

// Averages of the squares over the last and the last but one axis, which stay with length 1.
std::pair<ValueType, ValueType> factorTypes(const ValueType& parameter) {
  const int rank = parameter.shape.rank();
  std::vector<Dim> rows(parameter.shape.begin(), parameter.shape.end()), columns = rows;
  rows[static_cast<size_t>(rank) - 1] = Dim(1);
  columns[static_cast<size_t>(rank) - 2] = Dim(1);
  return {ValueType{parameter.dtype, Shape(rows)}, ValueType{parameter.dtype, Shape(columns)}};
}

// The estimate of the second moment of each element, from the new state, which it writes.
std::vector<double> secondMoments(ReferenceContext& context, double k, double epsilon) {
  const Tensor& gradient = *context.operands[1];
  const int64_t count = gradient.numElements();
  const auto square = [&](int64_t i) { return gradient.at(i) * gradient.at(i); };
  std::vector<double> estimate(static_cast<size_t>(count));
  if (gradient.rank() < 2) {
    for (int64_t i = 0; i < count; ++i) {
      estimate[static_cast<size_t>(i)] = (1 - k) * context.operands[4]->at(i) + k * square(i);
      context.results[1].set(i, estimate[static_cast<size_t>(i)]);
    }
    return estimate;
  }
  const int64_t rows = gradient.dims()[gradient.dims().size() - 2], columns = gradient.dims().back();
  const int64_t matrices = productOf(gradient.dims(), 0, gradient.dims().size() - 2);
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    const int64_t first = matrix * rows * columns;
    std::vector<double> ofRow(static_cast<size_t>(rows)), ofColumn(static_cast<size_t>(columns));
    for (int64_t i = 0; i < rows * columns; ++i) {
      ofRow[static_cast<size_t>(i / columns)] += square(first + i) / static_cast<double>(columns);
      ofColumn[static_cast<size_t>(i % columns)] += square(first + i) / static_cast<double>(rows);
    }
    double mean = 0;
    for (int64_t r = 0; r < rows; ++r) {
      double& value = ofRow[static_cast<size_t>(r)];
      value = (1 - k) * context.operands[4]->at(matrix * rows + r) + k * value;
      context.results[1].set(matrix * rows + r, value);
      mean += value / static_cast<double>(rows);
    }
    for (int64_t c = 0; c < columns; ++c) {
      double& value = ofColumn[static_cast<size_t>(c)];
      value = (1 - k) * context.operands[5]->at(matrix * columns + c) + k * value;
      context.results[2].set(matrix * columns + c, value);
    }
    for (int64_t i = 0; i < rows * columns; ++i) {
      estimate[static_cast<size_t>(first + i)] =
          ofRow[static_cast<size_t>(i / columns)] * ofColumn[static_cast<size_t>(i % columns)] / atLeast(epsilon, mean);
    }
  }
  return estimate;
}

}  // namespace

Status inferShape(ShapeContext& context) {
  const ValueType& parameter = context.operands[0];
  KILN_RETURN_IF_ERROR(checkOptimizer(context, {"parameter", "gradient"}, 2, 3));
  KILN_RETURN_IF_ERROR(checkStep(context, 2));
  if (!parameter.shape.isStatic()) {
    return makeError<ErrorId::kO0138>("parameter", parameter.toString(), "a tensor whose shape is of numbers");
  }
  const bool isFactored = parameter.shape.rank() >= 2;
  if (context.operands.size() != (isFactored ? 6 : 5)) {
    return makeError<ErrorId::kO0101>(isFactored ? 6 : 5, " for a parameter of this rank", context.operands.size());
  }
  if (!isFactored) {
    KILN_RETURN_IF_ERROR(checkType(context, 4, "variance", parameter));
    context.results.assign(2, parameter);
    return {};
  }
  const auto [rows, columns] = factorTypes(parameter);
  KILN_RETURN_IF_ERROR(checkType(context, 4, "row_variance", rows));
  KILN_RETURN_IF_ERROR(checkType(context, 5, "column_variance", columns));
  context.results = {parameter, rows, columns};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor &parameter = *context.operands[0], &gradient = *context.operands[1];
  const double step = static_cast<double>(integerAt(*context.operands[2], 0)), rate = context.operands[3]->at(0);
  const double epsilon1 = context.attribute<double>("epsilon1"),
               threshold = context.attribute<double>("clip_threshold");
  const double epsilon = epsilon1 == 0 ? machineEpsilon(parameter.dtype()) : epsilon1;
  std::vector<double> update =
      secondMoments(context, std::pow(step, context.attribute<double>("beta2_decay")), epsilon);
  double ofParameter = 0, ofUpdate = 0;
  for (int64_t i = 0; i < parameter.numElements(); ++i) {
    double& u = update[static_cast<size_t>(i)];
    u = gradient.at(i) / std::sqrt(atLeast(epsilon * epsilon, u));
    ofUpdate += u * u;
    ofParameter += parameter.at(i) * parameter.at(i);
  }
  const double count = static_cast<double>(parameter.numElements());
  const double scale = atLeast(context.attribute<double>("epsilon2"), std::sqrt(ofParameter / count)) *
                       std::fmin(rate, 1 / std::sqrt(step)) / atLeast(1, std::sqrt(ofUpdate / count) / threshold);
  const double kept = 1 - rate * context.attribute<double>("weight_decay");
  for (int64_t i = 0; i < parameter.numElements(); ++i) {
    context.results[0].set(i, parameter.at(i) * kept - scale * update[static_cast<size_t>(i)]);
  }
  return {};
}

}  // namespace kiln::ops::adafactor
