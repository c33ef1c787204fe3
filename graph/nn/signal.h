// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Discrete Fourier transforms and what comes before and after them in models of sound. Complex numbers are
/// pairs along a last axis of length 2: the real and the imaginary part; real ones may have a last axis of length 1.
#pragma once

#include <optional>

#include "graph/build/operations.h"

namespace kiln::nn {

/// The longest transform.
inline constexpr int64_t kMostDftLength = int64_t{1} << 19;

struct DftOptions {
  int64_t axis = -2;
  /// The signal is cut off or filled up with zeros to this length. By default that of the axis; 2 * (that - 1) for an
  /// inverse transform of half a spectrum.
  std::optional<int64_t> length = std::nullopt;
  /// With the sign of the exponent turned, divided by the length.
  bool isInverse = false;
  /// Of a real signal only the first length / 2 + 1 numbers of the spectrum, the others being their conjugates. The
  /// inverse takes so many and gives a real signal; the imaginary parts of numbers that are their own conjugates count
  /// as 0.
  bool isOneSided = false;
};

/// The discrete Fourier transform of float x [.., 1 or 2] along an axis before the last:
/// `y[k] = sum over t of x[t] exp(-2 pi i k t / length)`. The result is [.., 2], of a one-sided inverse [.., 1]. Short
/// transforms are a matrix product, long ones several of sizes that multiply to the length (Cooley and Tukey, 1965; of
/// prime lengths by a convolution, Bluestein, 1970), so memory stays near the size of x. The coefficients are those of
/// f64, rounded; lengths up to 128 are summed in f64, which makes the zeros of a spectrum small, longer ones in the
/// type of x (f32 for halves). The length of the axis must be a number unless `length` is given; others may be
/// symbolic. Differentiable. Errors: KILN-G0512.
Value dft(Value x, const DftOptions& options = {}, std::source_location where = std::source_location::current());

struct StftOptions {
  int64_t step = 1;    ///< From frame to frame.
  int64_t length = 0;  ///< Of a frame and of its transform.
  bool isOneSided = true;
};

/// The transforms of frames of a signal [batch, n, 1 or 2], [batch, frames, bins, 2], where only frames that lie whole
/// in the signal count. Each frame is multiplied by `window` [m], which may be left out; of frames that are longer only
/// the first m elements are used, of longer windows the first `length`. The signal may have any symbolic length.
/// Differentiable. Errors: KILN-G0512.
Value stft(Value signal, Value window, const StftOptions& options,
           std::source_location where = std::source_location::current());

/// `sum over i of terms[i] cos(2 pi i t / period)` for t from 0 to length - 1, as f64, where the period is the length,
/// or length - 1 when not isPeriodic: {0.5, -0.5} is the Hann window.
Value cosineWindow(GraphBuilder& g, const Dim& length, const std::vector<double>& terms, bool isPeriodic = true,
                   std::source_location where = std::source_location::current());

struct MelOptions {
  int64_t numBands = 0;
  int64_t dftLength = 0;
  double sampleRate = 0, lowest = 0, highest = 0;  ///< Hertz.
};

/// The matrix [dftLength / 2 + 1, numBands] of f64 that sums up a spectrum in triangular bands of equal width on the
/// mel scale (ONNX MelWeightMatrix). The edges of bands are whole bins; rows beyond the spectrum are left out.
Tensor melWeights(const MelOptions& options);

}  // namespace kiln::nn
