// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "compiler/jit/session.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln::numerics {
namespace {

template <class T>
void fillFloats(Tensor& tensor, std::string_view sweep, Numbers& numbers) {
  using Limits = std::numeric_limits<T>;
  const T specials[] = {Limits::quiet_NaN(),
                        Limits::infinity(),
                        -Limits::infinity(),
                        T(0),
                        T(-0.0),
                        Limits::denorm_min(),
                        -Limits::min() / 4,
                        Limits::min(),
                        Limits::max(),
                        -Limits::max(),
                        T(1),
                        T(-1),
                        T(0.5),
                        T(1e-4),
                        T(88.5)};
  T* data = tensor.mutableData<T>();
  const int64_t count = tensor.numElements();
  // From a different start each time, so that binary ops meet many pairs.
  const size_t offset = numbers.next() % std::size(specials);
  for (int64_t i = 0; i < count; ++i) {
    if (sweep == "positive") {
      data[i] = static_cast<T>(std::exp(numbers.uniform(-20, 20)));
    } else if (sweep == "unit") {
      data[i] = static_cast<T>(numbers.uniform(-1, 1));
    } else if (sweep == "whole") {
      data[i] = static_cast<T>(static_cast<int64_t>(numbers.next() % 2001) - 1000);
    } else if (sweep == "small") {
      data[i] = static_cast<T>(static_cast<int64_t>(numbers.next() % 17) - 8);
    } else if (sweep == "near one") {
      data[i] = static_cast<T>(numbers.uniform(1, 2));
    } else if (sweep == "any" && i < static_cast<int64_t>(2 * std::size(specials))) {
      data[i] = specials[(i * (1 + offset % 7) + offset) % std::size(specials)];
    } else {
      data[i] = static_cast<T>(numbers.uniform(-10, 10));
    }
  }
}

template <class T>
void fillIntegers(Tensor& tensor, std::string_view sweep, Numbers& numbers) {
  using Limits = std::numeric_limits<T>;
  const T specials[] = {0, 1, -1, Limits::max(), Limits::min(), 2, -2};
  const size_t offset = numbers.next() % std::size(specials);
  T* data = tensor.mutableData<T>();
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    data[i] = i < 14 ? specials[(i * (1 + offset % 5) + offset) % std::size(specials)] : static_cast<T>(numbers.next());
    if (sweep == "nonzero" && data[i] == 0) {
      data[i] = 3;
    }
  }
}

Tensor magnitudes(const Tensor& tensor) {
  Tensor result = tensor;
  if (isFloat(tensor.dtype())) {
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      result.set(i, std::fabs(tensor.at(i)));
    }
  }
  return result;
}

// One unit in the last place of a number of that size.
double ulpOf(DType dtype, double value) {
  const double size = std::fabs(value);
  if (dtype == f32) {
    const float x = std::max(static_cast<float>(size), std::numeric_limits<float>::min());
    return std::isinf(x) ? std::ldexp(1.0, 104)
                         : static_cast<double>(std::nextafterf(x, std::numeric_limits<float>::infinity())) - x;
  }
  const double x = std::max(size, std::numeric_limits<double>::min());
  return std::isinf(x) ? std::ldexp(1.0, 971) : std::nextafter(x, std::numeric_limits<double>::infinity()) - x;
}

bool isSame(const Tensor& found, const Tensor& wanted, const Tensor& size, int64_t i, ToleranceSpec tolerance) {
  if (!isFloat(found.dtype())) {
    return std::memcmp(static_cast<const char*>(found.data()) + i * byteSize(found.dtype(), 1),
                       static_cast<const char*>(wanted.data()) + i * byteSize(found.dtype(), 1),
                       byteSize(found.dtype(), 1)) == 0;
  }
  const double x = found.at(i), y = wanted.at(i);
  if (std::isnan(x) || std::isnan(y)) {
    return std::isnan(x) == std::isnan(y);
  }
  if (tolerance.kind == ToleranceKind::kExact || std::isinf(y) || std::isinf(x)) {
    // An overflow that rounding decides may go either way.
    const bool isEdge =
        tolerance.kind != ToleranceKind::kExact && std::isinf(x) != std::isinf(y) &&
        std::fabs(std::isinf(x) ? y : x) >
            0.9999 * (found.dtype() == f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max());
    return isEdge || (x == y && std::signbit(x) == std::signbit(y));
  }
  if (tolerance.kind == ToleranceKind::kUlp && y == 0) {
    return x == 0 && std::signbit(x) == std::signbit(y);
  }
  return std::fabs(x - y) <=
         tolerance.amount * ulpOf(found.dtype(), tolerance.kind == ToleranceKind::kUlp ? y : size.at(i));
}

}  // namespace

uint64_t Numbers::next() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return state_;
}

double Numbers::uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
}

void fill(Tensor& tensor, std::string_view sweep, Numbers& numbers) {
  switch (tensor.dtype()) {
    case f32:
      return fillFloats<float>(tensor, sweep, numbers);
    case f64:
      return fillFloats<double>(tensor, sweep, numbers);
    case i32:
      return fillIntegers<int32_t>(tensor, sweep, numbers);
    case i64:
      return fillIntegers<int64_t>(tensor, sweep, numbers);
    default:
      for (int64_t i = 0; i < tensor.numElements(); ++i) {
        tensor.set(i, static_cast<double>(numbers.next() % 2));
      }
  }
}

void expectSame(const Graph& graph, const std::vector<Feeds>& feedSets, const std::vector<Fetch>& fetches) {
  std::vector<std::string> feedNames, fetchNames;
  for (const auto& [name, tensor] : feedSets[0]) {
    feedNames.push_back(name);
  }
  bool needsSizes = false;
  for (const Fetch& fetch : fetches) {
    fetchNames.push_back(fetch.name);
    needsSizes |= fetch.tolerance.kind == ToleranceKind::kSumUlp;
  }
  StatusOr<Entry> entry = makeEntry(graph, "check", feedNames, fetchNames, {});
  ASSERT_TRUE(entry.ok()) << entry.status();
  StatusOr<Session> session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  for (const Feeds& feeds : feedSets) {
    std::vector<TensorView> views, sizeViews;
    std::map<std::string, TensorView> byName;
    std::vector<Tensor> sizes;
    sizes.reserve(feeds.size());
    std::string shapes;
    for (const auto& [name, tensor] : feeds) {
      views.push_back(tensor);
      byName.emplace(name, tensor);
      sizes.push_back(magnitudes(tensor));
      sizeViews.push_back(sizes.back());
      shapes += name + " " + tensor.toString(0) + " ";
    }
    SCOPED_TRACE(shapes);
    StatusOr<VariableStore> store = initialValues(graph);
    ASSERT_TRUE(store.ok()) << store.status();
    StatusOr<std::vector<Tensor>> wanted = Interpreter().evaluate(graph, *entry, views, *store);
    ASSERT_TRUE(wanted.ok()) << wanted.status();
    StatusOr<std::vector<Tensor>> size = needsSizes ? Interpreter().evaluate(graph, *entry, sizeViews, *store) : wanted;
    ASSERT_TRUE(size.ok()) << size.status();
    auto found = session->run(byName, fetchNames);
    ASSERT_TRUE(found.ok()) << found.status();
    for (size_t k = 0; k < fetches.size(); ++k) {
      const Tensor &got = (*found)[fetches[k].name], &expected = (*wanted)[k];
      ASSERT_EQ(got.dtype(), expected.dtype()) << fetches[k].name;
      ASSERT_EQ(got.dims(), expected.dims()) << fetches[k].name;
      int failures = 0;
      for (int64_t i = 0; i < got.numElements() && failures < 4; ++i) {
        if (!isSame(got, expected, (*size)[k], i, fetches[k].tolerance)) {
          ++failures;
          ADD_FAILURE() << fetches[k].name << " element " << i << ": compiled " << ::testing::PrintToString(got.at(i))
                        << ", reference " << ::testing::PrintToString(expected.at(i)) << ", off by "
                        << std::fabs(got.at(i) - expected.at(i)) / ulpOf(got.dtype(), (*size)[k].at(i))
                        << " ulp, allowed " << fetches[k].tolerance.amount;
        }
      }
    }
  }
}

void expectSame(const Graph& graph, const Feeds& feeds, const std::vector<Fetch>& fetches) {
  expectSame(graph, std::vector<Feeds>{feeds}, fetches);
}

}  // namespace kiln::numerics
