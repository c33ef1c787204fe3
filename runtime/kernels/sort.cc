// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// sort and top_k. Positions are sorted where the result `indices` lies, by value and then position: a total order, so
// the result is the same for any algorithm, and equal elements keep their order without one that is stable.
#include <algorithm>

#include "runtime/kernels/lines.h"
#include "runtime/kernels/table.h"

namespace kiln::runtime::kernels {
namespace {

// The order of positions in a line of values. NaN comes after every number, and no NaN before another.
template <class T>
struct Order {
  const T* line;
  int64_t step;
  bool descending;

  static bool isBefore(T x, T y) { return x < y || (x == x && y != y); }
  bool operator()(int64_t a, int64_t b) const {
    const T x = line[a * step], y = line[b * step];
    const bool isLess = isBefore(x, y), isMore = isBefore(y, x);
    return isLess == isMore ? a < b : descending ? isMore : isLess;
  }
};

// About how many operations sorting `n` costs.
int64_t sortingWork(int64_t n) { return n * (64 - std::countl_zero(static_cast<uint64_t>(n < 1 ? 1 : n))) * 4; }

}  // namespace

kiln_status_t sort(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const TensorArgument x = given.tensor(), values = given.tensor(), indices = given.tensor();
  const Lines lines(x, given.integer());
  const bool descending = given.boolean();
  return withNumeric(x.dtype, [&]<class T>(T) {
    return parallelFor(context, lines.count(), sortingWork(lines.n),
                       [&](kiln_context_t*, int64_t begin, int64_t end) -> kiln_status_t {
                         for (int64_t line = begin; line < end; ++line) {
                           const int64_t front = lines.front(line);
                           const T* from = x.data<T>() + front;
                           const LineIterator<int64_t> order(indices.data<int64_t>() + front, lines.inner);
                           for (int64_t k = 0; k < lines.n; ++k) {
                             order[k] = k;
                           }
                           std::sort(order, order + lines.n, Order<T>{from, lines.inner, descending});
                           for (int64_t k = 0; k < lines.n; ++k) {
                             values.data<T>()[front + k * lines.inner] = from[order[k] * lines.inner];
                           }
                         }
                         return KILN_STATUS_OK;
                       });
  });
}

kiln_status_t topK(kiln_context_t* context, void* const* buffers, const int64_t* arguments) {
  Arguments given(buffers, arguments);
  const TensorArgument x = given.tensor(), values = given.tensor(), indices = given.tensor();
  const int64_t k = given.integer();
  const int64_t axis = given.integer();
  const bool largest = given.boolean();
  const Lines from(x, axis), to(values, axis);
  if (k > from.n) {
    return fail(context, KILN_STATUS_INDEX_RANGE, given.nodeId(), k - 1, from.n);
  }
  if (k == 0) {
    return KILN_STATUS_OK;
  }
  return withNumeric(x.dtype, [&]<class T>(T) {
    return parallelFor(context, from.count(), from.n * 4 + sortingWork(k),
                       [&](kiln_context_t*, int64_t begin, int64_t end) -> kiln_status_t {
                         for (int64_t line = begin; line < end; ++line) {
                           const T* source = x.data<T>() + from.front(line);
                           const int64_t front = to.front(line);
                           const LineIterator<int64_t> best(indices.data<int64_t>() + front, to.inner);
                           const Order<T> order{source, from.inner, largest};
                           // A heap of the best so far, with the worst of them on top.
                           for (int64_t i = 0; i < k; ++i) {
                             best[i] = i;
                           }
                           std::make_heap(best, best + k, order);
                           for (int64_t i = k; i < from.n; ++i) {
                             if (order(i, best[0])) {
                               std::pop_heap(best, best + k, order);
                               best[k - 1] = i;
                               std::push_heap(best, best + k, order);
                             }
                           }
                           std::sort_heap(best, best + k, order);
                           for (int64_t i = 0; i < k; ++i) {
                             values.data<T>()[front + i * to.inner] = source[best[i] * from.inner];
                           }
                         }
                         return KILN_STATUS_OK;
                       });
  });
}

}  // namespace kiln::runtime::kernels
