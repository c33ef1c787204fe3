// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/testing.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace kiln::runtime {

std::shared_ptr<const LoadedImage> fakeImage() {
  static const std::shared_ptr<const LoadedImage> image = [] {
    std::ifstream file(KILN_TEST_IMAGE, std::ios::binary);
    CodeImage code;
    code.bytes.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    code.digest = sha256(code.bytes);
    return LoadedImage::load(code).value();
  }();
  return image;
}

FakeSource::FakeSource() {
  info.name = "fake";
  info.variables = {{.name = "w", .dtype = f32, .dims = {256}, .initialValue = nullptr},
                    {.name = "b", .dtype = f32, .dims = {256}, .initialValue = nullptr},
                    {.name = "count", .dtype = i64, .dims = {}, .initialValue = nullptr}};
  SymbolSpec n{.name = "n", .range = {0, 4096}}, m{.name = "m", .range = {}};
  auto scalar = [](const char* name, DType type = i64) { return TensorSpec{.name = name, .dtype = type, .shape = {}}; };
  auto vector = [](const char* name, DType type) {
    return TensorSpec{.name = name, .dtype = type, .shape = {dim("n")}};
  };
  EntryManifest manifest;
  manifest.feeds = {vector("x", f32), vector("y", f32)};
  manifest.fetches = {vector("z", f32)};
  manifest.symbols = {n};
  add("add", kAdd, manifest);

  manifest = {};
  manifest.variables = {{0, true}, {1, true}, {2, true}};
  add("init", kInit, manifest);

  manifest = {};
  manifest.variables = {{0, false}, {1, false}};
  manifest.fetches = {{.name = "both", .dtype = f32, .shape = {2, 256}}};
  add("predict", kPredict, manifest);

  manifest = {};
  manifest.feeds = {scalar("index"), scalar("divisor")};
  manifest.variables = {{0, true}, {1, true}, {2, true}};
  manifest.fetches = {scalar("before")};
  manifest.nodes = {{.name = "lookup", .op = "kiln.gather", .location = "model.cc:41"},
                    {.name = "quotient", .op = "kiln.div", .location = ""}};
  add("train", kTrain, manifest);

  manifest = {};
  manifest.feeds = {scalar("started")};
  manifest.variables = {{0, true}, {1, true}};
  add("wait", kWait, manifest);

  manifest = {};
  manifest.feeds = {scalar("limit"), vector("x", i64)};
  manifest.fetches = {vector("y", i64)};
  manifest.symbols = {n};
  manifest.nodes = {{.name = "scale", .op = "kiln.gather", .location = ""}};
  add("parallel", kParallel, manifest);

  manifest = {};
  manifest.feeds = {scalar("code"), scalar("first"), scalar("second")};
  manifest.nodes = {{}, {}, {.name = "check", .op = "kiln.op", .location = "model.cc:7"}};
  manifest.kernels = {"k0", "k1"};
  add("report", kReport, manifest);

  manifest = {};
  manifest.feeds = {{.name = "x", .dtype = f64, .shape = {dim("n"), dim("m")}}};
  manifest.constants = {std::make_shared<Tensor>(Tensor::scalar(0.5))};
  manifest.fetches = {scalar("sum", f64), scalar("alignment")};
  manifest.symbols = {n, m};
  add("scratch", kScratch, manifest);
}

void FakeSource::add(const std::string& name, FakeEntry index, EntryManifest manifest) {
  EntryInfo entry{.name = name, .feeds = {}, .fetches = {}, .targets = {}};
  for (const TensorSpec& feed : manifest.feeds) {
    entry.feeds.push_back(feed.name);
  }
  for (const TensorSpec& fetch : manifest.fetches) {
    entry.fetches.push_back(fetch.name);
  }
  info.entries.push_back(std::move(entry));
  entries[name] = {.manifest = std::move(manifest), .image = fakeImage(), .entryIndex = index};
}

StatusOr<std::shared_ptr<const Executable>> FakeSource::find(const ExecutableRequest& request,
                                                             std::span<const int64_t>) {
  ++numFinds;
  std::string name = request.entry;
  if (name.empty()) {
    if (request.fetches != std::vector<std::string>{"z"} || request.feeds != std::vector<std::string>{"x", "y"}) {
      return absl::NotFoundError("the fake only adds x and y");
    }
    name = "add";
  }
  return std::make_shared<Executable>(entries.at(name));
}

Session fakeSession(int threads) {
  return Session::create(std::make_shared<FakeSource>(), {.threads = threads}).value();
}

void expectError(const Status& status, const std::string& id, const std::string& text) {
  ASSERT_FALSE(status.ok()) << "wanted " << id << ": " << text;
  EXPECT_EQ(errorIdOf(status), id) << status;
  EXPECT_NE(std::string(status.message()).find(text), std::string::npos) << status;
}

}  // namespace kiln::runtime
