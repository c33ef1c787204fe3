// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Tensors whose data lies in files beside the model. Private to graph/io/onnx.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "proto/base/status.h"
#include "proto/codec/file.h"
#include "proto/wire/onnx.pb.h"

namespace kiln::onnx {

/// The files below a model's folder that its tensors name, each mapped once, when it is first asked for. Thread-safe.
class ExternalFiles {
 public:
  /// `folder` is the model's; empty for a model that was not read from a file, which has no external data.
  explicit ExternalFiles(std::string folder) : folder_(std::move(folder)) {}

  struct Part {
    std::shared_ptr<const MappedFile> file;
    std::string_view bytes;
  };
  /// The bytes that `external_data` of the tensor names: `location`, `offset` (0 when it is missing) and `length` (the
  /// rest of the file). Errors: KILN-P0002, P0065.
  StatusOr<Part> find(const TensorProto& tensor);

 private:
  StatusOr<std::shared_ptr<const MappedFile>> open(const std::string& tensor, const std::string& location);

  const std::string folder_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>> files_;  ///< By their real path.
};

}  // namespace kiln::onnx
