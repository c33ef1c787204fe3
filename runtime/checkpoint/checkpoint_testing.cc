// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/checkpoint_testing.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "proto/codec/safetensors.h"

namespace kiln::runtime {

namespace fs = std::filesystem;

TestFolder::TestFolder() {
  std::string pattern = ::testing::TempDir() + "/kiln_checkpoint_XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> TestFolder::names(const std::string& folder) const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? path_ : path_ + "/" + folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

Session sessionOf(const std::map<std::string, Tensor>& variables) {
  auto source = std::make_shared<FakeSource>();
  source->info.variables.clear();
  for (const auto& [name, value] : variables) {
    source->info.variables.push_back({.name = name,
                                      .dtype = value.dtype(),
                                      .dims = value.dims(),
                                      .initialValue = std::make_shared<const Tensor>(value)});
  }
  return Session::create(source, {}).value();
}

void trainStep(Session& session) {
  std::vector<Tensor> out;
  Status status = session.prepareEntry("train")->run({Tensor::scalar(int64_t{2}), Tensor::scalar(int64_t{3})}, out);
  ASSERT_TRUE(status.ok()) << status;
}

void expectValues(const Session& session, const std::map<std::string, Tensor>& values) {
  auto found = session.variables();
  ASSERT_EQ(found.size(), values.size());
  for (const auto& [name, value] : values) {
    EXPECT_TRUE(found.at(name).identicalTo(value)) << name << " is " << found.at(name).toString(4);
  }
}

std::string bytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void writeBytes(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

void flipBit(const std::string& path, int64_t byte, int bit) {
  std::string bytes = bytesOf(path);
  bytes.at(static_cast<size_t>(byte)) ^= static_cast<char>(1 << bit);
  writeBytes(path, bytes);
}

int64_t offsetOf(const std::string& path, const std::string& tensor) {
  auto file = SafetensorsFile::open(path);
  return file.value().find(tensor).value()->begin;
}

int FailingFiles::before(std::string_view, const std::string&) {
  int index = count_++;
  return index == which_ || (forGood_ && index > which_) ? number_ : 0;
}

int RecordingFiles::before(std::string_view operation, const std::string& path) {
  std::string folder = path.substr(0, path.rfind('/'));
  std::string name = path.substr(folder.size() + 1);
  if (name.find('.') != std::string::npos && name[0] != '.') {  // a file of a checkpoint
    name = folder.substr(folder.rfind('/') + 1) + "/" + name;
  }
  log.push_back(std::string(operation) + " " + name);
  return 0;
}

}  // namespace kiln::runtime
