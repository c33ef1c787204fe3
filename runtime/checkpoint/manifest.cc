// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/manifest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "proto/base/shape.h"
#include "proto/base/tensor.h"

namespace kiln::runtime {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "kiln.checkpoint";
// The last member is the digest of all bytes before it, so it has a fixed place and the file stays plain JSON.
constexpr std::string_view kDigestOpening = ",\"sha256\":\"";
constexpr std::string_view kDigestClosing = "\"}\n";
constexpr size_t kHexDigits = 64;

Sha256 digestOf(std::string_view bytes) {
  return sha256({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

std::optional<Sha256> fromHex(std::string_view text) {
  if (text.size() != kHexDigits) {
    return std::nullopt;
  }
  Sha256 digest{};
  for (size_t i = 0; i < kHexDigits; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) {
      return std::nullopt;
    }
    digest[i / 2] = static_cast<uint8_t>(digest[i / 2] << 4 | digit);
  }
  return digest;
}

// JSON has no numbers for these.
Json numberOf(double value) {
  if (std::isfinite(value)) {
    return value;
  }
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

std::optional<double> toDouble(const Json& value) {
  if (value.is_number()) {
    return value.get<double>();
  }
  if (value == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (value == "inf" || value == "-inf") {
    return value == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  }
  return std::nullopt;
}

// Takes a manifest's members out of the JSON; remembers the first that is not as it should be.
class Reader {
 public:
  const std::string& wrong() const { return wrong_; }

  const Json& member(const Json& object, const char* key, Json::value_t type) {
    static const Json kNothing;
    auto found = object.is_object() ? object.find(key) : object.end();
    bool right = object.is_object() && found != object.end() &&
                 (found->type() == type || (type == Json::value_t::number_unsigned && found->is_number_unsigned()));
    if (!right) {
      fail(std::string("'") + key + "' is missing or of another type");
      return kNothing;
    }
    return *found;
  }
  std::string text(const Json& object, const char* key) {
    const Json& value = member(object, key, Json::value_t::string);
    return value.is_string() ? value.get<std::string>() : "";
  }
  int64_t count(const Json& object, const char* key) {
    return number(member(object, key, Json::value_t::number_unsigned), key);
  }
  int64_t number(const Json& value, const char* key) {
    uint64_t found = value.is_number_unsigned() ? value.get<uint64_t>() : std::numeric_limits<uint64_t>::max();
    if (found > uint64_t{1} << 62) {
      fail(std::string("'") + key + "' is no number from 0 to 2^62");
      return 0;
    }
    return static_cast<int64_t>(found);
  }
  Sha256 digest(const Json& object) {
    auto digest = fromHex(text(object, "sha256"));
    if (!digest) {
      fail("'sha256' is not 64 hexadecimal digits");
    }
    return digest.value_or(Sha256{});
  }
  void fail(std::string what) {
    if (wrong_.empty()) {
      wrong_ = std::move(what);
    }
  }

 private:
  std::string wrong_;
};

// Names come from a file: they must not lead out of its folder.
bool isPlainName(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

Manifest readMembers(const Json& json, Reader& reader) {
  Manifest manifest;
  manifest.step = reader.count(json, "step");
  manifest.model = reader.text(json, "model");
  for (const auto& [key, value] : reader.member(json, "metadata", Json::value_t::object).items()) {
    if (value.is_string()) {
      manifest.metadata[key] = value.get<std::string>();
    } else {
      reader.fail("metadata '" + key + "' is no text");
    }
  }
  for (const auto& [key, value] : reader.member(json, "metrics", Json::value_t::object).items()) {
    auto number = toDouble(value);
    if (!number) {
      reader.fail("metric '" + key + "' is no number");
    }
    manifest.metrics[key] = number.value_or(0);
  }
  std::set<std::string> fileNames, tensorNames;
  for (const Json& value : reader.member(json, "files", Json::value_t::array)) {
    ManifestFile file;
    file.name = reader.text(value, "name");
    file.numBytes = reader.count(value, "bytes");
    file.headDigest = reader.digest(value);
    if (!isPlainName(file.name) || !fileNames.insert(file.name).second) {
      reader.fail("the name '" + file.name + "' of a file");
    }
    manifest.files.push_back(std::move(file));
  }
  for (const Json& value : reader.member(json, "tensors", Json::value_t::array)) {
    ManifestTensor tensor;
    tensor.name = reader.text(value, "name");
    tensor.file = reader.text(value, "file");
    tensor.dtype = parseDType(reader.text(value, "dtype")).value_or(DType::kInvalid);
    for (const Json& dim : reader.member(value, "shape", Json::value_t::array)) {
      tensor.dims.push_back(reader.number(dim, "shape"));
    }
    tensor.digest = reader.digest(value);
    if (tensor.dtype == DType::kInvalid || !checkedNumElements(tensor.dims)) {
      reader.fail("the type of tensor '" + tensor.name + "'");
    }
    if (!fileNames.contains(tensor.file)) {
      reader.fail("tensor '" + tensor.name + "' is in a file that is not listed");
    }
    if (!tensorNames.insert(tensor.name).second) {
      reader.fail("tensor '" + tensor.name + "' occurs twice");
    }
    manifest.tensors.push_back(std::move(tensor));
  }
  return manifest;
}

}  // namespace

std::string toHex(const Sha256& digest) {
  std::string text;
  for (uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string typeText(DType dtype, const std::vector<int64_t>& dims) {
  return std::string(toString(dtype)) + Shape::of(dims).toString();
}

std::string encodeManifest(const Manifest& manifest) {
  Json json;
  json["format"] = kFormat;
  json["version"] = kManifestVersion;
  json["step"] = manifest.step;
  json["model"] = manifest.model;
  json["metadata"] = Json::object();
  for (const auto& [key, value] : manifest.metadata) {
    json["metadata"][key] = value;
  }
  json["metrics"] = Json::object();
  for (const auto& [key, value] : manifest.metrics) {
    json["metrics"][key] = numberOf(value);
  }
  json["files"] = Json::array();
  for (const ManifestFile& file : manifest.files) {
    json["files"].push_back({{"name", file.name}, {"bytes", file.numBytes}, {"sha256", toHex(file.headDigest)}});
  }
  json["tensors"] = Json::array();
  for (const ManifestTensor& tensor : manifest.tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"file", tensor.file},
                               {"dtype", std::string(toString(tensor.dtype))},
                               {"shape", tensor.dims},
                               {"sha256", toHex(tensor.digest)}});
  }
  std::string text = json.dump(1, ' ', false, Json::error_handler_t::replace);
  text.resize(text.size() - 2);  // the closing brace and the line break before it
  std::string digest = toHex(digestOf(text));
  return text.append(kDigestOpening).append(digest).append(kDigestClosing);
}

StatusOr<Manifest> parseManifest(std::string_view bytes, const std::string& path, const std::string& hint) {
  auto refuse = [&](const std::string& why) { return makeError<ErrorId::kR0203>(path, why, hint); };
  size_t tail = kDigestOpening.size() + kHexDigits + kDigestClosing.size();
  if (bytes.size() < tail || !bytes.ends_with(kDigestClosing) ||
      bytes.substr(bytes.size() - tail, kDigestOpening.size()) != kDigestOpening) {
    return refuse("it does not end in a digest of itself");
  }
  std::string_view body = bytes.substr(0, bytes.size() - tail);
  std::string found = toHex(digestOf(body));
  std::string_view wanted = bytes.substr(bytes.size() - tail + kDigestOpening.size(), kHexDigits);
  if (found != wanted) {
    return refuse("its SHA-256 is " + found + ", wanted " + std::string(wanted));
  }
  Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("format") || json["format"] != kFormat) {
    return refuse(std::string("it is not of the format ") + kFormat);
  }
  Reader reader;
  int64_t version = reader.count(json, "version");
  if (reader.wrong().empty() && version > kManifestVersion) {
    return makeError<ErrorId::kR0205>(path, version, kManifestVersion);
  }
  Manifest manifest = readMembers(json, reader);
  if (!reader.wrong().empty()) {
    return refuse(reader.wrong());
  }
  return manifest;
}

}  // namespace kiln::runtime
