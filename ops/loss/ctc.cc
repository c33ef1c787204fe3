// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ctc_loss and ctc_loss_gradient (Graves et al., Connectionist temporal classification, ICML 2006, sections 4.1
// and 4.2), in log space. A row of labels is extended with blanks around and between its labels: position s of it is a
// blank when s is even, else label s / 2.
#include <cmath>
#include <limits>

#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

double logAdd(double x, double y) {
  const double high = x < y ? y : x, low = x < y ? x : y;
  return high == kImpossible ? kImpossible : high + std::log1p(std::exp(low - high));
}

Status inferCtc(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkRank(context.operands[0], "log_probabilities", 3));
  KILN_RETURN_IF_ERROR(checkRank(context.operands[1], "labels", 2));
  KILN_RETURN_IF_ERROR(checkSameDType(context, 1, "labels", 2, "input_lengths"));
  KILN_RETURN_IF_ERROR(checkSameDType(context, 1, "labels", 3, "label_lengths"));
  const Shape& scores = context.operands[0].shape;
  const Shape& labels = context.operands[1].shape;
  KILN_RETURN_IF_ERROR(checkSameShape(labels, "labels", Shape({scores[1], labels[1]}), "[batch, length]"));
  KILN_RETURN_IF_ERROR(checkSameShape(context.operands[2].shape, "input_lengths", Shape({scores[1]}), "[batch]"));
  KILN_RETURN_IF_ERROR(checkSameShape(context.operands[3].shape, "label_lengths", Shape({scores[1]}), "[batch]"));
  const int64_t blank = context.attribute<int64_t>("blank");
  if (blank < 0) {
    return makeError<ErrorId::kO0133>("blank", blank, "a class number");
  }
  return {};
}

Shape alphaShape(const ShapeContext& context) {
  const Shape &scores = context.operands[0].shape, &labels = context.operands[1].shape;
  return Shape({scores[1], scores[0], labels[1] * Dim(2) + Dim(1)});
}

// One element of the batch.
struct Row {
  const Tensor *scores, *labels;
  int64_t n, batch, classes, width, times, length, blank;

  int64_t classAt(int64_t s) const { return s % 2 == 0 ? blank : integerAt(*labels, n * width + s / 2); }
  int64_t positions() const { return 2 * length + 1; }
  /// Where log_probabilities has time t and the class of position s.
  int64_t place(int64_t t, int64_t s) const { return (t * batch + n) * classes + classAt(s); }
  double score(int64_t t, int64_t s) const { return scores->at(place(t, s)); }
  /// Where log_alpha has time t and position s.
  int64_t cell(int64_t t, int64_t s) const { return (n * scores->dims()[0] + t) * (2 * width + 1) + s; }
  /// Position s may follow s - 2 directly: it is a label, and another one.
  bool skips(int64_t s) const { return s >= 2 && s % 2 == 1 && classAt(s) != classAt(s - 2); }
};

StatusOr<Row> rowOf(const ReferenceContext& context, int64_t n) {
  const Tensor &scores = *context.operands[0], &labels = *context.operands[1];
  Row row{&scores,
          &labels,
          n,
          scores.dims()[1],
          scores.dims()[2],
          labels.dims()[1],
          integerAt(*context.operands[2], n),
          integerAt(*context.operands[3], n),
          context.attribute<int64_t>("blank")};
  const auto check = [](int64_t index, int64_t count) -> Status {
    return index < 0 || index >= count ? Status(makeError<ErrorId::kR0030>(index, count)) : Status();
  };
  KILN_RETURN_IF_ERROR(check(row.blank, row.classes));
  KILN_RETURN_IF_ERROR(check(row.times, scores.dims()[0] + 1));
  KILN_RETURN_IF_ERROR(check(row.length, row.width + 1));
  for (int64_t s = 1; s < row.positions(); s += 2) {
    KILN_RETURN_IF_ERROR(check(row.classAt(s), row.classes));
  }
  return row;
}

// The log-probability of all paths; `alpha` gives that of the prefixes that end at (t, s).
template <class F>
double logLikelihood(const Row& row, F&& alpha) {
  if (row.times == 0) {
    return row.length == 0 ? 0 : kImpossible;
  }
  const int64_t last = row.positions() - 1;
  return last == 0 ? alpha(row.times - 1, 0) : logAdd(alpha(row.times - 1, last), alpha(row.times - 1, last - 1));
}

}  // namespace

namespace ctc_loss {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(inferCtc(context));
  const DType dtype = context.operands[0].dtype;
  context.results = {ValueType{dtype, Shape({context.operands[0].shape[1]})}, ValueType{dtype, alphaShape(context)}};
  return {};
}

Status reference(ReferenceContext& context) {
  for (int64_t n = 0; n < context.results[0].numElements(); ++n) {
    KILN_ASSIGN_OR_RETURN(const Row row, rowOf(context, n));
    // Kept in double from step to step; only what is stored is rounded.
    std::vector<double> before, now;
    for (int64_t t = 0; t < row.times; ++t) {
      now.assign(static_cast<size_t>(row.positions()), kImpossible);
      for (int64_t s = 0; s < row.positions(); ++s) {
        const size_t at = static_cast<size_t>(s);
        double reached = t == 0 ? (s < 2 ? 0 : kImpossible) : before[at];
        if (t > 0 && s > 0) {
          reached = logAdd(reached, before[at - 1]);
        }
        if (t > 0 && row.skips(s)) {
          reached = logAdd(reached, before[at - 2]);
        }
        now[at] = reached == kImpossible ? kImpossible : reached + row.score(t, s);
        context.results[1].set(row.cell(t, s), now[at]);
      }
      before = now;
    }
    const double loss = -logLikelihood(row, [&](int64_t, int64_t s) { return now[static_cast<size_t>(s)]; });
    context.results[0].set(n, loss == -kImpossible && context.attribute<bool>("zero_infinity") ? 0 : loss);
  }
  return {};
}

}  // namespace ctc_loss

namespace ctc_loss_gradient {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(inferCtc(context));
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "log_probabilities", 4, "log_alpha"));
  KILN_RETURN_IF_ERROR(
      checkSameShape(context.operands[4].shape, "log_alpha", alphaShape(context), "[batch, time, 2 * length + 1]"));
  context.results = {context.operands[0], context.operands[4]};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& alpha = *context.operands[4];
  for (int64_t n = 0; n < context.operands[2]->numElements(); ++n) {
    KILN_ASSIGN_OR_RETURN(const Row row, rowOf(context, n));
    const double total = logLikelihood(row, [&](int64_t t, int64_t s) { return alpha.at(row.cell(t, s)); });
    const bool isImpossible = total == kImpossible, isZeroed = isImpossible && context.attribute<bool>("zero_infinity");
    const int64_t last = row.positions() - 1;
    std::vector<double> after, now;
    for (int64_t t = row.times - 1; t >= 0; --t) {
      now.assign(static_cast<size_t>(row.positions()), kImpossible);
      std::vector<double> sums(static_cast<size_t>(row.classes), 0);
      for (int64_t s = 0; s <= last; ++s) {
        const size_t at = static_cast<size_t>(s);
        // log_beta does not count the score of its own time, so that alpha + beta counts each once.
        double left = t == row.times - 1 ? (s + 2 > last ? 0 : kImpossible) : after[at] + row.score(t + 1, s);
        if (t < row.times - 1 && s + 1 <= last) {
          left = logAdd(left, after[at + 1] + row.score(t + 1, s + 1));
        }
        if (t < row.times - 1 && s + 2 <= last && row.skips(s + 2)) {
          left = logAdd(left, after[at + 2] + row.score(t + 1, s + 2));
        }
        now[at] = left;
        context.results[1].set(row.cell(t, s), left);
        sums[static_cast<size_t>(row.classAt(s))] -= std::exp(alpha.at(row.cell(t, s)) + left - total);
      }
      for (int64_t k = 0; k < row.classes && !isZeroed; ++k) {
        context.results[0].set((t * row.batch + n) * row.classes + k,
                               isImpossible ? std::numeric_limits<double>::quiet_NaN() : sums[static_cast<size_t>(k)]);
      }
      after = now;
    }
  }
  return {};
}

}  // namespace ctc_loss_gradient
}  // namespace kiln::ops
