// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/npy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "proto/codec/checked_values.h"
#include "proto/codec/file.h"
#include "proto/codec/npy_stream.h"

namespace kiln {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
// NumPy's own limit is 10,000; a header is about 100 bytes.
constexpr size_t kMaxHeaderBytes = 65536;
constexpr size_t kMaxRank = 64;

struct TypeName {
  DType dtype;
  std::string_view name;
};
constexpr std::array kTypes = {
    TypeName{DType::kBool, "|b1"}, TypeName{DType::kI8, "|i1"},    TypeName{DType::kU8, "|u1"},
    TypeName{DType::kI16, "<i2"},  TypeName{DType::kU16, "<u2"},   TypeName{DType::kI32, "<i4"},
    TypeName{DType::kU32, "<u4"},  TypeName{DType::kI64, "<i8"},   TypeName{DType::kU64, "<u8"},
    TypeName{DType::kF16, "<f2"},  TypeName{DType::kF32, "<f4"},   TypeName{DType::kF64, "<f8"},
    TypeName{DType::kC64, "<c8"},  TypeName{DType::kC128, "<c16"},
};

struct Header {
  DType dtype = DType::kInvalid;
  bool fortranOrder = false;
  std::vector<int64_t> dims;
  size_t dataBegin = 0;
  int64_t numBytes = 0;
};

// Reads the header's Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 64), }
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  // False when the text is anything else. Each key must occur once, in any order.
  bool read(std::string& descr, bool& fortranOrder, std::vector<int64_t>& dims) {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!accept('{')) {
      return false;
    }
    while (!accept('}')) {
      auto key = string();
      if (!key || !accept(':')) {
        return false;
      }
      bool valid = *key == "descr" && !hasDescr           ? (hasDescr = true, readString(descr))
                   : *key == "fortran_order" && !hasOrder ? (hasOrder = true, readBool(fortranOrder))
                   : *key == "shape" && !hasShape         ? (hasShape = true, readTuple(dims))
                                                          : false;
      if (!valid || (!accept(',') && peek() != '}')) {
        return false;
      }
    }
    peek();
    return at_ == text_.size() && hasDescr && hasOrder && hasShape;
  }

 private:
  char peek() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) {
      ++at_;
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c || at_ == text_.size()) {
      return false;
    }
    ++at_;
    return true;
  }
  bool acceptWord(std::string_view word) {
    peek();
    if (!text_.substr(at_).starts_with(word)) {
      return false;
    }
    at_ += word.size();
    return true;
  }
  std::optional<std::string> string() {
    char quote = peek();
    if (quote != '\'' && quote != '"') {
      return std::nullopt;
    }
    size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  bool readString(std::string& out) {
    auto value = string();
    out = value.value_or("");
    return value.has_value();
  }
  bool readBool(bool& out) {
    out = acceptWord("True");
    return out || acceptWord("False");
  }
  bool readTuple(std::vector<int64_t>& out) {
    if (!accept('(')) {
      return false;
    }
    while (!accept(')')) {
      char first = peek();
      if (!std::isdigit(static_cast<unsigned char>(first)) || out.size() == kMaxRank) {
        return false;
      }
      int64_t value = 0;
      while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
        if (value > (int64_t{1} << 58)) {
          return false;
        }
        value = value * 10 + (text_[at_++] - '0');
      }
      acceptWord("L");  // Python 2 wrote long numbers so
      out.push_back(value);
      if (!accept(',') && peek() != ')') {
        return false;
      }
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

// `head` holds the file's first bytes, at least the whole header when the file has one.
StatusOr<Header> parseHeader(std::string_view head, int64_t fileBytes, const std::string& file) {
  if (!head.starts_with(kMagic) || head.size() < 10) {
    return makeError<ErrorId::kP0051>(file, "it does not start with NumPy's mark");
  }
  auto major = static_cast<uint8_t>(head[6]);
  if (major < 1 || major > 3) {
    return makeError<ErrorId::kP0051>(file, "it has format version " + std::to_string(major) + ", known are 1 to 3");
  }
  size_t lengthBytes = major == 1 ? 2 : 4;
  uint32_t length = 0;
  if (head.size() < 8 + lengthBytes) {
    return makeError<ErrorId::kP0051>(file, "its header is cut off");
  }
  std::memcpy(&length, head.data() + 8, lengthBytes);
  size_t begin = 8 + lengthBytes;
  if (length > kMaxHeaderBytes || length > head.size() - begin) {
    return makeError<ErrorId::kP0051>(file, "its header claims " + std::to_string(length) + " bytes, and " +
                                                std::to_string(fileBytes - static_cast<int64_t>(begin)) + " follow");
  }
  Header header;
  std::string descr;
  if (!LiteralReader(head.substr(begin, length)).read(descr, header.fortranOrder, header.dims)) {
    return makeError<ErrorId::kP0051>(file, "its header is not a description of type, order and shape");
  }
  auto row = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) {
    // One byte has no order, and '=' means the writer's, which was little endian on every machine that Kiln runs on.
    return type.name == descr || (descr.size() == type.name.size() && descr.substr(1) == type.name.substr(1) &&
                                  (descr[0] == '=' || (type.name[0] == '|' && (descr[0] == '<' || descr[0] == '>'))));
  });
  if (row == kTypes.end()) {
    return makeError<ErrorId::kP0052>(file, descr, descr.starts_with(">") ? " (big endian)" : "");
  }
  header.dtype = row->dtype;
  header.dataBegin = begin + length;
  auto count = checkedNumElements(header.dims);
  std::string shape = Shape::of(header.dims).toString();
  int64_t present = fileBytes - static_cast<int64_t>(header.dataBegin);
  if (!count || *count > (int64_t{1} << 56)) {
    return makeError<ErrorId::kP0053>(file, toString(header.dtype), shape, "more than 2^56", present);
  }
  header.numBytes = byteSize(header.dtype, *count);
  if (header.numBytes != present) {
    return makeError<ErrorId::kP0053>(file, toString(header.dtype), shape, header.numBytes, present);
  }
  return header;
}

// From Fortran order (first index fastest) to row major. Walks the output with an odometer, so each step is one
// addition.
Tensor toRowMajor(const Tensor& fortran) {
  Tensor out(fortran.dtype(), fortran.dims());
  size_t width = static_cast<size_t>(bitWidth(fortran.dtype()) / 8);
  int rank = fortran.rank();
  std::vector<int64_t> index(rank, 0);
  std::vector<int64_t> strides(rank, 1);
  for (int axis = 1; axis < rank; ++axis) {
    strides[axis] = strides[axis - 1] * fortran.dims()[axis - 1];
  }
  int64_t from = 0;
  const auto* source = static_cast<const uint8_t*>(fortran.data());
  auto* target = static_cast<uint8_t*>(out.mutableData());
  for (int64_t to = 0, count = out.numElements(); to < count; ++to) {
    std::memcpy(target + static_cast<size_t>(to) * width, source + static_cast<size_t>(from) * width, width);
    for (int axis = rank - 1; axis >= 0; --axis) {
      from += strides[axis];
      if (++index[axis] < fortran.dims()[axis]) {
        break;
      }
      from -= strides[axis] * fortran.dims()[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

StatusOr<Tensor> readNpyStream(int64_t fileBytes, const std::string& file, const ReadNpyBytes& read) {
  std::string head(static_cast<size_t>(std::min<int64_t>(fileBytes, 12)), '\0');
  auto bytesOf = [](std::string& text, size_t from) {
    return std::span<uint8_t>(reinterpret_cast<uint8_t*>(text.data()) + from, text.size() - from);
  };
  KILN_RETURN_IF_ERROR(read(0, bytesOf(head, 0)));
  uint32_t length = 0;
  if (head.starts_with(kMagic) && head.size() == 12) {
    // Version 1 has a length of two bytes, later ones of four.
    std::memcpy(&length, head.data() + 8, head[6] == 1 ? 2 : 4);
    size_t wanted = (head[6] == 1 ? 10 : 12) + std::min<size_t>(length, kMaxHeaderBytes);
    size_t had = head.size();
    head.resize(std::max(had, std::min(wanted, static_cast<size_t>(fileBytes))));
    KILN_RETURN_IF_ERROR(read(static_cast<int64_t>(had), bytesOf(head, had)));
  }
  KILN_ASSIGN_OR_RETURN(Header header, parseHeader(head, fileBytes, file));
  KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(header.dtype, header.dims));
  if (header.numBytes > 0) {
    // A header of a few bytes may end before the twelve that were read.
    size_t had = head.size() - header.dataBegin;
    std::memcpy(tensor.mutableData(), head.data() + header.dataBegin, had);
    KILN_RETURN_IF_ERROR(read(static_cast<int64_t>(head.size()), {static_cast<uint8_t*>(tensor.mutableData()) + had,
                                                                  static_cast<size_t>(header.numBytes) - had}));
  }
  normalizeBools(tensor);
  if (header.fortranOrder && tensor.rank() > 1 && header.numBytes > 0) {
    return toRowMajor(tensor);
  }
  return tensor;
}

StatusOr<Tensor> readNpy(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(ReadableFile file, ReadableFile::open(path));
  return readNpyStream(file.numBytes(), path,
                       [&](int64_t offset, std::span<uint8_t> into) { return file.read(offset, into); });
}

StatusOr<Tensor> parseNpy(std::span<const uint8_t> bytes, const std::string& file) {
  return readNpyStream(static_cast<int64_t>(bytes.size()), file, [&](int64_t offset, std::span<uint8_t> into) {
    std::copy_n(bytes.begin() + offset, into.size(), into.begin());
    return absl::OkStatus();
  });
}

Status writeNpy(const std::string& path, const TensorView& tensor) {
  auto row =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) { return type.dtype == tensor.dtype; });
  if (row == kTypes.end()) {
    return makeError<ErrorId::kP0046>(path, path, toString(tensor.dtype), "NumPy has no such type");
  }
  std::string shape;
  for (int64_t dim : tensor.dims) {
    shape += std::to_string(dim) + ", ";
  }
  if (tensor.dims.size() > 1) {
    shape.resize(shape.size() - 2);  // (3, 64), but (3,) for one dimension
  } else if (!shape.empty()) {
    shape.resize(shape.size() - 1);
  }
  std::string literal =
      "{'descr': '" + std::string(row->name) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // Magic, version and length take 10 bytes; the header ends with a line feed at a multiple of 64.
  literal.append(63 - (10 + literal.size()) % 64, ' ');
  literal += '\n';
  auto length = static_cast<uint16_t>(literal.size());
  std::string head(kMagic);
  head += std::string("\x01\x00", 2);
  head.append(reinterpret_cast<const char*>(&length), 2);
  head += literal;
  const std::span<const uint8_t> pieces[] = {
      {reinterpret_cast<const uint8_t*>(head.data()), head.size()},
      {static_cast<const uint8_t*>(tensor.data), static_cast<size_t>(tensor.numBytes())}};
  return writeFileAtomically(path, pieces);
}

}  // namespace kiln
