// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/artifact_source.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "proto/artifact/artifact.pb.h"

namespace kiln {
namespace {

using artifact::StoredTensor;

/// Everything here relies on what ArtifactFile::open() has checked: indices, types, dims and places of tensors.
class ArtifactSource : public ExecutableSource {
 public:
  static StatusOr<std::shared_ptr<ExecutableSource>> create(std::shared_ptr<const ArtifactFile> file,
                                                            const std::string& target) {
    auto source = std::make_shared<ArtifactSource>();
    source->file_ = std::move(file);
    KILN_RETURN_IF_ERROR(source->load(target));
    return source;
  }

  const ModelInfo& model() const override { return model_; }
  bool isFixed() const override { return true; }
  StatusOr<std::shared_ptr<const Executable>> find(const ExecutableRequest& request,
                                                   std::span<const int64_t> dims) override;
  StatusOr<std::vector<Tensor>> firstValues() override;

 private:
  Status load(const std::string& target);
  StatusOr<std::shared_ptr<const Tensor>> storedTensor(size_t index);
  StatusOr<EntryManifest> manifestOf(int entry);
  const artifact::Manifest& manifest() const { return file_->manifest(); }

  std::shared_ptr<const ArtifactFile> file_;
  int image_ = 0;
  std::shared_ptr<const LoadedImage> code_;
  MappedWeights weights_;
  ModelInfo model_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const Executable>> executables_;  // guarded by mutex_; null until asked for
  std::vector<std::shared_ptr<const Tensor>> tensors_;          // guarded by mutex_; null until asked for
};

DType typeOf(uint32_t number) { return static_cast<DType>(static_cast<int32_t>(number)); }

std::vector<TensorSpec> specsOf(const google::protobuf::RepeatedPtrField<artifact::TensorSpec>& specs) {
  std::vector<TensorSpec> result;
  result.reserve(static_cast<size_t>(specs.size()));
  for (const artifact::TensorSpec& spec : specs) {
    TensorSpec& tensor = result.emplace_back();
    tensor.name = spec.name();
    tensor.dtype = typeOf(spec.dtype());
    for (const std::string& dim : spec.dims()) {
      tensor.shape.push_back(Dim::parse(dim).value());
    }
  }
  return result;
}

// What loads of the type accept.
bool isAligned(const uint8_t* data, DType dtype) {
  const auto bytes = static_cast<uintptr_t>(std::clamp(bitWidth(dtype) / 8, 1, 8));
  return reinterpret_cast<uintptr_t>(data) % bytes == 0;
}

// A copy; any byte but 0 is a true bool, and becomes 1, which compiled code relies on.
StatusOr<Tensor> copyOf(const StoredTensor& stored, const uint8_t* data) {
  KILN_ASSIGN_OR_RETURN(Tensor tensor,
                        Tensor::allocate(typeOf(stored.dtype()), {stored.dims().begin(), stored.dims().end()}));
  auto* out = static_cast<uint8_t*>(tensor.mutableData());
  if (tensor.dtype() == DType::kBool) {
    std::transform(data, data + stored.size(), out, [](uint8_t byte) { return byte != 0; });
  } else {
    std::copy_n(data, stored.size(), out);
  }
  return tensor;
}

Status ArtifactSource::load(const std::string& target) {
  KILN_ASSIGN_OR_RETURN(size_t chosen, file_->chooseImage(target));
  image_ = static_cast<int>(chosen);
  KILN_ASSIGN_OR_RETURN(code_, file_->loadImage(chosen));
  const int numEntries = manifest().entries_size();
  if (code_->table().num_entries != static_cast<uint32_t>(numEntries)) {
    return makeError<ErrorId::kR0304>(file_->path(), "its code has " + std::to_string(code_->table().num_entries) +
                                                         " entries, and it says " + std::to_string(numEntries));
  }
  KILN_ASSIGN_OR_RETURN(weights_, file_->mapWeights());
  executables_.resize(static_cast<size_t>(numEntries));
  tensors_.resize(static_cast<size_t>(manifest().weights().tensors_size()));

  model_.name = manifest().model();
  for (const artifact::Entry& entry : manifest().entries()) {
    EntryInfo& info = model_.entries.emplace_back();
    info.name = entry.name();
    for (const artifact::TensorSpec& feed : entry.feeds()) {
      info.feeds.push_back(feed.name());
    }
    for (const artifact::TensorSpec& fetch : entry.fetches()) {
      info.fetches.push_back(fetch.name());
    }
    info.targets.assign(entry.targets().begin(), entry.targets().end());
  }
  for (const artifact::Variable& variable : manifest().variables()) {
    VariableSpec& spec = model_.variables.emplace_back();
    spec.name = variable.name();
    spec.dtype = typeOf(variable.dtype());
    spec.dims.assign(variable.dims().begin(), variable.dims().end());
    if (variable.weight() > 0) {
      KILN_ASSIGN_OR_RETURN(spec.initialValue, storedTensor(variable.weight() - 1));
    }
  }
  return absl::OkStatus();
}

// Borrowed from the mapping; what cannot be used as it lies there is small and copied.
StatusOr<std::shared_ptr<const Tensor>> ArtifactSource::storedTensor(size_t index) {
  std::shared_ptr<const Tensor>& tensor = tensors_[index];
  if (tensor == nullptr) {
    const StoredTensor& stored = manifest().weights().tensors(static_cast<int>(index));
    const DType dtype = typeOf(stored.dtype());
    const uint8_t* data = weights_.bytes.data() + stored.offset();
    if (stored.size() > 0 && dtype != DType::kBool && isAligned(data, dtype)) {
      tensor = Tensor::borrowed(dtype, {stored.dims().begin(), stored.dims().end()}, data, weights_.owner);
    } else {
      KILN_ASSIGN_OR_RETURN(Tensor copy, copyOf(stored, data));
      tensor = std::make_shared<const Tensor>(std::move(copy));
    }
  }
  return tensor;
}

StatusOr<EntryManifest> ArtifactSource::manifestOf(int index) {
  const artifact::Entry& entry = manifest().entries(index);
  const artifact::EntryCode& code = manifest().images(image_).entries(index);
  EntryManifest result;
  result.feeds = specsOf(entry.feeds());
  result.fetches = specsOf(entry.fetches());
  for (const artifact::VariableUse& use : entry.variables()) {
    result.variables.push_back({.variable = static_cast<int>(use.variable()), .written = use.written()});
  }
  for (uint32_t constant : entry.constants()) {
    KILN_ASSIGN_OR_RETURN(result.constants.emplace_back(), storedTensor(constant));
  }
  for (const artifact::Symbol& symbol : entry.symbols()) {
    result.symbols.push_back({.name = symbol.name(), .range = {.min = symbol.min(), .max = symbol.max()}});
  }
  result.foundSymbols.assign(entry.found_symbols().begin(), entry.found_symbols().end());
  result.nodes.reserve(static_cast<size_t>(code.nodes_size()));
  for (const artifact::Node& node : code.nodes()) {
    result.nodes.push_back(
        {.name = node.name(), .op = node.op(), .location = node.location(), .message = node.message()});
  }
  result.kernels.assign(code.kernels().begin(), code.kernels().end());
  return result;
}

StatusOr<std::shared_ptr<const Executable>> ArtifactSource::find(const ExecutableRequest& request,
                                                                 std::span<const int64_t>) {
  auto isMeant = [&](const EntryInfo& entry) {
    return request.entry.empty()
               ? entry.feeds == request.feeds && entry.fetches == request.fetches && entry.targets == request.targets
               : entry.name == request.entry;
  };
  auto entry = std::ranges::find_if(model_.entries, isMeant);
  if (entry == model_.entries.end()) {
    std::string names;
    for (const EntryInfo& known : model_.entries) {
      names += (names.empty() ? "'" : ", '") + known.name + "'";
    }
    return request.entry.empty() ? makeError<ErrorId::kR0309>("run of just these feeds and fetches", names)
                                 : makeError<ErrorId::kR0001>(request.entry, names);
  }
  const auto index = static_cast<size_t>(entry - model_.entries.begin());
  std::lock_guard<std::mutex> lock(mutex_);
  if (executables_[index] == nullptr) {
    auto executable = std::make_shared<Executable>();
    KILN_ASSIGN_OR_RETURN(executable->manifest, manifestOf(static_cast<int>(index)));
    executable->image = code_;
    executable->entryIndex = static_cast<int>(index);
    executables_[index] = std::move(executable);
  }
  return executables_[index];
}

StatusOr<std::vector<Tensor>> ArtifactSource::firstValues() {
  std::vector<Tensor> values;
  values.reserve(model_.variables.size());
  PrivateWeights own;
  for (const artifact::Variable& variable : manifest().variables()) {
    Tensor& value = values.emplace_back();
    if (variable.weight() == 0) {
      continue;
    }
    const StoredTensor& stored = manifest().weights().tensors(static_cast<int>(variable.weight() - 1));
    // The mapping begins at a page. A tensor that ends within a line of its neighbour's is not alone in it, and vector
    // loads of its last elements may read that far.
    const bool isWhole = stored.size() > 0 && stored.offset() % kBufferAlignment == 0 &&
                         stored.size() % kBufferAlignment == 0 && typeOf(stored.dtype()) != DType::kBool;
    if (isWhole && own.owner == nullptr) {
      KILN_ASSIGN_OR_RETURN(own, file_->mapPrivateWeights());
    }
    if (isWhole && own.owner != nullptr) {
      value = Tensor::adopted(typeOf(stored.dtype()), {stored.dims().begin(), stored.dims().end()},
                              own.bytes.data() + stored.offset(), own.owner);
    } else {
      KILN_ASSIGN_OR_RETURN(value, copyOf(stored, weights_.bytes.data() + stored.offset()));
    }
  }
  return values;
}

StatusOr<Session> sessionOf(StatusOr<std::shared_ptr<ExecutableSource>> source, const SessionOptions& options) {
  KILN_RETURN_IF_ERROR(source.status());
  return Session::create(std::move(source).value(), options);
}

}  // namespace

StatusOr<std::shared_ptr<ExecutableSource>> openArtifact(std::shared_ptr<const ArtifactFile> file,
                                                         const ArtifactOptions& options) {
  return ArtifactSource::create(std::move(file), options.target);
}

StatusOr<std::shared_ptr<ExecutableSource>> openArtifact(const std::string& path, const ArtifactOptions& options) {
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<const ArtifactFile> file, ArtifactFile::open(path, options));
  return openArtifact(std::move(file), options);
}

StatusOr<std::shared_ptr<ExecutableSource>> openArtifact(std::span<const uint8_t> bytes,
                                                         const ArtifactOptions& options) {
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<const ArtifactFile> file,
                        ArtifactFile::fromMemory(bytes, "artifact in memory", options));
  return openArtifact(std::move(file), options);
}

StatusOr<Session> openSession(const std::string& path, const ArtifactOptions& options,
                              const SessionOptions& sessionOptions) {
  return sessionOf(openArtifact(path, options), sessionOptions);
}

StatusOr<Session> openSession(std::span<const uint8_t> bytes, const ArtifactOptions& options,
                              const SessionOptions& sessionOptions) {
  return sessionOf(openArtifact(bytes, options), sessionOptions);
}

}  // namespace kiln
