// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/testing.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>

#include "proto/artifact/layout.h"
#include "proto/base/crc32c.h"
#include "proto/base/sha256.h"
#include "runtime/abi/kiln_abi.h"
#include "runtime/artifact/cpu_features.h"

namespace kiln::runtime {
namespace {

// Small, so that small weights have several blocks.
constexpr uint32_t kTestBlockBytes = artifact::kSectionAlignment;

std::string stringOf(const Sha256& digest) { return {digest.begin(), digest.end()}; }

uint64_t aligned(uint64_t offset) {
  return (offset + artifact::kSectionAlignment - 1) / artifact::kSectionAlignment * artifact::kSectionAlignment;
}

// Puts the section at its place when that is anywhere near the file.
void place(std::string& file, uint64_t offset, const std::string& section) {
  constexpr uint64_t kFar = uint64_t{1} << 24;
  if (offset > kFar) {
    return;
  }
  if (file.size() < offset + section.size()) {
    file.resize(offset + section.size());
  }
  std::ranges::copy(section, file.begin() + static_cast<ptrdiff_t>(offset));
}

}  // namespace

void TestArtifact::addImage(const std::string& target, const std::string& file) {
  images.push_back(readTestFile(file));
  artifact::Image* image = manifest.add_images();
  image->set_target(target);
  image->set_triple(std::string(machineName()) + "-unknown-linux-gnu");
  image->set_vector_bits(128);
  image->set_abi_version(KILN_ABI_VERSION);
  for (int i = 0; i < manifest.entries_size(); ++i) {
    image->add_entries();
  }
}

uint32_t TestArtifact::addTensor(const std::string& name, const Tensor& tensor) {
  weights.resize(std::max<size_t>(64, (weights.size() + 63) / 64 * 64));
  artifact::StoredTensor* stored = manifest.mutable_weights()->add_tensors();
  stored->set_name(name);
  stored->set_dtype(static_cast<uint32_t>(tensor.dtype()));
  stored->mutable_dims()->Add(tensor.dims().begin(), tensor.dims().end());
  stored->set_offset(weights.size());
  stored->set_size(static_cast<uint64_t>(tensor.numBytes()));
  weights.append(static_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.numBytes()));
  return static_cast<uint32_t>(manifest.weights().tensors_size() - 1);
}

void TestArtifact::addVariable(const std::string& name, DType dtype, const std::vector<int64_t>& dims,
                               const Tensor* value) {
  artifact::Variable* variable = manifest.add_variables();
  variable->set_name(name);
  variable->set_dtype(static_cast<uint32_t>(dtype));
  variable->mutable_dims()->Add(dims.begin(), dims.end());
  variable->set_weight(value == nullptr ? 0 : addTensor(name, *value) + 1);
}

void TestArtifact::arrange(bool isFolder) {
  artifact::Weights* stored = manifest.mutable_weights();
  stored->set_size(weights.size());
  stored->set_block_bytes(kTestBlockBytes);
  stored->clear_crc32c();
  for (size_t at = 0; at < weights.size(); at += kTestBlockBytes) {
    stored->add_crc32c(crc32c(spanOf(weights.substr(at, kTestBlockBytes))));
  }
  stored->set_file(isFolder && !weights.empty() ? artifact::kWeightsFile : "");
  for (size_t i = 0; i < images.size(); ++i) {
    artifact::Image* image = manifest.mutable_images(static_cast<int>(i));
    image->set_size(images[i].size());
    image->set_sha256(stringOf(sha256(spanOf(images[i]))));
    image->set_file(isFolder ? image->target() + ".elf" : "");
    image->set_offset(0);
  }
  stored->set_offset(0);
  if (isFolder) {
    return;
  }
  // Offsets have a place in the manifest, whose length they change: from a guess upwards until it fits.
  for (uint64_t room = artifact::kSectionAlignment;; room += artifact::kSectionAlignment) {
    uint64_t at = room;
    for (size_t i = 0; i < images.size(); ++i) {
      manifest.mutable_images(static_cast<int>(i))->set_offset(at);
      at = aligned(at + images[i].size());
    }
    stored->set_offset(weights.empty() ? 0 : at);
    if (sizeof(artifact::Header) + manifest.ByteSizeLong() <= room) {
      return;
    }
  }
}

std::string TestArtifact::bytes() const {
  std::string file = headOf(manifest.SerializeAsString());
  for (size_t i = 0; i < images.size() && i < static_cast<size_t>(manifest.images_size()); ++i) {
    place(file, manifest.images(static_cast<int>(i)).offset(), images[i]);
  }
  if (!weights.empty()) {
    place(file, manifest.weights().offset(), weights);
  }
  // Once more, now that the length is known.
  return headOf(manifest.SerializeAsString(), file.size()) +
         file.substr(sizeof(artifact::Header) + manifest.ByteSizeLong());
}

std::string TestArtifact::manifestFile() const { return headOf(manifest.SerializeAsString()); }

void TestArtifact::writeFolder(const std::string& folder) const {
  ::mkdir(folder.c_str(), 0777);
  auto write = [&](const std::string& name, const std::string& contents) {
    if (!name.empty() && name.find('/') == std::string::npos && name.find('\0') == std::string::npos) {
      writeTestFile(folder + "/" + name, contents);
    }
  };
  for (size_t i = 0; i < images.size() && i < static_cast<size_t>(manifest.images_size()); ++i) {
    write(manifest.images(static_cast<int>(i)).file(), images[i]);
  }
  write(manifest.weights().file(), weights);
  write(artifact::kManifestFile, manifestFile());
}

std::string headOf(const std::string& manifest, uint64_t fileBytes) {
  artifact::Header header{};
  header.magic = artifact::kMagic;
  header.formatVersion = artifact::kFormatVersion;
  header.headerBytes = sizeof(header);
  header.manifestBytes = manifest.size();
  header.fileBytes = fileBytes == 0 ? sizeof(header) + manifest.size() : fileBytes;
  header.manifestDigest = sha256(spanOf(manifest));
  header.headerCrc = crc32c({reinterpret_cast<const uint8_t*>(&header), offsetof(artifact::Header, headerCrc)});
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + manifest;
}

std::string signedBytes(const std::string& bytes, const SecretKey& key) {
  const artifact::Signature signature = signDigest(sha256(spanOf(bytes)), key);
  return bytes + std::string(reinterpret_cast<const char*>(&signature), sizeof(signature));
}

std::string readTestFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void writeTestFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace kiln::runtime
