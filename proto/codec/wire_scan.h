// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A look at protobuf bytes before the parser sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>

#include "proto/base/status.h"
#include "proto/codec/checked_values.h"  // IWYU pragma: export

namespace kiln::codec {

struct ScanLimits {
  int maxDepth = 0;
  int64_t maxFields = 0;
};

/// Walks the bytes of a message of the given type, with a stack of its own and without allocating for what it finds,
/// and refuses what the parser should not see: it would recurse, allocate much more than the file has bytes, or say no
/// more than "failed". What passes, the protobuf parser accepts. `file` and `format` (what the bytes should be) are for
/// messages. Errors: KILN-P0005 (cut off), P0006 (not the wire format), P0007 (too deep), P0010 (not UTF-8), P0011 (too
/// many fields).
Status scanWire(std::string_view bytes, const google::protobuf::Descriptor* type, const ScanLimits& limits,
                const std::string& file, const char* format = "a GraphDef");

/// A varint of at most 10 bytes inside bytes[at, end), with `at` moved behind it; nothing when it is cut off or longer.
std::optional<uint64_t> readVarint(std::string_view bytes, size_t& at, size_t end);

}  // namespace kiln::codec
