// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/fault.h"

#include <string>

namespace kiln::runtime {
namespace {

Status describe(const std::string& node, kiln_status_t status, int64_t first, int64_t second) {
  switch (status) {
    case KILN_STATUS_CANCELLED:
      return makeError<ErrorId::kR0040>();
    case KILN_STATUS_INDEX_RANGE:
      return annotate(makeError<ErrorId::kR0030>(first, second), node);
    case KILN_STATUS_DIVIDE_BY_ZERO:
      return annotate(makeError<ErrorId::kR0031>(), node);
    case KILN_STATUS_ASSERT:
      return makeError<ErrorId::kR0043>(node, first, second);
    case KILN_STATUS_NOT_TAKEN:
      return makeError<ErrorId::kR0035>(node);
    case KILN_STATUS_DIM_MISMATCH:
      return makeError<ErrorId::kR0044>(node, first, second);
    case KILN_STATUS_NOT_POSITIVE_DEFINITE:
      return annotate(makeError<ErrorId::kR0032>(first, second), node);
    case KILN_STATUS_SINGULAR:
      return annotate(makeError<ErrorId::kR0033>(first, second), node);
    case KILN_STATUS_TRIP_COUNT:
      return makeError<ErrorId::kR0034>(node, first, second);
    case KILN_STATUS_NO_MEMORY:
      return makeError<ErrorId::kR0036>(node, first);
    default:
      return makeError<ErrorId::kR0045>(node, status, first, second);
  }
}

}  // namespace

Status faultStatus(const EntryManifest& manifest, kiln_status_t status, const kiln_error_t& error) {
  // Where compiled code stopped without filling the slot, the slot says nothing of this failure.
  bool known = error.code == status && error.node_id >= 0 && static_cast<size_t>(error.node_id) < manifest.nodes.size();
  int64_t first = error.code == status ? error.values[0] : 0;
  int64_t second = error.code == status ? error.values[1] : 0;
  if (!known) {
    return describe("a node of the run", status, first, second);
  }
  const NodeInfo& node = manifest.nodes[static_cast<size_t>(error.node_id)];
  const std::string name = node.op + " '" + node.name + "'";
  Status result = describe(name, status, first, second);
  if (status == KILN_STATUS_ASSERT && !node.message.empty()) {
    result = makeError<ErrorId::kR0043>(name, node.message, "its condition does not hold");
  } else if (status == KILN_STATUS_NOT_TAKEN && !node.message.empty()) {
    result = makeError<ErrorId::kR0035>("'" + node.message + "'");
  }
  return node.location.empty() || status == KILN_STATUS_CANCELLED ? result : annotate(result, node.location);
}

}  // namespace kiln::runtime
