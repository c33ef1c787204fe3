// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "compiler/pipelines/artifact.h"
#include "proto/codec/file.h"
#include "proto/codec/safetensors.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/compile_flags.h"
#include "tools/kiln/compile_forms.h"
#include "tools/kiln/flags.h"
#include "tools/kiln/read_model.h"

namespace kiln::tools {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

const std::map<std::string, EmitForm> kForms = {
    {"artifact", EmitForm::kArtifact}, {"object", EmitForm::kObject}, {"static", EmitForm::kStatic},
    {"shared", EmitForm::kShared},     {"exe", EmitForm::kProgram},   {"header", EmitForm::kHeader},
    {"mlir", EmitForm::kMlir},         {"llvm", EmitForm::kLlvm},     {"asm", EmitForm::kAssembly},
};

struct CompileCommand {
  std::string model;
  std::string output;
  std::vector<std::string> entries;
  std::string target = "host";
  std::string emit = "artifact";
  std::string profile = "hosted";
  std::string name;     // In C; empty: the model's.
  std::string weights;  // A safetensors file with values for all variables.
  ImportFlags import;
  bool isDemo = false;  // A page beside a module of WebAssembly.
  bool isUnpacked = false, noCache = false, json = false, timing = false;
  int threads = 0;
  uint64_t memLimit = 0;
};

template <class... Parts>
Status refuse(const Parts&... parts) {
  return makeError<ErrorId::kT0034>((std::string() + ... + parts));
}

// Commas separate targets, and features from theirs.
size_t numTargets(const std::string& text) {
  size_t count = 1;
  for (size_t comma = text.find(','); comma != std::string::npos; comma = text.find(',', comma + 1)) {
    const bool isFeature = comma + 1 < text.size() && (text[comma + 1] == '+' || text[comma + 1] == '-');
    count += isFeature ? 0 : 1;
  }
  return count;
}

// The form to write. WebAssembly has one of its own, by the name of the target.
StatusOr<EmitForm> formOf(const CompileCommand& options) {
  const EmitForm form = kForms.at(options.emit);
  const bool isWasm = options.target.starts_with("wasm");
  if (form == EmitForm::kArtifact && isWasm && options.output.ends_with(".wasm")) {
    return EmitForm::kModule;
  }
  if (options.isDemo) {
    return refuse("--demo writes a page for --target wasm32 -o NAME.wasm");
  }
  if (options.isUnpacked && form != EmitForm::kArtifact) {
    return refuse("--unpacked is a form of artifacts, and --emit ", options.emit, " writes none");
  }
  const bool isLinked =
      form == EmitForm::kObject || form == EmitForm::kStatic || form == EmitForm::kShared || form == EmitForm::kHeader;
  if (options.profile == "bare" && !isLinked) {
    return refuse("--profile bare is for --emit object, static, shared and header, not for ", options.emit);
  }
  if (form != EmitForm::kArtifact && form != EmitForm::kProgram && numTargets(options.target) > 1) {
    return refuse("--emit ", options.emit, " makes code for one target, and --target names several: ", options.target);
  }
  if (options.output.empty() && form != EmitForm::kArtifact && !isTextForm(form)) {
    return refuse("--emit ", options.emit, " needs the name of the file: -o NAME");
  }
  if (options.json && options.output.empty() && isTextForm(form)) {
    return refuse("--json and --emit ", options.emit, " both print; name a file for the text with -o NAME");
  }
  return form;
}

Status checkEntries(const Graph& graph, const CompileCommand& options) {
  std::vector<std::string> names;
  for (const Entry& entry : graph.entries()) {
    names.push_back(entry.name);
  }
  for (const std::string& name : options.entries) {
    if (std::ranges::find(names, name) == names.end()) {
      return makeError<ErrorId::kT0006>(options.model, name, nearestNames(name, names));
    }
  }
  return names.empty() ? refuse("'", options.model, "': the graph has no entries, so there is nothing to compile")
                       : Status();
}

// The values of --weights, which has all variables and nothing else.
StatusOr<Graph> withWeights(const Graph& graph, const std::string& path) {
  KILN_ASSIGN_OR_RETURN(std::vector<NamedTensor> tensors, readSafetensors(path));
  std::map<std::string, TensorPtr> weights;
  for (NamedTensor& tensor : tensors) {
    weights[tensor.name] = std::make_shared<const Tensor>(std::move(tensor.tensor));
  }
  std::vector<std::string> names;
  for (NodeId id : graph.variables()) {
    const Node& variable = graph.body().node(id);
    auto found = weights.find(variable.name);
    if (found == weights.end()) {
      return makeError<ErrorId::kR0311>(path, "there is no '" + variable.name + "'");
    }
    const Shape shape = Shape::of(found->second->dims());
    const ValueType& type = variable.outputs[0];
    if (found->second->dtype() != type.dtype || shape != type.shape) {
      return makeError<ErrorId::kR0311>(path, "'" + variable.name + "' is " +
                                                  std::string(toString(found->second->dtype())) + shape.toString() +
                                                  ", wanted " + type.toString());
    }
    names.push_back(variable.name);
  }
  for (const auto& [name, value] : weights) {
    if (std::ranges::find(names, name) == names.end()) {
      return makeError<ErrorId::kR0311>(path, "the model has no variable '" + name + "'" + didYouMean(name, names));
    }
  }
  return graph.withWeights(std::move(weights));
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

// What is going on, on the terminal's last line, while it takes its time.
class ProgressLine {
 public:
  explicit ProgressLine(bool isShown) : isShown_(isShown && ::isatty(STDERR_FILENO) != 0) {}
  ~ProgressLine() {
    if (isShown_) {
      std::fprintf(stderr, "\r\x1b[K");
      std::fflush(stderr);
    }
  }
  void show(const std::string& text) const {
    if (isShown_) {
      std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
      std::fflush(stderr);
    }
  }

 private:
  const bool isShown_;
};

void printSummary(const CompileCommand& options, const std::string& output, const compiler::ArtifactReport& report,
                  uint64_t numBytes, double seconds) {
  int hits = 0, units = 0;
  for (const compiler::CompileReport& compilation : report.compilations) {
    hits += compilation.cacheHits;
    units += compilation.cacheHits + compilation.cacheMisses;
  }
  if (options.json) {
    Json json{
        {"output", output}, {"form", options.output.ends_with(".wasm") ? "module" : options.emit}, {"bytes", numBytes}};
    if (report.sizes.numBytes > 0) {
      json["manifestBytes"] = report.sizes.manifestBytes;
      json["codeBytes"] = report.sizes.codeBytes;
      json["weightBytes"] = report.sizes.weightBytes;
    }
    json["entries"] = report.entries;
    json["variables"] = report.numVariables;
    json["targets"] = Json::array();
    for (size_t i = 0; i < report.targets.size(); ++i) {
      const compiler::CompileReport& compilation = report.compilations[i];
      json["targets"].push_back({{"target", report.targets[i]},
                                 {"kernels", compilation.numKernels},
                                 {"units", compilation.numUnits},
                                 {"cacheHits", compilation.cacheHits},
                                 {"cacheMisses", compilation.cacheMisses}});
    }
    json["seconds"] = seconds;
    std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::string sizes = bytesText(numBytes);
  if (report.sizes.numBytes > 0) {
    sizes += " (code " + bytesText(report.sizes.codeBytes) + ", weights " + bytesText(report.sizes.weightBytes) + ")";
  }
  const std::string cached =
      options.noCache ? ""
                      : ", " + std::to_string(hits) + " of " + std::to_string(units) + " pieces of code from the cache";
  std::printf("%s: %s, %s for %s%s, %.1f s\n", output.c_str(), sizes.c_str(), list(report.entries).c_str(),
              list(report.targets).c_str(), cached.c_str(), seconds);
  for (size_t i = 0; options.timing && i < report.targets.size(); ++i) {
    std::printf("\n%s\n%s", report.targets[i].c_str(), report.compilations[i].timeTable().c_str());
  }
}

Status compileText(const Graph& graph, const CompileCommand& options, EmitForm form,
                   const compiler::CompileOptions& compile) {
  std::vector<std::string> names = options.entries;
  for (const Entry& entry : graph.entries()) {
    if (options.entries.empty() && entry.name != kInitEntry) {
      names.push_back(entry.name);
    }
  }
  if (names.size() != 1) {
    return refuse("--emit ", options.emit, " shows one entry, and there are ", list(names),
                  ": choose one with --entry");
  }
  KILN_ASSIGN_OR_RETURN(const std::string text, textOf(graph, names[0], form, compile));
  if (!options.output.empty()) {
    return writeFileAtomically(options.output, text);
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

// Any form but artifacts and texts.
Status writeForm(const Graph& graph, const compiler::ArtifactRequest& request, EmitForm form,
                 const CompileCommand& options, compiler::ArtifactReport& report, uint64_t& numBytes) {
  if (form == EmitForm::kModule) {
    KILN_ASSIGN_OR_RETURN(numBytes, writeWasm(graph, request, options.output, options.isDemo, report));
    return {};
  }
  const NativeFlags flags{.name = options.name.empty() ? modelName(options.model) : options.name,
                          .isBare = options.profile == "bare"};
  KILN_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, nativeBytes(graph, request, form, flags, report));
  const std::span<const uint8_t> piece(bytes);
  KILN_RETURN_IF_ERROR(writeFileAtomically(options.output, {&piece, 1}));
  numBytes = bytes.size();
  // The user decided by his umask who may read it; those may run it.
  if (form == EmitForm::kProgram) {
    struct stat info{};
    if (::stat(options.output.c_str(), &info) != 0 ||
        ::chmod(options.output.c_str(), info.st_mode | ((info.st_mode & 0444) >> 2)) != 0) {
      return makeError<ErrorId::kP0004>(options.output, "it cannot be made executable");
    }
  }
  return {};
}

Status compileModelFile(const CompileCommand& options) {
  const auto start = Clock::now();
  KILN_ASSIGN_OR_RETURN(const EmitForm form, formOf(options));
  const ProgressLine progress(!options.json);
  progress.show("reading " + options.model);
  KILN_ASSIGN_OR_RETURN(Graph graph, readModelGraph(options.model, options.import));
  KILN_RETURN_IF_ERROR(checkEntries(graph, options));
  if (!options.weights.empty()) {
    KILN_ASSIGN_OR_RETURN(graph, withWeights(graph, options.weights));
  }
  compiler::ArtifactRequest request{.entries = options.entries, .targets = options.target};
  request.isUnpacked = options.isUnpacked;
  request.compile.memLimit = static_cast<int64_t>(std::min<uint64_t>(options.memLimit, INT64_MAX));
  request.compile.timePasses = options.timing;
  request.compile.codegenThreads = options.threads;
  if (isTextForm(form)) {
    request.compile.target = options.target;
    return annotate(compileText(graph, options, form, request.compile), options.model);
  }
  request.compile.cache = openCache(options.noCache);
  std::string doing;
  request.onVariant = [&](const std::string& target, size_t index, size_t count) {
    doing = "compiling " + options.model + " for " + target +
            (count > 1 ? " (" + std::to_string(index + 1) + " of " + std::to_string(count) + ")" : "");
  };
  request.compile.progress = [&](std::string_view phase, size_t done, size_t total) {
    progress.show(doing + ": " + std::string(phase) +
                  (total > 0 ? " " + std::to_string(done) + " of " + std::to_string(total) : ""));
  };
  const std::string output = options.output.empty() ? modelName(options.model) + ".kiln" : options.output;
  compiler::ArtifactReport report;
  uint64_t numBytes = 0;
  if (form == EmitForm::kArtifact) {
    auto written = compiler::compileArtifact(graph, request, output);
    if (!written.ok()) {
      return annotate(written.status(), options.model);
    }
    report = *std::move(written);
    numBytes = report.sizes.numBytes;
  } else {
    KILN_RETURN_IF_ERROR(annotate(writeForm(graph, request, form, options, report, numBytes), options.model));
  }
  progress.show("");
  printSummary(options, output, report, numBytes, std::chrono::duration<double>(Clock::now() - start).count());
  reportCache(request.compile.cache);
  return {};
}

}  // namespace

void addCompileCommand(CLI::App& app, Status& status) {
  auto compile = std::make_shared<CompileCommand>();
  CLI::App* command = app.add_subcommand("compile", "writes a model as an artifact, which runs without a compiler");
  command->footer(
      "Examples:\n  kiln compile model.onnx -o model.kiln\n"
      "  kiln compile digits.graph.pb --entry predict --target x86-64-v2,x86-64-v3,x86-64-v4\n"
      "  kiln compile model.onnx --shape x=1,3,224,224 -o model.kiln\n"
      "  kiln compile digits.graph.pb --entry predict --emit static -o libdigits.a\n"
      "  kiln compile digits.graph.pb --entry predict --target wasm32 -o digits.wasm\n"
      "  kiln compile digits.graph.pb --entry predict --emit asm | less");
  addModel(*command, compile->model);
  command->add_option("-o,--output", compile->output,
                      "file to write, or folder with --unpacked; by default the model's name with .kiln");
  command
      ->add_option("--entry", compile->entries, "entry point to compile; repeat for more; all of the model by default")
      ->allow_extra_args(false);
  addTarget(*command, compile->target);
  std::vector<std::string> forms;
  for (const char* form : {"artifact", "object", "static", "shared", "exe", "header", "mlir", "llvm", "asm"}) {
    forms.emplace_back(form);
  }
  command
      ->add_option("--emit", compile->emit,
                   "what to write: artifact (.kiln), object (.o), static (.a), shared (.so), exe (a program), header "
                   "(.h), or the code as text")
      ->check(CLI::IsMember(forms));
  command->add_option("--name", compile->name,
                      "name of the model in C, for object, static, shared and header; by default that of its file");
  command
      ->add_option("--profile", compile->profile,
                   "what object code may call: hosted, or bare (memcpy, memmove and memset only)")
      ->check(CLI::IsMember({"hosted", "bare"}));
  command->add_flag("--demo", compile->isDemo, "write a page that uses the module of --target wasm32 beside it");
  command->add_flag("--unpacked", compile->isUnpacked, "write the artifact as a folder");
  command->add_option("--weights", compile->weights,
                      "safetensors file with the values that variables start from, as exported from a session");
  addImportFlags(*command, compile->import.shapes, compile->import.values);
  addThreads(*command, compile->threads);
  addMemLimit(*command, compile->memLimit);
  addNoCache(*command, compile->noCache);
  addJson(*command, compile->json);
  command->add_flag("--timing", compile->timing, "print the time of each phase and pass");
  command->callback([compile, &status] { status = compileModelFile(*compile); });
}

}  // namespace kiln::tools
