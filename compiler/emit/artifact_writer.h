// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Code images, signatures and weights to a `.kiln` artifact: the form of proto/artifact/layout.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/base/shape.h"
#include "proto/base/status.h"
#include "runtime/artifact/image.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// How large the arena of an entry is: what its code computes from the dims.
struct ArtifactArena {
  int64_t staticBytes = 0;
  std::vector<Dim> slots;  ///< Bytes of what has a symbolic size, each aligned to 64.
};

/// The code of all entries for one target.
struct ArtifactVariant {
  std::string target;                 ///< As it was asked for: `host`, `x86-64-v3`.
  std::string triple;                 ///< `x86_64-unknown-linux-gnu`
  std::vector<std::string> features;  ///< Names of runtime/abi/cpu_features.h that the processor must have.
  int vectorBits = 0;
  CodeImage image;
  std::vector<EntryManifest> entries;  ///< As ModelInfo::entries.
  std::vector<ArtifactArena> arenas;   ///< As the entries.
};

struct ArtifactSizes {
  uint64_t manifestBytes = 0;
  uint64_t codeBytes = 0;    ///< Of all images.
  uint64_t weightBytes = 0;  ///< Of the weights file in it.
  uint64_t numBytes = 0;     ///< Of the file, or of all files in the folder.
};

/// Writes `path`, replaced in one step. The weights are the variables' initial values and the entries' constants, equal
/// constants once; they go from where they are to the file, without a copy. Equal contents give equal bytes, whatever
/// the path, the time and the machine: of locations of nodes only the file's name is kept. With `isUnpacked`, `path` is
/// a folder, which is made or, when an artifact is all it holds, replaced. At least one variant, whose signatures all
/// agree. Errors: KILN-P0004 (not writable, a folder with other files), KILN-P0046 (a variable's name is not UTF-8),
/// KILN-C0705 for variants that do not agree, a fault of the compiler.
StatusOr<ArtifactSizes> writeArtifact(const ModelInfo& model, std::span<const ArtifactVariant> variants,
                                      const std::string& path, bool isUnpacked = false);

/// The bytes of such a file, to be built into a program. Errors: as above.
StatusOr<std::vector<uint8_t>> artifactBytes(const ModelInfo& model, std::span<const ArtifactVariant> variants);

}  // namespace kiln::compiler
