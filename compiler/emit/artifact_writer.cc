// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/artifact_writer.h"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "compiler/emit/artifact_weights.h"
#include "compiler/emit/replace_folder.h"
#include "proto/artifact/artifact.pb.h"
#include "proto/artifact/layout.h"
#include "proto/base/crc32c.h"
#include "proto/base/sha256.h"
#include "proto/codec/file.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

using Bytes = std::span<const uint8_t>;

Bytes bytesOf(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

uint64_t aligned(uint64_t offset) {
  return (offset + artifact::kSectionAlignment - 1) / artifact::kSectionAlignment * artifact::kSectionAlignment;
}

std::string dimText(const Dim& dim) { return dim.toString(); }

void addSpecs(google::protobuf::RepeatedPtrField<artifact::TensorSpec>& out, const std::vector<TensorSpec>& specs) {
  for (const TensorSpec& spec : specs) {
    artifact::TensorSpec& added = *out.Add();
    added.set_name(spec.name);
    added.set_dtype(static_cast<uint32_t>(spec.dtype));
    for (const Dim& dim : spec.shape) {
      added.add_dims(dimText(dim));
    }
  }
}

// What callers see of an entry, which no target may change.
artifact::Entry entryOf(const EntryInfo& info, const EntryManifest& manifest, ArtifactWeights& weights) {
  artifact::Entry entry;
  entry.set_name(info.name);
  addSpecs(*entry.mutable_feeds(), manifest.feeds);
  addSpecs(*entry.mutable_fetches(), manifest.fetches);
  for (const std::string& target : info.targets) {
    entry.add_targets(target);
  }
  for (const VariableUse& use : manifest.variables) {
    artifact::VariableUse& added = *entry.add_variables();
    added.set_variable(static_cast<uint32_t>(use.variable));
    added.set_written(use.written);
  }
  for (const std::shared_ptr<const Tensor>& constant : manifest.constants) {
    entry.add_constants(weights.addConstant(constant));
  }
  for (const SymbolSpec& symbol : manifest.symbols) {
    artifact::Symbol& added = *entry.add_symbols();
    added.set_name(symbol.name);
    added.set_min(symbol.range.min);
    added.set_max(symbol.range.max);
  }
  for (const std::string& symbol : manifest.foundSymbols) {
    entry.add_found_symbols(symbol);
  }
  return entry;
}

// A location without folders: where a model lies says nothing of it.
std::string withoutFolders(const std::string& location) { return location.substr(location.find_last_of("/\\") + 1); }

artifact::EntryCode codeOf(const EntryManifest& manifest, const ArtifactArena& arena) {
  artifact::EntryCode code;
  for (const NodeInfo& node : manifest.nodes) {
    artifact::Node& added = *code.add_nodes();
    added.set_name(node.name);
    added.set_op(node.op);
    added.set_location(withoutFolders(node.location));
    added.set_message(node.message);
  }
  for (const std::string& kernel : manifest.kernels) {
    code.add_kernels(kernel);
  }
  code.mutable_arena()->set_static_bytes(arena.staticBytes);
  for (const Dim& slot : arena.slots) {
    code.mutable_arena()->add_slots(dimText(slot));
  }
  return code;
}

artifact::Image imageOf(const ArtifactVariant& variant) {
  artifact::Image image;
  image.set_target(variant.target);
  image.set_triple(variant.triple);
  for (const std::string& feature : variant.features) {
    image.add_features(feature);
  }
  image.set_vector_bits(static_cast<uint32_t>(variant.vectorBits));
  image.set_abi_version(KILN_ABI_VERSION);
  image.set_size(variant.image.bytes.size());
  image.set_sha256(variant.image.digest.data(), variant.image.digest.size());
  for (size_t i = 0; i < variant.entries.size(); ++i) {
    *image.add_entries() = codeOf(variant.entries[i], variant.arenas[i]);
  }
  return image;
}

// An artifact before it is known where its parts lie.
struct Draft {
  artifact::Manifest manifest;
  ArtifactWeights weights;
};

Status makeDraft(const ModelInfo& model, std::span<const ArtifactVariant> variants, Draft& draft) {
  artifact::Manifest& manifest = draft.manifest;
  manifest.set_producer("kiln " KILN_VERSION);
  manifest.set_model(model.name);
  for (const VariableSpec& variable : model.variables) {
    artifact::Variable& added = *manifest.add_variables();
    added.set_name(variable.name);
    added.set_dtype(static_cast<uint32_t>(variable.dtype));
    added.mutable_dims()->Assign(variable.dims.begin(), variable.dims.end());
    if (variable.initialValue != nullptr) {
      added.set_weight(1 + draft.weights.addVariable(variable.name, variable.initialValue));
    }
  }
  for (const ArtifactVariant& variant : variants) {
    if (variant.entries.size() != model.entries.size() || variant.arenas.size() != model.entries.size()) {
      return makeError<ErrorId::kC0705>("artifact", "the code for '" + variant.target + "' has other entries");
    }
    for (size_t i = 0; i < model.entries.size(); ++i) {
      artifact::Entry entry = entryOf(model.entries[i], variant.entries[i], draft.weights);
      if (&variant == &variants.front()) {
        *manifest.add_entries() = std::move(entry);
      } else if (entry.SerializeAsString() != manifest.entries(static_cast<int>(i)).SerializeAsString()) {
        return makeError<ErrorId::kC0705>("artifact", "entry '" + model.entries[i].name + "' is another for '" +
                                                          variant.target + "' than for '" + variants.front().target +
                                                          "'");
      }
    }
    *manifest.add_images() = imageOf(variant);
  }
  return draft.weights.isEmpty() ? Status() : draft.weights.describe(*manifest.mutable_weights());
}

artifact::Header headerOf(Bytes manifest, uint64_t fileBytes) {
  artifact::Header header{};
  header.magic = artifact::kMagic;
  header.formatVersion = artifact::kFormatVersion;
  header.headerBytes = sizeof header;
  header.fileBytes = fileBytes;
  header.manifestBytes = manifest.size();
  header.manifestDigest = sha256(manifest);
  header.headerCrc = crc32c({reinterpret_cast<const uint8_t*>(&header), offsetof(artifact::Header, headerCrc)});
  return header;
}

// Header and manifest as they lie at the start of a file.
std::string headOf(const std::string& manifest, uint64_t fileBytes) {
  const artifact::Header header = headerOf(bytesOf(manifest), fileBytes);
  std::string head(reinterpret_cast<const char*>(&header), sizeof header);
  return head + manifest;
}

// The bytes of a file in order, with the gaps between its sections.
class FileLayout {
 public:
  FileLayout(Draft& draft, std::span<const ArtifactVariant> variants) {
    artifact::Manifest& manifest = draft.manifest;
    // Offsets are in the manifest, and how long it is depends on them: they only grow, so this ends.
    std::string text;
    size_t before = 0;
    do {
      before = text.size();
      text = manifest.SerializeAsString();
      uint64_t at = sizeof(artifact::Header) + text.size();
      for (artifact::Image& image : *manifest.mutable_images()) {
        image.set_offset(aligned(at));
        at = image.offset() + image.size();
      }
      if (manifest.has_weights()) {
        manifest.mutable_weights()->set_offset(aligned(at));
        at = manifest.weights().offset() + manifest.weights().size();
      }
      numBytes_ = at;
      text = manifest.SerializeAsString();
    } while (text.size() != before);
    manifestBytes_ = text.size();
    head_ = headOf(text, numBytes_);
    add(bytesOf(head_));
    for (size_t i = 0; i < variants.size(); ++i) {
      addUntil(manifest.images(static_cast<int>(i)).offset());
      add(variants[i].image.bytes);
    }
    if (manifest.has_weights()) {
      addUntil(manifest.weights().offset());
      for (Bytes piece : draft.weights.pieces()) {
        add(piece);
      }
    }
  }

  std::span<const Bytes> pieces() const { return pieces_; }
  uint64_t manifestBytes() const { return manifestBytes_; }
  uint64_t numBytes() const { return numBytes_; }

 private:
  void add(Bytes piece) {
    pieces_.push_back(piece);
    at_ += piece.size();
  }
  void addUntil(uint64_t offset) { add(Bytes(kZeros).first(offset - at_)); }

  static constexpr std::array<uint8_t, artifact::kSectionAlignment> kZeros{};
  std::string head_;
  std::vector<Bytes> pieces_;
  uint64_t at_ = 0, manifestBytes_ = 0, numBytes_ = 0;
};

ArtifactSizes sizesOf(const Draft& draft, uint64_t manifestBytes, uint64_t numBytes) {
  ArtifactSizes sizes{.manifestBytes = manifestBytes, .numBytes = numBytes};
  for (const artifact::Image& image : draft.manifest.images()) {
    sizes.codeBytes += image.size();
  }
  sizes.weightBytes = draft.manifest.weights().size();
  return sizes;
}

StatusOr<ArtifactSizes> writeFolder(Draft& draft, std::span<const ArtifactVariant> variants, const std::string& path) {
  std::vector<FolderFile> files(1);
  for (size_t i = 0; i < variants.size(); ++i) {
    artifact::Image& image = *draft.manifest.mutable_images(static_cast<int>(i));
    image.set_file("image" + std::to_string(i) + ".elf");
    files.push_back({.name = image.file(), .pieces = {variants[i].image.bytes}});
  }
  if (draft.manifest.has_weights()) {
    draft.manifest.mutable_weights()->set_file(artifact::kWeightsFile);
    files.push_back({.name = artifact::kWeightsFile, .pieces = draft.weights.pieces()});
  }
  const std::string text = draft.manifest.SerializeAsString();
  const std::string head = headOf(text, sizeof(artifact::Header) + text.size());
  files[0] = {.name = artifact::kManifestFile, .pieces = {bytesOf(head)}};
  KILN_RETURN_IF_ERROR(replaceFolder(path, files, [](const std::string& name) {
    return name == artifact::kManifestFile || name == artifact::kWeightsFile || name == artifact::kSignatureFile ||
           (name.starts_with("image") && name.ends_with(".elf"));
  }));
  ArtifactSizes sizes = sizesOf(draft, text.size(), head.size());
  sizes.numBytes += sizes.codeBytes + sizes.weightBytes;
  return sizes;
}

}  // namespace

StatusOr<ArtifactSizes> writeArtifact(const ModelInfo& model, std::span<const ArtifactVariant> variants,
                                      const std::string& path, bool isUnpacked) {
  Draft draft;
  KILN_RETURN_IF_ERROR(makeDraft(model, variants, draft));
  if (isUnpacked) {
    return writeFolder(draft, variants, path);
  }
  const FileLayout layout(draft, variants);
  KILN_RETURN_IF_ERROR(writeFileAtomically(path, layout.pieces()));
  draft.weights.releasePages();
  return sizesOf(draft, layout.manifestBytes(), layout.numBytes());
}

StatusOr<std::vector<uint8_t>> artifactBytes(const ModelInfo& model, std::span<const ArtifactVariant> variants) {
  Draft draft;
  KILN_RETURN_IF_ERROR(makeDraft(model, variants, draft));
  const FileLayout layout(draft, variants);
  std::vector<uint8_t> bytes;
  bytes.reserve(layout.numBytes());
  for (Bytes piece : layout.pieces()) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  }
  return bytes;
}

}  // namespace kiln::compiler
