// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Entries of graphs as ONNX models.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "proto/wire/onnx.pb.h"

namespace kiln::onnx {

/// The operator sets of ai.onnx that models are written for.
inline constexpr int64_t kOldestExportedOpset = 21, kNewestExportedOpset = 27;

struct OnnxExportOptions {
  int64_t opset = kOldestExportedOpset;
  /// When the tensors of a model take more bytes than this in all, those of 1 KiB and more go to a file of their own.
  /// A protobuf message holds less than 2 GB.
  int64_t maxInlineBytes = int64_t{3} << 29;
  /// The name of that file, in the model's folder; writeOnnx() takes `MODEL.onnx.data`.
  std::string dataFile = "model.onnx.data";
};

/// A tensor of the data file.
struct ExternalTensor {
  TensorPtr tensor;
  int64_t offset = 0;  ///< In the file; a multiple of 4096.
};

struct ExportedModel {
  ModelProto proto;
  std::vector<ExternalTensor> external;  ///< By offset. Empty: the message has everything.
  /// For a model that changes variables, the values that they start from, by the names of its inputs.
  std::map<std::string, TensorPtr> state;
};

/// The entry as a model: its feeds are the inputs and its fetches the outputs, with their names and order; symbolic
/// dims become `dim_param`. Variables that the entry only reads become initializers, with the value that the graph's
/// weights or the entry `init` give. Each variable that it assigns is one more input `NAME`, and its new value one more
/// output `NAME/next`. Functions are written out where they are called.
///
/// What only ends a run or tells of it (assert_that, print, the range checks of indices) has no form in ONNX and is
/// left out; random numbers are those of Kiln, to the bit.
///
/// Errors: KILN-G0508 for an unknown entry; KILN-G0510 for an opset that is not offered, a name that a feed and another
/// value share, and nodes and types that ONNX has no form for, each on a line; those of initialValues().
StatusOr<ExportedModel> exportOnnx(const Graph& graph, std::string_view entry, const OnnxExportOptions& options = {});

/// Writes the model, and `PATH.data` beside it when it is large; the data file first, each in one step. Errors: those
/// of exportOnnx(), KILN-P0004.
Status writeOnnx(const Graph& graph, std::string_view entry, const std::string& path, OnnxExportOptions options = {});
/// The same of a model that was exported, with options.dataFile `NAME.onnx.data` for `NAME.onnx`.
Status writeExported(const ExportedModel& model, const std::string& path);

/// Whether the entry has nodes that the compiler writes out in others, such as gradients, optimizer steps and
/// convolutions of integers: export then takes the graph that compiler/pipelines/plain_graph.h makes of it. Errors:
/// KILN-G0508.
StatusOr<bool> needsPlainGraph(const Graph& graph, std::string_view entry);

/// How nodes of an op are exported.
enum class ExportKind {
  kDirect,    ///< As nodes of ONNX.
  kCompiler,  ///< As what the compiler writes for it; see needsPlainGraph().
  kRefused,   ///< Not at all, for the reason given.
};
struct ExportInfo {
  ExportKind kind = ExportKind::kRefused;
  std::string_view reason;  ///< Of kRefused and kCompiler.
};
/// Nothing for an op that no table lists.
std::optional<ExportInfo> exportInfoOf(std::string_view op);

}  // namespace kiln::onnx
