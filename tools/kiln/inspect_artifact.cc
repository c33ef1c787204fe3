// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/inspect_artifact.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "proto/artifact/artifact.pb.h"
#include "proto/base/shape.h"
#include "proto/base/tensor.h"
#include "runtime/artifact/artifact_file.h"
#include "runtime/artifact/cpu_features.h"
#include "runtime/artifact/signing_key.h"
#include "tools/kiln/compile_flags.h"

namespace kiln::tools {
namespace {

using Json = nlohmann::ordered_json;
using artifact::Entry;
using artifact::Image;
using artifact::Manifest;

std::string typeText(uint32_t dtype, const auto& dims) {
  std::string text(toString(static_cast<DType>(dtype)));
  text += "[";
  bool isFirst = true;
  for (const auto& dim : dims) {
    text += isFirst ? "" : ", ";
    if constexpr (std::is_same_v<std::decay_t<decltype(dim)>, std::string>) {
      text += dim;
    } else {
      text += std::to_string(dim);
    }
    isFirst = false;
  }
  return text + "]";
}

std::string hex(const std::string& bytes) {
  std::string text;
  char digits[3];
  for (unsigned char byte : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

// The size of an arena: as a formula, and for the smallest lengths that are not 0.
struct ArenaText {
  std::string formula, sample;  // "8192 + align64(256*batch)", "batch=1"
  int64_t bytes = 0;            // for the sample
};

ArenaText arenaOf(const Entry& entry, const artifact::Arena& arena) {
  ArenaText text{.formula = std::to_string(arena.static_bytes()), .sample = "", .bytes = arena.static_bytes()};
  std::map<std::string, int64_t, std::less<>> values;
  for (const artifact::Symbol& symbol : entry.symbols()) {
    values[symbol.name()] = std::min(std::max<int64_t>(symbol.min(), 1), symbol.max());
    text.sample += (text.sample.empty() ? "" : ", ") + symbol.name() + "=" + std::to_string(values[symbol.name()]);
  }
  for (const std::string& slot : arena.slots()) {
    text.formula += " + align64(" + slot + ")";
    auto dim = Dim::parse(slot);
    if (dim.ok()) {
      const int64_t bytes = dim->evaluate([&](std::string_view name) {
        auto found = values.find(name);
        return found == values.end() ? int64_t{1} : found->second;
      });
      text.bytes += (bytes + 63) / 64 * 64;
    }
  }
  return text;
}

bool runsHere(const Image& image) {
  const std::vector<std::string> features(image.features().begin(), image.features().end());
  return image.triple().starts_with(machineName()) && missingCpuFeatures(features).empty();
}

std::string join(const auto& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

void printEntry(const Manifest& manifest, int index, const Image& shown, bool withKernels) {
  const Entry& entry = manifest.entries(index);
  std::printf("  %s\n", entry.name().c_str());
  for (const auto& [kind, specs] : {std::pair("feed", &entry.feeds()), {"fetch", &entry.fetches()}}) {
    for (const artifact::TensorSpec& spec : *specs) {
      std::printf("    %-7s %-24s %s\n", kind, spec.name().c_str(), typeText(spec.dtype(), spec.dims()).c_str());
    }
  }
  for (const std::string& target : entry.targets()) {
    std::printf("    %-7s %s\n", "target", target.c_str());
  }
  for (const artifact::Symbol& symbol : entry.symbols()) {
    const std::string max = symbol.max() == DimRange::kUnbounded ? "any" : std::to_string(symbol.max());
    std::printf("    %-7s %-24s %lld to %s\n", "dim", symbol.name().c_str(), static_cast<long long>(symbol.min()),
                max.c_str());
  }
  const auto written = std::ranges::count_if(entry.variables(), &artifact::VariableUse::written);
  if (entry.variables_size() > 0) {
    std::printf("    %-7s %d variables, writes %d\n", "uses", entry.variables_size(), static_cast<int>(written));
  }
  const artifact::EntryCode& code = shown.entries(index);
  const ArenaText arena = arenaOf(entry, code.arena());
  std::printf(
      "    %-7s %s bytes%s\n", "arena", arena.formula.c_str(),
      code.arena().slots().empty() ? "" : (": " + std::to_string(arena.bytes) + " for " + arena.sample).c_str());
  for (int i = 0; withKernels && i < code.kernels_size(); ++i) {
    std::printf("    %-7s %s\n", i == 0 ? "kernels" : "", code.kernels(i).c_str());
  }
}

void printTable(const ArtifactFile& file, int only, const Image& shown) {
  const Manifest& manifest = file.manifest();
  std::printf("artifact '%s': %s, %s, written by %s%s\n\nentries\n", manifest.model().c_str(),
              file.isFolder() ? "a folder" : "a file", bytesText(file.numBytes()).c_str(), manifest.producer().c_str(),
              file.signature() ? "" : ", not signed");
  for (int i = 0; i < manifest.entries_size(); ++i) {
    if (only < 0 || only == i) {
      printEntry(manifest, i, shown, only == i);
    }
  }
  std::printf("\nvariables\n");
  int64_t elements = 0;
  for (const artifact::Variable& variable : manifest.variables()) {
    std::printf("  %-34s %-16s %s\n", variable.name().c_str(), typeText(variable.dtype(), variable.dims()).c_str(),
                variable.weight() > 0 ? "from the weights" : "made by init");
    elements += checkedNumElements({variable.dims().data(), static_cast<size_t>(variable.dims_size())}).value_or(0);
  }
  std::printf("  %lld elements in all\n\nweights\n  %d tensors, %s, in %d blocks with a checksum each\n\ntargets\n",
              static_cast<long long>(elements), manifest.weights().tensors_size(),
              bytesText(manifest.weights().size()).c_str(), manifest.weights().crc32c_size());
  for (const Image& image : manifest.images()) {
    std::printf("  %-24s %s, vectors of %u bits, %s of code%s%s\n", image.target().c_str(), image.triple().c_str(),
                image.vector_bits(), bytesText(image.size()).c_str(), runsHere(image) ? ", runs here" : "",
                &image == &shown && runsHere(image) && manifest.images_size() > 1 ? " and is chosen" : "");
    if (image.features_size() > 0) {
      std::printf("    needs %s\n", join(image.features()).c_str());
    }
    std::printf("    sha256 %s\n", hex(image.sha256()).c_str());
  }
  if (file.signature()) {
    std::printf("\nsignature\n  of the key %s; kiln sign --check tells whether it is right\n",
                toHex(file.signature()->publicKey).c_str());
  }
}

Json specsJson(const google::protobuf::RepeatedPtrField<artifact::TensorSpec>& specs) {
  Json list = Json::array();
  for (const artifact::TensorSpec& spec : specs) {
    Json dims = Json::array();
    for (const std::string& text : spec.dims()) {
      auto dim = Dim::parse(text);
      dim.ok() && dim->isStatic() ? dims.push_back(dim->value()) : dims.push_back(text);
    }
    list.push_back({{"name", spec.name()}, {"dtype", toString(static_cast<DType>(spec.dtype()))}, {"dims", dims}});
  }
  return list;
}

Json entryJson(const Entry& entry) {
  Json json{{"name", entry.name()},
            {"feeds", specsJson(entry.feeds())},
            {"fetches", specsJson(entry.fetches())},
            {"targets", Json::array()},
            {"symbols", Json::array()},
            {"variables", Json::array()},
            {"constants", entry.constants_size()}};
  for (const std::string& target : entry.targets()) {
    json["targets"].push_back(target);
  }
  for (const artifact::Symbol& symbol : entry.symbols()) {
    Json item{{"name", symbol.name()}, {"min", symbol.min()}};
    symbol.max() == DimRange::kUnbounded ? item["max"] = nullptr : item["max"] = symbol.max();
    json["symbols"].push_back(std::move(item));
  }
  for (const artifact::VariableUse& use : entry.variables()) {
    json["variables"].push_back({{"variable", use.variable()}, {"written", use.written()}});
  }
  return json;
}

Json imageJson(const Manifest& manifest, const Image& image, bool isChosen) {
  Json json{{"target", image.target()},          {"triple", image.triple()}, {"features", Json::array()},
            {"vectorBits", image.vector_bits()}, {"bytes", image.size()},    {"sha256", hex(image.sha256())},
            {"runsHere", runsHere(image)},       {"isChosen", isChosen},     {"entries", Json::array()}};
  for (const std::string& feature : image.features()) {
    json["features"].push_back(feature);
  }
  for (int i = 0; i < image.entries_size(); ++i) {
    const artifact::EntryCode& code = image.entries(i);
    const ArenaText arena = arenaOf(manifest.entries(i), code.arena());
    json["entries"].push_back(
        {{"name", manifest.entries(i).name()},
         {"kernels", code.kernels_size()},
         {"nodes", code.nodes_size()},
         {"arena", {{"bytes", arena.formula}, {"sample", {{"dims", arena.sample}, {"bytes", arena.bytes}}}}}});
  }
  return json;
}

void printJson(const ArtifactFile& file, int only, int chosen) {
  const Manifest& manifest = file.manifest();
  Json json{{"artifact", file.path()},
            {"model", manifest.model()},
            {"producer", manifest.producer()},
            {"isFolder", file.isFolder()},
            {"bytes", file.numBytes()},
            {"entries", Json::array()},
            {"variables", Json::array()},
            {"images", Json::array()},
            {"weights", {{"tensors", manifest.weights().tensors_size()}, {"bytes", manifest.weights().size()}}},
            {"signature", nullptr}};
  for (int i = 0; i < manifest.entries_size(); ++i) {
    if (only < 0 || only == i) {
      json["entries"].push_back(entryJson(manifest.entries(i)));
    }
  }
  for (const artifact::Variable& variable : manifest.variables()) {
    json["variables"].push_back({{"name", variable.name()},
                                 {"dtype", toString(static_cast<DType>(variable.dtype()))},
                                 {"dims", std::vector<int64_t>(variable.dims().begin(), variable.dims().end())},
                                 {"hasWeight", variable.weight() > 0}});
  }
  for (int i = 0; i < manifest.images_size(); ++i) {
    json["images"].push_back(imageJson(manifest, manifest.images(i), i == chosen));
  }
  if (file.signature()) {
    json["signature"] = {{"publicKey", toHex(file.signature()->publicKey)}};
  }
  // Names are UTF-8 where they were checked; what is not is replaced, never thrown.
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

Status inspectArtifact(const std::string& path, const std::string& entry, InspectFormat format) {
  if (format == InspectFormat::kDot) {
    return makeError<ErrorId::kT0034>("--dot shows a graph, and the artifact '" + path + "' holds only code");
  }
  KILN_ASSIGN_OR_RETURN(const std::shared_ptr<const ArtifactFile> file, ArtifactFile::open(path));
  const Manifest& manifest = file->manifest();
  int only = -1;
  std::vector<std::string> names;
  for (int i = 0; i < manifest.entries_size(); ++i) {
    names.push_back(manifest.entries(i).name());
    only = names.back() == entry ? i : only;
  }
  if (!entry.empty() && only < 0) {
    return makeError<ErrorId::kT0006>(path, entry, nearestNames(entry, names));
  }
  // Code for other machines is looked at as well.
  const StatusOr<size_t> chosen = file->chooseImage();
  if (format == InspectFormat::kJson) {
    printJson(*file, only, chosen.ok() ? static_cast<int>(*chosen) : -1);
  } else {
    printTable(*file, only, manifest.images(chosen.ok() ? static_cast<int>(*chosen) : 0));
  }
  return {};
}

}  // namespace kiln::tools
