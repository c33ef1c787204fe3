// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/wire_scan.h"

#include <vector>

namespace kiln::codec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Message {
  const Descriptor* type;
  size_t end;
};

// The elements of a packed list must be whole, or the parser refuses it.
bool isPackedWhole(const FieldDescriptor* field, std::string_view bytes, size_t begin, size_t end) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_FLOAT:
      return (end - begin) % 4 == 0;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return (end - begin) % 8 == 0;
    default:
      break;
  }
  for (size_t at = begin; at < end;) {
    if (!readVarint(bytes, at, end)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<uint64_t> readVarint(std::string_view bytes, size_t& at, size_t end) {
  uint64_t value = 0;
  for (int shift = 0; shift < 70 && at < end; shift += 7) {
    auto byte = static_cast<uint8_t>(bytes[at++]);
    value |= shift < 64 ? static_cast<uint64_t>(byte & 0x7f) << shift : 0;
    if (byte < 0x80) {
      return value;
    }
  }
  return std::nullopt;
}

Status scanWire(std::string_view bytes, const Descriptor* type, const ScanLimits& limits, const std::string& file,
                const char* format) {
  std::vector<Message> open{{type, bytes.size()}};
  size_t at = 0;
  int64_t numFields = 0;
  while (!open.empty()) {
    Message message = open.back();
    if (at == message.end) {
      open.pop_back();
      continue;
    }
    size_t start = at;
    auto tag = readVarint(bytes, at, message.end);
    uint64_t number = tag.value_or(0) >> 3;
    if (!tag || number == 0 || number >= (1u << 29)) {
      return makeError<ErrorId::kP0006>(file, format, "there is no valid field tag", start);
    }
    if (++numFields > limits.maxFields) {
      return makeError<ErrorId::kP0011>(file, limits.maxFields);
    }
    const FieldDescriptor* field =
        message.type == nullptr ? nullptr : message.type->FindFieldByNumber(static_cast<int>(number));
    auto cutOff = [&](uint64_t claimed) {
      return makeError<ErrorId::kP0005>(
          file, field == nullptr ? std::to_string(number) : "'" + std::string(field->name()) + "'", start, claimed,
          message.end - at);
    };
    switch (*tag & 7) {
      case kVarint:
        if (!readVarint(bytes, at, message.end)) {
          return makeError<ErrorId::kP0006>(file, format, "there is a number without an end", start);
        }
        break;
      case kFixed64:
      case kFixed32: {
        size_t width = (*tag & 7) == kFixed64 ? 8 : 4;
        if (message.end - at < width) {
          return cutOff(width);
        }
        at += width;
        break;
      }
      case kBytes: {
        auto length = readVarint(bytes, at, message.end);
        if (!length) {
          return makeError<ErrorId::kP0006>(file, format, "there is a length without an end", start);
        }
        if (*length > message.end - at) {
          return cutOff(*length);
        }
        size_t end = at + static_cast<size_t>(*length);
        if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          if (static_cast<int>(open.size()) > limits.maxDepth) {
            return makeError<ErrorId::kP0007>(file, limits.maxDepth, start);
          }
          open.push_back({field->message_type(), end});
          break;
        }
        if (field != nullptr && field->type() == FieldDescriptor::TYPE_STRING && !isUtf8(bytes.substr(at, end - at))) {
          return makeError<ErrorId::kP0010>(file, std::string(field->name()), start);
        }
        if (field != nullptr && field->is_packable() && !isPackedWhole(field, bytes, at, end)) {
          return makeError<ErrorId::kP0006>(file, format, "there is a list whose last element is cut off", start);
        }
        at = end;
        break;
      }
      default:
        // Groups (3 and 4) are not used by any version of these messages.
        return makeError<ErrorId::kP0006>(file, format, "there is an unknown kind of field", start);
    }
  }
  return absl::OkStatus();
}

}  // namespace kiln::codec
