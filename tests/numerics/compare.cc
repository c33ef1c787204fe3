// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "compiler/jit/session.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"
#include "ops/spec/loops.h"

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
                        static_cast<T>(-Limits::min() / 4),
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
      const double range = std::is_same_v<T, Half> ? 4 : 20;
      data[i] = static_cast<T>(std::exp(numbers.uniform(-range, range)));
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
  const T specials[] = {0, 1, static_cast<T>(-1), Limits::max(), Limits::min(), 2, static_cast<T>(-2)};
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

struct FloatFormat {
  int digits, minExponent, maxExponent;  // of the significand, and of the smallest and largest normal numbers
};

FloatFormat formatOf(DType dtype) {
  switch (dtype) {
    case f16:
      return {11, -14, 15};
    case bf16:
      return {8, -126, 127};
    case f32:
      return {24, -126, 127};
    default:
      KILN_CHECK(dtype == f64);
      return {53, -1022, 1023};
  }
}

// One unit in the last place of a number of that size; of an infinity, of the largest number.
double ulpOf(DType dtype, double value) {
  const FloatFormat format = formatOf(dtype);
  const int exponent = value == 0 || std::isnan(value) ? format.minExponent : std::ilogb(value);
  return std::ldexp(1.0, std::clamp(exponent, format.minExponent, format.maxExponent) + 1 - format.digits);
}

double largestOf(DType dtype) {
  const FloatFormat format = formatOf(dtype);
  return std::ldexp(2.0 - std::ldexp(1.0, 1 - format.digits), format.maxExponent);
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
        std::fabs(std::isinf(x) ? y : x) >= largestOf(found.dtype()) - tolerance.amount * ulpOf(found.dtype(), y);
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
  const Status status = ops::withType(tensor.dtype(), [&]<class T>(T) {
    if constexpr (kIsFloatType<T>) {
      fillFloats<T>(tensor, sweep, numbers);
    } else if constexpr (std::is_same_v<T, bool>) {
      for (int64_t i = 0; i < tensor.numElements(); ++i) {
        tensor.mutableData<bool>()[i] = numbers.next() % 2 != 0;
      }
    } else {
      fillIntegers<T>(tensor, sweep, numbers);
    }
    return Status();
  });
  KILN_CHECK(status.ok());
}

void expectSame(const Graph& graph, const std::vector<Feeds>& feedSets, const std::vector<Fetch>& fetches) {
  std::vector<std::string> fetchNames;
  for (const Fetch& fetch : fetches) {
    fetchNames.push_back(fetch.name);
  }
  StatusOr<Session> session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  expectSame(graph, feedSets, fetches, [&](const Feeds& feeds) -> StatusOr<std::map<std::string, Tensor>> {
    std::map<std::string, TensorView> views(feeds.begin(), feeds.end());
    return session->run(views, fetchNames);
  });
}

void expectSame(const Graph& graph, const std::vector<Feeds>& feedSets, const std::vector<Fetch>& fetches,
                const RunFetches& run) {
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
  for (const Feeds& feeds : feedSets) {
    std::vector<TensorView> views, sizeViews;
    std::vector<Tensor> sizes;
    sizes.reserve(feeds.size());
    std::string shapes;
    for (const auto& [name, tensor] : feeds) {
      views.push_back(tensor);
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
    auto found = run(feeds);
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
