// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/snapshot.h"

#include <span>

#include "proto/codec/safetensors.h"
#include "runtime/checkpoint/manifest.h"

namespace kiln::runtime {
namespace {

using Bytes = std::span<const uint8_t>;

Bytes bytesOf(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
Bytes bytesOf(const Tensor& tensor) {
  return {static_cast<const uint8_t*>(tensor.data()), static_cast<size_t>(tensor.numBytes())};
}

Status writeFiles(const Snapshot& snapshot, FileLayer& files, const std::string& temporary) {
  std::vector<NamedTensorView> views;
  for (size_t i = 0; i < snapshot.names.size(); ++i) {
    views.push_back({snapshot.names[i], snapshot.values[i].view()});
  }
  std::string tensorPath = temporary + "/" + kTensorFileName;
  KILN_ASSIGN_OR_RETURN(SafetensorsLayout layout, layoutSafetensors(tensorPath, views));

  Manifest manifest{.step = snapshot.step,
                    .model = snapshot.model,
                    .metadata = snapshot.metadata,
                    .metrics = snapshot.metrics,
                    .files = {},
                    .tensors = {}};
  manifest.files.push_back(
      {.name = kTensorFileName, .numBytes = layout.numBytes, .headDigest = sha256(bytesOf(layout.head))});
  std::vector<Bytes> pieces = {bytesOf(layout.head)};
  for (size_t index : layout.order) {
    const Tensor& value = snapshot.values[index];
    pieces.push_back(bytesOf(value));
    manifest.tensors.push_back({.name = snapshot.names[index],
                                .file = kTensorFileName,
                                .dtype = value.dtype(),
                                .dims = value.dims(),
                                .digest = sha256(pieces.back())});
  }
  KILN_RETURN_IF_ERROR(files.removeFolder(temporary));  // of an earlier failure that could not be cleaned up
  KILN_RETURN_IF_ERROR(files.makeFolder(temporary));
  KILN_RETURN_IF_ERROR(files.writeFile(tensorPath, pieces));
  std::string text = encodeManifest(manifest);
  Bytes piece = bytesOf(text);
  KILN_RETURN_IF_ERROR(files.writeFile(temporary + "/" + kManifestName, {&piece, 1}));
  return files.syncFolder(temporary);
}

}  // namespace

void Snapshot::take(const Session& session) {
  model = session.model().name;
  names = session.variableNames();
  session.copyVariables(values);
}

Status writeSnapshot(const Snapshot& snapshot, FileLayer& files, const std::string& folder,
                     const std::string& temporary, const std::string& path) {
  Status status = writeFiles(snapshot, files, temporary);
  if (status.ok()) {
    status = files.rename(temporary, path);
  }
  if (!status.ok()) {
    // What cannot be removed now is removed by the next writer; the first error is the one that tells why.
    static_cast<void>(files.removeFolder(temporary));
    return status;
  }
  return files.syncFolder(folder);
}

}  // namespace kiln::runtime
