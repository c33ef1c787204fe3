// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file An artifact as bytes: opened, checked, and handed out in parts. Knows nothing of sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/artifact/layout.h"
#include "proto/base/sha256.h"
#include "proto/base/status.h"
#include "runtime/artifact/image.h"

namespace kiln::artifact {
class Manifest;
}  // namespace kiln::artifact

namespace kiln {

namespace runtime {
class ByteSource;
}  // namespace runtime

/// How an artifact is opened.
struct ArtifactOptions {
  /// Compares all weights with their checksums (KILN-R0306); otherwise pages of weights are not even read.
  bool verifyWeights = false;
  /// When not empty, the artifact must be signed by this key: 64 hexadecimal digits, or the file of a public key. All
  /// bytes are read then.
  std::string requireSignature = {};
  /// The image to run, by the name that it was compiled for; empty: the best one that this machine can run.
  std::string target = {};
};

/// A part of a file in memory. What it is a part of stays as long as it does.
struct MappedWeights {
  std::span<const uint8_t> bytes;
  std::shared_ptr<const void> owner;
};
/// As above, for one owner to write to, who changes nothing in the file.
struct PrivateWeights {
  std::span<uint8_t> bytes;
  std::shared_ptr<const void> owner;
};

/// An open artifact: a file, a folder, or memory. Header, manifest and the form of the signature have been checked when
/// it exists, and everything that the manifest says: a reader may use its offsets, indices, types and dims as they are.
/// Images are checked when they are read, weights when verifyWeights() is called. Immutable, thread-safe.
class ArtifactFile {
 public:
  /// Errors: KILN-P0001 and P0002 when there is nothing to read, KILN-R0301 to R0304 for what is no intact artifact,
  /// and with options KILN-R0306 (verifyWeights), R0307 and R0308 (requireSignature).
  static StatusOr<std::shared_ptr<const ArtifactFile>> open(const std::string& path,
                                                            const ArtifactOptions& options = {});
  /// Of the bytes of a whole file, which outlive the object and all that was taken from it, and never change. `name`
  /// stands for them in messages.
  static StatusOr<std::shared_ptr<const ArtifactFile>> fromMemory(std::span<const uint8_t> bytes,
                                                                  const std::string& name,
                                                                  const ArtifactOptions& options = {});
  ~ArtifactFile();
  ArtifactFile(const ArtifactFile&) = delete;
  ArtifactFile& operator=(const ArtifactFile&) = delete;

  /// As it was given.
  const std::string& path() const { return path_; }
  bool isFolder() const;
  /// Include proto/artifact/artifact.pb.h to look at it.
  const artifact::Manifest& manifest() const { return *manifest_; }
  /// Of all files of the artifact, without the signature.
  uint64_t numBytes() const { return numBytes_; }
  /// The trailer, when the artifact has one; only its form is known to be right unless requireSignature was given.
  const std::optional<artifact::Signature>& signature() const { return signature_; }
  /// What a signature is of: see layout.h. Reads everything. Errors: KILN-R0303 when the file is cut off meanwhile.
  StatusOr<Sha256> digest() const;

  /// Index of the image to run here: of those that this machine has the features for, the one with the widest vectors,
  /// and of these the one with the most features, and of these the first. `target` takes the one of that name only.
  /// Errors: KILN-R0305.
  StatusOr<size_t> chooseImage(const std::string& target = {}) const;
  /// The image's bytes, copied and then compared with their digest. Errors: KILN-R0303.
  StatusOr<CodeImage> readImage(size_t index) const;
  /// readImage() and LoadedImage::load() in one, with one look at the digest. Errors: KILN-R0303, KILN-R0102 to R0109.
  StatusOr<std::shared_ptr<const LoadedImage>> loadImage(size_t index) const;

  /// The weights, read-only. Pages come when they are read; who makes the file shorter stops the process that reads the
  /// lost part. Empty when the model has none. Errors: KILN-R0303 when they cannot be mapped.
  StatusOr<MappedWeights> mapWeights() const;
  /// Another mapping of the weights, whose pages are copied when they are first written. Of memory, nothing: who wants
  /// to write copies what he needs.
  StatusOr<PrivateWeights> mapPrivateWeights() const;
  /// Compares every block with its checksum. Errors: KILN-R0306.
  Status verifyWeights() const;

 private:
  ArtifactFile() = default;
  static StatusOr<std::shared_ptr<const ArtifactFile>> read(std::unique_ptr<runtime::ByteSource> source,
                                                            const ArtifactOptions& options);
  Status readManifest();
  StatusOr<CodeImage> copyImage(size_t index) const;
  Status wrongDigest(size_t index) const;
  Status readSignature();
  Status requireSignature(const std::string& key) const;

  std::string path_;
  std::unique_ptr<runtime::ByteSource> source_;
  artifact::Header header_{};
  std::vector<uint8_t> head_;  ///< Header and manifest as they were checked.
  std::unique_ptr<artifact::Manifest> manifest_;
  std::optional<artifact::Signature> signature_;
  uint64_t numBytes_ = 0;
};

/// Whether the path is a file that begins as artifacts do, or a folder with such a manifest. Never an error.
bool isArtifactPath(const std::string& path);

}  // namespace kiln
