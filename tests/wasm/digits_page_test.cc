// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The digits page: a network is trained, compiled to a page by kiln compile, and a pen draws digits of the test set on
// it.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "compiler/jit/session.h"
#include "examples/digits/dataset.h"
#include "graph/io/graph_io.h"
#include "gtest/gtest.h"
#include "tests/wasm/browser.h"

namespace kiln::wasm_tests {
namespace {

using Json = nlohmann::json;

constexpr int64_t kImages = 10;
constexpr int kSide = 8;

struct Line {
  std::array<double, 2> from, to;  // places on the pad, from 0 to 1
  double force;
};

/// Pen strokes of an image: from each inked cell to its inked neighbours, pressed as hard as both are dark.
std::vector<Line> linesOf(const double* pixels) {
  std::vector<Line> lines;
  const auto ink = [&](int row, int column) {
    return row >= 0 && row < kSide && column >= 0 && column < kSide ? pixels[row * kSide + column] : 0;
  };
  constexpr double kInked = 0.35;
  const auto place = [](int row, int column) {
    return std::array<double, 2>{(column + 0.5) / kSide, (row + 0.5) / kSide};
  };
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      if (ink(row, column) < kInked) {
        continue;
      }
      bool isAlone = true;
      for (auto [down, right] : {std::pair{0, 1}, {1, 0}, {1, 1}, {1, -1}, {0, -1}, {-1, 0}, {-1, -1}, {-1, 1}}) {
        const double other = ink(row + down, column + right);
        if (other < kInked) {
          continue;
        }
        isAlone = false;
        // Diagonals only where no cell between them is inked.
        const bool isCovered =
            down != 0 && right != 0 && (ink(row + down, column) >= kInked || ink(row, column + right) >= kInked);
        const bool isFirst = down > 0 || (down == 0 && right > 0);
        if (isFirst && !isCovered) {
          lines.push_back({place(row, column), place(row + down, column + right), std::min(ink(row, column), other)});
        }
      }
      if (isAlone) {
        lines.push_back({place(row, column), place(row, column), ink(row, column)});
      }
    }
  }
  return lines;
}

TEST(DigitsPage, classifiesDrawnDigitsAsNativeCodeDoes) {
  auto started = Browser::start();
  ASSERT_TRUE(started.ok()) << started.status();
  Browser& browser = **started;
  const std::string folder = browser.folder(), graphPath = folder + "/digits.graph.pb", page = folder + "/digits.html";
  const std::string train = std::string(KILN_DIGITS) + " --model cnn --epochs 8 --seed 1 --export " + graphPath +
                            " > " + folder + "/train.log";
  ASSERT_EQ(std::system(train.c_str()), 0) << train;
  const std::string compile = std::string(KILN_TOOL) + " compile " + graphPath +
                              " --entry predict --target wasm32 --demo --no-cache -o " + folder + "/digits.wasm";
  ASSERT_EQ(std::system(compile.c_str()), 0) << compile;
  EXPECT_TRUE(std::filesystem::exists(folder + "/kiln.js"));

  auto graph = readGraph(graphPath);
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto session = createSession(*graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto data = digits::readDataset(KILN_DIGITS_DATA);
  ASSERT_TRUE(data.ok()) << data.status();

  Status opened = browser.open(page);
  ASSERT_TRUE(opened.ok()) << opened;
  auto box = browser.evaluate(R"js((async () => {
    for (let i = 0; i < 1000 && !document.getElementById('pad').dataset.seen; ++i) await new Promise((done) => setTimeout(done, 20));
    const {left, top, width, height} = document.getElementById('pad').getBoundingClientRect();
    return {left, top, width, height, message: document.getElementById('message').textContent};
  })())js");
  ASSERT_TRUE(box.ok()) << box.status();
  ASSERT_EQ((*box)["message"], "");
  const double left = (*box)["left"], top = (*box)["top"], width = (*box)["width"], height = (*box)["height"];
  int numRight = 0;
  std::string found;
  for (int64_t i = 0; i < kImages; ++i) {
    ASSERT_TRUE(browser.evaluate("document.getElementById('clear').click()").ok());
    for (const Line& line : linesOf(data->test.pixels.data() + i * kSide * kSide)) {
      const auto pen = [&](const char* type, const std::array<double, 2>& at) {
        const Status moved = browser.pen(type, left + at[0] * width, top + at[1] * height, line.force);
        ASSERT_TRUE(moved.ok()) << moved;
      };
      pen("mousePressed", line.from);
      pen("mouseMoved", line.to);
      pen("mouseReleased", line.to);
    }
    auto text = browser.evaluate("document.getElementById('pad').dataset.seen");
    ASSERT_TRUE(text.ok()) << text.status();
    const Json seen = Json::parse(text->get<std::string>());
    ASSERT_TRUE(seen.is_object()) << "nothing was drawn";
    const auto label = static_cast<int>(data->test.labels[static_cast<size_t>(i)]);
    numRight += seen["digit"] == label ? 1 : 0;
    found += std::to_string(label) + " -> " + seen["digit"].dump() + "  ";

    Tensor image(f32, {1, kSide * kSide});
    for (int64_t k = 0; k < image.numElements(); ++k) {
      image.set(k, seen["image"][static_cast<size_t>(k)].get<double>());
    }
    auto native = session->run({{"x", image}}, {"logits"});
    ASSERT_TRUE(native.ok()) << native.status();
    const Tensor& logits = native->at("logits");
    for (int64_t k = 0; k < logits.numElements(); ++k) {
      EXPECT_NEAR(seen["logits"][static_cast<size_t>(k)].get<double>(), logits.at(k), 1e-4) << "image " << i;
    }
  }
  EXPECT_GE(numRight, 9) << found;
}

}  // namespace
}  // namespace kiln::wasm_tests
