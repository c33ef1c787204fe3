// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/flags.h"

namespace kiln::tools {

const char* modelHelp() {
  return "graph file, binary (.pb) or text (.pbtxt), frozen graph of TensorFlow (.pb), ONNX model (.onnx), or artifact "
         "(.kiln)";
}

CLI::Option* addModel(CLI::App& command, std::string& model) {
  return command.add_option("MODEL", model, modelHelp())->required();
}

CLI::Option* addJson(CLI::App& command, bool& json) {
  return command.add_flag("--json", json, "print one JSON object; errors become a line of JSON too");
}

CLI::Option* addThreads(CLI::App& command, int& threads) {
  return command.add_option("--threads", threads, "threads to use; 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber);
}

CLI::Option* addMemLimit(CLI::App& command, uint64_t& memLimit) {
  return command
      .add_option(
          "--mem-limit", memLimit,
          "bytes that gradients of loops may keep, as 1000000, 64K or 1MiB; what does not fit is computed again")
      ->transform(CLI::AsSizeValue(false));
}

CLI::Option* addTarget(CLI::App& command, std::string& target) {
  return command.add_option("--target", target,
                            "what to make code for: host, an x86-64 processor such as x86-64-v3, aarch64, wasm32; "
                            "features after it: x86-64-v4,-avx512vl; several with commas");
}

CLI::Option* addNoCache(CLI::App& command, bool& noCache) {
  return command.add_flag("--no-cache", noCache, "compile everything anew, and keep nothing of it");
}

void addImportFlags(CLI::App& command, std::vector<std::string>& shapes, std::vector<std::string>& values) {
  command.add_option("--shape", shapes, "NAME=DIMS: lengths of an ONNX or TensorFlow input, such as x=1,3,224,224")
      ->allow_extra_args(false);
  command
      .add_option("--value", values,
                  "NAME=VALUE: value of an ONNX or TensorFlow input, built into the code; as --feed of kiln run")
      ->allow_extra_args(false);
}

}  // namespace kiln::tools
