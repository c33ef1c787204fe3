// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "compiler/emit/native/c_names.h"
#include "compiler/emit/native/native_form.h"
#include "compiler/emit/native/native_layout.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

constexpr char kInitEntryName[] = "init";

// What the header's functions find themselves, beside the statuses of compiled code.
constexpr int kMisaligned = -1;
constexpr int kDimRange = -2;

struct StatusText {
  int status;
  const char* text;
};
constexpr StatusText kStatusTexts[] = {
    {KILN_STATUS_OK, "ok"},
    {KILN_STATUS_CANCELLED, "the run was cancelled"},
    {KILN_STATUS_INDEX_RANGE, "an index is out of range; values: the index, the length of the axis"},
    {KILN_STATUS_DIVIDE_BY_ZERO, "an integer is divided by zero"},
    {KILN_STATUS_ASSERT, "an assertion of the model does not hold"},
    {KILN_STATUS_DIM_MISMATCH, "two lengths differ; values: found, wanted"},
    {KILN_STATUS_INTERNAL, "the compiled code is at fault"},
    {KILN_STATUS_NOT_POSITIVE_DEFINITE,
     "a matrix is not positive definite; values: the order of the first minor that is not positive, the matrix"},
    {KILN_STATUS_SINGULAR, "a matrix is singular; values: the first column without a pivot, the matrix"},
    {KILN_STATUS_TRIP_COUNT, "a loop has too many steps; values: the count, the most that is allowed"},
    {KILN_STATUS_NOT_TAKEN, "a value is wanted of a branch that did not run"},
    {KILN_STATUS_NO_MEMORY, "there is not enough memory; values: the bytes asked for, 0"},
    {kMisaligned, "a buffer is not 64-byte aligned; values: its number among the arguments, 0"},
    {kDimRange, "a dimension is out of its range; values: the dimension, the least or the most that is allowed"},
};

/// One argument of a function: a feed or a fetch.
struct Argument {
  const TensorSpec* spec;
  std::string name;
};

/// An entry as the header has it.
struct EntryNames {
  std::string name;      ///< As the model has it.
  std::string function;  ///< `digits_predict`
  std::vector<std::string> dims;
  std::vector<Argument> feeds, fetches;
  bool writesVariables = false;
};

std::string number(int64_t value) { return "INT64_C(" + std::to_string(value) + ")"; }

class HeaderWriter {
 public:
  HeaderWriter(const NativeModel& model, NativeLayout layout)
      : model_(model),
        code_(*model.code),
        layout_(std::move(layout)),
        prefix_(nativePrefix(model)),
        upper_(upperCase(prefix_)) {
    for (const NativeVariable& variable : layout_.variables) {
      variableNames_.push_back(fields_.unique(specOf(variable).name));
    }
    for (size_t i = 0; i < model.entries.size(); ++i) {
      entries_.push_back(namesOf(i));
    }
  }

  /// Two functions, types or macros with one name, if there are.
  std::optional<std::string> doubleName() const {
    std::set<std::string> names = {prefix_ + "_weights", prefix_ + "_fault_t", prefix_ + "_status_text",
                                   prefix_ + "_session"};
    if (!layout_.variables.empty()) {
      names.insert({prefix_ + "_variables_t", prefix_ + "_init_variables"});
    }
    for (const EntryNames& entry : entries_) {
      for (const char* suffix : {"", "_run", "_arena_bytes", "_arena_bytes_for", "_node"}) {
        if (!names.insert(entry.function + suffix).second) {
          return entry.function + suffix;
        }
      }
    }
    return std::nullopt;
  }

  std::string write() {
    writeIntroduction();
    writeDeclarations();
    writeStatuses();
    if (!layout_.variables.empty()) {
      writeVariables();
    }
    for (size_t i = 0; i < entries_.size(); ++i) {
      writeEntry(i);
    }
    line("#ifdef __cplusplus");
    line("} /* extern \"C\" */");
    line("#endif");
    line();
    writeClass();
    line("#endif /* " + upper_ + "_H_ */");
    return std::move(text_);
  }

 private:
  void line(const std::string& text = {}) { text_ += text + "\n"; }

  const VariableSpec& specOf(const NativeVariable& variable) const {
    return model_.model->variables[static_cast<size_t>(variable.index)];
  }

  EntryNames namesOf(size_t i) const {
    const EntryManifest& manifest = code_.entries[i];
    EntryNames names;
    names.name = model_.entries[i];
    names.function = prefix_ + "_" + toCName(names.name);
    CNames arguments = {"variables", "arena", "fault", "buffers", "dims", "status"};
    for (const SymbolSpec& symbol : manifest.symbols) {
      names.dims.push_back(arguments.unique(symbol.name));
    }
    for (const TensorSpec& feed : manifest.feeds) {
      names.feeds.push_back({&feed, arguments.unique(feed.name)});
    }
    for (const TensorSpec& fetch : manifest.fetches) {
      names.fetches.push_back({&fetch, arguments.unique(fetch.name)});
    }
    names.writesVariables = std::ranges::any_of(manifest.variables, &VariableUse::written);
    return names;
  }

  bool isFixed(size_t i) const { return code_.arenas[i].slots.empty(); }
  static int64_t roundedUp(int64_t bytes) {
    return std::max((bytes + kNativeAlignment - 1) / kNativeAlignment, int64_t{1}) * kNativeAlignment;
  }
  std::string macro(size_t i) const { return upperCase(entries_[i].function) + "_ARENA_BYTES"; }

  /// `int64_t batch, ` before other parameters, or for a call `batch, `.
  std::string dimParameters(size_t i, bool isCall) const {
    std::string text;
    for (const std::string& dim : entries_[i].dims) {
      text += (isCall ? "" : "int64_t ") + dim + ", ";
    }
    return text;
  }
  std::string tensorParameters(size_t i, bool isCall) const {
    std::string text;
    for (const Argument& feed : entries_[i].feeds) {
      text += (isCall ? "" : "const " + std::string(cElementOf(feed.spec->dtype).type) + "* ") + feed.name + ", ";
    }
    for (const Argument& fetch : entries_[i].fetches) {
      text += (isCall ? "" : std::string(cElementOf(fetch.spec->dtype).type) + "* ") + fetch.name + ", ";
    }
    return text;
  }

  /// The entry that examples are about: the first beside init.
  size_t exampleEntry() const {
    for (size_t i = 0; i + 1 < entries_.size(); ++i) {
      if (entries_[i].name != kInitEntryName) {
        return i;
      }
    }
    return entries_.size() - 1;
  }

  /// The least length that a dimension may have, but not 0.
  int64_t exampleDim(size_t entry, size_t dim) const {
    return std::max<int64_t>(code_.entries[entry].symbols[dim].range.min, 1);
  }
  int64_t exampleElements(size_t entry, const TensorSpec& spec) const {
    const std::vector<SymbolSpec>& symbols = code_.entries[entry].symbols;
    const int64_t count = spec.shape.numElements().evaluate([&](std::string_view name) -> int64_t {
      const auto found = std::ranges::find(symbols, name, &SymbolSpec::name);
      return found == symbols.end() ? 1 : exampleDim(entry, static_cast<size_t>(found - symbols.begin()));
    });
    const CElement element = cElementOf(spec.dtype);
    return std::max<int64_t>(element.perElement == 0 ? byteSize(spec.dtype, count) : count * element.perElement, 1);
  }

  void writeIntroduction() {
    line("/* The model '" + commentText(model_.name) + "', compiled by Kiln for " + commentText(code_.target.name) +
         ".");
    line(" *");
    line(" * C99 and C++. Functions keep no state and allocate nothing" +
         std::string(model_.profile == NativeProfile::kBare ? "; all of a run happens on the caller's thread."
                                                            : " but what a run gives back when it ends;"));
    if (model_.profile == NativeProfile::kHosted) {
      line(" * a run works on the threads of libkiln_runtime, which a program links too.");
    }
    line(
        " * The caller owns all buffers: feeds and fetches are dense, row-major tensors; feeds have any alignment, "
        "and");
    line(" * fetches, variables and the arena are 64-byte aligned (" + upper_ +
         "_ALIGNED, aligned_alloc). The arena is");
    line(" * what a run computes in: of any content, before and after.");
    line(
        " * Any number of runs may go on at once, each with an arena and fetches of its own; while a run writes "
        "variables");
    line(" * (those that take them without const), no other run may use them.");
    line(" * A run gives 0, or a status that " + prefix_ +
         "_status_text() explains; one that fails has written no variable.");
    if (!entries_.empty()) {
      writeExample(exampleEntry());
    }
    line(" */");
    line("#ifndef " + upper_ + "_H_");
    line("#define " + upper_ + "_H_");
    line();
    line("#include <stdint.h>");
    line("#include <string.h>");
    line();
  }

  void writeExample(size_t i) {
    const EntryNames& entry = entries_[i];
    auto example = [&](const std::string& text) { line(text.empty() ? " *" : " *     " + text); };
    line(" *");
    line(" * Example:");
    line(" *");
    example("#include \"" + prefix_ + ".h\"");
    example("#include <stdio.h>");
    example("#include <stdlib.h>");
    example("");
    for (const Argument& feed : entry.feeds) {
      example("static " + std::string(cElementOf(feed.spec->dtype).type) + " " + feed.name + "[" +
              std::to_string(exampleElements(i, *feed.spec)) + "];");
    }
    for (const Argument& fetch : entry.fetches) {
      example("static " + upper_ + "_ALIGNED " + cElementOf(fetch.spec->dtype).type + " " + fetch.name + "[" +
              std::to_string(exampleElements(i, *fetch.spec)) + "];");
    }
    example("");
    example("int main(void) {");
    for (size_t k = 0; k < entry.dims.size(); ++k) {
      example("  int64_t " + entry.dims[k] + " = " + std::to_string(exampleDim(i, k)) + ";");
    }
    const std::string bytes =
        isFixed(i) ? macro(i) : entry.function + "_arena_bytes_for(" + trimmed(dimParameters(i, true)) + ")";
    example("  void* arena = aligned_alloc(64, " + bytes + ");");
    std::string variables;
    if (!layout_.variables.empty()) {
      variables = "&variables, ";
      example("  " + prefix_ + "_variables_t variables;");
      example("  void* memory = aligned_alloc(64, " + upper_ + "_VARIABLES_BYTES);");
      if (runsInit()) {
        example("  void* init_arena = aligned_alloc(64, " + macro(*initEntry()) + ");");
      }
      example("  int32_t status = " + prefix_ + "_init_variables(&variables, memory, " +
              (runsInit() ? "init_arena" : "0") + ");");
    } else {
      example("  int32_t status = 0;");
    }
    example("  " + prefix_ + "_fault_t fault;");
    example("  if (status == 0) status = " + entry.function + "(" + variables + "arena, " + dimParameters(i, true) +
            tensorParameters(i, true) + "&fault);");
    example("  printf(\"%s\\n\", " + prefix_ + "_status_text(status));");
    example("  return status;");
    example("}");
  }

  static std::string trimmed(const std::string& parameters) {
    return parameters.substr(0, parameters.size() < 2 ? 0 : parameters.size() - 2);
  }

  void writeDeclarations() {
    line("#ifdef __cplusplus");
    line("extern \"C\" {");
    line("#endif");
    line();
    line("#define " + upper_ + "_ALIGNED __attribute__((aligned(64)))");
    line();
    line("/* What the library has. The functions below call it with buffers in the right order. */");
    line("extern const unsigned char " + prefix_ + "_weights[];");
    for (const EntryNames& entry : entries_) {
      line("int64_t " + entry.function + "_arena_bytes(const int64_t* dims);");
      line("int32_t " + entry.function +
           "_run(void* arena, void* const* buffers, const int64_t* dims, int64_t* fault);");
    }
    line();
  }

  void writeStatuses() {
    line(
        "/* What a run that failed says: where, by the function NAME_node() of its entry, and two numbers that the "
        "text of");
    line(" * the status explains. */");
    line("typedef struct " + prefix_ + "_fault_t {");
    line("  int64_t node;");
    line("  int64_t values[2];");
    line("} " + prefix_ + "_fault_t;");
    line();
    line("static inline const char* " + prefix_ + "_status_text(int32_t status) {");
    line("  switch (status) {");
    for (const StatusText& known : kStatusTexts) {
      line("    case " + std::to_string(known.status) + ":");
      line("      return " + stringLiteral(known.text) + ";");
    }
    line("    default:");
    line("      return \"an unknown status\";");
    line("  }");
    line("}");
    line();
  }

  std::optional<size_t> initEntry() const {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].name == kInitEntryName && code_.entries[i].feeds.empty() && code_.entries[i].fetches.empty() &&
          code_.entries[i].symbols.empty() && isFixed(i)) {
        return i;
      }
    }
    return std::nullopt;
  }
  bool lacksValues() const {
    return std::ranges::any_of(layout_.variables, [](const NativeVariable& variable) { return !variable.hasValue; });
  }
  bool runsInit() const { return lacksValues() && initEntry().has_value(); }

  void writeVariables() {
    line("/* The variables. Each pointer is 64-byte aligned memory of the caller's. */");
    line("typedef struct " + prefix_ + "_variables_t {");
    for (size_t i = 0; i < layout_.variables.size(); ++i) {
      const VariableSpec& spec = specOf(layout_.variables[i]);
      line("  " + std::string(cElementOf(spec.dtype).type) + "* " + variableNames_[i] + "; /* '" +
           commentText(spec.name) + "': " + describe(spec.dtype, Shape::of(spec.dims)) + ", " +
           std::to_string(layout_.variables[i].bytes) + " bytes */");
    }
    line("} " + prefix_ + "_variables_t;");
    line();
    line("#define " + upper_ + "_VARIABLES_BYTES " + number(layout_.variableBytes));
    line();
    line("/* Lays the variables out in `memory`, " + upper_ +
         "_VARIABLES_BYTES that are 64-byte aligned and stay the caller's,");
    line(" * and gives them their first values: the weights that the model was compiled with" +
         std::string(runsInit()      ? ", and for the others"
                     : lacksValues() ? "; zeros"
                                     : "."));
    if (runsInit()) {
      line(" * what the entry init makes, in `arena`, " + macro(*initEntry()) +
           " that are 64-byte aligned. Gives 0 or a status. */");
    } else if (lacksValues()) {
      line(" * for variables without. Always gives 0; `arena` may be null. */");
    } else {
      line(" * Always gives 0; `arena` may be null. */");
    }
    line("static inline int32_t " + prefix_ + "_init_variables(" + prefix_ +
         "_variables_t* variables, void* memory, void* arena) {");
    line("  unsigned char* at = (unsigned char*)memory;");
    if (runsInit()) {
      line("  int32_t status;");
    }
    for (size_t i = 0; i < layout_.variables.size(); ++i) {
      line("  variables->" + variableNames_[i] + " = (" + cElementOf(specOf(layout_.variables[i]).dtype).type +
           "*)(void*)(at + " + number(layout_.variables[i].memory) + ");");
    }
    line("  memset(memory, 0, (size_t)" + upper_ + "_VARIABLES_BYTES);");
    if (runsInit()) {
      writeInitCall(*initEntry());
    } else {
      line("  (void)arena;");
    }
    for (size_t i = 0; i < layout_.variables.size(); ++i) {
      const NativeVariable& variable = layout_.variables[i];
      const std::string bytes = "(size_t)" + number(variable.bytes) + ");";
      if (variable.weights >= 0) {
        line("  memcpy(variables->" + variableNames_[i] + ", " + prefix_ + "_weights + " + number(variable.weights) +
             ", " + bytes);
      } else if (variable.hasValue && runsInit()) {
        line("  memset(variables->" + variableNames_[i] + ", 0, " + bytes);
      }
    }
    line("  return 0;");
    line("}");
    line();
  }

  void writeInitCall(size_t i) {
    line("  {");
    writeBuffers(i, "    ");
    line("    status = " + entries_[i].function + "_run(arena, buffers, 0, 0);");
    line("    if (status != 0) {");
    line("      return status;");
    line("    }");
    line("  }");
  }

  void writeBuffers(size_t i, const std::string& indent) {
    const EntryManifest& manifest = code_.entries[i];
    line(indent + "void* buffers[] = {");
    auto pointer = [&](const std::string& expression) { line(indent + "    " + expression + ","); };
    for (const Argument& feed : entries_[i].feeds) {
      pointer("(void*)(uintptr_t)" + feed.name);
    }
    for (const VariableUse& use : manifest.variables) {
      pointer("variables->" + variableNames_[layout_.find(use.variable)]);
    }
    for (int64_t offset : layout_.constants[i]) {
      pointer("(void*)(uintptr_t)(" + prefix_ + "_weights + " + number(offset) + ")");
    }
    for (const Argument& fetch : entries_[i].fetches) {
      pointer(fetch.name);
    }
    // An array has elements in C.
    line(indent + "    0};");
  }

  void writeEntry(size_t i) {
    const EntryNames& entry = entries_[i];
    const EntryManifest& manifest = code_.entries[i];
    line("/* " + commentText(entry.name));
    for (size_t k = 0; k < entry.dims.size(); ++k) {
      const DimRange& range = manifest.symbols[k].range;
      line(" *   " + entry.dims[k] + ": a dimension, " + std::to_string(range.min) + " to " +
           std::to_string(range.max));
    }
    for (const Argument& feed : entry.feeds) {
      line(" *   " + feed.name + ": reads " + describe(feed.spec->dtype, feed.spec->shape));
    }
    for (const Argument& fetch : entry.fetches) {
      line(" *   " + fetch.name + ": writes " + describe(fetch.spec->dtype, fetch.spec->shape));
    }
    line(" *   fault: what a failed run found, or null */");
    if (isFixed(i)) {
      line("#define " + macro(i) + " " + number(roundedUp(code_.arenas[i].staticBytes)));
    } else {
      line("static inline int64_t " + entry.function + "_arena_bytes_for(" + trimmed(dimParameters(i, false)) + ") {");
      line("  const int64_t dims[] = {" + trimmed(dimParameters(i, true)) + "};");
      line("  return (" + entry.function + "_arena_bytes(dims) + 64) / 64 * 64;");
      line("}");
    }
    const std::string variables =
        manifest.variables.empty() && layout_.variables.empty()
            ? ""
            : std::string(entry.writesVariables ? "" : "const ") + prefix_ + "_variables_t* variables, ";
    line("static inline int32_t " + entry.function + "(" + variables + "void* arena, " + dimParameters(i, false) +
         tensorParameters(i, false) + prefix_ + "_fault_t* fault) {");
    writeBuffers(i, "  ");
    line("  const int64_t dims[] = {" + dimParameters(i, true) + "0};");
    line("  " + prefix_ + "_fault_t unused;");
    if (!variables.empty() && manifest.variables.empty()) {
      line("  (void)variables;");
    }
    line("  if (fault == 0) {");
    line("    fault = &unused;");
    line("  }");
    writeChecks(i);
    line("  return " + entry.function + "_run(arena, buffers, dims, (int64_t*)(void*)fault);");
    line("}");
    writeNodes(i);
    line();
  }

  void writeFailure(const std::string& condition, int status, const std::string& first, const std::string& second) {
    line("  if (" + condition + ") {");
    line("    fault->node = -1;");
    line("    fault->values[0] = " + first + ";");
    line("    fault->values[1] = " + second + ";");
    line("    return " + std::to_string(status) + ";");
    line("  }");
  }

  void writeChecks(size_t i) {
    const EntryNames& entry = entries_[i];
    const std::vector<SymbolSpec>& symbols = code_.entries[i].symbols;
    for (size_t k = 0; k < entry.dims.size(); ++k) {
      const std::string& dim = entry.dims[k];
      writeFailure(dim + " < " + number(symbols[k].range.min), kDimRange, dim, number(symbols[k].range.min));
      writeFailure(dim + " > " + number(symbols[k].range.max), kDimRange, dim, number(symbols[k].range.max));
    }
    const size_t first = (layout_.variables.empty() ? 0 : 1);
    writeFailure("((uintptr_t)arena & 63) != 0", kMisaligned, std::to_string(first), "0");
    for (size_t k = 0; k < entry.fetches.size(); ++k) {
      writeFailure("((uintptr_t)" + entry.fetches[k].name + " & 63) != 0", kMisaligned,
                   std::to_string(first + 1 + entry.dims.size() + entry.feeds.size() + k), "0");
    }
  }

  void writeNodes(size_t i) {
    const std::vector<NodeInfo>& nodes = code_.entries[i].nodes;
    line("/* The node of a fault, as `kiln.gather 'x'`. */");
    line("static inline const char* " + entries_[i].function + "_node(int64_t node) {");
    if (nodes.empty()) {
      line("  (void)node;");
      line("  return \"\";");
    } else {
      line("  static const char* const names[] = {");
      for (const NodeInfo& node : nodes) {
        line("      " +
             stringLiteral(node.op + " '" + node.name + "'" + (node.message.empty() ? "" : ": " + node.message)) + ",");
      }
      line("  };");
      line("  return node >= 0 && node < " + std::to_string(nodes.size()) + " ? names[node] : \"\";");
    }
    line("}");
  }

  void writeClass() {
    line("#if defined(__cplusplus) && __cplusplus >= 201703L");
    line("#include <memory>");
    line("#include <new>");
    line();
    line("/* Owns variables and an arena that grows. For one thread at a time. */");
    line("class " + prefix_ + "_session {");
    line(" public:");
    line("  " + prefix_ + "_session() {");
    if (!layout_.variables.empty()) {
      line("    memory_ = allocate(" + upper_ + "_VARIABLES_BYTES);");
      if (runsInit()) {
        line("    reserve(" + macro(*initEntry()) + ");");
      }
      line("    status_ = " + prefix_ + "_init_variables(&variables_, memory_.get(), arena_.get());");
    }
    line("  }");
    line();
    line("  /* Of making the variables. */");
    line("  int32_t status() const { return status_; }");
    if (!layout_.variables.empty()) {
      line("  " + prefix_ + "_variables_t& variables() { return variables_; }");
    }
    CNames methods = {"status", "variables", "allocate", "reserve", prefix_ + "_session"};
    for (size_t i = 0; i < entries_.size(); ++i) {
      line("  int32_t " + methods.unique(entries_[i].name) + "(" + dimParameters(i, false) +
           tensorParameters(i, false) + prefix_ + "_fault_t* fault = nullptr) {");
      line(
          "    reserve(" +
          (isFixed(i) ? macro(i) : entries_[i].function + "_arena_bytes_for(" + trimmed(dimParameters(i, true)) + ")") +
          ");");
      line("    return " + entries_[i].function + "(" + (layout_.variables.empty() ? "" : "&this->variables_, ") +
           "this->arena_.get(), " + dimParameters(i, true) + tensorParameters(i, true) + "fault);");
      line("  }");
    }
    line();
    line(" private:");
    line("  struct Free {");
    line("    void operator()(void* memory) const { ::operator delete(memory, std::align_val_t(64)); }");
    line("  };");
    line("  using Memory = std::unique_ptr<void, Free>;");
    line("  static Memory allocate(int64_t bytes) {");
    line("    return Memory(::operator new(static_cast<size_t>(bytes), std::align_val_t(64)));");
    line("  }");
    line("  void reserve(int64_t bytes) {");
    line("    if (bytes > arenaBytes_) {");
    line("      arena_ = allocate(bytes);");
    line("      arenaBytes_ = bytes;");
    line("    }");
    line("  }");
    line("  Memory memory_, arena_;");
    line("  int64_t arenaBytes_ = 0;");
    line("  int32_t status_ = 0;");
    if (!layout_.variables.empty()) {
      line("  " + prefix_ + "_variables_t variables_ = {};");
    }
    line("};");
    line("#endif");
    line();
  }

  const NativeModel& model_;
  const CompiledCode& code_;
  NativeLayout layout_;
  std::string prefix_, upper_;
  CNames fields_;
  std::vector<std::string> variableNames_;
  std::vector<EntryNames> entries_;
  std::string text_;
};

}  // namespace

StatusOr<std::string> nativeHeader(const NativeModel& model) {
  KILN_ASSIGN_OR_RETURN(NativeLayout layout, layOut(model, "header"));
  HeaderWriter writer(model, std::move(layout));
  if (const std::optional<std::string> name = writer.doubleName()) {
    return makeError<ErrorId::kC0403>(model.code->target.name, "header",
                                      "two things have the name '" + *name + "' in C");
  }
  return writer.write();
}

}  // namespace kiln::compiler
