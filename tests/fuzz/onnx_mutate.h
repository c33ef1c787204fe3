// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Seeded damage to the structure of ONNX models.
#pragma once

#include <string>
#include <vector>

#include "proto/wire/onnx.pb.h"
#include "tests/fuzz/mutate.h"

namespace kiln::fuzz {

/// Damages messages, where damage to bytes would mostly give no message at all. Not thread-safe.
class OnnxMutator {
 public:
  /// `ops` are names of operators, `domain:name`.
  OnnxMutator(uint64_t seed, std::vector<std::string> ops) : random_(seed), ops_(std::move(ops)) {}

  /// One to three kinds of damage: fields of any message set to values at limits, removed, repeated, swapped or given
  /// another's value; names that clash, are missing or form cycles; other operators; attributes of other types; tensors
  /// whose dims overflow or do not fit their data; external data outside of the folder or beyond the file; functions
  /// that call themselves; bodies inside bodies.
  void mutate(onnx::ModelProto& model);

  size_t below(size_t bound) { return random_.below(bound); }

 private:
  void damage(onnx::ModelProto& model);
  void damageField(google::protobuf::Message& message);
  void damageTensor(onnx::TensorProto& tensor);
  void damageAttribute(onnx::NodeProto& node);
  void rename(onnx::ModelProto& model, onnx::NodeProto& node);
  void nest(onnx::NodeProto& node);
  void addNode(onnx::ModelProto& model);
  google::protobuf::Message& anyMessage(google::protobuf::Message& root);
  onnx::NodeProto* anyNode(onnx::ModelProto& model);
  int64_t anyInteger();
  double anyNumber();
  std::string anyText();
  void setOperator(onnx::NodeProto& node);
  template <class List>
  auto& any(List& list) {
    return list[static_cast<int>(below(static_cast<size_t>(list.size())))];
  }

  Mutator random_;
  std::vector<std::string> ops_;
};

}  // namespace kiln::fuzz
