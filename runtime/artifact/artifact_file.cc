// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/artifact_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>
#include <utility>

#include "proto/artifact/artifact.pb.h"
#include "proto/base/crc32c.h"
#include "runtime/artifact/byte_source.h"
#include "runtime/artifact/cpu_features.h"
#include "runtime/artifact/manifest_check.h"
#include "runtime/artifact/signing_key.h"

namespace kiln {
namespace {

using artifact::Header;

static_assert(std::endian::native == std::endian::little, "numbers of an artifact are little-endian");

// A manifest of this size describes millions of nodes.
constexpr uint64_t kMostManifestBytes = uint64_t{1} << 26;
constexpr size_t kReadBytes = size_t{1} << 20;

template <class T>
std::span<const uint8_t> bytesOf(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

std::string hexOf(uint32_t value) {
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) {
    text += "0123456789abcdef"[value >> shift & 15];
  }
  return text;
}

bool isZero(std::span<const uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// Why bytes that do not begin as an artifact are none; helps with the mishaps that are common.
std::string describeStart(const std::array<uint8_t, 8>& found) {
  if (std::equal(found.begin() + 1, found.begin() + 5, artifact::kMagic.begin() + 1)) {
    return "it was changed as if it were text, by a copy that translates line ends or characters";
  }
  return "it begins otherwise";
}

// Messages list so many features and images; more are only counted.
constexpr size_t kMaxListed = 8;

std::string listed(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (size_t i = 0; i < words.size() && i < kMaxListed; ++i) {
    text += (i == 0 ? "" : separator) + words[i];
  }
  return words.size() > kMaxListed ? text + " and " + std::to_string(words.size() - kMaxListed) + " more" : text;
}

std::vector<std::string> featuresOf(const artifact::Image& image) {
  return {image.features().begin(), image.features().end()};
}

// Nothing when this machine can run the image, or what stands against it.
std::string obstacleTo(const artifact::Image& image) {
  const std::string_view triple(image.triple());
  if (!triple.starts_with(std::string(machineName()) + "-")) {
    return "is for " + image.triple();
  }
  if (image.abi_version() != KILN_ABI_VERSION) {
    return "has version " + std::to_string(image.abi_version()) + " of the interface between code and runtime, not " +
           std::to_string(KILN_ABI_VERSION);
  }
  const std::vector<std::string> missing = missingCpuFeatures(featuresOf(image));
  return missing.empty() ? "" : "needs " + listed(missing, ", ");
}

}  // namespace

ArtifactFile::~ArtifactFile() = default;

bool ArtifactFile::isFolder() const { return source_->isFolder(); }

StatusOr<std::shared_ptr<const ArtifactFile>> ArtifactFile::open(const std::string& path,
                                                                 const ArtifactOptions& options) {
  KILN_ASSIGN_OR_RETURN(std::unique_ptr<runtime::ByteSource> source, runtime::ByteSource::open(path));
  return read(std::move(source), options);
}

StatusOr<std::shared_ptr<const ArtifactFile>> ArtifactFile::fromMemory(std::span<const uint8_t> bytes,
                                                                       const std::string& name,
                                                                       const ArtifactOptions& options) {
  return read(runtime::ByteSource::ofMemory(bytes, name), options);
}

StatusOr<std::shared_ptr<const ArtifactFile>> ArtifactFile::read(std::unique_ptr<runtime::ByteSource> source,
                                                                 const ArtifactOptions& options) {
  std::shared_ptr<ArtifactFile> file(new ArtifactFile);
  file->path_ = source->path();
  file->source_ = std::move(source);
  KILN_RETURN_IF_ERROR(file->readManifest());
  KILN_RETURN_IF_ERROR(file->readSignature());
  if (!options.requireSignature.empty()) {
    KILN_RETURN_IF_ERROR(file->requireSignature(options.requireSignature));
  }
  if (options.verifyWeights) {
    KILN_RETURN_IF_ERROR(file->verifyWeights());
  }
  return file;
}

Status ArtifactFile::readManifest() {
  const uint64_t size = source_->sizeOf("");
  if (size < sizeof(Header)) {
    return makeError<ErrorId::kR0301>(path_, "it has " + std::to_string(size) + " bytes, and the header of one has " +
                                                 std::to_string(sizeof(Header)));
  }
  std::array<uint8_t, sizeof(Header)> raw;
  KILN_RETURN_IF_ERROR(source_->read("", 0, raw));
  std::memcpy(&header_, raw.data(), sizeof(Header));
  if (header_.magic != artifact::kMagic) {
    return makeError<ErrorId::kR0301>(path_, describeStart(header_.magic));
  }
  if (header_.formatVersion != artifact::kFormatVersion) {
    return makeError<ErrorId::kR0302>(path_, header_.formatVersion, artifact::kFormatVersion);
  }
  auto damaged = [&](const std::string& why) { return makeError<ErrorId::kR0303>(path_, why); };
  const uint32_t crc = crc32c(std::span(raw).first(offsetof(Header, headerCrc)));
  if (crc != header_.headerCrc) {
    return damaged("the CRC-32C of its header is " + hexOf(crc) + ", wanted " + hexOf(header_.headerCrc));
  }
  if (header_.headerBytes != sizeof(Header) || !isZero(header_.reserved)) {
    return damaged("its header has fields that this format does not have");
  }
  if (header_.manifestBytes > kMostManifestBytes || header_.fileBytes < sizeof(Header) + header_.manifestBytes) {
    return damaged("a manifest of " + std::to_string(header_.manifestBytes) + " bytes does not fit");
  }
  const uint64_t manifestEnd = sizeof(Header) + header_.manifestBytes;
  const bool isExact = size == header_.fileBytes;
  const bool isSigned = !isFolder() && size == header_.fileBytes + sizeof(artifact::Signature);
  if ((!isExact && !isSigned) || (isFolder() && header_.fileBytes != manifestEnd)) {
    return damaged("it has " + std::to_string(size) + " bytes, wanted " + std::to_string(header_.fileBytes));
  }
  head_.resize(manifestEnd);
  std::ranges::copy(raw, head_.begin());
  const auto manifestBytes = std::span(head_).subspan(sizeof(Header));
  KILN_RETURN_IF_ERROR(source_->read("", sizeof(Header), manifestBytes));
  if (sha256(manifestBytes) != header_.manifestDigest) {
    return damaged("the SHA-256 of its manifest is not the one in its header");
  }
  KILN_ASSIGN_OR_RETURN(manifest_, runtime::parseManifest(manifestBytes, path_));
  KILN_RETURN_IF_ERROR(runtime::checkManifest(
      *manifest_, {.path = path_, .isFolder = isFolder(), .manifestEnd = manifestEnd, .fileBytes = header_.fileBytes}));
  numBytes_ = header_.fileBytes;
  if (!isFolder()) {
    return absl::OkStatus();
  }
  auto openPart = [&](const std::string& name, uint64_t wanted, const std::string& whatFor) -> Status {
    KILN_RETURN_IF_ERROR(source_->openFile(name, whatFor));
    numBytes_ += wanted;
    const uint64_t found = source_->sizeOf(name);
    return found == wanted ? absl::OkStatus()
                           : damaged("the file '" + name + "' has " + std::to_string(found) + " bytes, wanted " +
                                     std::to_string(wanted));
  };
  for (const artifact::Image& image : manifest_->images()) {
    KILN_RETURN_IF_ERROR(openPart(image.file(), image.size(), "code for '" + image.target() + "'"));
  }
  const artifact::Weights& weights = manifest_->weights();
  return weights.size() == 0 ? absl::OkStatus() : openPart(weights.file(), weights.size(), "weights");
}

Status ArtifactFile::readSignature() {
  std::string file;
  uint64_t offset = 0;
  if (isFolder()) {
    if (!source_->hasFile(artifact::kSignatureFile)) {
      return absl::OkStatus();
    }
    file = artifact::kSignatureFile;
    KILN_RETURN_IF_ERROR(source_->openFile(file, "signature"));
    if (source_->sizeOf(file) != sizeof(artifact::Signature)) {
      return makeError<ErrorId::kR0303>(path_, "its signature has " + std::to_string(source_->sizeOf(file)) +
                                                   " bytes, wanted " + std::to_string(sizeof(artifact::Signature)));
    }
  } else if (source_->sizeOf("") == header_.fileBytes) {
    return absl::OkStatus();
  } else {
    offset = header_.fileBytes;
  }
  artifact::Signature signature{};
  KILN_RETURN_IF_ERROR(
      source_->read(file, offset, {reinterpret_cast<uint8_t*>(&signature), sizeof(artifact::Signature)}));
  const uint32_t crc = crc32c(bytesOf(signature).first(offsetof(artifact::Signature, crc)));
  if (signature.magic != artifact::kSignatureMagic || signature.version != 1 ||
      signature.bytes != sizeof(artifact::Signature) || !isZero(signature.reserved) || crc != signature.crc) {
    return makeError<ErrorId::kR0303>(path_, "what follows its last byte is no signature, or a damaged one");
  }
  signature_ = signature;
  return absl::OkStatus();
}

StatusOr<Sha256> ArtifactFile::digest() const {
  Sha256Stream hash;
  // Header and manifest as they were checked: the file may have changed meanwhile, and then the digest is not that of
  // what is used.
  hash.update(head_);
  std::vector<uint8_t> buffer(kReadBytes);
  auto add = [&](const std::string& name, uint64_t begin, uint64_t end) -> Status {
    for (uint64_t at = begin; at < end;) {
      auto piece = std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(kReadBytes, end - at)));
      KILN_RETURN_IF_ERROR(source_->read(name, at, piece));
      hash.update(piece);
      at += piece.size();
    }
    return absl::OkStatus();
  };
  KILN_RETURN_IF_ERROR(add("", head_.size(), header_.fileBytes));
  if (isFolder()) {
    for (const artifact::Image& image : manifest_->images()) {
      KILN_RETURN_IF_ERROR(add(image.file(), 0, image.size()));
    }
    KILN_RETURN_IF_ERROR(add(manifest_->weights().file(), 0, manifest_->weights().size()));
  }
  return hash.finish();
}

Status ArtifactFile::requireSignature(const std::string& key) const {
  KILN_ASSIGN_OR_RETURN(PublicKey wanted, readPublicKey(key));
  auto refuse = [&](const std::string& why) { return makeError<ErrorId::kR0307>(path_, why); };
  if (!signature_) {
    return refuse("the artifact is not signed, wanted a signature by the key " + toHex(wanted));
  }
  if (signature_->publicKey != wanted) {
    return refuse("it is by the key " + toHex(signature_->publicKey) + ", wanted " + toHex(wanted));
  }
  if (!isSignatureValid(*signature_)) {
    return refuse("the key " + toHex(wanted) + " did not make it");
  }
  KILN_ASSIGN_OR_RETURN(Sha256 found, digest());
  if (found != signature_->digest) {
    return refuse("the artifact's bytes are not those that were signed");
  }
  return absl::OkStatus();
}

StatusOr<size_t> ArtifactFile::chooseImage(const std::string& target) const {
  using Rank = std::tuple<uint32_t, int>;  // width of vectors, number of features
  std::optional<size_t> best;
  Rank bestRank;
  std::vector<std::string> contents;
  for (int i = 0; i < manifest_->images_size(); ++i) {
    const artifact::Image& image = manifest_->images(i);
    const std::string obstacle = obstacleTo(image);
    contents.push_back(image.target() + ", which " + (obstacle.empty() ? "was not asked for" : obstacle));
    const Rank rank{image.vector_bits(), image.features_size()};
    const bool isWanted = target.empty() || image.target() == target;
    if (obstacle.empty() && isWanted && (!best || rank > bestRank)) {
      best = static_cast<size_t>(i);
      bestRank = rank;
    }
  }
  if (!best) {
    return makeError<ErrorId::kR0305>(
        path_, "code for " + listed(contents, "; ") + (target.empty() ? "" : ", and '" + target + "' was asked for"),
        describeMachine());
  }
  return *best;
}

// Copied before it is compared: nobody can change the copy.
StatusOr<CodeImage> ArtifactFile::copyImage(size_t index) const {
  const artifact::Image& image = manifest_->images(static_cast<int>(index));
  CodeImage code;
  std::ranges::copy(image.sha256(), code.digest.begin());
  code.bytes.resize(image.size());
  KILN_RETURN_IF_ERROR(source_->read(image.file(), image.offset(), code.bytes));
  return code;
}

Status ArtifactFile::wrongDigest(size_t index) const {
  return makeError<ErrorId::kR0303>(path_, "the SHA-256 of its code for '" +
                                               manifest_->images(static_cast<int>(index)).target() +
                                               "' is not the one in its manifest");
}

StatusOr<CodeImage> ArtifactFile::readImage(size_t index) const {
  KILN_ASSIGN_OR_RETURN(CodeImage code, copyImage(index));
  if (sha256(code.bytes) != code.digest) {
    return wrongDigest(index);
  }
  return code;
}

StatusOr<std::shared_ptr<const LoadedImage>> ArtifactFile::loadImage(size_t index) const {
  KILN_ASSIGN_OR_RETURN(CodeImage code, copyImage(index));
  auto loaded = LoadedImage::load(code);
  if (errorIdOf(loaded.status()) == "KILN-R0101") {
    return wrongDigest(index);
  }
  return loaded.ok() ? loaded : StatusOr<std::shared_ptr<const LoadedImage>>(annotate(loaded.status(), path_));
}

StatusOr<MappedWeights> ArtifactFile::mapWeights() const {
  const artifact::Weights& weights = manifest_->weights();
  return source_->map(weights.file(), weights.offset(), weights.size());
}

StatusOr<PrivateWeights> ArtifactFile::mapPrivateWeights() const {
  const artifact::Weights& weights = manifest_->weights();
  return source_->mapPrivate(weights.file(), weights.offset(), weights.size());
}

Status ArtifactFile::verifyWeights() const {
  const artifact::Weights& weights = manifest_->weights();
  std::vector<uint8_t> buffer(std::min<uint64_t>(weights.block_bytes(), weights.size()));
  for (uint64_t at = 0, block = 0; at < weights.size(); at += weights.block_bytes(), ++block) {
    const uint64_t end = std::min(weights.size(), at + weights.block_bytes());
    const auto piece = std::span(buffer).first(static_cast<size_t>(end - at));
    KILN_RETURN_IF_ERROR(source_->read(weights.file(), weights.offset() + at, piece));
    const uint32_t found = crc32c(piece), wanted = weights.crc32c(static_cast<int>(block));
    if (found != wanted) {
      return makeError<ErrorId::kR0306>(path_, at, end, hexOf(found), hexOf(wanted));
    }
  }
  return absl::OkStatus();
}

bool isArtifactPath(const std::string& path) {
  const int at = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (at < 0) {
    return false;
  }
  const int inFolder = ::openat(at, artifact::kManifestFile, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  std::array<uint8_t, 8> begin{};
  const bool isRead =
      ::pread(inFolder >= 0 ? inFolder : at, begin.data(), begin.size(), 0) == static_cast<ssize_t>(begin.size());
  if (inFolder >= 0) {
    ::close(inFolder);
  }
  ::close(at);
  return isRead && begin == artifact::kMagic;
}

}  // namespace kiln
