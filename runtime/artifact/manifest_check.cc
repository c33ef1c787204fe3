// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/manifest_check.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "proto/artifact/layout.h"
#include "proto/base/dtype.h"
#include "proto/base/shape.h"
#include "proto/base/tensor.h"

namespace kiln::runtime {
namespace {

using artifact::Manifest;

// Far above what a compiler writes (a node of a graph has about six fields), and far below what memory holds: a field
// takes at most some 200 bytes when it is parsed.
constexpr int64_t kMostFields = int64_t{1} << 21;
constexpr int kMostImages = 256;
constexpr int kMostEntries = 4096;
constexpr int kMostDims = 64;
constexpr uint64_t kMostImageBytes = uint64_t{1} << 31;
constexpr uint32_t kMostVectorBits = 1 << 16;
constexpr int64_t kMostElements = int64_t{1} << 50;
constexpr size_t kLongestName = 4096;
constexpr size_t kLongestTarget = 128;  // Of targets, triples and features, which messages list.
constexpr int64_t kMostArenaBytes = int64_t{1} << 50;

// --- the wire
// ------------------------------------------------------------------------------------------------------------

// Which fields of a message are messages.
struct Kind;
struct SubMessage {
  uint64_t number;
  const Kind* kind;
};
struct Kind {
  std::span<const SubMessage> fields;
};
constexpr Kind kLeaf{};
constexpr SubMessage kEntryFields[] = {{2, &kLeaf}, {3, &kLeaf}, {5, &kLeaf}, {7, &kLeaf}};
constexpr Kind kEntry{kEntryFields};
constexpr SubMessage kCodeFields[] = {{1, &kLeaf}, {3, &kLeaf}};
constexpr Kind kCode{kCodeFields};
constexpr SubMessage kImageFields[] = {{10, &kCode}};
constexpr Kind kImage{kImageFields};
constexpr SubMessage kWeightsFields[] = {{6, &kLeaf}};
constexpr Kind kWeights{kWeightsFields};
constexpr SubMessage kManifestFields[] = {{3, &kEntry}, {4, &kLeaf}, {5, &kImage}, {6, &kWeights}, {7, &kLeaf}};
constexpr Kind kManifest{kManifestFields};

bool readVarint(std::span<const uint8_t>& bytes, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 70 && !bytes.empty(); shift += 7) {
    const uint8_t byte = bytes.front();
    bytes = bytes.subspan(1);
    *value |= shift < 64 ? uint64_t{byte & 127u} << shift : 0;
    if (byte < 128) {
      return true;
    }
  }
  return false;
}

// Counts fields, also those of messages within; false when the bytes are no such message. As deep as the table above.
bool countFields(std::span<const uint8_t> bytes, const Kind& kind, int64_t* count) {
  while (!bytes.empty()) {
    uint64_t tag = 0, size = 0;
    if (++*count > kMostFields || !readVarint(bytes, &tag)) {
      return false;
    }
    switch (tag & 7) {
      case 0:
        if (!readVarint(bytes, &size)) {
          return false;
        }
        continue;
      case 1:
        size = 8;
        break;
      case 5:
        size = 4;
        break;
      case 2:
        if (!readVarint(bytes, &size)) {
          return false;
        }
        break;
      default:
        return false;
    }
    if (size > bytes.size()) {
      return false;
    }
    auto sub = std::ranges::find(kind.fields, tag >> 3, &SubMessage::number);
    if ((tag & 7) == 2 && sub != kind.fields.end() && !countFields(bytes.first(size), *sub->kind, count)) {
      return false;
    }
    bytes = bytes.subspan(size);
  }
  return true;
}

// --- what it says
// --------------------------------------------------------------------------------------------------------

std::string quoted(const std::string& name) {
  return "'" + (name.size() > 80 ? name.substr(0, 80) + "..." : name) + "'";
}

// The names of one kind of thing, to be had once each.
class Names {
 public:
  // Nothing, or why the name cannot be.
  std::optional<std::string> add(const std::string& name) {
    if (name.empty() || name.size() > kLongestName) {
      return name.empty() ? "a name is empty" : "a name has " + std::to_string(name.size()) + " bytes";
    }
    return names_.insert(name).second ? std::nullopt : std::optional("the name " + quoted(name) + " occurs twice");
  }
  bool contains(const std::string& name) const { return names_.contains(name); }

 private:
  std::unordered_set<std::string> names_;
};

class Checker {
 public:
  Checker(const Manifest& manifest, const ManifestPlace& place) : manifest_(manifest), place_(place) {}

  Status check() {
    if (manifest_.derived_buffers_size() > 0) {
      return wrong("it has derived buffers, which this version of Kiln does not make");
    }
    if (manifest_.entries_size() == 0 || manifest_.entries_size() > kMostEntries) {
      return wrong("it has " + std::to_string(manifest_.entries_size()) + " entries");
    }
    if (manifest_.images_size() == 0 || manifest_.images_size() > kMostImages) {
      return wrong("it has " + std::to_string(manifest_.images_size()) + " images of code");
    }
    KILN_RETURN_IF_ERROR(checkWeights());
    KILN_RETURN_IF_ERROR(checkVariables());
    KILN_RETURN_IF_ERROR(checkEntries());
    KILN_RETURN_IF_ERROR(checkImages());
    return checkSections();
  }

 private:
  // A part of the file, or a file of the folder.
  struct Section {
    uint64_t offset, size;
    std::string name;
  };

  Status wrong(const std::string& why) const { return makeError<ErrorId::kR0304>(place_.path, why); }

  Status checkType(uint32_t number, const std::string& what) const {
    const auto signedNumber = static_cast<int32_t>(number);
    if (!isKnownDType(signedNumber) || bitWidth(static_cast<DType>(signedNumber)) == 0) {
      return wrong(what + " has the type number " + std::to_string(number) + ", which there is not");
    }
    return absl::OkStatus();
  }

  // Dims of a tensor that is stored: type and dims make a size in bytes.
  StatusOr<int64_t> checkStored(uint32_t dtype, const google::protobuf::RepeatedField<int64_t>& lengths,
                                const std::string& what) const {
    const std::span<const int64_t> dims(lengths.data(), static_cast<size_t>(lengths.size()));
    KILN_RETURN_IF_ERROR(checkType(dtype, what));
    auto count = checkedNumElements(dims);
    if (dims.size() > kMostDims || !count || *count > kMostElements) {
      return wrong(what + " has a shape that no tensor can have");
    }
    return byteSize(static_cast<DType>(dtype), *count);
  }

  Status checkWeights() {
    const artifact::Weights& weights = manifest_.weights();
    const uint64_t block = weights.block_bytes();
    if (weights.size() > 0 && (block < artifact::kSectionAlignment || block > (uint64_t{1} << 30))) {
      return wrong("its weights have blocks of " + std::to_string(block) + " bytes");
    }
    const uint64_t numBlocks = weights.size() == 0 ? 0 : (weights.size() - 1) / block + 1;
    if (static_cast<uint64_t>(weights.crc32c_size()) != numBlocks) {
      return wrong("its weights have " + std::to_string(weights.crc32c_size()) + " checksums for " +
                   std::to_string(numBlocks) + " blocks");
    }
    Names names;
    std::vector<std::pair<uint64_t, uint64_t>> parts;  // offset, end
    for (const artifact::StoredTensor& tensor : weights.tensors()) {
      const std::string what = "the weight " + quoted(tensor.name());
      if (auto why = names.add(tensor.name())) {
        return wrong("weights: " + *why);
      }
      KILN_ASSIGN_OR_RETURN(int64_t bytes, checkStored(tensor.dtype(), tensor.dims(), what));
      if (static_cast<uint64_t>(bytes) != tensor.size()) {
        return wrong(what + " has " + std::to_string(tensor.size()) + " bytes, and its type and shape take " +
                     std::to_string(bytes));
      }
      if (tensor.offset() > weights.size() || tensor.size() > weights.size() - tensor.offset()) {
        return wrong(what + " lies outside the weights");
      }
      if (tensor.size() > 0) {
        parts.emplace_back(tensor.offset(), tensor.offset() + tensor.size());
      }
    }
    std::ranges::sort(parts);
    for (size_t i = 1; i < parts.size(); ++i) {
      if (parts[i].first < parts[i - 1].second) {
        return wrong("weights overlap at byte " + std::to_string(parts[i].first));
      }
    }
    return absl::OkStatus();
  }

  Status checkVariables() {
    const auto& tensors = manifest_.weights().tensors();
    Names names;
    std::set<uint32_t> used;
    for (const artifact::Variable& variable : manifest_.variables()) {
      const std::string what = "the variable " + quoted(variable.name());
      if (auto why = names.add(variable.name())) {
        return wrong("variables: " + *why);
      }
      KILN_RETURN_IF_ERROR(checkStored(variable.dtype(), variable.dims(), what).status());
      if (variable.weight() == 0) {
        continue;
      }
      if (variable.weight() > static_cast<uint32_t>(tensors.size())) {
        return wrong(what + " has weight " + std::to_string(variable.weight()) + " of " +
                     std::to_string(tensors.size()));
      }
      const artifact::StoredTensor& tensor = tensors[static_cast<int>(variable.weight() - 1)];
      if (tensor.dtype() != variable.dtype() || !std::ranges::equal(tensor.dims(), variable.dims())) {
        return wrong(what + " has another type or shape than its weight " + quoted(tensor.name()));
      }
      // Sessions write their variables in place.
      if (!used.insert(variable.weight()).second) {
        return wrong(what + " has the weight of another variable");
      }
    }
    return absl::OkStatus();
  }

  Status checkDim(const std::string& text, const Names& symbols, const Names* found, const std::string& what) const {
    auto dim = Dim::parse(text);
    if (!dim.ok()) {
      return wrong(what + " has the dimension " + quoted(text) + ", which cannot be read");
    }
    if (dim->isStatic() && dim->value() < 0) {
      return wrong(what + " has the dimension " + text);
    }
    for (const std::string& symbol : dim->symbols()) {
      if (!symbols.contains(symbol) && (found == nullptr || !found->contains(symbol))) {
        return wrong(what + " has the dimension " + quoted(symbol) + ", which its entry does not know");
      }
    }
    return absl::OkStatus();
  }

  Status checkTensors(const google::protobuf::RepeatedPtrField<artifact::TensorSpec>& specs, const Names& symbols,
                      const Names* found, const std::string& what) const {
    for (const artifact::TensorSpec& spec : specs) {
      // A value may be fetched twice.
      if (auto why = Names().add(spec.name())) {
        return wrong(what + ": " + *why);
      }
      const std::string which = what + " " + quoted(spec.name());
      KILN_RETURN_IF_ERROR(checkType(spec.dtype(), which));
      if (spec.dims_size() > kMostDims) {
        return wrong(which + " has " + std::to_string(spec.dims_size()) + " dimensions");
      }
      for (const std::string& dim : spec.dims()) {
        KILN_RETURN_IF_ERROR(checkDim(dim, symbols, found, which));
      }
    }
    return absl::OkStatus();
  }

  Status checkEntries() {
    Names names;
    for (const artifact::Entry& entry : manifest_.entries()) {
      if (auto why = names.add(entry.name())) {
        return wrong("entries: " + *why);
      }
      const std::string where = "entry " + quoted(entry.name());
      Names symbols;
      for (const artifact::Symbol& symbol : entry.symbols()) {
        if (auto why = symbols.add(symbol.name())) {
          return wrong(where + ": dimensions: " + *why);
        }
        if (symbol.min() < 0 || symbol.min() > symbol.max() || symbol.max() > DimRange::kUnbounded) {
          return wrong(where + ": the dimension " + quoted(symbol.name()) + " has the range " +
                       std::to_string(symbol.min()) + " to " + std::to_string(symbol.max()));
        }
      }
      Names found;
      for (const std::string& symbol : entry.found_symbols()) {
        if (auto why = found.add(symbol)) {
          return wrong(where + ": found dimensions: " + *why);
        }
        if (symbols.contains(symbol)) {
          return wrong(where + ": the dimension " + quoted(symbol) + " is both given and found");
        }
      }
      KILN_RETURN_IF_ERROR(checkTensors(entry.feeds(), symbols, nullptr, where + ": feed"));
      KILN_RETURN_IF_ERROR(checkTensors(entry.fetches(), symbols, &found, where + ": fetch"));
      std::set<uint32_t> used;
      for (const artifact::VariableUse& use : entry.variables()) {
        if (use.variable() >= static_cast<uint32_t>(manifest_.variables_size())) {
          return wrong(where + " uses variable " + std::to_string(use.variable()) + " of " +
                       std::to_string(manifest_.variables_size()));
        }
        if (!used.insert(use.variable()).second) {
          return wrong(where + " names a variable twice");
        }
      }
      for (uint32_t constant : entry.constants()) {
        if (constant >= static_cast<uint32_t>(manifest_.weights().tensors_size())) {
          return wrong(where + " uses weight " + std::to_string(constant) + " of " +
                       std::to_string(manifest_.weights().tensors_size()));
        }
      }
      symbols_.push_back(std::move(symbols));
    }
    return absl::OkStatus();
  }

  Status checkImages() {
    Names names;
    for (const artifact::Image& image : manifest_.images()) {
      if (auto why = names.add(image.target())) {
        return wrong("images: " + *why);
      }
      const std::string where = "the code for " + quoted(image.target());
      auto isLong = [](const std::string& text) { return text.size() > kLongestTarget; };
      if (isLong(image.target()) || isLong(image.triple()) || std::ranges::any_of(image.features(), isLong)) {
        return wrong(where + " has a target, a triple or a feature that no compiler knows");
      }
      if (image.triple().empty() || image.vector_bits() > kMostVectorBits) {
        return wrong(where + " has no triple, or vectors of " + std::to_string(image.vector_bits()) + " bits");
      }
      if (image.size() == 0 || image.size() > kMostImageBytes || image.sha256().size() != 32) {
        return wrong(where + " has " + std::to_string(image.size()) + " bytes and a digest of " +
                     std::to_string(image.sha256().size()));
      }
      if (image.entries_size() != manifest_.entries_size()) {
        return wrong(where + " has " + std::to_string(image.entries_size()) + " entries of " +
                     std::to_string(manifest_.entries_size()));
      }
      for (int i = 0; i < image.entries_size(); ++i) {
        const artifact::Arena& arena = image.entries(i).arena();
        if (arena.static_bytes() < 0 || arena.static_bytes() > kMostArenaBytes) {
          return wrong(where + " wants an arena of " + std::to_string(arena.static_bytes()) + " bytes");
        }
        for (const std::string& slot : arena.slots()) {
          KILN_RETURN_IF_ERROR(checkDim(slot, symbols_[static_cast<size_t>(i)], nullptr, where + ": arena"));
        }
      }
      KILN_RETURN_IF_ERROR(addSection(image.offset(), image.size(), image.file(), where));
    }
    const artifact::Weights& weights = manifest_.weights();
    if (weights.size() == 0) {
      return weights.file().empty() && weights.offset() == 0 ? absl::OkStatus() : wrong("empty weights have a place");
    }
    return addSection(weights.offset(), weights.size(), weights.file(), "the weights");
  }

  Status addSection(uint64_t offset, uint64_t size, const std::string& file, const std::string& what) {
    if (!place_.isFolder) {
      if (!file.empty()) {
        return wrong(what + " are in a file of their own, but the artifact is one file");
      }
      if (offset % artifact::kSectionAlignment != 0 || offset < place_.manifestEnd || offset > place_.fileBytes ||
          size > place_.fileBytes - offset) {
        return wrong(what + " lie at bytes " + std::to_string(offset) + " to " + std::to_string(offset + size) +
                     ", outside the file or not aligned");
      }
      sections_.push_back({offset, size, what});
      return absl::OkStatus();
    }
    // Sizes of a folder's files are compared when they are opened.
    const bool isPlain = !file.empty() && file.size() <= 255 && file.find('/') == std::string::npos &&
                         file.find('\0') == std::string::npos && file != "." && file != "..";
    if (!isPlain || offset != 0) {
      return wrong(what + " are in the file " + quoted(file) + ", which is no name in a folder");
    }
    if (file == artifact::kManifestFile || file == artifact::kSignatureFile || files_.add(file)) {
      return wrong(what + " are in the file " + quoted(file) + ", which has another use");
    }
    return absl::OkStatus();
  }

  Status checkSections() {
    std::ranges::sort(sections_, {}, &Section::offset);
    for (size_t i = 1; i < sections_.size(); ++i) {
      if (sections_[i].offset < sections_[i - 1].offset + sections_[i - 1].size) {
        return wrong(sections_[i].name + " and " + sections_[i - 1].name + " overlap");
      }
    }
    return absl::OkStatus();
  }

  const Manifest& manifest_;
  const ManifestPlace& place_;
  std::vector<Names> symbols_;  // of each entry
  std::vector<Section> sections_;
  Names files_;
};

}  // namespace

StatusOr<std::unique_ptr<Manifest>> parseManifest(std::span<const uint8_t> bytes, const std::string& path) {
  auto manifest = std::make_unique<Manifest>();
  int64_t numFields = 0;
  if (!countFields(bytes, kManifest, &numFields)) {
    return makeError<ErrorId::kR0304>(path, numFields > kMostFields
                                                ? "it has more than " + std::to_string(kMostFields) + " fields"
                                                : "it is not a message of Protocol Buffers");
  }
  // What is wrong is for the caller to say, not for the library to print.
  google::protobuf::LogSilencer silencer;
  if (!manifest->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return makeError<ErrorId::kR0304>(path, "it is not a message of the form that manifests have");
  }
  return manifest;
}

Status checkManifest(const Manifest& manifest, const ManifestPlace& place) { return Checker(manifest, place).check(); }

}  // namespace kiln::runtime
