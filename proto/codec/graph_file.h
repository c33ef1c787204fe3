// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file GraphDef as bytes: binary and text form, with limits for hostile input. Knows nothing of ops or shapes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/status.h"
#include "proto/wire/graph.pb.h"

namespace kiln {

/// What a reader accepts. The defaults let every real graph pass.
struct ReadLimits {
  int64_t maxBytes = 2147483647;         ///< Of the file; protobuf has no larger messages.
  int maxDepth = 100;                    ///< Messages inside messages.
  int64_t maxFields = int64_t{1} << 25;  ///< Bounds memory: a field of two bytes may become an object of a hundred.
};

/// The format that this version writes (GraphDef.kiln_format), and the newest that it reads.
inline constexpr int32_t kGraphFormat = 1;

enum class GraphForm { kBinary, kText };

/// The form that a file name asks for: text for `.pbtxt`, `.textproto` and `.txt`, otherwise binary.
GraphForm graphFormOf(std::string_view path);

/// Reads a GraphDef from bytes; `file` is its name in messages. The form is found from the bytes. The result may be a
/// graph that Kiln wrote (kiln_format is not 0) or one of TensorFlow's; nothing of its meaning is checked. Errors:
/// KILN-P0003 and P0005 to P0012.
StatusOr<wire::GraphDef> parseGraphDef(std::string_view bytes, const std::string& file, const ReadLimits& limits = {});

/// As parseGraphDef(), of a file. Errors: also KILN-P0001 to P0003.
StatusOr<wire::GraphDef> readGraphDef(const std::string& path, const ReadLimits& limits = {});

/// The bytes of a graph: equal graphs give equal bytes. Fields of a newer version survive in binary form only.
/// Errors: KILN-P0013, with `file` as the name, beyond `maxBytes`.
StatusOr<std::string> serializeGraphDef(const wire::GraphDef& graph, GraphForm form, const std::string& file,
                                        size_t maxBytes = 2147483647);

/// Replaces the file in one step; the form follows the name. Errors: KILN-P0004, P0013.
Status writeGraphDef(const wire::GraphDef& graph, const std::string& path);

}  // namespace kiln
