// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/wasm_signature.h"

#include <algorithm>
#include <utility>

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

namespace json = llvm::json;

/// The largest whole number that JavaScript's numbers count to.
constexpr int64_t kMaxNumber = (int64_t{1} << 53) - 1;

constexpr DType kArrayTypes[] = {f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean, f16, bf16};

/// The errors that the loader finds by itself.
constexpr const char* kLoaderErrors[] = {"R0001", "R0002", "R0003", "R0004", "R0010",
                                         "R0011", "R0021", "R0022", "R0024", "R0028"};

/// The errors of compiled code. `values`: what the loader's $0 to $3 (node, first value, second value, status) are
/// called in the error's own text; where the node is not among them, it is put before the text.
struct FaultRow {
  kiln_status_t status;
  const char* id;
  const char* values;
};
constexpr FaultRow kFaults[] = {
    {KILN_STATUS_INDEX_RANGE, "R0030", "12"}, {KILN_STATUS_DIVIDE_BY_ZERO, "R0031", ""},
    {KILN_STATUS_ASSERT, "R0043", "012"},     {KILN_STATUS_DIM_MISMATCH, "R0044", "012"},
    {KILN_STATUS_INTERNAL, "R0045", "0312"},  {KILN_STATUS_NOT_POSITIVE_DEFINITE, "R0032", "12"},
    {KILN_STATUS_SINGULAR, "R0033", "12"},    {KILN_STATUS_TRIP_COUNT, "R0034", "012"},
    {KILN_STATUS_NOT_TAKEN, "R0035", "0"},    {KILN_STATUS_NO_MEMORY, "R0036", "01"}};

std::string textOf(const char* id) {
  const ErrorInfo* info = findError(id);
  KILN_CHECK(info != nullptr);
  return std::string(info->text);
}

std::string textOf(const FaultRow& row) {
  const llvm::StringRef values(row.values);
  std::string text = textOf(row.id);
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '$') {
      text[i + 1] = values[static_cast<size_t>(text[i + 1] - '0')];
    }
  }
  return values.starts_with("0") ? text : "$0: " + text;
}

class Writer {
 public:
  Writer(json::OStream& out, const std::string& target) : out_(out), target_(target) {}

  Status write(const std::string& model, const std::vector<WasmVariable>& variables,
               const std::vector<WasmEntry>& entries) {
    Status status;
    out_.objectBegin();
    out_.attribute("format", 1);
    out_.attribute("model", json::fixUTF8(model));
    out_.attributeArray("variables", [&] {
      for (const WasmVariable& variable : variables) {
        status.Update(writeVariable(variable));
      }
    });
    out_.attributeArray("entries", [&] {
      for (const WasmEntry& entry : entries) {
        status.Update(writeEntry(entry));
      }
    });
    out_.attributeObject("errors", [&] {
      for (const char* id : kLoaderErrors) {
        out_.attribute(id, textOf(id));
      }
    });
    out_.attributeObject("faults", [&] {
      for (const FaultRow& row : kFaults) {
        out_.attributeArray(std::to_string(row.status), [&] {
          out_.value(row.id);
          out_.value(textOf(row));
        });
      }
    });
    out_.objectEnd();
    return status;
  }

 private:
  Status writeVariable(const WasmVariable& variable) {
    out_.objectBegin();
    Status status = writeType(variable.spec.name, variable.spec.dtype, Shape::of(variable.spec.dims), "variable");
    if (variable.offset) {
      out_.attribute("offset", *variable.offset);
    } else if (variable.isZero) {
      out_.attribute("zero", true);
    }
    out_.objectEnd();
    return status;
  }

  Status writeEntry(const WasmEntry& entry) {
    const EntryManifest& manifest = entry.manifest;
    Status status;
    out_.objectBegin();
    out_.attribute("name", json::fixUTF8(entry.name));
    out_.attribute("run", entry.symbolPrefix + "_run");
    out_.attribute("arena", entry.symbolPrefix + "_arena_bytes");
    const auto tensors = [&](const char* key, const char* kind, const std::vector<TensorSpec>& specs) {
      out_.attributeArray(key, [&] {
        for (const TensorSpec& spec : specs) {
          out_.objectBegin();
          status.Update(writeType(spec.name, spec.dtype, spec.shape, kind));
          out_.objectEnd();
        }
      });
    };
    tensors("feeds", "feed", manifest.feeds);
    tensors("fetches", "fetch", manifest.fetches);
    out_.attributeArray("variables", [&] {
      for (const VariableUse& use : manifest.variables) {
        out_.value(use.variable);
      }
    });
    out_.attributeArray("constants", [&] {
      for (int64_t offset : entry.constantOffsets) {
        out_.value(offset);
      }
    });
    out_.attributeArray("symbols", [&] {
      for (const SymbolSpec& symbol : manifest.symbols) {
        out_.objectBegin();
        status.Update(writeSymbol(symbol, entry));
        out_.objectEnd();
      }
    });
    out_.attributeArray("nodes", [&] {
      for (const NodeInfo& node : manifest.nodes) {
        out_.objectBegin();
        out_.attribute("name", json::fixUTF8(node.name));
        out_.attribute("op", node.op);
        if (!node.message.empty()) {
          out_.attribute("message", json::fixUTF8(node.message));
        }
        out_.objectEnd();
      }
    });
    out_.objectEnd();
    return status;
  }

  /// Within an object that is open.
  Status writeType(const std::string& name, DType dtype, const Shape& shape, const char* kind) {
    const std::string type(toString(dtype));
    out_.attribute("name", json::fixUTF8(name));
    out_.attribute("dtype", type);
    out_.attributeArray("dims", [&] {
      for (const Dim& dim : shape) {
        writeDim(dim);
      }
    });
    if (std::ranges::find(kArrayTypes, dtype) == std::end(kArrayTypes)) {
      return makeError<ErrorId::kC0403>(target_, "arrays of " + type, std::string(kind) + " '" + name + "' is one");
    }
    return absl::OkStatus();
  }

  void writeDim(const Dim& dim) {
    if (dim.isStatic()) {
      out_.value(dim.value());
    } else if (auto symbol = dim.asSymbol()) {
      out_.value(*symbol);
    } else {
      out_.objectBegin();
      out_.attribute("text", dim.toString());
      out_.attributeBegin("terms");
      writeTerms(dim);
      out_.attributeEnd();
      out_.objectEnd();
    }
  }

  /// Each an array: the coefficient, then the factors.
  void writeTerms(const Dim& dim) {
    out_.arrayBegin();
    for (const Dim::Term& term : dim.terms()) {
      out_.arrayBegin();
      out_.value(term.coefficient);
      for (const std::string& factor : term.symbols) {
        if (auto function = Dim::functionOf(factor)) {
          writeFunction(*function);
        } else {
          out_.value(factor);
        }
      }
      out_.arrayEnd();
    }
    out_.arrayEnd();
  }

  void writeFunction(const Dim::Function& function) {
    out_.objectBegin();
    out_.attribute("name", function.kind == Dim::Function::Kind::kMax   ? "max"
                           : function.kind == Dim::Function::Kind::kMin ? "min"
                                                                        : "floor_div");
    out_.attributeBegin("a");
    writeTerms(function.a);
    out_.attributeEnd();
    out_.attributeBegin("b");
    writeTerms(function.b);
    out_.attributeEnd();
    out_.objectEnd();
  }

  /// A symbol, and the axis whose length is factor * symbol + number.
  Status writeSymbol(const SymbolSpec& symbol, const WasmEntry& entry) {
    out_.attribute("name", symbol.name);
    out_.attribute("min", std::max<int64_t>(symbol.range.min, 0));
    if (symbol.range.max <= kMaxNumber) {
      out_.attribute("max", symbol.range.max);
    }
    // A bare symbol gives its value in the plainest way, so these are chosen first, and then what can be solved.
    for (bool bare : {true, false}) {
      for (size_t feed = 0; feed < entry.manifest.feeds.size(); ++feed) {
        const Shape& shape = entry.manifest.feeds[feed].shape;
        for (int axis = 0; axis < shape.rank(); ++axis) {
          const Dim& dim = shape[axis];
          if (dim.symbols() != std::vector<std::string>{symbol.name} || dim.asSymbol().has_value() != bare ||
              !isLinear(dim)) {
            continue;
          }
          int64_t factor = 0, number = 0;
          for (const Dim::Term& term : dim.terms()) {
            (term.symbols.empty() ? number : factor) = term.coefficient;
          }
          out_.attribute("feed", static_cast<int64_t>(feed));
          out_.attribute("axis", axis);
          out_.attribute("factor", factor);
          out_.attribute("number", number);
          return absl::OkStatus();
        }
      }
    }
    return symbol.range.min == symbol.range.max
               ? absl::OkStatus()
               : makeError<ErrorId::kR0006>("entry '" + entry.name + "'",
                                            "no feed determines the dimension '" + symbol.name + "'");
  }

  static bool isLinear(const Dim& dim) {
    return std::ranges::all_of(dim.terms(), [](const Dim::Term& term) {
      return term.symbols.empty() || (term.symbols.size() == 1 && !Dim::functionOf(term.symbols[0]));
    });
  }

  json::OStream& out_;
  const std::string& target_;
};

}  // namespace

StatusOr<std::string> wasmSignature(const std::string& target, const std::string& model,
                                    const std::vector<WasmVariable>& variables, const std::vector<WasmEntry>& entries) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  json::OStream out(stream);
  KILN_RETURN_IF_ERROR(Writer(out, target).write(model, variables, entries));
  out.flush();
  return text;
}

}  // namespace kiln::compiler
