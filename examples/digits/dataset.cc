// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/dataset.h"

#include <zlib.h>

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>

namespace digits {

using kiln::ErrorId;
using kiln::makeError;

namespace {

constexpr int kMaxPixel = 16;

// 64 pixels and a label, or nothing when the line is anything else.
std::optional<std::array<int, kPixels + 1>> parseRow(std::string_view line) {
  std::array<int, kPixels + 1> values{};
  for (size_t i = 0; i < values.size(); ++i) {
    auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), values[i]);
    int limit = i < kPixels ? kMaxPixel : static_cast<int>(kClasses) - 1;
    if (error != std::errc() || values[i] < 0 || values[i] > limit) {
      return std::nullopt;
    }
    line.remove_prefix(static_cast<size_t>(end - line.data()));
    bool last = i + 1 == values.size();
    if (last ? !line.empty() : line.empty() || line[0] != ',') {
      return std::nullopt;
    }
    line.remove_prefix(last ? 0 : 1);
  }
  return values;
}

}  // namespace

kiln::StatusOr<Dataset> readDataset(const std::string& path) {
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (file == nullptr) {
    return makeError<ErrorId::kT0010>(path);
  }
  Rows all;
  std::array<char, 4096> buffer{};
  for (int64_t lineNumber = 1; gzgets(file.get(), buffer.data(), buffer.size()) != nullptr; ++lineNumber) {
    std::string_view line(buffer.data());
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
      line.remove_suffix(1);
    }
    if (line.empty()) {
      continue;
    }
    auto values = parseRow(line);
    if (!values) {
      return makeError<ErrorId::kT0011>(path, lineNumber, std::string(line.substr(0, 40)));
    }
    for (int64_t i = 0; i < kPixels; ++i) {
      all.pixels.push_back((*values)[i] / static_cast<double>(kMaxPixel));
    }
    all.labels.push_back((*values)[kPixels]);
  }
  if (all.numRows() <= kTestRows) {
    return makeError<ErrorId::kT0012>(path, all.numRows(), kTestRows);
  }
  Dataset data;
  int64_t split = all.numRows() - kTestRows;
  data.train.pixels.assign(all.pixels.begin(), all.pixels.begin() + split * kPixels);
  data.train.labels.assign(all.labels.begin(), all.labels.begin() + split);
  data.test.pixels.assign(all.pixels.begin() + split * kPixels, all.pixels.end());
  data.test.labels.assign(all.labels.begin() + split, all.labels.end());
  return data;
}

void fillBatch(const Rows& rows, std::span<const int64_t> which, kiln::DType dtype, kiln::Tensor& x, kiln::Tensor& y) {
  auto count = static_cast<int64_t>(which.size());
  x.resize(dtype, std::array{count, kPixels});
  y.resize(kiln::i32, std::array{count});
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t p = 0; p < kPixels; ++p) {
      x.set(i * kPixels + p, rows.pixels[which[i] * kPixels + p]);
    }
    y.mutableData<int32_t>()[i] = rows.labels[which[i]];
  }
}

}  // namespace digits
