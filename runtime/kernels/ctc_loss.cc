// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ctc_loss and ctc_loss_gradient: forward and backward variables in log space (Graves et al., Connectionist temporal
// classification, ICML 2006). Positions of a row of labels: a blank at even ones, label s / 2 at odd ones. Each element
// of the batch is one item of work.
#include <cmath>
#include <limits>

#include "runtime/kernels/arguments.h"
#include "runtime/kernels/table.h"

namespace kiln::runtime::kernels {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

double logAdd(double x, double y) {
  const double high = x < y ? y : x, low = x < y ? x : y;
  return high == kImpossible ? kImpossible : high + std::log1p(std::exp(low - high));
}

// The operands that both ops have first.
struct Operands {
  explicit Operands(Arguments& given)
      : scores(given.tensor()), labels(given.tensor()), inputLengths(given.tensor()), labelLengths(given.tensor()) {}
  int64_t times() const { return scores.dims[0]; }
  int64_t batch() const { return scores.dims[1]; }
  int64_t classes() const { return scores.dims[2]; }
  int64_t width() const { return labels.dims[1]; }
  int64_t cells() const { return 2 * width() + 1; }
  /// Operations for one element of the batch.
  int64_t work() const { return times() * cells() * 64 + times() * classes(); }
  static int64_t at(const TensorArgument& tensor, int64_t position) {
    return tensor.dtype == i32 ? tensor.data<int32_t>()[position] : tensor.data<int64_t>()[position];
  }
  TensorArgument scores, labels, inputLengths, labelLengths;
};

// Element n of the batch: T of the scores.
template <class T>
class Row {
 public:
  Row(const Operands& operands, int64_t n, int64_t blank)
      : operands_(operands),
        n_(n),
        blank_(blank),
        times_(Operands::at(operands.inputLengths, n)),
        length_(Operands::at(operands.labelLengths, n)) {}

  /// Faults for lengths, labels and a blank out of range.
  kiln_status_t check(kiln_context_t* context, int32_t nodeId) const {
    const auto isBad = [](int64_t index, int64_t count) { return index < 0 || index >= count; };
    const auto refuse = [&](int64_t index, int64_t count) {
      return fail(context, KILN_STATUS_INDEX_RANGE, nodeId, index, count);
    };
    if (isBad(blank_, operands_.classes())) {
      return refuse(blank_, operands_.classes());
    }
    if (isBad(times_, operands_.times() + 1)) {
      return refuse(times_, operands_.times() + 1);
    }
    if (isBad(length_, operands_.width() + 1)) {
      return refuse(length_, operands_.width() + 1);
    }
    for (int64_t s = 1; s < positions(); s += 2) {
      if (isBad(classAt(s), operands_.classes())) {
        return refuse(classAt(s), operands_.classes());
      }
    }
    return KILN_STATUS_OK;
  }

  int64_t times() const { return times_; }
  int64_t length() const { return length_; }
  int64_t positions() const { return 2 * length_ + 1; }
  int64_t classAt(int64_t s) const {
    return s % 2 == 0 ? blank_ : Operands::at(operands_.labels, n_ * operands_.width() + s / 2);
  }
  double score(int64_t t, int64_t s) const {
    return operands_.scores.data<T>()[(t * operands_.batch() + n_) * operands_.classes() + classAt(s)];
  }
  /// Position s may follow s - 2 directly: it is a label, and another one.
  bool skips(int64_t s) const { return s >= 2 && s % 2 == 1 && classAt(s) != classAt(s - 2); }
  /// The cells of time t in [batch, time, positions].
  T* cells(const TensorArgument& table, int64_t t) const {
    return table.data<T>() + (n_ * operands_.times() + t) * operands_.cells();
  }
  /// The classes of time t in a tensor of the shape of the scores.
  T* classes(const TensorArgument& tensor, int64_t t) const {
    return tensor.data<T>() + (t * operands_.batch() + n_) * operands_.classes();
  }
  /// The log-probability of all paths.
  double logLikelihood(const TensorArgument& alpha) const {
    if (times_ == 0) {
      return length_ == 0 ? 0 : kImpossible;
    }
    const T* last = cells(alpha, times_ - 1);
    return length_ == 0 ? last[0] : logAdd(last[2 * length_], last[2 * length_ - 1]);
  }

 private:
  const Operands& operands_;
  int64_t n_, blank_, times_, length_;
};

// Zeros in all cells of an element that no path visits.
template <class T>
void clearCells(const Row<T>& row, const TensorArgument& table, int64_t times, int64_t cells) {
  for (int64_t t = 0; t < times; ++t) {
    for (int64_t s = t < row.times() ? row.positions() : 0; s < cells; ++s) {
      row.cells(table, t)[s] = 0;
    }
  }
}

}  // namespace

kiln_status_t ctcLoss(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const Operands operands(given);
  const TensorArgument loss = given.tensor(), alpha = given.tensor();
  const int64_t blank = given.integer();
  const bool isZeroed = given.boolean();
  return withWideFloat(operands.scores.dtype, [&]<class T>(T) {
    const auto item = [&](kiln_context_t* inner, int64_t begin, int64_t end) -> kiln_status_t {
      for (int64_t n = begin; n < end; ++n) {
        const Row<T> row(operands, n, blank);
        if (const kiln_status_t status = row.check(inner, given.nodeId()); status != KILN_STATUS_OK) {
          return status;
        }
        clearCells(row, alpha, operands.times(), operands.cells());
        for (int64_t t = 0; t < row.times(); ++t) {
          T* now = row.cells(alpha, t);
          const T* before = t == 0 ? nullptr : row.cells(alpha, t - 1);
          for (int64_t s = 0; s < row.positions(); ++s) {
            double reached = t == 0 ? (s < 2 ? 0 : kImpossible) : before[s];
            if (t > 0 && s > 0) {
              reached = logAdd(reached, before[s - 1]);
            }
            if (t > 0 && row.skips(s)) {
              reached = logAdd(reached, before[s - 2]);
            }
            now[s] = static_cast<T>(reached == kImpossible ? kImpossible : reached + row.score(t, s));
          }
        }
        const double total = row.logLikelihood(alpha);
        loss.data<T>()[n] = static_cast<T>(total == kImpossible && isZeroed ? 0 : -total);
      }
      return KILN_STATUS_OK;
    };
    return parallelFor(context, operands.batch(), operands.work(), item);
  });
}

kiln_status_t ctcLossGradient(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const Operands operands(given);
  const TensorArgument alpha = given.tensor(), gradient = given.tensor(), beta = given.tensor();
  const int64_t blank = given.integer();
  const bool isZeroed = given.boolean();
  return withWideFloat(operands.scores.dtype, [&]<class T>(T) {
    const auto item = [&](kiln_context_t* inner, int64_t begin, int64_t end) -> kiln_status_t {
      for (int64_t n = begin; n < end; ++n) {
        const Row<T> row(operands, n, blank);
        if (const kiln_status_t status = row.check(inner, given.nodeId()); status != KILN_STATUS_OK) {
          return status;
        }
        clearCells(row, beta, operands.times(), operands.cells());
        const double total = row.logLikelihood(alpha);
        const bool isImpossible = total == kImpossible;
        const T unvisited = isImpossible && !isZeroed ? std::numeric_limits<T>::quiet_NaN() : T(0);
        const int64_t last = row.positions() - 1;
        for (int64_t t = operands.times() - 1; t >= 0; --t) {
          T* classes = row.classes(gradient, t);
          for (int64_t k = 0; k < operands.classes(); ++k) {
            classes[k] = t < row.times() ? unvisited : T(0);
          }
          if (t >= row.times()) {
            continue;
          }
          T* now = row.cells(beta, t);
          const T* after = t == row.times() - 1 ? nullptr : row.cells(beta, t + 1);
          for (int64_t s = 0; s <= last; ++s) {
            // Without the score of its own time, so that alpha + beta counts each once.
            double left = after == nullptr ? (s + 2 > last ? 0 : kImpossible) : after[s] + row.score(t + 1, s);
            if (after != nullptr && s + 1 <= last) {
              left = logAdd(left, after[s + 1] + row.score(t + 1, s + 1));
            }
            if (after != nullptr && s + 2 <= last && row.skips(s + 2)) {
              left = logAdd(left, after[s + 2] + row.score(t + 1, s + 2));
            }
            now[s] = static_cast<T>(left);
            if (!isImpossible) {
              T& sum = classes[row.classAt(s)];
              sum = static_cast<T>(sum - std::exp(row.cells(alpha, t)[s] + left - total));
            }
          }
        }
      }
      return KILN_STATUS_OK;
    };
    return parallelFor(context, operands.batch(), operands.work(), item);
  });
}

}  // namespace kiln::runtime::kernels
