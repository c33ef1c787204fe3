// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/config_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "graph/ir/diagnostics.h"
#include "proto/codec/file.h"

namespace kiln::train {

namespace pb = google::protobuf;

namespace {

constexpr int64_t kMaxConfigBytes = int64_t{16} << 20;

std::vector<std::string> fieldNames(const pb::Descriptor& message) {
  std::vector<std::string> names;
  for (int i = 0; i < message.field_count(); ++i) {
    names.push_back(message.field(i)->name());
  }
  return names;
}

// What a message of this type is called where it is used: `conv` for Conv in `layer { conv { .. } }`.
std::string plainName(const pb::Descriptor& message) {
  if (message.full_name() == TrainConfig::descriptor()->full_name()) {
    return "the description";
  }
  std::string name;
  for (char c : message.name()) {
    if (c >= 'A' && c <= 'Z') {
      name += (name.empty() ? "" : "_") + std::string(1, static_cast<char>(c - 'A' + 'a'));
    } else {
      name += c;
    }
  }
  return "'" + name + "'";
}

std::string noField(const pb::Descriptor& message, const std::string& name) {
  const std::vector<std::string> known = fieldNames(message);
  return plainName(message) + " has no field '" + name + "'" +
         (known.empty() ? "; it has none" : didYouMean(name, known));
}

// The text between quotes number `i` of a message of the parser.
std::string quoted(const std::string& text, int i) {
  size_t begin = 0;
  for (int n = 0; n <= 2 * i; ++n) {
    begin = text.find('"', begin);
    if (begin == std::string::npos) {
      return "";
    }
    ++begin;
  }
  const size_t end = text.find('"', begin);
  return end == std::string::npos ? "" : text.substr(begin, end - begin);
}

// Keeps the first error: those after it are often its consequences.
class FirstError : public pb::io::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (text_.empty()) {
      line_ = line + 1;
      column_ = column + 1;
      text_ = message;
    }
  }
  void AddWarning(int /*line*/, pb::io::ColumnNumber /*column*/, const std::string& /*message*/) override {}

  Status status(const std::string& path, std::string_view source) const {
    std::string text = text_;
    int column = std::max(column_, 1);
    if (text.find("has no field named") != std::string::npos) {
      const std::string name = quoted(text, 1);
      if (const auto* type = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(quoted(text, 0))) {
        text = noField(*type, name);
      }
      // The parser tells the place after the name.
      for (int line = 1; line < line_; ++line) {
        source.remove_prefix(std::min(source.find('\n'), source.size() - 1) + 1);
      }
      const size_t found = source.substr(0, source.find('\n')).rfind(name, static_cast<size_t>(column));
      column = found == std::string_view::npos ? column : static_cast<int>(found) + 1;
    }
    return makeError<ErrorId::kT0030>(path, std::max(line_, 1), column, text);
  }

 private:
  int line_ = 0, column_ = 0;
  std::string text_;
};

// The lines of message fields, down to the second level: layers, losses, the optimizer's schedule ...
void collectLines(const pb::Message& message, const pb::TextFormat::ParseInfoTree& tree, const std::string& prefix,
                  int depth, std::map<std::string, int>& lines) {
  const pb::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor* field = type.field(i);
    const int count = field->is_repeated() ? message.GetReflection()->FieldSize(message, field)
                                           : (message.GetReflection()->HasField(message, field) ? 1 : 0);
    for (int n = 0; n < count; ++n) {
      const int index = field->is_repeated() ? n : -1;
      const std::string name = prefix + field->name() + (field->is_repeated() ? "[" + std::to_string(n) + "]" : "");
      lines[name] = tree.GetLocation(field, index).line + 1;
      const bool isMessage = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
      if (isMessage && depth > 0) {
        const pb::TextFormat::ParseInfoTree* nested = tree.GetTreeForNested(field, index);
        if (nested != nullptr) {
          const pb::Reflection& reflection = *message.GetReflection();
          collectLines(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, n)
                                            : reflection.GetMessage(message, field),
                       *nested, name + ".", depth - 1, lines);
        }
      }
    }
  }
}

std::optional<int> indexOf(const pb::Message& message, const pb::FieldDescriptor& field, const std::string& text) {
  const pb::Reflection& reflection = *message.GetReflection();
  const int count = reflection.FieldSize(message, &field);
  int index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error == std::errc() && end == text.data() + text.size()) {
    return index >= 0 && index < count ? std::optional(index) : std::nullopt;
  }
  if (field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) {
    return std::nullopt;
  }
  const pb::FieldDescriptor* name = field.message_type()->FindFieldByName("name");
  for (int i = 0; name != nullptr && i < count; ++i) {
    const pb::Message& element = reflection.GetRepeatedMessage(message, &field, i);
    if (element.GetReflection()->GetString(element, name) == text) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace

SourceLocation ConfigFile::locate(const std::string& part) const {
  for (std::string name = part; !name.empty();) {
    if (auto found = lines.find(name); found != lines.end()) {
      return {internString(path), found->second};
    }
    const size_t dot = name.rfind('.');
    name = dot == std::string::npos ? "" : name.substr(0, dot);
  }
  return {internString(path), 1};
}

std::string ConfigFile::resolve(const std::string& relative) const {
  return relative.empty() ? relative : (std::filesystem::path(path).parent_path() / relative).string();
}

StatusOr<ConfigFile> parseConfig(std::string_view text, const std::string& path) {
  ConfigFile file;
  file.path = path;
  FirstError error;
  pb::TextFormat::ParseInfoTree tree;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&tree);
  parser.SetRecursionLimit(20);
  if (!parser.ParseFromString(std::string(text), &file.config)) {
    return error.status(path, text);
  }
  collectLines(file.config, tree, "", 2, file.lines);
  return file;
}

StatusOr<ConfigFile> readConfig(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(const std::string text, readFile(path, kMaxConfigBytes));
  return parseConfig(text, path);
}

Status applySetting(ConfigFile& file, const std::string& setting) {
  const std::string subject = "--set " + setting;
  const size_t equals = setting.find('=');
  if (equals == std::string::npos) {
    return makeError<ErrorId::kT0031>(subject, "wanted FIELD=VALUE, such as training.epochs=3");
  }
  const std::string path = setting.substr(0, equals);
  std::string value = setting.substr(equals + 1);
  pb::Message* message = &file.config;
  size_t begin = 0;
  while (true) {
    const size_t bracket = path.find_first_of(".[", begin);
    const std::string name = path.substr(begin, bracket == std::string::npos ? bracket : bracket - begin);
    const pb::FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) {
      return makeError<ErrorId::kT0031>(subject, noField(*message->GetDescriptor(), name));
    }
    const bool isMessage = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    std::optional<int> index;
    size_t next = bracket;
    if (bracket != std::string::npos && path[bracket] == '[') {
      const size_t close = path.find(']', bracket);
      const std::string inside = close == std::string::npos ? "" : path.substr(bracket + 1, close - bracket - 1);
      index = field->is_repeated() ? indexOf(*message, *field, inside) : std::nullopt;
      if (!index || !isMessage) {
        return makeError<ErrorId::kT0031>(subject, "there is no " + name + "[" + inside + "]");
      }
      next = close + 1 < path.size() ? close + 1 : std::string::npos;
    }
    if (next == std::string::npos) {
      if (isMessage) {
        return makeError<ErrorId::kT0031>(subject, "'" + name + "' has fields of its own; name one of them");
      }
      if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING && !value.starts_with('"')) {
        value = "\"" + value + "\"";
      }
      FirstError error;
      pb::TextFormat::Parser parser;
      parser.RecordErrorsTo(&error);
      message->GetReflection()->ClearField(message, field);
      if (!parser.ParseFieldValueFromString(value, field, message)) {
        return makeError<ErrorId::kT0031>(
            subject, "'" + value + "' is no value of '" + name + "', which is of the kind " + field->cpp_type_name());
      }
      return {};
    }
    if (!isMessage || path[next] != '.' || (field->is_repeated() && !index)) {
      return makeError<ErrorId::kT0031>(subject, field->is_repeated() ? "which '" + name + "'? Wanted " + name + "[0]"
                                                                      : "'" + name + "' has no fields");
    }
    const pb::Reflection& reflection = *message->GetReflection();
    message =
        index ? reflection.MutableRepeatedMessage(message, field, *index) : reflection.MutableMessage(message, field);
    begin = next + 1;
  }
}

Status meaningError(const ConfigFile& file, const std::string& part, const std::string& subject,
                    const std::string& text) {
  return diagnose(makeError<ErrorId::kT0031>(subject, text), file.locate(part));
}

std::string numberText(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

std::string unknownName(std::string_view found, const std::vector<std::string>& known) {
  std::string all;
  for (const std::string& name : known) {
    all += (all.empty() ? "" : ", ") + name;
  }
  return "'" + std::string(found) + "', wanted one of " + all + didYouMean(found, known);
}

}  // namespace kiln::train
