// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Texts by characters.
#include <algorithm>

#include "tools/kiln/train/data_sources.h"

namespace kiln::train {

StatusOr<std::vector<std::string>> readCharacters(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(const std::string content, readMaybeCompressed(path));
  std::vector<std::string> characters;
  for (size_t at = 0; at < content.size();) {
    const auto lead = static_cast<uint8_t>(content[at]);
    const size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
    bool isWhole = length > 0 && lead < 0xf8 && at + length <= content.size();
    for (size_t i = 1; isWhole && i < length; ++i) {
      isWhole = (static_cast<uint8_t>(content[at + i]) & 0xc0) == 0x80;
    }
    if (!isWhole) {
      return makeError<ErrorId::kT0032>(path, "byte " + std::to_string(at) + " is no part of a text in UTF-8");
    }
    characters.push_back(content.substr(at, length));
    at += length;
  }
  return characters;
}

StatusOr<Rows> textRows(const ConfigFile& file, const std::string& path, const std::vector<std::string>& characters,
                        const std::vector<std::string>& known) {
  const Text& text = file.config.data().text();
  const int64_t length = text.sequence_length();
  const int64_t stride = text.has_stride() ? text.stride() : length;
  if (length < 1) {
    return meaningError(file, "data.text.sequence_length", "data.text.sequence_length",
                        std::to_string(length) + ", wanted at least 1");
  }
  if (stride < 1) {
    return meaningError(file, "data.text.stride", "data.text.stride", std::to_string(stride) + ", wanted at least 1");
  }
  const auto numCharacters = static_cast<int64_t>(characters.size());
  if (numCharacters <= length) {
    return makeError<ErrorId::kT0032>(
        path, "has " + std::to_string(numCharacters) +
                  " characters, and a row takes sequence_length and one: " + std::to_string(length + 1));
  }
  std::vector<int32_t> numbers;
  for (const std::string& character : characters) {
    const auto found = std::ranges::lower_bound(known, character);
    if (found == known.end() || *found != character) {
      return makeError<ErrorId::kT0032>(path, "character " + std::to_string(numbers.size()) + ", '" + character +
                                                  "', does not occur in the training text");
    }
    numbers.push_back(static_cast<int32_t>(found - known.begin()));
  }
  const int64_t numRows = (numCharacters - 1 - length) / stride + 1;
  Rows rows;
  KILN_ASSIGN_OR_RETURN(rows.features, Tensor::allocate(i32, {numRows, length}));
  KILN_ASSIGN_OR_RETURN(rows.labels, Tensor::allocate(i32, {numRows, length}));
  for (int64_t row = 0; row < numRows; ++row) {
    for (int64_t i = 0; i < length; ++i) {
      rows.features.mutableData<int32_t>()[row * length + i] = numbers[row * stride + i];
      rows.labels.mutableData<int32_t>()[row * length + i] = numbers[row * stride + i + 1];
    }
  }
  return rows;
}

}  // namespace kiln::train
