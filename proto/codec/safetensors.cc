// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "nlohmann/json.hpp"
#include "proto/codec/checked_values.h"

namespace kiln {
namespace {

using Entry = SafetensorsFile::Entry;

struct TypeName {
  DType dtype;
  std::string_view name;
};
constexpr std::array kTypes = {
    TypeName{DType::kF64, "F64"},   TypeName{DType::kF32, "F32"}, TypeName{DType::kF16, "F16"},
    TypeName{DType::kBF16, "BF16"}, TypeName{DType::kI64, "I64"}, TypeName{DType::kI32, "I32"},
    TypeName{DType::kI16, "I16"},   TypeName{DType::kI8, "I8"},   TypeName{DType::kU64, "U64"},
    TypeName{DType::kU32, "U32"},   TypeName{DType::kU16, "U16"}, TypeName{DType::kU8, "U8"},
    TypeName{DType::kBool, "BOOL"},
};

// The format's own bound; a header of this size describes about a million tensors.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

struct Header {
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
};

// Takes the JSON header apart as it is read, so nothing is stored but what a header may hold:
//   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "text"}}
// Returning false stops the parser; status() then tells why.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}
  Header& header() { return header_; }
  const Status& status() const { return status_; }

  bool null() override { return refuse("a null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_integer(int64_t) override { return refuse("a negative number"); }
  bool number_float(double, const std::string&) override { return refuse("a fraction or a number beyond 64 bits"); }
  bool binary(nlohmann::json::binary_t&) override { return refuse("binary data"); }

  bool number_unsigned(uint64_t value) override {
    bool inShape = place_ == Place::kShape && entry().dims.size() < kMaxRank;
    bool inOffsets = place_ == Place::kOffsets && offsets_.size() < 2;
    if ((!inShape && !inOffsets) || value > (uint64_t{1} << 62)) {
      return refuse("the number " + std::to_string(value));
    }
    if (inShape) {
      entry().dims.push_back(static_cast<int64_t>(value));
    } else {
      offsets_.push_back(static_cast<int64_t>(value));
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = text;
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") {
      return refuse("a string");
    }
    auto row = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) { return type.name == text; });
    if (row == kTypes.end()) {
      return fail(makeError<ErrorId::kP0043>(file_, entry().name, text));
    }
    entry().dtype = row->dtype;
    return true;
  }

  bool start_object(size_t) override {
    switch (place_) {
      case Place::kOutside:
        place_ = Place::kTop;
        return true;
      case Place::kTop:
        if (key_ == "__metadata__") {
          place_ = Place::kMetadata;
        } else {
          place_ = Place::kTensor;
          header_.entries.emplace_back().name = key_;
          offsets_.clear();
        }
        fields_.clear();
        return true;
      default:
        return refuse("an object");
    }
  }

  bool key(std::string& text) override {
    key_ = text;
    if (place_ == Place::kTop) {
      return names_.insert(text).second || fail(makeError<ErrorId::kP0042>(file_, text));
    }
    return fields_.insert(text).second || refuse("'" + text + "' twice");
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"}) {
        if (fields_.count(field) == 0) {
          return refuse(std::string("no '") + field + "'");
        }
      }
      if (offsets_.size() != 2) {
        return refuse("not two data_offsets");
      }
      entry().begin = offsets_[0];
      // Negative when the offsets are reversed, which the check of the layout then finds.
      entry().numBytes = offsets_[1] - offsets_[0];
    }
    place_ = place_ == Place::kTop ? Place::kDone : Place::kTop;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ == Place::kTensor && (key_ == "shape" || key_ == "data_offsets")) {
      place_ = key_ == "shape" ? Place::kShape : Place::kOffsets;
      return true;
    }
    return refuse("an array");
  }
  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return fail(makeError<ErrorId::kP0041>(file_, "its header is no JSON at byte " + std::to_string(8 + position)));
  }

 private:
  enum class Place { kOutside, kTop, kTensor, kShape, kOffsets, kMetadata, kDone };
  static constexpr size_t kMaxRank = 64;

  Entry& entry() { return header_.entries.back(); }
  bool fail(Status status) {
    status_ = std::move(status);
    return false;
  }
  bool refuse(const std::string& what) {
    bool inTensor = place_ == Place::kTensor || place_ == Place::kShape || place_ == Place::kOffsets;
    std::string where = inTensor ? " in tensor '" + entry().name + "'" : "";
    return fail(makeError<ErrorId::kP0041>(file_, "its header has " + what + where + " where the format has none"));
  }

  const std::string& file_;
  Place place_ = Place::kOutside;
  std::string key_;
  std::set<std::string> names_;
  std::set<std::string> fields_;
  std::vector<int64_t> offsets_;
  Header header_;
  Status status_;
};

// Offsets in the file's header are from the start of the data; afterwards, from the start of the file.
Status checkLayout(std::vector<Entry>& entries, int64_t dataBegin, int64_t dataBytes, const std::string& file) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(entries[a].begin, entries[a].numBytes) < std::pair(entries[b].begin, entries[b].numBytes);
  });
  int64_t end = 0;
  for (size_t index : order) {
    Entry& entry = entries[index];
    auto wrong = [&](const char* why) {
      return makeError<ErrorId::kP0044>(file, entry.name, entry.begin, entry.begin + entry.numBytes, why);
    };
    if (entry.numBytes < 0) {
      return wrong("are reversed");
    }
    if (entry.begin > dataBytes || entry.numBytes > dataBytes - entry.begin) {
      return wrong(("reach beyond the " + std::to_string(dataBytes) + " bytes of data").c_str());
    }
    if (entry.begin != end) {
      return wrong(entry.begin < end ? "overlap another tensor's" : "leave a gap before them");
    }
    end = entry.begin + entry.numBytes;
    auto count = checkedNumElements(entry.dims);
    std::string shape = Shape::of(entry.dims).toString();
    if (!count || *count > (int64_t{1} << 56)) {
      return annotate(makeError<ErrorId::kP0022>(shape), "'" + file + "': tensor '" + entry.name + "'");
    }
    if (byteSize(entry.dtype, *count) != entry.numBytes) {
      return makeError<ErrorId::kP0045>(file, entry.name, toString(entry.dtype), shape, byteSize(entry.dtype, *count),
                                        entry.numBytes);
    }
    entry.begin += dataBegin;
  }
  if (end != dataBytes) {
    return makeError<ErrorId::kP0041>(file, "the last tensor ends at byte " + std::to_string(end) + " of " +
                                                std::to_string(dataBytes) + " bytes of data");
  }
  return absl::OkStatus();
}

StatusOr<uint64_t> headerLength(std::span<const uint8_t, 8> bytes, int64_t fileBytes, const std::string& file) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > static_cast<uint64_t>(fileBytes - 8) || length > kMaxHeaderBytes) {
    return makeError<ErrorId::kP0041>(file, "its header claims " + std::to_string(length) + " bytes, and " +
                                                std::to_string(fileBytes - 8) + " follow");
  }
  return length;
}

Status tooShort(const std::string& file, int64_t numBytes) {
  return makeError<ErrorId::kP0041>(file,
                                    "it has " + std::to_string(numBytes) + " bytes, and the header's length takes 8");
}

StatusOr<Header> parseHeader(std::string_view text, int64_t fileBytes, const std::string& file) {
  if (!codec::isUtf8(text)) {
    return makeError<ErrorId::kP0041>(file, "its header is not UTF-8");
  }
  HeaderReader reader(file);
  bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  KILN_RETURN_IF_ERROR(reader.status());
  if (!parsed) {
    return makeError<ErrorId::kP0041>(file, "its header is no JSON object");
  }
  Header header = std::move(reader.header());
  int64_t dataBegin = 8 + static_cast<int64_t>(text.size());
  KILN_RETURN_IF_ERROR(checkLayout(header.entries, dataBegin, fileBytes - dataBegin, file));
  return header;
}

}  // namespace

StatusOr<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(ReadableFile opened, ReadableFile::open(path));
  SafetensorsFile file(std::move(opened));
  int64_t numBytes = file.file_.numBytes();
  if (numBytes < 8) {
    return tooShort(path, numBytes);
  }
  std::array<uint8_t, 8> length{};
  KILN_RETURN_IF_ERROR(file.file_.read(0, length));
  KILN_ASSIGN_OR_RETURN(uint64_t headerBytes, headerLength(length, numBytes, path));
  std::string text(headerBytes, '\0');
  KILN_RETURN_IF_ERROR(file.file_.read(8, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  KILN_ASSIGN_OR_RETURN(Header header, parseHeader(text, numBytes, path));
  file.entries_ = std::move(header.entries);
  file.metadata_ = std::move(header.metadata);
  for (size_t i = 0; i < file.entries_.size(); ++i) {
    file.byName_[file.entries_[i].name] = i;
  }
  return file;
}

StatusOr<const Entry*> SafetensorsFile::find(const std::string& name) const {
  auto found = byName_.find(name);
  if (found == byName_.end()) {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) {
      names.push_back(entry.name);
    }
    return makeError<ErrorId::kP0047>(file_.path(), name, didYouMean(name, names));
  }
  return &entries_[found->second];
}

StatusOr<Tensor> SafetensorsFile::read(const Entry& entry) const {
  KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(entry.dtype, entry.dims));
  KILN_RETURN_IF_ERROR(
      file_.read(entry.begin, {static_cast<uint8_t*>(tensor.mutableData()), static_cast<size_t>(entry.numBytes)}));
  normalizeBools(tensor);
  return tensor;
}

StatusOr<std::vector<NamedTensor>> readSafetensors(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::open(path));
  std::vector<NamedTensor> tensors;
  for (const Entry& entry : file.entries()) {
    KILN_ASSIGN_OR_RETURN(Tensor tensor, file.read(entry));
    tensors.push_back({entry.name, std::move(tensor)});
  }
  return tensors;
}

StatusOr<std::vector<NamedTensor>> parseSafetensors(std::span<const uint8_t> bytes, const std::string& file) {
  auto numBytes = static_cast<int64_t>(bytes.size());
  if (numBytes < 8) {
    return tooShort(file, numBytes);
  }
  KILN_ASSIGN_OR_RETURN(uint64_t headerBytes, headerLength(bytes.first<8>(), numBytes, file));
  KILN_ASSIGN_OR_RETURN(Header header,
                        parseHeader({reinterpret_cast<const char*>(bytes.data()) + 8, headerBytes}, numBytes, file));
  std::vector<NamedTensor> tensors;
  for (const Entry& entry : header.entries) {
    KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(entry.dtype, entry.dims));
    if (entry.numBytes > 0) {
      std::memcpy(tensor.mutableData(), bytes.data() + entry.begin, static_cast<size_t>(entry.numBytes));
    }
    normalizeBools(tensor);
    tensors.push_back({entry.name, std::move(tensor)});
  }
  return tensors;
}

StatusOr<SafetensorsLayout> layoutSafetensors(const std::string& path, std::span<const NamedTensorView> tensors,
                                              const std::map<std::string, std::string>& metadata) {
  SafetensorsLayout layout;
  auto fillsLines = [](const TensorView& tensor) {
    return tensor.numBytes() > 0 && tensor.numBytes() % static_cast<int64_t>(kBufferAlignment) == 0;
  };
  auto addWhere = [&](auto isWanted) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (isWanted(tensors[i].tensor)) {
        layout.order.push_back(i);
      }
    }
  };
  addWhere(fillsLines);
  for (int bits : {64, 32, 16}) {
    addWhere([&](const TensorView& tensor) { return !fillsLines(tensor) && bitWidth(tensor.dtype) == bits; });
  }
  addWhere([&](const TensorView& tensor) {
    const int width = bitWidth(tensor.dtype);
    return !fillsLines(tensor) && width != 64 && width != 32 && width != 16;
  });
  auto quoted = [](const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  std::string text = metadata.empty() ? "{" : "{\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    text += (text.back() == '{' ? "" : ",") + quoted(key) + ":" + quoted(value);
  }
  text += metadata.empty() ? "" : "}";
  std::set<std::string> names = {"__metadata__"};
  int64_t offset = 0;
  for (size_t index : layout.order) {
    const auto& [name, tensor] = tensors[index];
    auto row =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) { return type.dtype == tensor.dtype; });
    const char* why = row == kTypes.end()          ? "safetensors has no such type"
                      : !codec::isUtf8(name)       ? "its name is not UTF-8"
                      : !names.insert(name).second ? "its name is taken"
                                                   : nullptr;
    if (why != nullptr) {
      return makeError<ErrorId::kP0046>(path, name, toString(tensor.dtype), why);
    }
    int64_t numBytes = tensor.numBytes();
    std::string shape;
    for (int64_t dim : tensor.dims) {
      shape += (shape.empty() ? "" : ",") + std::to_string(dim);
    }
    text += (text.back() == '{' ? "" : ",") + quoted(name) + ":{\"dtype\":\"" + std::string(row->name) +
            "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(offset) + "," +
            std::to_string(offset + numBytes) + "]}";
    offset += numBytes;
  }
  text += "}";
  // Spaces after the JSON are part of the header; with them the data starts at a multiple of the buffers' alignment.
  text.append((kBufferAlignment - (8 + text.size()) % kBufferAlignment) % kBufferAlignment, ' ');
  uint64_t length = text.size();
  layout.head.assign(reinterpret_cast<const char*>(&length), sizeof length);
  layout.head += text;
  layout.numBytes = static_cast<int64_t>(layout.head.size()) + offset;
  return layout;
}

Status writeSafetensors(const std::string& path, std::span<const NamedTensorView> tensors,
                        const std::map<std::string, std::string>& metadata) {
  KILN_ASSIGN_OR_RETURN(SafetensorsLayout layout, layoutSafetensors(path, tensors, metadata));
  std::vector<std::span<const uint8_t>> pieces;
  pieces.emplace_back(reinterpret_cast<const uint8_t*>(layout.head.data()), layout.head.size());
  for (size_t index : layout.order) {
    const TensorView& tensor = tensors[index].tensor;
    pieces.emplace_back(static_cast<const uint8_t*>(tensor.data), static_cast<size_t>(tensor.numBytes()));
  }
  return writeFileAtomically(path, pieces);
}

Status writeSafetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  std::vector<NamedTensorView> views;
  for (const NamedTensor& tensor : tensors) {
    views.push_back({tensor.name, tensor.tensor.view()});
  }
  return writeSafetensors(path, views, metadata);
}

}  // namespace kiln
