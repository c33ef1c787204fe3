// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// nll_loss and cross_entropy: losses of class numbers, with ignored labels and weighted classes.
#include "ops/loss/reduction.h"
#include "ops/reduction/softmax.h"

namespace kiln::ops {
namespace {

Status inferClasses(ShapeContext& context, const char* name) {
  KILN_RETURN_IF_ERROR(checkWithoutLastAxis(context, 0, name, 1, "labels"));
  const ValueType& scores = context.operands[0];
  if (context.operands.size() > 2) {
    KILN_RETURN_IF_ERROR(checkSameDType(context, 0, name, 2, "weights"));
    KILN_RETURN_IF_ERROR(checkSameShape(context.operands[2].shape, "weights",
                                        Shape({scores.shape[scores.shape.rank() - 1]}), "[classes]"));
  }
  if (context.operands.size() > 3) {
    return makeError<ErrorId::kO0101>("2 or 3", "", context.operands.size());
  }
  const int64_t ignored = context.attribute<int64_t>("ignore_index");
  if (ignored != static_cast<int32_t>(ignored)) {
    return makeError<ErrorId::kO0133>("ignore_index", ignored, "a number of 32 bits");
  }
  return inferReduced(context, scores.dtype, context.operands[1].shape);
}

double weightOf(const ReferenceContext& context, int64_t label) {
  return context.operands.size() > 2 ? context.operands[2]->at(label) : 1;
}

// The losses of rows: `loss(row, label)` gives that of a row that is not ignored.
template <class F>
Status reduceRows(ReferenceContext& context, F&& loss) {
  const Tensor &scores = *context.operands[0], &labels = *context.operands[1];
  const int64_t classes = scores.dims().back(), ignored = context.attribute<int64_t>("ignore_index");
  std::vector<double> losses;
  double count = 0;
  for (int64_t i = 0; i < labels.numElements(); ++i) {
    const int64_t label = integerAt(labels, i);
    // An ignored label stands for class 0, so there has to be one.
    const int64_t checked = label == ignored ? 0 : label;
    if (checked < 0 || checked >= classes) {
      return makeError<ErrorId::kR0030>(checked, classes);
    }
    losses.push_back(label == ignored ? 0 : loss(i * classes, label));
    if (label != ignored) {
      count += weightOf(context, label);
    }
  }
  return writeReduced(context, losses, count);
}

}  // namespace

namespace nll_loss {

Status inferShape(ShapeContext& context) { return inferClasses(context, "log_probabilities"); }

Status reference(ReferenceContext& context) {
  return reduceRows(context, [&](int64_t row, int64_t label) {
    return -weightOf(context, label) * context.operands[0]->at(row + label);
  });
}

}  // namespace nll_loss

namespace cross_entropy {

Status inferShape(ShapeContext& context) {
  const double smoothing = context.attribute<double>("label_smoothing");
  if (!(smoothing >= 0 && smoothing <= 1)) {
    return makeError<ErrorId::kO0133>("label_smoothing", smoothing, "a number in [0, 1]");
  }
  return inferClasses(context, "logits");
}

Status reference(ReferenceContext& context) {
  const Tensor& logits = *context.operands[0];
  const int64_t classes = logits.dims().back();
  const double smoothing = context.attribute<double>("label_smoothing");
  return withFloat(logits.dtype(), [&]<class T>(T) -> Status {
    return reduceRows(context, [&](int64_t row, int64_t label) {
      const LogSum total(logits.data<T>() + row, classes, 1);
      const double logSum = total.max + std::log(total.sum);
      double smooth = 0;
      for (int64_t k = 0; k < classes; ++k) {
        smooth += weightOf(context, k) * (logSum - logits.at(row + k));
      }
      const double hard = weightOf(context, label) * (std::log(total.sum) - (logits.at(row + label) - total.max));
      // A smoothing of 0 must not multiply an infinite loss of another class.
      return smoothing == 0 ? hard : (1 - smoothing) * hard + smoothing / static_cast<double>(classes) * smooth;
    });
  });
}

}  // namespace cross_entropy
}  // namespace kiln::ops
