// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gtest/gtest.h"
#include "runtime/kernels/testing.h"

namespace kiln::runtime::kernels {
namespace {

TEST(PrintKernel, passes_x_on_and_shows_it_to_the_host) {
  const Tensor x = Tensor::of<float>({3}, {1, 2.5, -3});
  std::vector<std::string> lines;
  RunHost host;
  host.print = [&](int32_t node, const TensorView& view, int64_t maxElements) {
    lines.push_back(std::to_string(node) + " " + Tensor(view).toString(maxElements));
  };
  const CallResult result = call(KILN_KERNEL_PRINT, {x}, {{f32, {3}}}, {2}, 1, &host);
  EXPECT_EQ(result.status, KILN_STATUS_OK);
  EXPECT_TRUE(result.results[0].identicalTo(x));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0], "7 " + x.toString(2));
}

TEST(PrintKernel, writes_to_stderr_by_default) {
  testing::internal::CaptureStderr();
  call(KILN_KERNEL_PRINT, {Tensor::scalar(int64_t{42})}, {{i64, {}}}, {64});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text, "node 7: " + Tensor::scalar(int64_t{42}).toString() + "\n");
}

}  // namespace
}  // namespace kiln::runtime::kernels
