// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Whether a manifest may be believed: every number, index and text in it, before anybody uses one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "proto/artifact/artifact.pb.h"
#include "proto/base/status.h"

namespace kiln::runtime {

/// What is known of the artifact besides its manifest.
struct ManifestPlace {
  std::string path;  ///< For messages.
  bool isFolder = false;
  uint64_t manifestEnd = 0;  ///< Where the first section may begin.
  uint64_t fileBytes = 0;    ///< Where the last one ends at the latest.
};

/// The message that the bytes are, or KILN-R0304 when they are none or would need far more memory than they have bytes.
StatusOr<std::unique_ptr<artifact::Manifest>> parseManifest(std::span<const uint8_t> bytes, const std::string& path);

/// KILN-R0304 unless: names are not empty, and unique where they must be; types exist and dims can be read and mention
/// symbols of their entry only; indices are in range; counts agree (code of every image for every entry, checksums for
/// every block of the weights); sections lie inside the file, aligned and apart from each other; files of a folder are
/// plain names, each used once; tensors lie in the weights, apart, with as many bytes as type and shape take; and
/// nothing is asked for that this version does not have.
Status checkManifest(const artifact::Manifest& manifest, const ManifestPlace& place);

}  // namespace kiln::runtime
