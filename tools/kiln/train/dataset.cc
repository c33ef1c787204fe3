// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/dataset.h"

#include <algorithm>
#include <cstring>

#include "tools/kiln/train/data_sources.h"

namespace kiln::train {
namespace {

// Rows begin .. end.
Rows slice(const Rows& rows, int64_t begin, int64_t end) {
  std::vector<int64_t> which(static_cast<size_t>(end - begin));
  for (size_t i = 0; i < which.size(); ++i) {
    which[i] = begin + static_cast<int64_t>(i);
  }
  Rows part;
  fillBatch(rows, which, part.features, part.labels);
  return part;
}

Status require(const ConfigFile& file, const std::string& part, const std::string& path) {
  return path.empty() ? meaningError(file, part, part, "is missing: the path of a file") : Status();
}

struct Source {
  const char* name;  // of the fields of Data
  SourcePaths paths, testPaths;
};

StatusOr<Source> sourceOf(const ConfigFile& file) {
  const Data& data = file.config.data();
  Source source;
  switch (data.source_case()) {
    case Data::kCsv:
      source = {"csv", {data.csv().path(), ""}, {}};
      KILN_RETURN_IF_ERROR(require(file, "data.csv.path", source.paths.features));
      break;
    case Data::kArrays:
      source = {"arrays", {data.arrays().features(), data.arrays().labels()}, {}};
      KILN_RETURN_IF_ERROR(require(file, "data.arrays.features", source.paths.features));
      KILN_RETURN_IF_ERROR(require(file, "data.arrays.labels", source.paths.labels));
      break;
    case Data::kIdx:
      source = {"idx", {data.idx().images(), data.idx().labels()}, {}};
      KILN_RETURN_IF_ERROR(require(file, "data.idx.images", source.paths.features));
      KILN_RETURN_IF_ERROR(require(file, "data.idx.labels", source.paths.labels));
      break;
    case Data::kText:
      source = {"text", {data.text().path(), ""}, {}};
      KILN_RETURN_IF_ERROR(require(file, "data.text.path", source.paths.features));
      break;
    case Data::SOURCE_NOT_SET:
      return meaningError(file, "data", "data", "names no source; wanted csv, arrays, idx or text");
  }
  source.paths = {file.resolve(source.paths.features), file.resolve(source.paths.labels)};
  const TestRows& test = data.test();
  const bool hasTwoFiles = data.has_arrays() || data.has_idx();
  if (test.has_path() && test.has_labels() != hasTwoFiles) {
    return meaningError(file, "data.test", "data.test",
                        hasTwoFiles ? "has a path and no labels" : "has labels, which are in the file already");
  }
  if (test.has_labels() && !test.has_path()) {
    return meaningError(file, "data.test", "data.test", "has labels and no path");
  }
  source.testPaths = {file.resolve(test.path()), file.resolve(test.labels())};
  return source;
}

// How many of the rows at the end are for testing.
StatusOr<int64_t> countTestRows(const ConfigFile& file, int64_t numRows, const std::string& path) {
  const TestRows& test = file.config.data().test();
  if (static_cast<int>(test.has_last_rows()) + static_cast<int>(test.has_fraction()) +
          static_cast<int>(test.has_path()) !=
      1) {
    return meaningError(file, "data.test", "data.test", "wanted one of last_rows, fraction and path");
  }
  if (test.has_fraction() && !(test.fraction() > 0 && test.fraction() < 1)) {
    return meaningError(file, "data.test.fraction", "data.test.fraction",
                        numberText(test.fraction()) + ", wanted more than 0 and less than 1");
  }
  if (test.has_last_rows() && test.last_rows() < 1) {
    return meaningError(file, "data.test.last_rows", "data.test.last_rows",
                        std::to_string(test.last_rows()) + ", wanted at least 1");
  }
  const auto count = test.has_last_rows()
                         ? test.last_rows()
                         : std::max<int64_t>(1, static_cast<int64_t>(test.fraction() * static_cast<double>(numRows)));
  if (count >= numRows) {
    return makeError<ErrorId::kT0032>(path, "has " + std::to_string(numRows) + " rows, and the last " +
                                                std::to_string(count) + " are for testing: none is left to train on");
  }
  return count;
}

StatusOr<Dataset> readText(const ConfigFile& file, const Source& source) {
  Dataset data;
  KILN_ASSIGN_OR_RETURN(const std::vector<std::string> characters, readCharacters(source.paths.features));
  data.characters = characters;
  std::ranges::sort(data.characters);
  data.characters.erase(std::unique(data.characters.begin(), data.characters.end()), data.characters.end());
  data.numClasses = static_cast<int64_t>(data.characters.size());
  KILN_ASSIGN_OR_RETURN(data.train, textRows(file, source.paths.features, characters, data.characters));
  if (file.config.data().test().has_path()) {
    KILN_ASSIGN_OR_RETURN(const std::vector<std::string> test, readCharacters(source.testPaths.features));
    KILN_ASSIGN_OR_RETURN(data.test, textRows(file, source.testPaths.features, test, data.characters));
  }
  return data;
}

int64_t largestClass(const Rows& rows) {
  int64_t largest = -1;
  for (int64_t i = 0; rows.numRows() > 0 && i < rows.labels.numElements(); ++i) {
    largest = std::max<int64_t>(largest, rows.labels.data<int32_t>()[i]);
  }
  return largest;
}

}  // namespace

StatusOr<Dataset> readDataset(const ConfigFile& file, const DataTypes& types) {
  KILN_ASSIGN_OR_RETURN(const Source source, sourceOf(file));
  const Data& config = file.config.data();
  Dataset data;
  if (config.has_text()) {
    if (!types.hasClasses) {
      return meaningError(file, "loss[0]", "loss",
                          "of numbers, and the labels of a text are characters; wanted softmax_cross_entropy");
    }
    KILN_ASSIGN_OR_RETURN(data, readText(file, source));
  } else {
    const auto read = config.has_csv() ? readCsv : config.has_arrays() ? readArrays : readIdx;
    KILN_ASSIGN_OR_RETURN(data.train, read(file, source.paths, types));
    if (config.test().has_path()) {
      KILN_ASSIGN_OR_RETURN(data.test, read(file, source.testPaths, types));
    }
  }
  if (config.has_test()) {
    KILN_ASSIGN_OR_RETURN(const int64_t numTest,
                          config.test().has_path() && !config.test().has_last_rows() && !config.test().has_fraction()
                              ? StatusOr<int64_t>(0)
                              : countTestRows(file, data.train.numRows(), source.paths.features));
    if (numTest > 0) {
      const int64_t split = data.train.numRows() - numTest;
      data.test = slice(data.train, split, data.train.numRows());
      data.train = slice(data.train, 0, split);
    }
  }
  if (data.test.numRows() > 0 && !std::equal(data.train.features.dims().begin() + 1, data.train.features.dims().end(),
                                             data.test.features.dims().begin() + 1, data.test.features.dims().end())) {
    return makeError<ErrorId::kT0032>(source.testPaths.features, "has features of the shape " +
                                                                     Shape::of(data.test.features.dims()).toString() +
                                                                     ", and those to train on are " +
                                                                     Shape::of(data.train.features.dims()).toString());
  }
  if (types.hasClasses && data.numClasses == 0) {
    data.numClasses = 1 + std::max(largestClass(data.train), largestClass(data.test));
  }
  return data;
}

void fillBatch(const Rows& rows, std::span<const int64_t> which, Tensor& x, Tensor& y) {
  const auto copy = [&](const Tensor& from, Tensor& to) {
    std::vector<int64_t> dims = from.dims();
    const auto rowBytes = static_cast<size_t>(from.numBytes() / std::max<int64_t>(dims[0], 1));
    dims[0] = static_cast<int64_t>(which.size());
    to.resize(from.dtype(), dims);
    for (size_t i = 0; i < which.size(); ++i) {
      std::memcpy(static_cast<char*>(to.mutableData()) + i * rowBytes,
                  static_cast<const char*>(from.data()) + static_cast<size_t>(which[i]) * rowBytes, rowBytes);
    }
  };
  copy(rows.features, x);
  copy(rows.labels, y);
}

}  // namespace kiln::train
