// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/wasm/model_in_browser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "compiler/pipelines/artifact.h"
#include "compiler/pipelines/model_info.h"
#include "compiler/pipelines/wasm.h"

namespace kiln::wasm_tests {
namespace {

using Json = nlohmann::json;

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Runs window.jobs, which the page has; arrays travel as base64.
constexpr char kRunner[] = R"js(
const types = {f32: Float32Array, f64: Float64Array, i8: Int8Array, i16: Int16Array, i32: Int32Array, i64: BigInt64Array,
  u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, u64: BigUint64Array, bool: Uint8Array, f16: Uint16Array, bf16: Uint16Array};
const toArray = ({dtype, data, shape}) => Object.assign(new types[dtype](toBytes(data).buffer), {shape});
const toText = (bytes) => {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
};
window.runJobs = async (jobs) => {
  const results = [];
  for (const {module, steps} of jobs) {
    const outcomes = [];
    let model, failure;
    try {
      model = await Kiln.load(modules[module]);
    } catch (error) {
      failure = error;
    }
    for (const {entry, feeds} of steps) {
      try {
        if (failure) throw failure;
        const found = model.run(entry, Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toArray(value)])));
        const spec = Object.fromEntries(model.signature.entries.find(({name}) => name === entry).fetches.map((fetch) => [fetch.name, fetch.dtype]));
        outcomes.push({fetches: Object.fromEntries(Object.entries(found).map(([name, value]) =>
          [name, {dtype: spec[name], dims: value.shape, data: toText(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))}]))});
      } catch (error) {
        outcomes.push({id: error.id ?? 'JavaScript', text: error.message, node: error.node ?? ''});
      }
    }
    results.push(outcomes);
  }
  return JSON.stringify(results);
};
)js";

StatusOr<std::vector<uint8_t>> moduleOf(const ModelInfo& model, const compiler::CompiledCode& code) {
  return compiler::wasmModule(model, code);
}

std::string_view bytesOf(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.numBytes())};
}

}  // namespace

std::string toBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::string fromBase64(std::string_view text) {
  std::string bytes;
  uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    const char* digit = c == '=' ? nullptr : std::strchr(kDigits, c);
    if (digit == nullptr) {
      break;
    }
    group = group << 6 | static_cast<uint32_t>(digit - kDigits);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(group >> bits & 0xff);
    }
  }
  return bytes;
}

StatusOr<std::vector<uint8_t>> moduleOf(const Graph& graph, const std::vector<std::string>& entries) {
  KILN_ASSIGN_OR_RETURN(const compiler::CompiledModel compiled,
                        compiler::compileModel(graph, {.entries = entries, .targets = "wasm32"}));
  return moduleOf(compiled.model, compiled.codes.front());
}

StatusOr<std::vector<uint8_t>> moduleOf(const Graph& graph, const Entry& entry) {
  KILN_ASSIGN_OR_RETURN(ModelInfo model, compiler::modelInfoOf(graph));
  model.entries = {{.name = entry.name, .feeds = {}, .fetches = {}, .targets = {}}};
  const Entry* const chosen = &entry;
  compiler::CompileOptions options;
  options.target = "wasm32";
  KILN_ASSIGN_OR_RETURN(const compiler::CompiledCode code, compiler::compileCode(graph, {&chosen, 1}, options));
  return moduleOf(model, code);
}

Status openLoader(Browser& browser, const std::vector<std::vector<uint8_t>>& modules) {
  std::ifstream source(KILN_LOADER);
  std::stringstream loader;
  loader << source.rdbuf();
  const std::string path = browser.folder() + "/page.html";
  std::ofstream page(path);
  page << "<!DOCTYPE html><meta charset=\"utf-8\"><script type=\"module\">\n"
       << loader.str() << "\nconst toBytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));\n"
       << kRunner << "\nwindow.modules = [";
  for (const std::vector<uint8_t>& module : modules) {
    page << "'" << toBase64({reinterpret_cast<const char*>(module.data()), module.size()}) << "',\n";
  }
  page << "].map(toBytes);\nObject.assign(window, {Kiln, KilnError});\n</script>\n";
  page.close();
  if (!source || !page) {
    return absl::InternalError("the page cannot be written from " KILN_LOADER);
  }
  return browser.open(path);
}

StatusOr<std::vector<std::vector<Outcome>>> runInBrowser(Browser& browser, const std::vector<Job>& jobs) {
  std::vector<std::vector<uint8_t>> modules;
  Json text = Json::array();
  for (const Job& job : jobs) {
    Json steps = Json::array();
    for (const Step& step : job.steps) {
      Json feeds = Json::object();
      for (const auto& [name, tensor] : step.feeds) {
        feeds[name] = {
            {"dtype", toString(tensor.dtype())}, {"shape", tensor.dims()}, {"data", toBase64(bytesOf(tensor))}};
      }
      steps.push_back({{"entry", step.entry}, {"feeds", feeds}});
    }
    text.push_back({{"module", modules.size()}, {"steps", steps}});
    modules.push_back(job.module);
  }
  KILN_RETURN_IF_ERROR(openLoader(browser, modules));
  KILN_ASSIGN_OR_RETURN(const Json answer, browser.evaluate("runJobs(" + text.dump() + ")"));
  const Json results = Json::parse(answer.get<std::string>());
  std::vector<std::vector<Outcome>> all;
  for (const Json& steps : results) {
    std::vector<Outcome>& outcomes = all.emplace_back();
    for (const Json& step : steps) {
      Outcome& outcome = outcomes.emplace_back();
      if (!step.contains("fetches")) {
        outcome = {.fetches = {}, .errorId = step["id"], .errorText = step["text"], .errorNode = step["node"]};
        continue;
      }
      for (const auto& [name, value] : step["fetches"].items()) {
        const std::string bytes = fromBase64(value["data"].get<std::string>());
        KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(*parseDType(value["dtype"].get<std::string>()),
                                                              value["dims"].get<std::vector<int64_t>>()));
        if (bytes.size() != static_cast<size_t>(tensor.numBytes())) {
          return absl::InternalError("'" + name + "' has " + std::to_string(bytes.size()) + " bytes");
        }
        std::memcpy(tensor.mutableData(), bytes.data(), bytes.size());
        outcome.fetches.emplace(name, std::move(tensor));
      }
    }
  }
  return all;
}

}  // namespace kiln::wasm_tests
