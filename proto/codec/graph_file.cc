// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/graph_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "proto/codec/file.h"
#include "proto/codec/wire_scan.h"

namespace kiln {
namespace {

namespace pb = google::protobuf;

// Binary graphs have control characters within a node's first bytes (tag 0x12 before its op), text has none but white
// space; the letter keeps a binary file of line feeds out.
bool looksLikeText(std::string_view bytes) {
  constexpr size_t kLooked = 4096;
  std::string_view head = bytes.substr(0, kLooked);
  bool startsLikeText = false;
  bool blank = true;
  for (char c : head) {
    auto byte = static_cast<unsigned char>(c);
    bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if ((byte < 0x20 && !space) || byte == 0x7f) {
      return false;
    }
    if (blank && !space) {
      startsLikeText = std::isalpha(byte) || c == '#' || c == '[';
      blank = false;
    }
  }
  return startsLikeText;
}

// Keeps the first mistake; the rest usually follow from it.
class FirstMistake : public pb::io::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (!found) {
      found = true;
      line_ = line;
      column_ = column;
      message_ = message;
    }
  }
  Status status(const std::string& file) const {
    // The parser counts from 0; -1 stands for the whole file.
    return makeError<ErrorId::kP0009>(file, line_ + 1, column_ + 1, found ? message_ : "the text is not complete");
  }
  bool found = false;

 private:
  int line_ = -1;
  int column_ = -1;
  std::string message_;
};

// The text parser recurses once for each bracket, and every field has a bracket or a colon; counts them outside strings
// and comments.
Status checkTextLimits(std::string_view text, const ReadLimits& limits, const std::string& file) {
  int depth = 0;
  int64_t numFields = 0;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote || c == '\n') {  // strings end with their line; the parser reports it
        quote = 0;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '{' || c == '<' || c == '[') {
      ++numFields;
      if (++depth > limits.maxDepth) {
        return makeError<ErrorId::kP0007>(file, limits.maxDepth, i);
      }
    } else if (c == ':') {
      ++numFields;
    } else if (c == '}' || c == '>' || c == ']') {
      depth = std::max(depth - 1, 0);
    }
    if (numFields > limits.maxFields) {
      return makeError<ErrorId::kP0011>(file, limits.maxFields);
    }
  }
  return absl::OkStatus();
}

// The name of a text field that is not UTF-8. Recurses as deep as the message, which has been limited.
std::optional<std::string> findBadString(const pb::Message& message) {
  const pb::Reflection* reflection = message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    bool isText = field->type() == pb::FieldDescriptor::TYPE_STRING;
    bool isMessage = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    int count = !isText && !isMessage ? 0 : field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (isMessage) {
        auto bad = findBadString(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                                      : reflection->GetMessage(message, field));
        if (bad) {
          return bad;
        }
      } else {
        std::string scratch;
        if (!codec::isUtf8(field->is_repeated() ? reflection->GetRepeatedStringReference(message, field, i, &scratch)
                                                : reflection->GetStringReference(message, field, &scratch))) {
          return std::string(field->name());
        }
      }
    }
  }
  return std::nullopt;
}

StatusOr<wire::GraphDef> parseBinary(std::string_view bytes, const std::string& file, const ReadLimits& limits) {
  KILN_RETURN_IF_ERROR(codec::scanWire(bytes, wire::GraphDef::descriptor(), {limits.maxDepth, limits.maxFields}, file));
  wire::GraphDef graph;
  pb::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(limits.maxDepth + 1);
  if (!graph.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return makeError<ErrorId::kP0006>(file, "a GraphDef", "the parser stops", stream.CurrentPosition());
  }
  return graph;
}

StatusOr<wire::GraphDef> parseText(std::string_view text, const std::string& file, const ReadLimits& limits) {
  KILN_RETURN_IF_ERROR(checkTextLimits(text, limits, file));
  FirstMistake mistake;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&mistake);
  parser.SetRecursionLimit(limits.maxDepth + 1);
  pb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  wire::GraphDef graph;
  if (!parser.Parse(&stream, &graph) || mistake.found) {
    return mistake.status(file);
  }
  // Escapes such as \377 can make text that is not UTF-8, which this parser accepts.
  if (auto field = findBadString(graph)) {
    return makeError<ErrorId::kP0010>(file, *field, 0);
  }
  return graph;
}

}  // namespace

GraphForm graphFormOf(std::string_view path) {
  for (std::string_view ending : {".pbtxt", ".textproto", ".txt"}) {
    if (path.ends_with(ending)) {
      return GraphForm::kText;
    }
  }
  return GraphForm::kBinary;
}

StatusOr<wire::GraphDef> parseGraphDef(std::string_view bytes, const std::string& file, const ReadLimits& limits) {
  int64_t maxBytes = std::min<int64_t>(limits.maxBytes, 2147483647);
  if (static_cast<int64_t>(bytes.size()) > maxBytes) {
    return makeError<ErrorId::kP0003>(file, bytes.size(), maxBytes);
  }
  auto graph = looksLikeText(bytes) ? parseText(bytes, file, limits) : parseBinary(bytes, file, limits);
  KILN_RETURN_IF_ERROR(graph.status());
  if (graph->kiln_format() < 0 || graph->kiln_format() > kGraphFormat) {
    return makeError<ErrorId::kP0012>(file, graph->kiln_format(), kGraphFormat);
  }
  auto isNode = [](const wire::NodeDef& node) { return !node.name().empty() && !node.op().empty(); };
  if (graph->kiln_format() == 0 && std::none_of(graph->node().begin(), graph->node().end(), isNode)) {
    return makeError<ErrorId::kP0008>(file);
  }
  return graph;
}

StatusOr<wire::GraphDef> readGraphDef(const std::string& path, const ReadLimits& limits) {
  KILN_ASSIGN_OR_RETURN(std::string bytes, readFile(path, std::min<int64_t>(limits.maxBytes, 2147483647)));
  return parseGraphDef(bytes, path, limits);
}

StatusOr<std::string> serializeGraphDef(const wire::GraphDef& graph, GraphForm form, const std::string& file,
                                        size_t maxBytes) {
  size_t numBytes = graph.ByteSizeLong();
  if (numBytes > maxBytes) {
    return makeError<ErrorId::kP0013>(file, numBytes);
  }
  std::string bytes;
  if (form == GraphForm::kText) {
    pb::TextFormat::Printer printer;
    printer.SetUseUtf8StringEscaping(true);
    printer.SetHideUnknownFields(true);  // printed as bare numbers, which no parser reads
    KILN_CHECK(printer.PrintToString(graph, &bytes));
    return bytes;
  }
  bytes.reserve(numBytes);
  pb::io::StringOutputStream stream(&bytes);
  pb::io::CodedOutputStream coded(&stream);
  // Attributes are a hash map; without this, equal graphs would give different bytes.
  coded.SetSerializationDeterministic(true);
  KILN_CHECK(graph.SerializeToCodedStream(&coded));
  coded.Trim();
  return bytes;
}

Status writeGraphDef(const wire::GraphDef& graph, const std::string& path) {
  KILN_ASSIGN_OR_RETURN(std::string bytes, serializeGraphDef(graph, graphFormOf(path), path));
  return writeFileAtomically(path, bytes);
}

}  // namespace kiln
