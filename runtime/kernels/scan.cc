// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cumsum, cumprod, cummax, cummin and linear_recurrence. Neighbouring lines are walked together, so that memory is read
// in order whatever the axis.
#include <limits>

#include "runtime/kernels/lines.h"
#include "runtime/kernels/table.h"

namespace kiln::runtime::kernels {
namespace {

// As many neighbouring lines as are walked together: their running values lie on the stack.
constexpr int64_t kBlock = 32;

/// Floats add up in double, integers wrap around.
template <class T>
using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

// Calls visit(at, lane) for the elements of up to kBlock neighbouring lines, lane by lane within each step of the scan,
// after begin(number of lanes), on any number of threads. `State` is made once for each block.
template <class State, class Visit>
kiln_status_t forEachBlock(kiln_context_t* context, const Lines& lines, bool reverse, const State& initial,
                           const Visit& visit) {
  const int64_t blocks = (lines.inner + kBlock - 1) / kBlock;
  return parallelFor(context, lines.outer * blocks, lines.n * (lines.inner < kBlock ? lines.inner : kBlock),
                     [&](kiln_context_t*, int64_t begin, int64_t end) -> kiln_status_t {
                       for (int64_t item = begin; item < end; ++item) {
                         const int64_t first = item % blocks * kBlock;
                         const int64_t lanes = lines.inner - first < kBlock ? lines.inner - first : kBlock;
                         const int64_t base = item / blocks * lines.n * lines.inner + first;
                         State state[kBlock];
                         for (int64_t lane = 0; lane < lanes; ++lane) {
                           state[lane] = initial;
                         }
                         for (int64_t step = 0; step < lines.n; ++step) {
                           const int64_t k = reverse ? lines.n - 1 - step : step;
                           for (int64_t lane = 0; lane < lanes; ++lane) {
                             visit(state[lane], base + k * lines.inner + lane, k);
                           }
                         }
                       }
                       return KILN_STATUS_OK;
                     });
}

template <class F>
kiln_status_t scan(kiln_context_t* context, void* const* buffers, const int64_t* arguments, int initial, F join) {
  Arguments given(buffers, arguments);
  const TensorArgument x = given.tensor(), result = given.tensor();
  const Lines lines(x, given.integer());
  const bool exclusive = given.boolean(), reverse = given.boolean();
  return withNumeric(x.dtype, [&]<class T>(T) {
    return forEachBlock(context, lines, reverse, static_cast<Sum<T>>(initial),
                        [&, from = x.data<T>(), to = result.data<T>()](Sum<T>& sum, int64_t at, int64_t) {
                          const Sum<T> after = join(sum, static_cast<Sum<T>>(from[at]));
                          to[at] = static_cast<T>(exclusive ? sum : after);
                          sum = after;
                        });
  });
}

template <class T>
struct Extreme {
  T value;
  int64_t at;
};

template <class F>
kiln_status_t scanExtreme(kiln_context_t* context, void* const* buffers, const int64_t* arguments, bool isLargest,
                          F isAsGood) {
  Arguments given(buffers, arguments);
  const TensorArgument x = given.tensor(), values = given.tensor(), indices = given.tensor();
  const Lines lines(x, given.integer());
  const bool exclusive = given.boolean(), reverse = given.boolean();
  return withNumeric(x.dtype, [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    T worst = isLargest ? Limits::lowest() : Limits::max();
    if constexpr (Limits::has_infinity) {
      worst = isLargest ? -Limits::infinity() : Limits::infinity();
    }
    return forEachBlock(
        context, lines, reverse, Extreme<T>{worst, -1},
        [&, from = x.data<T>(), to = values.data<T>(), index = indices.data<int64_t>()](Extreme<T>& best, int64_t at,
                                                                                        int64_t k) {
          const T value = from[at];
          const Extreme<T> before = best;
          if (best.at < 0 || value != value || (best.value == best.value && isAsGood(value, best.value))) {
            best = {value, k};
          }
          to[at] = exclusive ? before.value : best.value;
          index[at] = exclusive ? before.at : best.at;
        });
  });
}

struct Recurrence {
  double value;
  bool hasValue;
};

}  // namespace

kiln_status_t cumsum(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  return scan(context, buffers, arguments, 0, [](auto x, auto y) { return x + y; });
}

kiln_status_t cumprod(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  return scan(context, buffers, arguments, 1, [](auto x, auto y) { return x * y; });
}

kiln_status_t cummax(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  return scanExtreme(context, buffers, arguments, true, [](auto x, auto y) { return x >= y; });
}

kiln_status_t cummin(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  return scanExtreme(context, buffers, arguments, false, [](auto x, auto y) { return x <= y; });
}

kiln_status_t linearRecurrence(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const TensorArgument a = given.tensor(), b = given.tensor(), result = given.tensor();
  const Lines lines(a, given.integer());
  const bool reverse = given.boolean();
  return withFloat(a.dtype, [&]<class T>(T) {
    return forEachBlock(
        context, lines, reverse, Recurrence{0, false},
        [factor = a.data<T>(), term = b.data<T>(), to = result.data<T>()](Recurrence& last, int64_t at, int64_t) {
          // The first element has nothing before it, which is not the same as 0: the factor may be infinite.
          const double carried = last.hasValue ? static_cast<double>(factor[at]) * last.value : 0;
          last = {last.hasValue ? carried + static_cast<double>(term[at]) : static_cast<double>(term[at]), true};
          to[at] = static_cast<T>(last.value);
        });
  });
}

}  // namespace kiln::runtime::kernels
