// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-run/feed.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "proto/codec/npy.h"

namespace kiln::tools {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 32;

// Appends the numbers of nested lists; false when lists are ragged or hold anything but numbers and booleans.
bool collect(const Json& json, size_t depth, std::vector<int64_t>& dims, std::vector<Json>& values) {
  if (json.is_array()) {
    if (depth == dims.size()) {
      if (depth == kMaxDepth || !values.empty()) {
        return false;
      }
      dims.push_back(static_cast<int64_t>(json.size()));
    }
    if (dims[depth] != static_cast<int64_t>(json.size())) {
      return false;
    }
    for (const Json& element : json) {
      if (!collect(element, depth + 1, dims, values)) {
        return false;
      }
    }
    return true;
  }
  values.push_back(json);
  return depth == dims.size() && (json.is_number() || json.is_boolean());
}

StatusOr<Tensor> parseValue(const FeedText& feed, DType dtype) {
  if (feed.value == "nan" || feed.value == "inf" || feed.value == "-inf") {
    Tensor scalar(dtype, {});
    double infinity = std::numeric_limits<double>::infinity();
    scalar.set(0, feed.value == "nan"   ? std::numeric_limits<double>::quiet_NaN()
                  : feed.value == "inf" ? infinity
                                        : -infinity);
    return scalar;
  }
  Json json = Json::parse(feed.value, nullptr, /*allow_exceptions=*/false);
  std::vector<int64_t> dims;
  std::vector<Json> values;
  if (json.is_discarded() || !collect(json, 0, dims, values)) {
    return makeError<ErrorId::kT0003>(feed.name, feed.value);
  }
  Tensor tensor(dtype, dims);
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == i64 && values[i].is_number_integer()) {
      tensor.mutableData<int64_t>()[i] = values[i].get<int64_t>();
    } else {
      tensor.set(static_cast<int64_t>(i),
                 values[i].is_boolean() ? (values[i].get<bool>() ? 1.0 : 0.0) : values[i].get<double>());
    }
  }
  return tensor;
}

}  // namespace

StatusOr<FeedText> splitFeed(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return makeError<ErrorId::kT0002>(text);
  }
  return FeedText{text.substr(0, equals), text.substr(equals + 1)};
}

StatusOr<Tensor> readFeed(const FeedText& feed, DType dtype, const FeedReaders& readers) {
  if (feed.value.empty() || feed.value[0] != '@') {
    return parseValue(feed, dtype);
  }
  std::string path = feed.value.substr(1);
  size_t colon = path.rfind(".npz:");
  if (colon != std::string::npos) {
    return readNpz(path.substr(0, colon + 4), path.substr(colon + 5));
  }
  if (path.ends_with(".pb")) {
    if (!readers.tensorProto) {
      return makeError<ErrorId::kT0034>("feed '" + feed.name + "': '" + path +
                                        "': this program reads .npy and .npz; `kiln run` reads .pb");
    }
    return readers.tensorProto(path);
  }
  return readNpy(path);
}

}  // namespace kiln::tools
