// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/targets/cross.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "gtest/gtest.h"

namespace kiln::targets {
namespace {

void append(std::string& text, int64_t number) { text.append(reinterpret_cast<const char*>(&number), sizeof(number)); }

void append(std::string& text, const Tensor& tensor) {
  append(text, tensor.numBytes());
  text.append(static_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.numBytes()));
}

std::vector<int64_t> evaluate(const Shape& shape, const std::map<std::string, int64_t, std::less<>>& symbols) {
  std::vector<int64_t> dims;
  for (const Dim& dim : shape) {
    dims.push_back(dim.evaluate([&](std::string_view name) { return symbols.find(name)->second; }));
  }
  return dims;
}

Status failed(const std::string& what, const CommandResult& result) {
  return absl::InternalError(what + " ended with " + std::to_string(result.status) + ": " + result.output);
}

/// driver.c as an object, made once for each compiler.
StatusOr<std::string> driverFor(const std::string& compiler) {
  static Folder& folder = *new Folder;  // Objects stay until the process ends; they are small.
  static auto& objects = *new std::map<std::string, std::string>;
  std::string& object = objects[compiler];
  if (object.empty()) {
    const std::string path = folder.path("driver" + std::to_string(objects.size()) + ".o");
    const CommandResult built =
        runCommand(compiler + " -O1 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I" + KILN_SOURCE_DIR + " -c " +
                   KILN_SOURCE_DIR + "/tests/targets/driver.c -o " + path);
    if (built.status != 0) {
      return failed("compiling the driver", built);
    }
    object = path;
  }
  return object;
}

}  // namespace

Machine Machine::aarch64(const std::string& target) {
  if (std::strlen(KILN_CROSS_COMPILER) == 0 || std::strlen(KILN_CROSS_EMULATOR) == 0) {
    std::fprintf(stderr,
                 "tests of aarch64 need a cross compiler and an emulator: install the Debian packages "
                 "gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user and configure again, or configure with "
                 "KILN_CROSS_TESTS=OFF\n");
    std::abort();
  }
  return {.target = target,
          .compiler = KILN_CROSS_COMPILER,
          .runner = std::string(KILN_CROSS_EMULATOR) + " -L /usr/aarch64-linux-gnu"};
}

Machine Machine::native(const std::string& target, const std::string& runner) {
  return {.target = target, .compiler = KILN_C_COMPILER, .runner = runner};
}

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kiln-targets-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
}

void Folder::write(const std::string& name, const std::vector<uint8_t>& bytes) const {
  std::ofstream(path(name), std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::string Folder::read(const std::string& name) const {
  std::ifstream in(path(name), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

CommandResult runCommand(const std::string& command) {
  CommandResult result;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    return {.status = -1, .output = "no process"};
  }
  std::array<char, 4096> buffer;
  for (size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.output.append(buffer.data(), n);
  }
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

void buildProgram(const Machine& machine, const std::string& source, const std::string& inputs,
                  const std::string& output) {
  const CommandResult result = runCommand(machine.compiler + " -O1 -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I" +
                                          KILN_SOURCE_DIR + " " + source + " " + inputs + " -lm -o " + output);
  ASSERT_EQ(result.status, 0) << result.output;
}

StatusOr<std::unique_ptr<ForeignEntry>> ForeignEntry::make(const Machine& machine, const Graph& graph,
                                                           const Entry& entry, compiler::NativeProfile profile) {
  auto foreign = std::make_unique<ForeignEntry>();
  foreign->machine_ = machine;
  const Entry* entries[] = {&entry};
  compiler::CompileOptions options;
  options.target = machine.target;
  KILN_ASSIGN_OR_RETURN(foreign->code_, compiler::compileCode(graph, entries, options));
  ModelInfo model;
  for (NodeId id : graph.variables()) {
    const Node& node = graph.body().node(id);
    model.variables.push_back({.name = node.name,
                               .dtype = node.outputs[0].dtype,
                               .dims = node.outputs[0].shape.staticDims(),
                               .initialValue = nullptr});
  }
  KILN_ASSIGN_OR_RETURN(
      const std::vector<uint8_t> library,
      compiler::nativeStaticLibrary(
          {.name = "m", .model = &model, .entries = {"run"}, .code = &foreign->code_, .profile = profile}));
  foreign->folder_.write("libm_run.a", library);
  KILN_ASSIGN_OR_RETURN(const std::string driver, driverFor(machine.compiler));
  const CommandResult built = runCommand(machine.compiler + " " + driver + " " + foreign->folder_.path("libm_run.a") +
                                         " -lm -o " + foreign->folder_.path("program"));
  if (built.status != 0) {
    return failed("linking", built);
  }
  return foreign;
}

StatusOr<ForeignRun> ForeignEntry::run(const std::map<std::string, Tensor>& feeds,
                                       const std::vector<Tensor>& variables) const {
  const EntryManifest& manifest = code_.entries[0];
  std::map<std::string, int64_t, std::less<>> symbols;
  for (const TensorSpec& spec : manifest.feeds) {
    const Tensor& tensor = feeds.at(spec.name);
    for (int axis = 0; axis < spec.shape.rank(); ++axis) {
      if (auto symbol = spec.shape[axis].asSymbol()) {
        symbols[*symbol] = tensor.dims()[static_cast<size_t>(axis)];
      }
    }
  }
  std::string in;
  append(in, static_cast<int64_t>(manifest.symbols.size()));
  for (const SymbolSpec& symbol : manifest.symbols) {
    append(in, symbols.at(symbol.name));
  }
  ForeignRun result;
  for (const TensorSpec& spec : manifest.fetches) {
    result.fetches.emplace_back(spec.dtype, evaluate(spec.shape, symbols));
  }
  append(in, static_cast<int64_t>(manifest.feeds.size() + variables.size() + manifest.constants.size() +
                                  manifest.fetches.size()));
  for (const TensorSpec& spec : manifest.feeds) {
    append(in, feeds.at(spec.name));
  }
  for (const Tensor& variable : variables) {
    append(in, variable);
  }
  for (const std::shared_ptr<const Tensor>& constant : manifest.constants) {
    append(in, *constant);
  }
  for (const Tensor& fetch : result.fetches) {
    append(in, fetch);
  }
  folder_.write("in", in);
  const CommandResult ran = runCommand(machine_.runner + " " + folder_.path("program") + " " + folder_.path("in") +
                                       " " + folder_.path("out"));
  if (ran.status != 0) {
    return failed("the program", ran);
  }
  const std::string out = folder_.read("out");
  const char* at = out.data();
  auto take = [&](void* to, int64_t bytes) {
    std::memcpy(to, at, static_cast<size_t>(bytes));
    at += bytes;
  };
  take(&result.status, sizeof(result.status));
  take(result.fault, sizeof(result.fault));
  for (const TensorSpec& spec : manifest.feeds) {
    at += feeds.at(spec.name).numBytes();
  }
  result.variables = variables;
  for (Tensor& variable : result.variables) {
    take(variable.mutableData(), variable.numBytes());
  }
  for (const std::shared_ptr<const Tensor>& constant : manifest.constants) {
    at += constant->numBytes();
  }
  for (Tensor& fetch : result.fetches) {
    take(fetch.mutableData(), fetch.numBytes());
  }
  return result;
}

}  // namespace kiln::targets
