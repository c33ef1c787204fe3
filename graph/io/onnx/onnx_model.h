// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file ONNX models: read from a file, and imported as graphs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/io/imported_model.h"
#include "graph/ir/graph.h"
#include "proto/wire/onnx.pb.h"

namespace kiln::onnx {

class ExternalFiles;

/// An input or output of a model as the file declares it.
struct ModelPort {
  std::string name;
  /// TensorProto::DataType; 0 for what is no tensor. Types that Kiln has no kernels for (8-bit floats and smaller,
  /// int4, int2) are held in graphs as storageType() says.
  int elementType = 0;
  /// With a symbol for each `dim_param`, and one of its own for a length that the file leaves open; nothing when the
  /// rank is open too.
  std::optional<Shape> shape;
};

/// What a reader accepts. The defaults let every real model pass.
struct ModelLimits {
  int64_t maxBytes = int64_t{1} << 40;   ///< Of the file, most of which are tensors that stay in it.
  int64_t maxParsedBytes = 2147483647;   ///< Of all but large tensors; protobuf has no larger messages.
  int maxDepth = 100;                    ///< Messages inside messages.
  int64_t maxFields = int64_t{1} << 23;  ///< Bounds memory: a field of two bytes may become an object of hundreds.
};

/// A model that was read. Copies share the data. Thread-safe.
class Model {
 public:
  /// Reads a file; large tensors stay in it and are mapped when they are used. Nothing in it is trusted. Errors:
  /// KILN-P0001 to P0003, P0005 to P0007, P0010, P0011, P0061, P0062.
  static StatusOr<Model> read(const std::string& path, const ModelLimits& limits = {});
  /// The same of bytes; `file` names them in messages, and external data is looked for in `folder`, which is empty
  /// where none is allowed.
  static StatusOr<Model> parse(std::string bytes, std::string file, std::string folder, const ModelLimits& limits = {});

  const std::string& file() const { return data_->file; }
  const ModelProto& proto() const { return data_->proto; }
  /// Those that are fed: without the ones that have an initializer.
  const std::vector<ModelPort>& inputs() const { return data_->inputs; }
  const std::vector<ModelPort>& outputs() const { return data_->outputs; }

  /// The tensor as graphs hold it. A large one is a view of the mapped file. Errors: KILN-P0063 to P0065.
  StatusOr<TensorPtr> tensor(const TensorProto& tensor) const;

  /// The model as a graph. Errors: KILN-G0501 with every operator that is not supported, G0502 to G0507.
  StatusOr<ImportedModel> import(const ImportOptions& options = {}) const;

  struct Data {
    std::string file, folder;
    ModelProto proto;
    std::vector<ModelPort> inputs, outputs;
    std::shared_ptr<const void> mapping;  ///< Keeps `bytes` alive.
    const char* bytes = nullptr;          ///< The whole file, which TensorProto::mapped_offset counts in.
    int64_t numBytes = 0;
    std::shared_ptr<ExternalFiles> external;  ///< The files that tensors name.
  };

 private:
  explicit Model(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

/// True when the file's name ends in `.onnx`.
bool isOnnxPath(const std::string& path);

}  // namespace kiln::onnx
