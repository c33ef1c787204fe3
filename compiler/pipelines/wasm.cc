// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/wasm.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "compiler/codegen/common/target.h"
#include "compiler/codegen/cpu/emit_native_api.h"
#include "compiler/emit/linker.h"
#include "compiler/pipelines/wasm_signature.h"
#include "proto/base/sha256.h"

namespace kiln::compiler {
namespace {

constexpr char kPrefix[] = "kiln";
constexpr char kDataSymbol[] = "kiln_data";
constexpr size_t kDataAlignment = 64;

/// The bytes of constants and first values, one after another.
class DataBuilder {
 public:
  /// Equal constants share their place.
  int64_t addConstant(const Tensor& tensor) {
    const std::string_view bytes = bytesOf(tensor);
    const Sha256 digest = sha256(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    auto [found, isNew] = constants_.try_emplace(std::vector<uint8_t>(digest.begin(), digest.end()), 0);
    if (isNew) {
      found->second = add(bytes);
    }
    return found->second;
  }
  void addVariable(WasmVariable& variable) {
    if (variable.spec.initialValue == nullptr) {
      return;
    }
    const std::string_view bytes = bytesOf(*variable.spec.initialValue);
    variable.isZero = std::ranges::all_of(bytes, [](char byte) { return byte == 0; });
    if (!variable.isZero) {
      variable.offset = add(bytes);
    }
  }
  /// Never empty: an object without bytes has no place.
  std::string take() {
    add(std::string_view("", 1));
    return std::move(bytes_);
  }

 private:
  static std::string_view bytesOf(const Tensor& tensor) {
    return {static_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.numBytes())};
  }
  int64_t add(std::string_view bytes) {
    bytes_.resize((bytes_.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment);
    const auto offset = static_cast<int64_t>(bytes_.size());
    bytes_ += bytes;
    return offset;
  }

  std::string bytes_;
  std::map<std::vector<uint8_t>, int64_t> constants_;
};

void appendLength(std::vector<uint8_t>& bytes, size_t length) {
  do {
    const auto low = static_cast<uint8_t>(length & 0x7f);
    length >>= 7;
    bytes.push_back(length == 0 ? low : low | 0x80);
  } while (length != 0);
}

/// Section 0 of the binary format: a name, and bytes that engines pass over.
void appendCustomSection(std::vector<uint8_t>& module, const std::string& name, const std::string& text) {
  std::vector<uint8_t> content;
  appendLength(content, name.size());
  content.insert(content.end(), name.begin(), name.end());
  content.insert(content.end(), text.begin(), text.end());
  module.push_back(0);
  appendLength(module, content.size());
  module.insert(module.end(), content.begin(), content.end());
}

StatusOr<std::vector<uint8_t>> link(std::span<const std::span<const uint8_t>> objects,
                                    const std::vector<std::string>& exports) {
  std::vector<const char*> flags = {"--no-entry", "--gc-sections", "--strip-all", "--threads=1",
                                    // Below the data, so that a stack that grows too large traps.
                                    "--stack-first", "-z", "stack-size=1048576"};
  std::vector<std::string> texts;
  for (const std::string& name : exports) {
    texts.push_back("--export=" + name);
  }
  for (const std::string& text : texts) {
    flags.push_back(text.c_str());
  }
  return runWasmLinker(flags, objects);
}

}  // namespace

StatusOr<std::vector<uint8_t>> wasmModule(const ModelInfo& model, const CompiledCode& code) {
  KILN_ASSIGN_OR_RETURN(const TargetInfo target, TargetInfo::parse(code.target.name));
  if (target.architecture != Architecture::kWasm) {
    return makeError<ErrorId::kC0403>(target.name, "WebAssembly module", "compile for wasm32");
  }
  DataBuilder data;
  std::vector<WasmVariable> variables;
  for (const VariableSpec& spec : model.variables) {
    variables.push_back({.spec = spec, .offset = {}});
    data.addVariable(variables.back());
  }
  NativeApiOptions api{.prefix = kPrefix, .entries = {}, .profile = NativeProfile::kBare};
  std::vector<std::string> exports = {"__heap_base", kDataSymbol};
  std::vector<WasmEntry> entries;
  for (size_t i = 0; i < code.entries.size(); ++i) {
    const std::string& name = model.entries[i].name;
    if (!code.hostUses[i].empty()) {
      return makeError<ErrorId::kC0405>(name, code.hostUses[i] + " is computed by a library");
    }
    // With a number, so that no two names become one.
    const std::string cName = std::to_string(i) + "_" + toCName(name);
    api.entries.push_back(cName);
    entries.push_back({.name = name,
                       .symbolPrefix = std::string(kPrefix) + "_" + cName,
                       .manifest = code.entries[i],
                       .constantOffsets = {}});
    for (const auto& constant : code.entries[i].constants) {
      entries.back().constantOffsets.push_back(data.addConstant(*constant));
    }
    exports.push_back(entries.back().symbolPrefix + "_run");
    exports.push_back(entries.back().symbolPrefix + "_arena_bytes");
  }
  KILN_ASSIGN_OR_RETURN(const std::string signature, wasmSignature(target.name, model.name, variables, entries));
  KILN_ASSIGN_OR_RETURN(const std::vector<uint8_t> functions, emitNativeApi(api, target));
  KILN_ASSIGN_OR_RETURN(const std::vector<uint8_t> dataObject, emitData(kDataSymbol, data.take(), target));
  std::vector<std::span<const uint8_t>> objects(code.objects.begin(), code.objects.end());
  objects.insert(objects.end(), {functions, dataObject});
  KILN_ASSIGN_OR_RETURN(std::vector<uint8_t> module, link(objects, exports));
  appendCustomSection(module, "kiln", signature);
  return module;
}

}  // namespace kiln::compiler
