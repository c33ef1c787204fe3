// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/mapped_tensors.h"

#include <vector>

#include "proto/base/status.h"
#include "proto/codec/wire_scan.h"
#include "proto/wire/onnx.pb.h"

namespace kiln::onnx {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// A message that is open: where it ends in the input, where its length and its content begin in the output, and how
// many bytes its length was written in.
struct Message {
  const Descriptor* type;
  size_t end;
  size_t outLength;
  size_t outContent;
};

void appendVarintField(std::string& out, int number, uint64_t value) {
  auto append = [&](uint64_t varint) {
    for (; varint >= 0x80; varint >>= 7) {
      out += static_cast<char>(varint | 0x80);
    }
    out += static_cast<char>(varint);
  };
  append(static_cast<uint64_t>(number) << 3 | kVarint);
  append(value);
}

// Writes a length over one that was at least as large: in as many bytes, which the wire format allows.
void overwriteLength(std::string& out, size_t at, size_t end, uint64_t length) {
  for (; at + 1 < end; ++at, length >>= 7) {
    out[at] = static_cast<char>(length | 0x80);
  }
  out[at] = static_cast<char>(length & 0x7f);
}

}  // namespace

std::optional<std::string> withoutLargeTensors(std::string_view bytes, int64_t largestKept, int64_t mostBytes) {
  const Descriptor* tensor = TensorProto::descriptor();
  std::string out;
  std::vector<Message> open{{ModelProto::descriptor(), bytes.size(), 0, 0}};
  size_t at = 0;
  while (!open.empty()) {
    const Message message = open.back();
    if (at == message.end) {
      if (open.size() > 1) {
        overwriteLength(out, message.outLength, message.outContent, out.size() - message.outContent);
      }
      open.pop_back();
      continue;
    }
    const size_t start = at;
    const uint64_t tag = codec::readVarint(bytes, at, message.end).value_or(0);
    const auto number = static_cast<int>(tag >> 3);
    const FieldDescriptor* field = message.type == nullptr ? nullptr : message.type->FindFieldByNumber(number);
    const bool isTensor = message.type == tensor;
    bool isDropped = isTensor && (number == TensorProto::kMappedOffsetFieldNumber ||
                                  number == TensorProto::kMappedLengthFieldNumber);
    switch (tag & 7) {
      case kVarint:
        codec::readVarint(bytes, at, message.end);
        break;
      case kFixed64:
        at += 8;
        break;
      case kFixed32:
        at += 4;
        break;
      default: {
        const size_t lengthAt = at;
        const auto length = static_cast<size_t>(codec::readVarint(bytes, at, message.end).value_or(0));
        if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          out.append(bytes, start, at - start);
          open.push_back({field->message_type(), at + length, out.size() - (at - lengthAt), out.size()});
          continue;
        }
        if (isTensor && number == TensorProto::kRawDataFieldNumber && static_cast<int64_t>(length) > largestKept) {
          appendVarintField(out, TensorProto::kMappedOffsetFieldNumber, at);
          appendVarintField(out, TensorProto::kMappedLengthFieldNumber, length);
          isDropped = true;
        }
        at += length;
      }
    }
    KILN_CHECK(at > start && at <= message.end);  // Holds for what scanWire() accepts.
    if (out.size() + (isDropped ? 0 : at - start) > static_cast<size_t>(mostBytes)) {
      return std::nullopt;
    }
    if (!isDropped) {
      out.append(bytes, start, at - start);
    }
  }
  return out;
}

}  // namespace kiln::onnx
