// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-run/outputs.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "proto/codec/npy.h"

namespace kiln::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kPrintedElements = 64;
constexpr int kFailed = 1;
constexpr int kUnsupported = 2;

std::string pathOf(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / outputFileName(name)).string();
}

Json valuesOf(const Tensor& value) {
  Json values = Json::array();
  for (int64_t i = 0; i < value.numElements(); ++i) {
    if (value.dtype() == i64) {
      values.push_back(value.data<int64_t>()[i]);
    } else if (value.dtype() == DType::kBool) {
      values.push_back(value.at(i) != 0);
    } else {
      values.push_back(value.at(i));  // NaN and infinities are printed as null
    }
  }
  return values;
}

}  // namespace

Status makeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? makeError<ErrorId::kT0007>(folder, error.message()) : Status();
}

std::string outputFileName(const std::string& name) {
  std::string safe = name;
  for (char& c : safe) {
    bool isPlain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    c = isPlain ? c : '_';
  }
  return safe + ".npy";
}

Status showOutputs(const std::map<std::string, Tensor>& values, const std::string& folder, bool json) {
  if (!folder.empty()) {
    KILN_RETURN_IF_ERROR(makeFolder(folder));
  }
  Json outputs = Json::object();
  for (const auto& [name, value] : values) {
    if (!folder.empty()) {
      KILN_RETURN_IF_ERROR(writeNpy(pathOf(folder, name), value));
    }
    if (json) {
      Json& output = outputs[name] = {{"dtype", std::string(toString(value.dtype()))}, {"dims", value.dims()}};
      if (folder.empty()) {
        output["values"] = valuesOf(value);
      } else {
        output["file"] = pathOf(folder, name);
      }
    } else if (folder.empty()) {
      std::printf("%s: %s\n", name.c_str(), value.toString(kPrintedElements).c_str());
    }
  }
  if (json) {
    Json all = {{"outputs", std::move(outputs)}};
    std::printf("%s\n", all.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  }
  return Status();
}

int exitCodeOf(const Status& status) {
  return status.ok() ? 0 : status.code() == absl::StatusCode::kUnimplemented ? kUnsupported : kFailed;
}

int reportStatus(const Status& status, bool json) {
  if (status.ok()) {
    return 0;
  }
  std::fflush(stdout);
  const std::string message(status.message());
  const std::string id = errorIdOf(status).value_or("");
  if (json) {
    Json all = {{"error", {{"id", id}, {"message", message}}}};
    std::fprintf(stderr, "%s\n", all.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::fprintf(stderr, "error: %s\n", message.c_str());
    if (!id.empty()) {
      std::fprintf(stderr, "help: kiln explain %s\n", id.c_str());
    }
  }
  return exitCodeOf(status);
}

}  // namespace kiln::tools
