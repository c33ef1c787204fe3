// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Layers that read images at computed positions, and pools beyond those of the op set.
#include <cmath>

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "graph/nn/deformable_convolution.h"
#include "graph/nn/pooling.h"
#include "graph/nn/regions.h"
#include "graph/nn/resize.h"
#include "graph/nn/sampling.h"
#include "gtest/gtest.h"

namespace kiln::nn {
namespace {

using Layer = std::function<Value(GraphBuilder&, const std::vector<Value>&)>;

struct Fed {
  Tensor value;
  Shape shape = {};  // Of the placeholder; that of the value by default.
};

StatusOr<Tensor> run(const std::vector<Fed>& inputs, const Layer& layer) {
  GraphBuilder g("test");
  std::vector<Value> values;
  std::vector<NamedValue> feeds;
  std::vector<TensorView> views;
  for (const Fed& fed : inputs) {
    const bool isScalar = fed.value.rank() == 0;
    values.push_back(g.placeholder("x" + std::to_string(values.size()), fed.value.dtype(),
                                   fed.shape.rank() > 0 || isScalar ? fed.shape : Shape::of(fed.value.dims())));
    feeds.push_back(values.back());
    views.push_back(fed.value);
  }
  const Value y = layer(g, values);
  g.entry("test", {.feeds = feeds, .fetches = {{"y", y}}});
  KILN_ASSIGN_OR_RETURN(const Graph graph, g.finish());
  KILN_ASSIGN_OR_RETURN(VariableStore store, initialValues(graph));
  KILN_ASSIGN_OR_RETURN(std::vector<Tensor> results,
                        Interpreter().evaluate(graph, *graph.findEntry("test"), views, store));
  return results[0];
}

std::vector<double> valuesOf(const StatusOr<Tensor>& tensor) {
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  std::vector<double> values;
  for (int64_t i = 0; tensor.ok() && i < tensor->numElements(); ++i) {
    values.push_back(tensor->at(i));
  }
  return values;
}

void expectNear(const StatusOr<Tensor>& got, const std::vector<double>& want, double tolerance = 1e-6) {
  const std::vector<double> values = valuesOf(got);
  ASSERT_EQ(values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(values[i], want[i], tolerance) << "element " << i;
  }
}

Tensor waves(std::vector<int64_t> dims, DType dtype = f64) {
  Tensor tensor(dtype, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, std::sin(static_cast<double>(i) * 1.7) * 3);
  }
  return tensor;
}

std::string errorOf(const StatusOr<Tensor>& result) { return std::string(result.status().message()); }

// --- resize
// -----------------------------------------------------------------------------------------------------------

TEST(Resize, linear_half_pixel_known_values) {
  const Tensor x = Tensor::of<double>({2, 2}, {1, 2, 3, 4});
  expectNear(
      run({{x}}, [](GraphBuilder& g,
                    const auto& in) { return resize(g, in[0], {{.axis = 0, .length = 4}, {.axis = 1, .length = 4}}); }),
      {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4});
}

TEST(Resize, rounding_decides_between_two_elements) {
  const Tensor x = Tensor::of<double>({4}, {1, 2, 3, 4});
  using Rounding = ResizeOptions::Rounding;
  const std::vector<std::pair<Rounding, std::vector<double>>> cases = {{Rounding::kPreferFloor, {1, 3}},
                                                                       {Rounding::kPreferCeil, {2, 4}},
                                                                       {Rounding::kFloor, {1, 3}},
                                                                       {Rounding::kCeil, {2, 4}}};
  for (const auto& [rounding, want] : cases) {
    expectNear(run({{x}},
                   [&](GraphBuilder& g, const auto& in) {
                     return resize(g, in[0], {{.axis = 0, .length = 2}},
                                   {.mode = Interpolation::kNearest, .rounding = rounding});
                   }),
               want);
  }
}

TEST(Resize, nearest_takes_any_dtype) {
  const Tensor x = Tensor::of<uint8_t>({1, 2}, {7, 255});
  const StatusOr<Tensor> y = run({{x}}, [](GraphBuilder& g, const auto& in) {
    return resize(g, in[0], {{.axis = 1, .length = 6}}, {.mode = Interpolation::kNearest});
  });
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE(y->identicalTo(Tensor::of<uint8_t>({1, 6}, {7, 7, 7, 255, 255, 255}))) << y->toString();
}

TEST(Resize, integers_are_rounded) {
  expectNear(run({{Tensor::of<int32_t>({2}, {0, 10})}},
                 [](GraphBuilder& g, const auto& in) {
                   return resize(g, in[0], {{.axis = 0, .length = 4}},
                                 {.coordinates = ResizeOptions::Coordinates::kAlignCorners});
                 }),
             {0, 3, 7, 10});
}

TEST(Resize, antialias_widens_the_filter) {
  // The linear filter of twice the width: 1, 3, 3 and 1 eighths.
  expectNear(run({{Tensor::of<double>({6}, {1, 5, 2, 8, 3, 9})}},
                 [](GraphBuilder& g, const auto& in) {
                   return resize(g, in[0], {{.axis = 0, .length = 3}}, {.antialias = true});
                 }),
             {(1 + 3 * 1 + 3 * 5 + 2) / 8.0, (5 + 3 * 2 + 3 * 8 + 3) / 8.0, (8 + 3 * 3 + 3 * 9 + 9) / 8.0});
}

TEST(Resize, wide_filters_are_a_product_with_the_same_numbers) {
  // Sums of weights are 1, so a constant stays.
  for (int64_t axis : {0, 1, 2}) {
    const StatusOr<Tensor> y = run(
        {{Tensor::of<double>({40, 40, 40}, std::vector<double>(64000, 2.5))}}, [&](GraphBuilder& g, const auto& in) {
          return resize(g, in[0], {{.axis = axis, .length = 3}}, {.mode = Interpolation::kCubic, .antialias = true});
        });
    expectNear(y, std::vector<double>(4800, 2.5));
  }
}

TEST(Resize, crops_and_extrapolates) {
  expectNear(run({{Tensor::of<double>({3}, {1, 2, 3})}},
                 [](GraphBuilder& g, const auto& in) {
                   return resize(g, in[0], {{.axis = 0, .length = 3, .begin = 0.5, .end = 1.5}},
                                 {.coordinates = ResizeOptions::Coordinates::kCropAndResize, .extrapolation = -1});
                 }),
             {2, 3, -1});
}

TEST(Resize, symbolic_lengths_give_the_same_as_numbers) {
  using Coordinates = ResizeOptions::Coordinates;
  for (Interpolation mode : {Interpolation::kNearest, Interpolation::kLinear, Interpolation::kCubic}) {
    for (Coordinates coordinates :
         {Coordinates::kHalfPixel, Coordinates::kHalfPixelSymmetric, Coordinates::kPytorchHalfPixel,
          Coordinates::kAlignCorners, Coordinates::kAsymmetric, Coordinates::kCropAndResize}) {
      for (int64_t length : {1, 3, 10, 15}) {
        for (auto rounding :
             {ResizeOptions::Rounding::kPreferFloor, ResizeOptions::Rounding::kCeil, ResizeOptions::Rounding::kFloor}) {
          ResizeOptions options;
          options.mode = mode;
          options.coordinates = coordinates;
          options.rounding = rounding;
          options.excludeOutside = length == 3;
          options.extrapolation = 7;
          const Tensor x = waves({2, 5, 2});
          auto resized = [&](const Dim& to, std::optional<double> scale) {
            return [=](GraphBuilder& g, const std::vector<Value>& in) {
              return resize(g, in[0], {{.axis = 1, .length = to, .scale = scale, .begin = 0.1, .end = 1.2}}, options);
            };
          };
          const StatusOr<Tensor> want = run({{x}}, resized(length, {}));
          const Tensor other(f32, {length});
          const StatusOr<Tensor> got = run({{x, {2, dim("h"), 2}}, {other, {dim("to")}}}, resized(dim("to"), {}));
          expectNear(got, valuesOf(want));
          if (length % 5 == 0) {
            const double scale = static_cast<double>(length) / 5;
            expectNear(run({{x, {2, dim("h"), 2}}}, resized(dim("h") * Dim(length / 5), scale)), valuesOf(want));
          }
        }
      }
    }
  }
}

TEST(Resize, faults_are_named) {
  const Tensor x = waves({2, 3});
  auto fault = [&](ResizedAxis axis, ResizeOptions options = {}) {
    return errorOf(run({{x}}, [&](GraphBuilder& g, const auto& in) { return resize(g, in[0], {axis}, options); }));
  };
  EXPECT_THAT(fault({.axis = 2, .length = 4}), testing::HasSubstr("KILN-G0512"));
  EXPECT_THAT(fault({.axis = 1, .length = 4, .scale = 0.0}), testing::HasSubstr("the scale of axis 1"));
  EXPECT_THAT(fault({.axis = 1, .length = -1}), testing::HasSubstr("length -1"));
  EXPECT_THAT(fault({.axis = 1, .length = 2}, {.mode = Interpolation::kNearest, .antialias = true}),
              testing::HasSubstr("antialias"));
}

// --- sampling
// ---------------------------------------------------------------------------------------------------------

TEST(GridSample, reads_corners_and_middles) {
  const Tensor x = Tensor::of<double>({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor grid = Tensor::of<double>({1, 1, 4, 2}, {-1, -1, 1, -1, 0, 0, 1, 1});
  expectNear(run({{x}, {grid}},
                 [](GraphBuilder& g, const auto& in) { return gridSample(g, in[0], in[1], {.alignCorners = true}); }),
             {1, 2, 2.5, 4});
  // Edges: a quarter of the corner is inside.
  expectNear(run({{x}, {grid}}, [](GraphBuilder& g, const auto& in) { return gridSample(g, in[0], in[1]); }),
             {0.25, 0.5, 2.5, 1});
}

TEST(GridSample, outside_is_zero_the_border_or_mirrored) {
  const Tensor x = Tensor::of<double>({1, 1, 4}, {1, 2, 3, 4});
  const Tensor grid = Tensor::of<double>({1, 4, 1}, {-2, -1.5, 1.5, 3});
  auto sampled = [&](Outside outside, bool alignCorners) {
    return run({{x}, {grid}}, [&](GraphBuilder& g, const auto& in) {
      return gridSample(g, in[0], in[1], {.padding = outside, .alignCorners = alignCorners});
    });
  };
  expectNear(sampled(Outside::kZeros, true), {0, 0.25, 1, 0});
  expectNear(sampled(Outside::kBorder, true), {1, 1, 4, 4});
  // Positions -1.5, -0.75, 3.75, 6 mirrored at 0 and 3.
  expectNear(sampled(Outside::kReflection, true), {2.5, 1.75, 3.25, 1});
  // Positions -2.5, -1.5, 4.5, 7.5 mirrored at -0.5 and 3.5.
  expectNear(sampled(Outside::kReflection, false), {2.5, 1.5, 3.5, 1});
}

TEST(GridSample, volumes_and_symbolic_lengths) {
  const Tensor x = waves({2, 3, 2, 3, 4});
  Tensor grid(f64, {2, 2, 2, 1, 3});
  for (int64_t i = 0; i < grid.numElements(); ++i) {
    grid.set(i, std::cos(static_cast<double>(i)) * 1.2);
  }
  for (Interpolation mode : {Interpolation::kNearest, Interpolation::kLinear, Interpolation::kCubic}) {
    for (Outside outside : {Outside::kZeros, Outside::kBorder, Outside::kReflection}) {
      auto layer = [&](GraphBuilder& g, const auto& in) {
        return gridSample(g, in[0], in[1], {.mode = mode, .padding = outside});
      };
      const StatusOr<Tensor> fixed = run({{x}, {grid}}, layer);
      const Dim n = dim("n");
      expectNear(run({{x, {n, 3, dim("d"), dim("h"), dim("w")}}, {grid, {n, dim("p"), dim("q"), 1, 3}}}, layer),
                 valuesOf(fixed));
    }
  }
}

TEST(GridSample, faults_are_named) {
  EXPECT_THAT(errorOf(run({{waves({1, 1, 2, 2})}, {waves({1, 2, 2, 3})}},
                          [](GraphBuilder& g, const auto& in) { return gridSample(g, in[0], in[1]); })),
              testing::HasSubstr("layer 'gridSample': x is [batch, channels, spatial..] with 1 to 3"));
}

TEST(AffineGrid, identity_reads_the_image_itself) {
  const Tensor theta = Tensor::of<double>({1, 2, 3}, {1, 0, 0, 0, 1, 0});
  const Tensor x = waves({1, 2, 3, 4});
  for (bool alignCorners : {false, true}) {
    expectNear(run({{theta}, {x}},
                   [&](GraphBuilder& g, const auto& in) {
                     return gridSample(g, in[1], affineGrid(g, in[0], {3, 4}, alignCorners),
                                       {.alignCorners = alignCorners});
                   }),
               valuesOf(x), 1e-9);
  }
}

TEST(AffineGrid, faults_are_named) {
  EXPECT_THAT(errorOf(run({{waves({1, 2, 3})}},
                          [](GraphBuilder& g, const auto& in) { return affineGrid(g, in[0], {3, 4, 5}); })),
              testing::HasSubstr("layer 'affineGrid'"));
}

// --- deformable convolution
// -------------------------------------------------------------------------------------------

TEST(DeformConv, without_offsets_is_a_convolution) {
  const Tensor x = waves({2, 4, 5, 6}), filter = waves({6, 2, 3, 2});
  const Tensor offset(f64, {2, 2 * 6 * 2, 3, 3});
  const StatusOr<Tensor> want = run({{x}, {filter}}, [](GraphBuilder&, const auto& in) {
    return conv(
        in[0], in[1],
        {.strides = {2, 2}, .padding = {{1, 0}, {1, 0}}, .groups = 2, .layout = "NCHW", .filterLayout = "OIHW"});
  });
  const Dim n = dim("n");
  for (const Shape& shape : {Shape{2, 4, 5, 6}, Shape{n, 4, 5, 6}}) {
    Shape offsets{shape[0], 24, 3, 3};
    expectNear(run({{x, shape}, {filter}, {offset, offsets}},
                   [](GraphBuilder& g, const auto& in) {
                     return deformConv(
                         g, in[0], in[1], in[2], std::nullopt,
                         {.strides = {2, 2}, .padding = {{1, 0}, {1, 0}}, .groups = 2, .offsetGroups = 2});
                   }),
               valuesOf(want), 1e-9);
  }
}

TEST(DeformConv, offsets_move_taps_and_masks_weigh_them) {
  const Tensor x = Tensor::of<double>({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor filter = Tensor::of<double>({1, 1, 1, 1}, {10});
  // Half a row down in the first place, a column to the right in the second one: beyond the image.
  const Tensor offset = Tensor::of<double>({1, 2, 2, 2}, {0.5, 0, 0, 0, 0, 1, 0, 0});
  const Tensor mask = Tensor::of<double>({1, 1, 2, 2}, {1, 1, 0.5, 2});
  expectNear(run({{x}, {filter}, {offset}, {mask}},
                 [](GraphBuilder& g, const auto& in) { return deformConv(g, in[0], in[1], in[2], in[3]); }),
             {20, 0, 15, 80});
}

TEST(DeformConv, faults_are_named) {
  EXPECT_THAT(errorOf(run({{waves({1, 1, 3, 3})}, {waves({1, 1, 2, 2})}, {waves({1, 4, 2, 2})}},
                          [](GraphBuilder& g, const auto& in) { return deformConv(g, in[0], in[1], in[2]); })),
              testing::HasSubstr("offset is f64[1, 4, 2, 2], wanted [1, 8, 2, 2]"));
}

// --- regions
// ----------------------------------------------------------------------------------------------------------

TEST(RoiAlign, samples_by_hand) {
  // A region of one pixel around the middle of four.
  const Tensor x = Tensor::of<double>({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor regions = Tensor::of<double>({2, 4}, {0.5, 0.5, 1.5, 1.5, 0, 0, 2, 2});
  const Tensor images = Tensor::of<int64_t>({2}, {0, 0});
  auto aligned = [&](int64_t samples, bool takesLargest) {
    return run({{x}, {regions}, {images}}, [&](GraphBuilder& g, const auto& in) {
      return roiAlign(g, in[0], in[1], in[2], {.samples = samples, .takesLargest = takesLargest});
    });
  };
  expectNear(aligned(1, false), {2.5, 2.5});
  expectNear(aligned(2, false), {2.5, 2.5});
  expectNear(aligned(1, true), {1, 1});
}

TEST(RoiAlign, as_many_samples_as_a_cell_has_elements) {
  const Tensor x = waves({2, 3, 6, 8});
  // Cells of 2 by 2 elements, then of one.
  const Tensor regions = Tensor::of<double>({2, 4}, {1, 1, 5, 5, 2, 1, 4, 3});
  const Tensor images = Tensor::of<int64_t>({2}, {0, 1});
  auto aligned = [&](int64_t samples, bool takesLargest) {
    return valuesOf(run({{x}, {regions, {dim("r"), 4}}, {images, {dim("r")}}}, [&](GraphBuilder& g, const auto& in) {
      return roiAlign(g, in[0], in[1], in[2],
                      {.height = 2, .width = 2, .samples = samples, .takesLargest = takesLargest});
    }));
  };
  for (bool takesLargest : {false, true}) {
    const std::vector<double> adaptive = aligned(0, takesLargest), two = aligned(2, takesLargest),
                              one = aligned(1, takesLargest);
    for (size_t i = 0; i < adaptive.size(); ++i) {
      EXPECT_NEAR(adaptive[i], i < adaptive.size() / 2 ? two[i] : one[i], 1e-9);
    }
  }
}

TEST(RoiAlign, no_regions_and_faults) {
  const Tensor x = waves({1, 2, 3, 3});
  const StatusOr<Tensor> none =
      run({{x}, {Tensor(f64, {0, 4})}, {Tensor(i64, {0})}},
          [](GraphBuilder& g, const auto& in) { return roiAlign(g, in[0], in[1], in[2], {}); });
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->dims(), (std::vector<int64_t>{0, 2, 1, 1}));
  EXPECT_THAT(errorOf(run({{x}, {Tensor(f64, {1, 5})}, {Tensor(i64, {1})}},
                          [](GraphBuilder& g, const auto& in) { return roiAlign(g, in[0], in[1], in[2], {}); })),
              testing::HasSubstr("layer 'roiAlign'"));
}

TEST(MaxRoiPool, cells_of_unequal_size) {
  Tensor x(f64, {1, 1, 4, 4});
  for (int64_t i = 0; i < 16; ++i) {
    x.set(i, static_cast<double>(i));
  }
  const Tensor regions = Tensor::of<double>({2, 5}, {0, 0, 0, 2, 2, 0, 3, 3, 9, 9});
  expectNear(run({{x}, {regions}}, [](GraphBuilder& g, const auto& in) { return maxRoiPool(g, in[0], in[1], 2, 2); }),
             {5, 6, 9, 10, 15, 0, 0, 0});
}

// --- pools
// ------------------------------------------------------------------------------------------------------------

TEST(Pools, any_padding_and_symbolic_strides) {
  const Tensor x = Tensor::of<double>({1, 5, 1}, {1, -2, 3, -4, 5});
  const PoolOptions options{.kernel = {2}, .strides = {2}, .padding = {{2}, {1}}};
  const Shape open{1, dim("w"), 1};
  expectNear(run({{x, open}}, [&](GraphBuilder& g, const auto& in) { return sumPool(g, in[0], options); }),
             {0, -1, -1, 5});
  expectNear(run({{x}}, [&](GraphBuilder& g, const auto& in) { return meanPool(g, in[0], options, true); }),
             {0, -0.5, -0.5, 2.5});
  const std::vector<double> largest =
      valuesOf(run({{x, open}}, [&](GraphBuilder& g, const auto& in) { return largestPool(g, in[0], options); }));
  EXPECT_EQ(largest, (std::vector<double>{-INFINITY, 1, 3, 5}));
  const std::vector<double> means =
      valuesOf(run({{x}}, [&](GraphBuilder& g, const auto& in) { return meanPool(g, in[0], options, false); }));
  EXPECT_TRUE(std::isnan(means[0]));
  EXPECT_EQ(means[3], 5);
}

TEST(LpPool, norms_of_windows) {
  const Tensor x = Tensor::of<double>({1, 1, 4}, {3, -4, 1, 2});
  for (const auto& [p, want] : std::vector<std::pair<double, std::vector<double>>>{
           {1, {7, 3}}, {2, {5, std::sqrt(5.0)}}, {3, {std::cbrt(91.0), std::cbrt(9.0)}}}) {
    expectNear(run({{x}}, [p = p](GraphBuilder& g,
                                  const auto& in) { return lpPool(g, in[0], {.kernel = {2}, .layout = "NCW"}, p); }),
               want);
  }
  EXPECT_THAT(errorOf(run({{x}}, [](GraphBuilder& g, const auto& in) { return lpPool(g, in[0], {}, 0.5); })),
              testing::HasSubstr("layer 'lpPool'"));
}

TEST(MaxUnpool, undoes_a_pool) {
  const Tensor x = Tensor::of<double>({1, 1, 2}, {5, 7});
  const Tensor indices = Tensor::of<int64_t>({1, 1, 2}, {1, 2});
  expectNear(
      run({{x}, {indices}}, [](GraphBuilder& g, const auto& in) { return maxUnpool(g, in[0], in[1], {1, 1, 4}); }),
      {0, 5, 7, 0});
}

TEST(Col2im, adds_up_where_windows_overlap) {
  // Two channels, two taps, windows at 0 and 1.
  const Tensor x = Tensor::of<double>({1, 4, 2}, {1, 2, 3, 4, 10, 20, 30, 40});
  expectNear(run({{x}}, [](GraphBuilder& g, const auto& in) { return col2im(g, in[0], {3}, {.kernel = {2}}); }),
             {1, 5, 4, 10, 50, 40});
  EXPECT_THAT(
      errorOf(run({{x}}, [](GraphBuilder& g, const auto& in) { return col2im(g, in[0], {3}, {.kernel = {3}}); })),
      testing::HasSubstr("layer 'col2im'"));
}

}  // namespace
}  // namespace kiln::nn
