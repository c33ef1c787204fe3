// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arrays of NumPy, and files in the format of the MNIST database (Y. LeCun, C. Cortes, C. Burges).
#include <array>

#include "proto/codec/npy.h"
#include "tools/kiln/train/data_sources.h"

namespace kiln::train {
namespace {

// `file.npz:key` names an array of an archive.
StatusOr<Tensor> readArray(const std::string& path) {
  const size_t colon = path.rfind(':');
  if (colon != std::string::npos && path.substr(0, colon).ends_with(".npz")) {
    return readNpz(path.substr(0, colon), path.substr(colon + 1));
  }
  return readNpy(path);
}

// Features and labels as they are stored, from arrays of any number type.
StatusOr<Rows> rowsOf(const ConfigFile& file, const SourcePaths& paths, const Tensor& features, const Tensor& labels,
                      double scale, double offset, const DataTypes& types) {
  if (features.rank() < 1 || features.numElements() == 0) {
    return makeError<ErrorId::kT0032>(paths.features,
                                      "is " + features.toString(0) + ", wanted rows along the first axis");
  }
  if (labels.rank() < 1 || labels.dims()[0] != features.dims()[0]) {
    return makeError<ErrorId::kT0032>(
        paths.labels, "has labels for " + std::to_string(labels.rank() < 1 ? 1 : labels.dims()[0]) + " rows, and '" +
                          paths.features + "' has " + std::to_string(features.dims()[0]) + " rows");
  }
  if (isComplex(features.dtype()) || isComplex(labels.dtype())) {
    return makeError<ErrorId::kT0032>(paths.features, "holds complex numbers");
  }
  Rows rows;
  std::vector<int64_t> dims = features.dims();
  if (dims.size() == 1) {
    dims.push_back(1);
  }
  const bool isInteger = file.config.data().integer_features();
  KILN_ASSIGN_OR_RETURN(rows.features, Tensor::allocate(isInteger ? i32 : types.dtype, dims));
  for (int64_t i = 0; i < features.numElements(); ++i) {
    const double value = features.at(i);
    rows.features.set(i, isInteger ? value : value * scale + offset);
  }
  dims = labels.dims();
  if (dims.size() == 2 && dims[1] == 1) {
    dims.pop_back();
  }
  KILN_ASSIGN_OR_RETURN(rows.labels, Tensor::allocate(types.hasClasses ? i32 : types.dtype, dims));
  const int64_t perRow = labels.numElements() / labels.dims()[0];
  for (int64_t i = 0; i < labels.numElements(); ++i) {
    if (types.hasClasses) {
      KILN_RETURN_IF_ERROR(storeClass(paths.labels, i / perRow, labels.at(i), rows.labels.mutableData<int32_t>()[i]));
    } else {
      rows.labels.set(i, labels.at(i));
    }
  }
  return rows;
}

// The bytes of an IDX file: two zeros, the type (8: bytes), the rank, the lengths as big-endian 32-bit numbers, and the
// elements.
StatusOr<Tensor> readIdxFile(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(const std::string content, readMaybeCompressed(path));
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(content[i]); };
  constexpr uint8_t kBytes = 8;
  if (content.size() < 4 || byte(0) != 0 || byte(1) != 0) {
    return makeError<ErrorId::kT0032>(path, "is no IDX file: it does not begin with two zero bytes");
  }
  if (byte(2) != kBytes) {
    return makeError<ErrorId::kT0032>(
        path, "has elements of the IDX type " + std::to_string(byte(2)) + ", wanted 8 (unsigned bytes)");
  }
  const size_t rank = byte(3);
  if (rank < 1 || content.size() < 4 + 4 * rank) {
    return makeError<ErrorId::kT0032>(path, "ends within the header of " + std::to_string(rank) + " lengths");
  }
  std::vector<int64_t> dims;
  for (size_t axis = 0; axis < rank; ++axis) {
    const size_t at = 4 + 4 * axis;
    dims.push_back((int64_t{byte(at)} << 24) | (byte(at + 1) << 16) | (byte(at + 2) << 8) | byte(at + 3));
  }
  const std::optional<int64_t> count = checkedNumElements(dims);
  const size_t wanted = 4 + 4 * rank + static_cast<size_t>(count.value_or(0));
  if (!count || content.size() != wanted) {
    return makeError<ErrorId::kT0032>(path, "has " + std::to_string(content.size()) + " bytes, and its header says " +
                                                (count ? std::to_string(wanted) : "more than can be counted"));
  }
  KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(u8, dims));
  std::copy(content.end() - *count, content.end(), static_cast<char*>(tensor.mutableData()));
  return tensor;
}

}  // namespace

StatusOr<Rows> readArrays(const ConfigFile& file, const SourcePaths& paths, const DataTypes& types) {
  KILN_ASSIGN_OR_RETURN(const Tensor features, readArray(paths.features));
  KILN_ASSIGN_OR_RETURN(const Tensor labels, readArray(paths.labels));
  const Arrays& arrays = file.config.data().arrays();
  return rowsOf(file, paths, features, labels, arrays.scale(), arrays.offset(), types);
}

StatusOr<Rows> readIdx(const ConfigFile& file, const SourcePaths& paths, const DataTypes& types) {
  KILN_ASSIGN_OR_RETURN(const Tensor features, readIdxFile(paths.features));
  KILN_ASSIGN_OR_RETURN(const Tensor labels, readIdxFile(paths.labels));
  const Idx& idx = file.config.data().idx();
  return rowsOf(file, paths, features, labels, idx.scale(), idx.offset(), types);
}

}  // namespace kiln::train
