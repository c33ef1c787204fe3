// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/signal.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace kiln::nn {
namespace {

using Complex = std::complex<double>;

// Below this many elements, a matrix is what a transform is multiplied by: 12 MB of f64, lengths of some 600 for
// complex and 1200 for one-sided transforms.
constexpr int64_t kMostMatrixElements = int64_t{3} << 19;
constexpr int64_t kMostExactLength = 128;
// Far beyond any signal, and products of positions stay in i64.
constexpr int64_t kMostStep = int64_t{1} << 30;

// exp(2 pi i k / n). Angles are reduced to the first octant in integers, so multiples of 90 degrees are exact, and the
// symmetries hold to the last bit.
Complex rootOfUnity(int64_t k, int64_t n) {
  k = ((k % n) + n) % n;
  const int64_t quarter = 4 * k / n;
  const int64_t rest = 4 * k - quarter * n;  // Of n, which is 90 degrees.
  const double toRadians = std::numbers::pi / 2 / static_cast<double>(n);
  const bool isUpper = 2 * rest > n;
  const double angle = static_cast<double>(isUpper ? n - rest : rest) * toRadians;
  Complex root = isUpper ? Complex(std::sin(angle), std::cos(angle)) : Complex(std::cos(angle), std::sin(angle));
  if (2 * rest == n) {
    root = Complex(std::numbers::sqrt2 / 2, std::numbers::sqrt2 / 2);
  }
  for (int64_t i = 0; i < quarter; ++i) {
    root = Complex(-root.imag(), root.real());
  }
  return root;
}

void set(Tensor& tensor, int64_t at, double value) {
  if (tensor.dtype() == f64) {
    tensor.mutableData<double>()[at] = value;
  } else {
    tensor.mutableData<float>()[at] = static_cast<float>(value);
  }
}

// The transform of a batch of signals.
class Dft {
 public:
  Dft(GraphBuilder& g, DType dtype, bool isInverse, std::source_location where)
      : g_(g), dtype_(dtype), isInverse_(isInverse), where_(where) {}

  // x [batch, n, 2] as [batch, n, 2], not divided by n.
  Value complex(Value x, int64_t n) {
    if (4 * n * n <= kMostMatrixElements) {
      return product(x, matrix({.in = n, .inParts = 2, .out = n, .n = n}), n, 2);
    }
    int64_t first = static_cast<int64_t>(std::sqrt(static_cast<double>(n)));
    while (n % first != 0) {
      --first;
    }
    return first == 1 ? chirp(x, n) : split(x, first, n / first);
  }

  struct Matrix {
    int64_t in = 0;       // Elements of the signal; the others are zeros.
    int64_t inParts = 2;  // 1 for a real signal.
    int64_t out = 0;      // The first ones of the spectrum.
    int64_t n = 0;        // The length.
    double scale = 1;
    bool isHalf = false;  // The signal is the first half of a spectrum, and the result real.
  };
  static bool fits(const Matrix& m) { return m.in * m.inParts * m.out * 2 <= kMostMatrixElements; }

  // [in * inParts, out * outParts]
  Value matrix(const Matrix& m) {
    const int64_t outParts = m.isHalf ? 1 : 2;
    const int64_t columns = m.out * outParts;
    Tensor tensor(dtype_, {m.in * m.inParts, columns});
    for (int64_t t = 0; t < m.in; ++t) {
      // The conjugates that are not given count too.
      const bool isTwice = m.isHalf && t != 0 && 2 * t != m.n;
      for (int64_t k = 0; k < m.out; ++k) {
        const Complex root = rootOfUnity(isInverse_ ? t * k : -t * k, m.n) * (isTwice ? 2 * m.scale : m.scale);
        const int64_t row = t * m.inParts * columns + k * outParts;
        set(tensor, row, root.real());
        if (outParts == 2) {
          set(tensor, row + 1, root.imag());
        }
        if (m.inParts == 2) {
          const bool isOwnConjugate = m.isHalf && !isTwice;
          set(tensor, row + columns, isOwnConjugate ? 0 : -root.imag());
          if (outParts == 2) {
            set(tensor, row + columns + 1, root.real());
          }
        }
      }
    }
    return g_.constant(std::move(tensor), "dft", where_);
  }

  // x [batch, in, inParts] as [batch, out, outParts].
  Value product(Value x, Value matrix, int64_t out, int64_t outParts) {
    if (x.isPoisoned()) {
      return x;
    }
    const Dim batch = x.shape()[0];
    const Value rows = reshape(at(x), Shape{batch, x.shape()[1] * x.shape()[2]});
    return reshape(at(matmul(at(rows), matrix)), Shape{batch, out, outParts});
  }

  // x [.., 2] times the numbers.
  Value times(Value x, const std::vector<Complex>& numbers, std::vector<int64_t> dims) {
    dims.push_back(1);
    Tensor real(dtype_, dims), imaginary(dtype_, dims);
    for (size_t i = 0; i < numbers.size(); ++i) {
      set(real, static_cast<int64_t>(i), numbers[i].real());
      set(imaginary, static_cast<int64_t>(i), numbers[i].imag());
    }
    const Value c = g_.constant(std::move(real), "cos", where_), s = g_.constant(std::move(imaginary), "sin", where_);
    const Value a = part(x, 0), b = part(x, 1);
    return concat({at(a) * at(c) - at(b) * at(s), at(a) * at(s) + at(b) * at(c)}, x.rank() - 1, where_);
  }

  Value part(Value x, int64_t i) {
    if (x.isPoisoned()) {
      return x;
    }
    Shape starts(std::vector<Dim>(static_cast<size_t>(x.rank()), Dim(0))), ends = x.shape();
    starts[x.rank() - 1] = i;
    ends[x.rank() - 1] = i + 1;
    return slice(at(x), starts, ends);
  }

  Operand at(Value value) const { return {value, where_}; }

 private:
  // Of n = first * second elements, element second * a + b becomes number c + first * d (Cooley and Tukey).
  Value split(Value x, int64_t first, int64_t second) {
    const int64_t n = first * second;
    const Dim batch = x.shape()[0];
    const std::vector<int64_t> exchange = {0, 2, 1, 3};
    Value y = transpose(at(reshape(at(x), Shape{batch, first, second, 2})), exchange);
    y = complex(reshape(at(y), Shape{batch * Dim(second), first, 2}), first);
    std::vector<Complex> twiddles;
    for (int64_t b = 0; b < second; ++b) {
      for (int64_t c = 0; c < first; ++c) {
        twiddles.push_back(rootOfUnity(isInverse_ ? b * c : -b * c, n));
      }
    }
    y = times(reshape(at(y), Shape{batch, second, first, 2}), twiddles, {second, first});
    y = reshape(at(transpose(at(y), exchange)), Shape{batch * Dim(first), second, 2});
    y = reshape(at(complex(y, second)), Shape{batch, first, second, 2});
    return reshape(at(transpose(at(y), exchange)), Shape{batch, n, 2});
  }

  // As a convolution with exp(pi i t^2 / n), for 2 t k = t^2 + k^2 - (k - t)^2 (Bluestein). It is done by transforms of
  // a length that is a power of two, where nothing wraps around.
  Value chirp(Value x, int64_t n) {
    int64_t m = 1;
    while (m < 2 * n - 1) {
      m *= 2;
    }
    const auto chirpAt = [&](int64_t t) {
      return rootOfUnity(isInverse_ ? t * t % (2 * n) : -(t * t % (2 * n)), 2 * n);
    };
    std::vector<Complex> chirps, filter(static_cast<size_t>(m));
    for (int64_t t = 0; t < n; ++t) {
      chirps.push_back(chirpAt(t));
      filter[static_cast<size_t>(t)] = std::conj(chirps.back()) / static_cast<double>(m);
      filter[static_cast<size_t>(t == 0 ? 0 : m - t)] = filter[static_cast<size_t>(t)];
    }
    transformHere(filter);
    const Shape none{0, 0, 0}, more{0, m - n, 0};
    Dft forward(g_, dtype_, false, where_), backward(g_, dtype_, true, where_);
    Value y = pad(at(times(x, chirps, {n})), Operand(0, where_), none, more);
    y = backward.complex(times(forward.complex(y, m), filter, {m}), m);
    y = slice(at(y), none, Shape{x.shape()[0], n, 2});
    return times(y, chirps, {n});
  }

  // The forward transform of a power of two, in place.
  static void transformHere(std::vector<Complex>& x) {
    const size_t n = x.size();
    for (size_t i = 1, j = 0; i < n; ++i) {
      size_t bit = n / 2;
      for (; j & bit; bit /= 2) {
        j ^= bit;
      }
      j ^= bit;
      if (i < j) {
        std::swap(x[i], x[j]);
      }
    }
    for (size_t length = 2; length <= n; length *= 2) {
      for (size_t k = 0; k < length / 2; ++k) {
        const Complex root = rootOfUnity(-static_cast<int64_t>(k), static_cast<int64_t>(length));
        for (size_t i = k; i < n; i += length) {
          const Complex odd = x[i + length / 2] * root;
          x[i + length / 2] = x[i] - odd;
          x[i] += odd;
        }
      }
    }
  }

  GraphBuilder& g_;
  DType dtype_;
  bool isInverse_;
  std::source_location where_;
};

Value fail(GraphBuilder& g, const char* layer, const std::string& why, std::source_location where) {
  g.addError(makeError<ErrorId::kG0512>(layer, why), where);
  return g.poisoned();
}

// What is wrong with a signal, "" for nothing.
std::string checkSignal(Value x, int leastRank) {
  const bool fits = isFloat(x.dtype()) && x.rank() >= leastRank &&
                    (x.shape()[x.rank() - 1] == Dim(1) || x.shape()[x.rank() - 1] == Dim(2));
  return fits ? ""
              : "the signal is " + ValueType{x.dtype(), x.shape()}.toString() +
                    ", wanted floats with a last axis of length 1 or 2";
}

// x with zeros behind it along an axis, or without what is beyond the length.
Value fitTo(Value x, int axis, int64_t length, std::source_location where) {
  const Dim given = x.shape()[axis];
  if (given == Dim(length)) {
    return x;
  }
  Shape none(std::vector<Dim>(static_cast<size_t>(x.rank()), Dim(0)));
  if (!given.isStatic() || given.value() < length) {
    Shape more = none;
    more[axis] = given.isStatic() ? length - given.value() : length;
    x = pad(Operand(x, where), Operand(0, where), none, more);
  }
  Shape ends = x.shape();
  ends[axis] = length;
  return given.isStatic() && given.value() < length ? x : slice(Operand(x, where), none, ends);
}

DType typeOfSums(DType dtype, int64_t n) { return dtype == f64 || n <= kMostExactLength ? f64 : f32; }

// The transform of x [batch, t, parts], of which nothing but zeros is left out, to [batch, .., 2] or [.., 1].
Value transform(GraphBuilder& g, Value x, int64_t n, bool isInverse, bool isOneSided, std::source_location where) {
  const DType dtype = x.dtype();
  x = cast(Operand(x, where), typeOfSums(dtype, n));
  Dft dft(g, x.dtype(), isInverse, where);
  const bool isHalf = isOneSided && isInverse;
  Dft::Matrix m{.in = x.shape()[1].value(), .inParts = x.shape()[2].value(), .out = n, .n = n};
  m.out = isOneSided && !isInverse ? n / 2 + 1 : n;
  m.scale = isInverse ? 1 / static_cast<double>(n) : 1;
  m.isHalf = isHalf;
  Value y;
  if (Dft::fits(m)) {
    y = dft.product(x, dft.matrix(m), m.out, isHalf ? 1 : 2);
  } else {
    const Shape none{0, 0, 0};
    if (m.inParts == 1) {
      x = pad(Operand(x, where), Operand(0, where), none, Shape{0, 0, 1});
    }
    if (isHalf) {
      // The conjugates of elements 1 to (n - 1) / 2, from the last to the first.
      const Value others =
          reverse(Operand(slice(Operand(x, where), Shape{0, 1, 0}, Shape{x.shape()[0], (n + 1) / 2, 2}), where), {1});
      const Value imaginary = -Operand(dft.part(others, 1), where);
      x = concat({x, concat({dft.part(others, 0), imaginary}, 2, where)}, 1, where);
    }
    y = dft.complex(fitTo(x, 1, n, where), n);
    y = isInverse ? Operand(y, where) * Operand(m.scale, where) : y;
    y = isHalf ? dft.part(y, 0) : fitTo(y, 1, m.out, where);
  }
  return cast(Operand(y, where), dtype);
}

}  // namespace

Value dft(Value x, const DftOptions& options, std::source_location where) {
  if (x.builder() == nullptr || x.isPoisoned()) {
    return x;
  }
  GraphBuilder& g = *x.builder();
  if (const std::string why = checkSignal(x, 2); !why.empty()) {
    return fail(g, "dft", why, where);
  }
  const int axis = static_cast<int>(options.axis < 0 ? options.axis + x.rank() : options.axis);
  if (axis < 0 || axis >= x.rank() - 1) {
    return fail(g, "dft",
                "axis " + std::to_string(options.axis) + " of rank " + std::to_string(x.rank()) +
                    ", wanted one before the last",
                where);
  }
  const Dim given = x.shape()[axis];
  if (!options.length && !given.isStatic()) {
    return fail(g, "dft", "the length of the axis is " + given.toString() + ", wanted a number", where);
  }
  const bool isHalf = options.isOneSided && options.isInverse;
  const int64_t n = options.length ? *options.length : isHalf ? 2 * (given.value() - 1) : given.value();
  if (n < 1 || n > kMostDftLength) {
    return fail(g, "dft", "the length is " + std::to_string(n) + ", wanted 1 to " + std::to_string(kMostDftLength),
                where);
  }
  const int64_t most = isHalf ? n / 2 + 1 : n;
  if (!given.isStatic() || given.value() > most || isHalf) {
    x = fitTo(x, axis, most, where);
  }
  // [others.., axis, parts]
  std::vector<int64_t> order, back(static_cast<size_t>(x.rank()));
  Shape moved;
  Dim batch(1);
  for (int i = 0; i < x.rank() - 1; ++i) {
    if (i != axis) {
      order.push_back(i);
      moved.push_back(x.shape()[i]);
      batch = batch * x.shape()[i];
    }
  }
  order.push_back(axis);
  order.push_back(x.rank() - 1);
  for (size_t i = 0; i < order.size(); ++i) {
    back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  const bool isMoved = axis != x.rank() - 2;
  Value y = isMoved ? transpose(Operand(x, where), order) : x;
  y = reshape(Operand(y, where), Shape{batch, x.shape()[axis], x.shape()[x.rank() - 1]});
  y = transform(g, y, n, options.isInverse, options.isOneSided, where);
  if (y.isPoisoned()) {
    return y;
  }
  moved.push_back(y.shape()[1]);
  moved.push_back(y.shape()[2]);
  y = reshape(Operand(y, where), moved);
  return isMoved ? transpose(Operand(y, where), back) : y;
}

Value stft(Value signal, Value window, const StftOptions& options, std::source_location where) {
  const bool hasWindow = window.builder() != nullptr;
  if (signal.builder() == nullptr || signal.isPoisoned() || (hasWindow && window.isPoisoned())) {
    return signal.builder() == nullptr ? signal : signal.builder()->poisoned();
  }
  GraphBuilder& g = *signal.builder();
  if (const std::string why = checkSignal(signal, 3); !why.empty() || signal.rank() != 3) {
    return fail(g, "stft", why.empty() ? "the signal has rank " + std::to_string(signal.rank()) + ", wanted 3" : why,
                where);
  }
  if (options.step < 1 || options.step > kMostStep || options.length < 1 || options.length > kMostDftLength) {
    return fail(g, "stft",
                "step " + std::to_string(options.step) + " and length " + std::to_string(options.length) +
                    ", wanted positive numbers",
                where);
  }
  if (hasWindow && (window.rank() != 1 || !window.shape()[0].isStatic() || window.dtype() != signal.dtype())) {
    return fail(g, "stft",
                "the window is " + ValueType{window.dtype(), window.shape()}.toString() +
                    ", wanted a vector of the signal's type with a number as its length",
                where);
  }
  const Dim n = signal.shape()[1];
  if (n.isStatic() && n.value() < options.length) {
    return fail(g, "stft",
                "the signal has " + n.toString() + " elements, fewer than a frame of " + std::to_string(options.length),
                where);
  }
  const int64_t used = hasWindow ? std::min(window.shape()[0].value(), options.length) : options.length;
  if (used < 1) {
    return fail(g, "stft", "the window is empty", where);
  }
  // A symbolic signal may turn out to be shorter than a frame, and has no frames then.
  const Dim frames = Dim::floorDiv(Dim::max(n - Dim(options.length) + Dim(options.step), Dim(0)), Dim(options.step));
  Value x;
  if (n.isStatic()) {
    x = unfold(Operand(signal, where), Operand(0, where),
               {.kernel = {used}, .strides = {options.step}, .padding = {{0}, {used - options.length}}});
  } else {
    const Operand first(iota(g, Shape{frames, used}, 0, i64, where), where);
    const Operand within(iota(g, Shape{frames, used}, 1, i64, where), where);
    x = gather(Operand(signal, where), Operand(first * Operand(options.step, where), where) + within, 1);
  }
  if (hasWindow) {
    const Value weights = fitTo(window, 0, used, where);
    x = Operand(x, where) * Operand(reshape(Operand(weights, where), Shape{used, 1}), where);
  }
  if (x.isPoisoned()) {
    return x;
  }
  const Dim parts = signal.shape()[2];
  x = reshape(Operand(x, where), Shape{signal.shape()[0] * frames, used, parts});
  const Value y = transform(g, x, options.length, false, options.isOneSided, where);
  return y.isPoisoned() ? y : reshape(Operand(y, where), Shape{signal.shape()[0], frames, y.shape()[1], 2});
}

Value cosineWindow(GraphBuilder& g, const Dim& length, const std::vector<double>& terms, bool isPeriodic,
                   std::source_location where) {
  const Operand t(iota(g, Shape{length}, 0, f64, where), where);
  Value period = g.scalar(0, f64, where);
  if (length.isStatic()) {
    period = g.scalar(static_cast<double>(length.value() - (isPeriodic ? 0 : 1)), f64, where);
  } else {
    const Value shape = g.makeNode("shape_value", {}, {{"shape", Shape{length}}}, "", where)[0];
    const Value count = cast(Operand(reshape(Operand(shape, where), Shape{}), where), f64);
    period = Operand(count, where) - Operand(isPeriodic ? 0 : 1, where);
  }
  Value sum = full(g, Shape{length}, terms.empty() ? 0 : terms[0], f64, where);
  for (size_t i = 1; i < terms.size(); ++i) {
    const Value turns = Operand(t * Operand(static_cast<double>(i), where), where) / Operand(period, where);
    const Value cosine = cos(Operand(Operand(turns, where) * Operand(2 * std::numbers::pi, where), where));
    sum = Operand(sum, where) + Operand(Operand(cosine, where) * Operand(terms[i], where), where);
  }
  return sum;
}

Tensor melWeights(const MelOptions& options) {
  const int64_t bins = options.dftLength / 2 + 1;
  Tensor weights(f64, {bins, options.numBands});
  const auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double low = toMel(options.lowest);
  const double step = (toMel(options.highest) - low) / static_cast<double>(options.numBands + 2);
  const auto edge = [&](int64_t i) {
    const double hertz = 700 * (std::pow(10, (low + static_cast<double>(i) * step) / 2595) - 1);
    return std::floor(static_cast<double>(options.dftLength + 1) * hertz / options.sampleRate);
  };
  for (int64_t band = 0; band < options.numBands; ++band) {
    const double left = edge(band), center = edge(band + 1), right = edge(band + 2);
    for (int64_t bin = 0; bin < bins; ++bin) {
      const auto x = static_cast<double>(bin);
      double weight = 0;
      if (x == center) {
        weight = 1;
      } else if (x >= left && x < center) {
        weight = (x - left) / (center - left);
      } else if (x > center && x < right) {
        weight = (right - x) / (right - center);
      }
      weights.mutableData<double>()[bin * options.numBands + band] = weight;
    }
  }
  return weights;
}

}  // namespace kiln::nn
