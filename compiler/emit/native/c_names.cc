// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/native/c_names.h"

#include "compiler/codegen/cpu/emit_native_api.h"

namespace kiln::compiler {
namespace {

// Words of C and C++, and what common headers define as macros.
const std::set<std::string>& reservedWords() {
  static const auto& words = *new std::set<std::string>{"alignas",     "alignof",
                                                        "and",         "and_eq",
                                                        "asm",         "auto",
                                                        "bitand",      "bitor",
                                                        "bool",        "break",
                                                        "case",        "catch",
                                                        "char",        "char8_t",
                                                        "char16_t",    "char32_t",
                                                        "class",       "compl",
                                                        "concept",     "const",
                                                        "consteval",   "constexpr",
                                                        "constinit",   "const_cast",
                                                        "continue",    "co_await",
                                                        "co_return",   "co_yield",
                                                        "decltype",    "default",
                                                        "delete",      "do",
                                                        "double",      "dynamic_cast",
                                                        "else",        "enum",
                                                        "explicit",    "export",
                                                        "extern",      "false",
                                                        "float",       "for",
                                                        "friend",      "goto",
                                                        "if",          "inline",
                                                        "int",         "long",
                                                        "mutable",     "namespace",
                                                        "new",         "noexcept",
                                                        "not",         "not_eq",
                                                        "nullptr",     "operator",
                                                        "or",          "or_eq",
                                                        "private",     "protected",
                                                        "public",      "register",
                                                        "requires",    "restrict",
                                                        "return",      "short",
                                                        "signed",      "sizeof",
                                                        "static",      "static_assert",
                                                        "static_cast", "struct",
                                                        "switch",      "template",
                                                        "this",        "thread_local",
                                                        "throw",       "true",
                                                        "try",         "typedef",
                                                        "typeid",      "typename",
                                                        "typeof",      "union",
                                                        "unsigned",    "using",
                                                        "virtual",     "void",
                                                        "volatile",    "wchar_t",
                                                        "while",       "xor",
                                                        "xor_eq",      "reinterpret_cast",
                                                        "errno",       "linux",
                                                        "unix",        "stdin",
                                                        "stdout",      "stderr",
                                                        "NULL",        "EOF",
                                                        "assert",      "i386",
                                                        "I",           "complex",
                                                        "int8_t",      "int16_t",
                                                        "int32_t",     "int64_t",
                                                        "uint8_t",     "uint16_t",
                                                        "uint32_t",    "uint64_t",
                                                        "uintptr_t",   "memcpy",
                                                        "memset",      "size_t"};
  return words;
}

}  // namespace

std::string CNames::unique(std::string_view name) {
  std::string result = toCName(name);
  // Names that begin with an underscore belong to the implementation.
  if (result.empty() || result[0] == '_' || (result[0] >= '0' && result[0] <= '9')) {
    result.insert(0, "v");
  }
  while (reservedWords().contains(result) || !taken_.insert(result).second) {
    result += '_';
  }
  return result;
}

CElement cElementOf(DType type) {
  switch (type) {
    case DType::kF32:
      return {"float"};
    case DType::kF64:
      return {"double"};
    case DType::kC64:
      return {"float", 2};
    case DType::kC128:
      return {"double", 2};
    case DType::kI8:
      return {"int8_t"};
    case DType::kI16:
      return {"int16_t"};
    case DType::kI32:
      return {"int32_t"};
    case DType::kI64:
      return {"int64_t"};
    case DType::kU16:
    case DType::kF16:
    case DType::kBF16:
      return {"uint16_t"};
    case DType::kU32:
      return {"uint32_t"};
    case DType::kU64:
      return {"uint64_t"};
    default:
      return {"uint8_t", bitWidth(type) < 8 ? 0 : 1};
  }
}

std::string describe(DType type, const Shape& shape) {
  return std::string(toString(type)) + (shape.rank() == 0 ? "" : shape.toString());
}

std::string commentText(std::string_view text) {
  std::string result;
  for (char c : text) {
    const bool endsComment =
        !result.empty() && ((result.back() == '*' && c == '/') || (result.back() == '/' && c == '*'));
    result += endsComment ? " " : "";
    result += static_cast<unsigned char>(c) < ' ' || c == '\\' ? ' ' : c;
  }
  return result;
}

std::string stringLiteral(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (static_cast<unsigned char>(c) < ' ') {
      result += ' ';
    } else {
      // A question mark may begin a trigraph.
      result += c == '"' || c == '\\' || c == '?' ? std::string("\\") + c : std::string(1, c);
    }
  }
  return result + "\"";
}

std::string upperCase(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return result;
}

}  // namespace kiln::compiler
