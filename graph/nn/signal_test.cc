// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/signal.h"

#include <cmath>
#include <complex>
#include <numbers>

#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using Complex = std::complex<double>;
using Values = std::vector<Value>;

// Of any shape with symbolic lengths where `shape` has them.
Tensor run(const std::vector<Tensor>& inputs, const std::function<Value(const Values&)>& f,
           std::vector<Shape> shapes = {}) {
  GraphBuilder g("signal");
  Values values;
  std::vector<std::string> names;
  std::vector<TensorView> views;
  for (size_t i = 0; i < inputs.size(); ++i) {
    names.push_back("x" + std::to_string(i));
    const Shape shape = i < shapes.size() ? shapes[i] : Shape::of(inputs[i].dims());
    values.push_back(g.placeholder(names.back(), inputs[i].dtype(), shape));
    views.push_back(inputs[i].view());
  }
  f(values).named("y");
  const StatusOr<Graph> graph = g.finish();
  if (!graph.ok()) {
    ADD_FAILURE() << graph.status();
    return Tensor();
  }
  VariableStore none;
  return Interpreter().evaluate(*graph, makeEntry(*graph, "test", names, {"y"}, {}).value(), views, none).value()[0];
}

double noise(int64_t i) { return std::sin(static_cast<double>(i * i % 1009)) + 0.25; }

Tensor signalOf(std::vector<int64_t> dims, DType dtype = f64) {
  Tensor x(dtype, std::move(dims));
  for (int64_t i = 0; i < x.numElements(); ++i) {
    x.set(i, noise(i));
  }
  return x;
}

// The definition, of numbers `spacing` apart.
std::vector<Complex> plainDft(const std::vector<Complex>& x, int64_t n, bool isInverse) {
  std::vector<Complex> y(static_cast<size_t>(n));
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t t = 0; t < n && t < static_cast<int64_t>(x.size()); ++t) {
      const double turns = static_cast<double>(t * k % n) / static_cast<double>(n);
      y[k] += x[t] * std::polar(1.0, (isInverse ? 2 : -2) * std::numbers::pi * turns);
    }
    y[k] /= isInverse ? static_cast<double>(n) : 1.0;
  }
  return y;
}

void expectSpectrum(const Tensor& found, const std::vector<Complex>& wanted, double tolerance) {
  ASSERT_EQ(found.numElements(), 2 * static_cast<int64_t>(wanted.size()));
  for (size_t k = 0; k < wanted.size(); ++k) {
    const Complex number(found.at(2 * static_cast<int64_t>(k)), found.at(2 * static_cast<int64_t>(k) + 1));
    ASSERT_LT(std::abs(number - wanted[k]), tolerance) << "number " << k << ": " << number << " " << wanted[k];
  }
}

std::vector<Complex> complexOf(const Tensor& x) {
  std::vector<Complex> numbers;
  for (int64_t i = 0; i < x.numElements(); i += 2) {
    numbers.emplace_back(x.at(i), x.at(i + 1));
  }
  return numbers;
}

// Below 628 a product; 640 and 1600 are split once; 1202 = 2 * 601; 661 and 1009 are primes; 1322 = 2 * 661.
class DftOfLength : public testing::TestWithParam<int64_t> {};

TEST_P(DftOfLength, complex_signals_equal_the_definition) {
  const int64_t n = GetParam();
  const Tensor x = signalOf({1, n, 2});
  for (bool isInverse : {false, true}) {
    const Tensor y = run({x}, [&](const Values& v) { return nn::dft(v[0], {.isInverse = isInverse}); });
    EXPECT_EQ(y.dims(), (std::vector<int64_t>{1, n, 2}));
    expectSpectrum(y, plainDft(complexOf(x), n, isInverse), n <= 600 ? 1e-10 : 2e-4);
  }
}

TEST_P(DftOfLength, one_sided_spectra_of_real_signals_are_halves_and_their_inverse_gives_the_signal) {
  const int64_t n = GetParam();
  const Tensor x = signalOf({n, 1});
  std::vector<Complex> numbers;
  for (int64_t i = 0; i < n; ++i) {
    numbers.emplace_back(x.at(i), 0);
  }
  std::vector<Complex> wanted = plainDft(numbers, n, false);
  wanted.resize(static_cast<size_t>(n / 2 + 1));
  const Tensor half = run({x}, [&](const Values& v) { return nn::dft(v[0], {.isOneSided = true}); });
  expectSpectrum(half, wanted, 1e-8);
  const Tensor back =
      run({half}, [&](const Values& v) { return nn::dft(v[0], {.length = n, .isInverse = true, .isOneSided = true}); });
  ASSERT_EQ(back.dims(), (std::vector<int64_t>{n, 1}));
  for (int64_t i = 0; i < n; ++i) {
    ASSERT_NEAR(back.at(i), x.at(i), 1e-9) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Signal, DftOfLength, testing::Values(1, 2, 3, 10, 16, 127, 200, 640, 661, 1202, 1322, 1600));

TEST(Dft, f32_of_any_length_is_near_the_definition) {
  for (int64_t n : {10, 400, 1009, 4096}) {
    const Tensor x = signalOf({1, n, 2}, f32);
    const Tensor y = run({x}, [&](const Values& v) { return nn::dft(v[0]); });
    EXPECT_EQ(y.dtype(), f32);
    expectSpectrum(y, plainDft(complexOf(x), n, false), 2e-5 * static_cast<double>(n));
  }
}

TEST(Dft, zeros_of_short_spectra_are_small) {
  Tensor x(f32, {10, 1});
  for (int64_t i = 0; i < 10; ++i) {
    x.set(i, static_cast<double>(10 * i));
  }
  const Tensor y = run({x}, [](const Values& v) { return nn::dft(v[0]); });
  EXPECT_EQ(y.at(0), 450);
  EXPECT_NEAR(y.at(1), 0, 1e-12);
  EXPECT_NEAR(y.at(11), 0, 1e-12);
}

TEST(Dft, goes_along_any_axis_of_symbolic_batches) {
  const Tensor x = signalOf({2, 3, 4, 1});
  const Dim batch = dim("batch"), width = dim("width");
  const Tensor y = run({x}, [](const Values& v) { return nn::dft(v[0], {.axis = 1}); }, {Shape{batch, 3, width, 1}});
  ASSERT_EQ(y.dims(), (std::vector<int64_t>{2, 3, 4, 2}));
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t w = 0; w < 4; ++w) {
      std::vector<Complex> column;
      for (int64_t t = 0; t < 3; ++t) {
        column.emplace_back(x.at((b * 3 + t) * 4 + w), 0);
      }
      const std::vector<Complex> wanted = plainDft(column, 3, false);
      for (int64_t k = 0; k < 3; ++k) {
        EXPECT_NEAR(y.at(2 * ((b * 3 + k) * 4 + w)), wanted[k].real(), 1e-12);
        EXPECT_NEAR(y.at(2 * ((b * 3 + k) * 4 + w) + 1), wanted[k].imag(), 1e-12);
      }
    }
  }
}

TEST(Dft, another_length_cuts_or_fills_the_signal) {
  const Tensor x = signalOf({1, 6, 2});
  const std::vector<Complex> numbers = complexOf(x);
  for (int64_t n : {4, 9, 700}) {
    const auto cut = [&](const Values& v) { return nn::dft(v[0], {.length = n}); };
    std::vector<Complex> kept(numbers.begin(), numbers.begin() + std::min<int64_t>(n, 6));
    expectSpectrum(run({x}, cut), plainDft(kept, n, false), 1e-9);
    expectSpectrum(run({x}, cut, {Shape{1, dim("n"), 2}}), plainDft(kept, n, false), 1e-9);
  }
}

TEST(Stft, frames_are_weighed_and_transformed) {
  const Tensor signal = signalOf({2, 23, 1}), window = signalOf({8});
  for (const Shape& shape : {Shape{2, 23, 1}, Shape{dim("batch"), dim("n"), 1}}) {
    const Tensor y =
        run({signal, window}, [](const Values& v) { return nn::stft(v[0], v[1], {.step = 5, .length = 8}); }, {shape});
    ASSERT_EQ(y.dims(), (std::vector<int64_t>{2, 4, 5, 2}));
    for (int64_t b = 0; b < 2; ++b) {
      for (int64_t frame = 0; frame < 4; ++frame) {
        std::vector<Complex> numbers;
        for (int64_t t = 0; t < 8; ++t) {
          numbers.emplace_back(signal.at(b * 23 + frame * 5 + t) * window.at(t), 0);
        }
        const std::vector<Complex> wanted = plainDft(numbers, 8, false);
        for (int64_t k = 0; k < 5; ++k) {
          const int64_t at = ((b * 4 + frame) * 5 + k) * 2;
          EXPECT_NEAR(y.at(at), wanted[k].real(), 1e-12);
          EXPECT_NEAR(y.at(at + 1), wanted[k].imag(), 1e-12);
        }
      }
    }
  }
}

TEST(Stft, windows_of_another_length_use_a_part_of_the_frame) {
  const Tensor signal = signalOf({1, 20, 2});
  const auto frames = [&](int64_t m, std::vector<int64_t> dims) {
    const Tensor y = run({signal, signalOf({m})}, [](const Values& v) {
      return nn::stft(v[0], v[1], {.step = 4, .length = 8, .isOneSided = false});
    });
    EXPECT_EQ(y.dims(), dims);
    std::vector<Complex> numbers;
    for (int64_t t = 0; t < std::min<int64_t>(m, 8); ++t) {
      numbers.push_back(Complex(signal.at(2 * (t + 12)), signal.at(2 * (t + 12) + 1)) * noise(t));
    }
    const std::vector<Complex> wanted = plainDft(numbers, 8, false);
    for (int64_t k = 0; k < 8; ++k) {
      EXPECT_NEAR(y.at((3 * 8 + k) * 2), wanted[k].real(), 1e-12);
    }
  };
  frames(5, {1, 4, 8, 2});
  frames(11, {1, 4, 8, 2});
}

TEST(Stft, a_symbolic_signal_shorter_than_a_frame_has_no_frames) {
  const Tensor y =
      run({signalOf({1, 5, 1})}, [](const Values& v) { return nn::stft(v[0], {}, {.step = 4, .length = 8}); },
          {Shape{1, dim("n"), 1}});
  EXPECT_EQ(y.dims(), (std::vector<int64_t>{1, 0, 5, 2}));
}

TEST(CosineWindow, is_periodic_or_symmetric_for_any_length) {
  for (bool isPeriodic : {true, false}) {
    GraphBuilder g("window");
    const Dim n = dim("n");
    g.placeholder("x", f32, {n});
    nn::cosineWindow(g, n, {0.42, -0.5, 0.08}, isPeriodic).named("symbolic");
    nn::cosineWindow(g, 6, {0.42, -0.5, 0.08}, isPeriodic).named("static");
    const Graph graph = g.finish().value();
    VariableStore none;
    const Entry entry = makeEntry(graph, "test", {"x"}, {"symbolic", "static"}, {}).value();
    const Tensor fed(f32, {6});
    const std::vector<Tensor> found = Interpreter().evaluate(graph, entry, {fed.view()}, none).value();
    for (int64_t t = 0; t < 6; ++t) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(t) / (isPeriodic ? 6 : 5);
      const double wanted = 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2 * angle);
      EXPECT_NEAR(found[0].at(t), wanted, 1e-15);
      EXPECT_NEAR(found[1].at(t), wanted, 1e-15);
    }
  }
}

TEST(MelWeights, are_triangles_with_a_peak_of_one) {
  const Tensor found =
      nn::melWeights({.numBands = 8, .dftLength = 16, .sampleRate = 8192, .lowest = 0, .highest = 4096});
  ASSERT_EQ(found.dims(), (std::vector<int64_t>{9, 8}));
  EXPECT_EQ(found.at(0), 1);
  EXPECT_EQ(found.at(1), 1);
  EXPECT_EQ(found.at(8 + 2), 1);
  const Tensor fine =
      nn::melWeights({.numBands = 4, .dftLength = 512, .sampleRate = 16000, .lowest = 20, .highest = 8000});
  for (int64_t band = 0; band < 4; ++band) {
    double peak = 0;
    int64_t rises = 0;
    for (int64_t bin = 0; bin < 257; ++bin) {
      peak = std::max(peak, fine.at(bin * 4 + band));
      rises += bin > 0 && fine.at(bin * 4 + band) > 0 && fine.at((bin - 1) * 4 + band) == 0 ? 1 : 0;
    }
    EXPECT_EQ(peak, 1);
    EXPECT_EQ(rises, 1);
  }
}

TEST(Signal, g0512_what_does_not_fit_is_named) {
  GraphBuilder g("refused");
  const Value x = g.placeholder("x", f32, {4, 3}), signal = g.placeholder("signal", f32, {1, 8, 1});
  EXPECT_TRUE(nn::dft(x).isPoisoned());
  EXPECT_TRUE(nn::dft(signal, {.axis = 2}).isPoisoned());
  EXPECT_TRUE(nn::dft(signal, {.length = 0}).isPoisoned());
  EXPECT_TRUE(nn::dft(g.placeholder("long", f32, {dim("n"), 1})).isPoisoned());
  EXPECT_TRUE(nn::stft(signal, {}, {.step = 0, .length = 4}).isPoisoned());
  EXPECT_TRUE(nn::stft(signal, {}, {.step = 1, .length = 9}).isPoisoned());
  EXPECT_TRUE(nn::stft(signal, x, {.step = 1, .length = 4}).isPoisoned());
  const std::string errors(g.finish().status().message());
  for (const char* text :
       {"layer 'dft': the signal is f32[4, 3], wanted floats with a last axis of length 1 or 2", "axis 2 of rank 3",
        "the length is 0, wanted 1 to 524288", "the length of the axis is n, wanted a number", "step 0 and length 4",
        "the signal has 8 elements, fewer than a frame of 9", "the window is f32[4, 3]"}) {
    EXPECT_NE(errors.find(text), std::string::npos) << text << "\n" << errors;
  }
}

}  // namespace
}  // namespace kiln
