// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/stored_checkpoint.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "proto/codec/safetensors.h"

namespace kiln::runtime {
namespace {

constexpr std::string_view kStepPrefix = "step-";
constexpr std::string_view kTemporaryEnding = ".tmp";
constexpr size_t kStepDigits = 8;
// A manifest takes about 200 bytes a tensor; this is room for a million.
constexpr int64_t kMaxManifestBytes = int64_t{1} << 28;

// As ReadableFile, but a missing file is this checkpoint's fault.
StatusOr<ReadableFile> openPart(const std::string& path, const std::string& name, const std::string& hint) {
  auto file = ReadableFile::open(path + "/" + name);
  if (errorIdOf(file.status()) == "KILN-P0001") {
    return makeError<ErrorId::kR0204>(path, "it has no " + name, hint);
  }
  return file;
}

Sha256 digestOf(const Tensor& tensor) {
  return sha256({static_cast<const uint8_t*>(tensor.data()), static_cast<size_t>(tensor.numBytes())});
}

}  // namespace

std::string stepName(int64_t step) {
  std::string digits = std::to_string(step);
  return std::string(kStepPrefix) + std::string(kStepDigits - std::min(kStepDigits, digits.size()), '0') + digits;
}

std::string temporaryName(int64_t step) { return "." + stepName(step) + std::string(kTemporaryEnding); }

std::optional<int64_t> stepOfName(std::string_view name) {
  if (!name.starts_with(kStepPrefix)) {
    return std::nullopt;
  }
  std::string_view digits = name.substr(kStepPrefix.size());
  int64_t step = -1;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  bool whole = error == std::errc() && step >= 0 && stepName(step) == name;
  return whole ? std::optional(step) : std::nullopt;
}

std::optional<int64_t> stepOfTemporaryName(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(kTemporaryEnding)) {
    return std::nullopt;
  }
  return stepOfName(name.substr(1, name.size() - 1 - kTemporaryEnding.size()));
}

std::vector<int64_t> listSteps(const std::string& folder, std::optional<int64_t> (*parse)(std::string_view)) {
  std::vector<int64_t> steps;
  std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), ::closedir);
  while (open != nullptr) {
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) {
      break;
    }
    if (auto step = parse(entry->d_name)) {
      steps.push_back(*step);
    }
  }
  std::ranges::sort(steps);
  return steps;
}

std::string StoredCheckpoint::name() const { return path_.substr(path_.rfind('/') + 1); }

std::string StoredCheckpoint::hint() const {
  auto step = stepOfName(name());
  if (!step) {
    return "";
  }
  size_t slash = path_.rfind('/');
  std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash);
  std::vector<int64_t> steps = listSteps(folder, stepOfName);
  auto here = std::ranges::lower_bound(steps, *step);
  if (here == steps.begin()) {
    return "; there is no older checkpoint";
  }
  return "; move it away to go back to the older '" + stepName(*(here - 1)) + "'";
}

StatusOr<StoredCheckpoint> StoredCheckpoint::open(const std::string& path) {
  StoredCheckpoint checkpoint;
  checkpoint.path_ = path;
  while (checkpoint.path_.size() > 1 && checkpoint.path_.back() == '/') {
    checkpoint.path_.pop_back();
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return makeError<ErrorId::kR0201>(path, "no such folder");
  }
  std::string hint = checkpoint.hint();
  KILN_ASSIGN_OR_RETURN(ReadableFile manifest, openPart(checkpoint.path_, kManifestName, hint));
  if (manifest.numBytes() > kMaxManifestBytes) {
    return makeError<ErrorId::kR0203>(manifest.path(), std::to_string(manifest.numBytes()) + " bytes are too many",
                                      hint);
  }
  std::string bytes(static_cast<size_t>(manifest.numBytes()), '\0');
  KILN_RETURN_IF_ERROR(manifest.read(0, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}));
  KILN_ASSIGN_OR_RETURN(checkpoint.manifest_, parseManifest(bytes, manifest.path(), hint));
  auto named = stepOfName(checkpoint.name());
  if (named && *named != checkpoint.manifest_.step) {
    return makeError<ErrorId::kR0203>(
        manifest.path(),
        "it is of step " + std::to_string(checkpoint.manifest_.step) + ", and the folder has another name", hint);
  }
  for (const ManifestFile& file : checkpoint.manifest_.files) {
    KILN_RETURN_IF_ERROR(checkpoint.openFile(file));
  }
  for (const ManifestTensor& tensor : checkpoint.manifest_.tensors) {
    if (!checkpoint.offsets_.contains(tensor.name)) {
      return makeError<ErrorId::kR0206>(checkpoint.path_, tensor.name, typeText(tensor.dtype, tensor.dims), "nothing",
                                        hint);
    }
  }
  return checkpoint;
}

Status StoredCheckpoint::openFile(const ManifestFile& stored) {
  KILN_ASSIGN_OR_RETURN(ReadableFile file, openPart(path_, stored.name, hint()));
  if (file.numBytes() != stored.numBytes) {
    return makeError<ErrorId::kR0204>(
        path_,
        stored.name + " has " + std::to_string(file.numBytes()) + " bytes, wanted " + std::to_string(stored.numBytes),
        hint());
  }
  // The digest comes before the parser: a head with a flipped bit is damage, whatever it now says.
  uint64_t length = 0;
  std::string head(8, '\0');
  if (file.numBytes() >= 8) {
    KILN_RETURN_IF_ERROR(file.read(0, {reinterpret_cast<uint8_t*>(head.data()), head.size()}));
    std::memcpy(&length, head.data(), 8);
    length = std::min(length, static_cast<uint64_t>(file.numBytes() - 8));
  }
  head.resize(8 + length);
  if (file.numBytes() >= 8) {
    KILN_RETURN_IF_ERROR(file.read(8, {reinterpret_cast<uint8_t*>(head.data()) + 8, length}));
  }
  Sha256 digest = sha256({reinterpret_cast<const uint8_t*>(head.data()), head.size()});
  if (digest != stored.headDigest) {
    return makeError<ErrorId::kR0204>(
        path_,
        "the head of " + stored.name + " has the SHA-256 " + toHex(digest) + ", wanted " + toHex(stored.headDigest),
        hint());
  }
  KILN_ASSIGN_OR_RETURN(SafetensorsFile tensors, SafetensorsFile::open(file.path()));
  std::map<std::string, const ManifestTensor*> listed;
  for (const ManifestTensor& tensor : manifest_.tensors) {
    if (tensor.file == stored.name) {
      listed[tensor.name] = &tensor;
    }
  }
  for (const SafetensorsFile::Entry& entry : tensors.entries()) {
    std::string found = typeText(entry.dtype, entry.dims);
    auto wanted = listed.find(entry.name);
    std::string said = wanted == listed.end() ? "nothing" : typeText(wanted->second->dtype, wanted->second->dims);
    if (said != found) {
      return makeError<ErrorId::kR0206>(path_, entry.name, said, found, hint());
    }
    offsets_[entry.name] = entry.begin;
  }
  files_.emplace(stored.name, std::move(file));
  return absl::OkStatus();
}

StatusOr<Tensor> StoredCheckpoint::read(const ManifestTensor& tensor) const {
  KILN_ASSIGN_OR_RETURN(Tensor value, Tensor::allocate(tensor.dtype, tensor.dims));
  KILN_RETURN_IF_ERROR(files_.at(tensor.file)
                           .read(offsets_.at(tensor.name),
                                 {static_cast<uint8_t*>(value.mutableData()), static_cast<size_t>(value.numBytes())}));
  Sha256 digest = digestOf(value);
  if (digest != tensor.digest) {
    return makeError<ErrorId::kR0202>(path_, tensor.name, toHex(digest), toHex(tensor.digest), hint());
  }
  return value;
}

}  // namespace kiln::runtime
