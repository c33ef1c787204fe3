// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>

#include "compiler/jit/session.h"
#include "graph/io/graph_io.h"
#include "proto/codec/npy.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/feed.h"

namespace kiln::tools {
namespace {

constexpr int64_t kPrintedElements = 64;

std::vector<std::string> entryNames(const Graph& graph) {
  std::vector<std::string> names;
  for (const Entry& entry : graph.entries()) {
    if (entry.name != kInitEntry) {
      names.push_back(entry.name);
    }
  }
  return names;
}

// The entry to run: the one that is named, or the only one. Null: none is needed, because fetches say what to run.
StatusOr<const Entry*> chooseEntry(const Graph& graph, const RunCommand& options) {
  std::vector<std::string> names = entryNames(graph);
  if (!options.entry.empty()) {
    const Entry* entry = graph.findEntry(options.entry);
    if (entry == nullptr) {
      return makeError<ErrorId::kT0006>(options.model, options.entry, nearestNames(options.entry, names));
    }
    return entry;
  }
  if (names.size() == 1) {
    return graph.findEntry(names[0]);
  }
  if (options.fetches.empty()) {
    return makeError<ErrorId::kT0005>(options.model, nearestNames("", names));
  }
  return nullptr;
}

// The dtype that a feed should have, so that values on the command line get it; f32 when the name is unknown, which the
// session then reports.
DType feedType(const Graph& graph, const Entry* entry, const std::string& name) {
  if (entry != nullptr) {
    for (const Port& feed : entry->feeds) {
      if (feed.name == name) {
        return graph.body().type(feed.value).dtype;
      }
    }
  }
  auto value = graph.findValue(name);
  return value.ok() ? graph.body().type(*value).dtype : f32;
}

// Names of values may have '/' and ':', which files should not.
std::string fileName(const std::string& name) {
  std::string safe = name;
  for (char& c : safe) {
    bool isPlain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    c = isPlain ? c : '_';
  }
  return safe + ".npy";
}

Status writeOutputs(const std::map<std::string, Tensor>& values, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return makeError<ErrorId::kT0007>(folder, error.message());
  }
  for (const auto& [name, value] : values) {
    KILN_RETURN_IF_ERROR(writeNpy((std::filesystem::path(folder) / fileName(name)).string(), value));
  }
  return Status();
}

}  // namespace

Status runModel(const RunCommand& options) {
  KILN_ASSIGN_OR_RETURN(Graph graph, readGraph(options.model));
  KILN_ASSIGN_OR_RETURN(const Entry* entry, chooseEntry(graph, options));
  std::map<std::string, Tensor> feeds;
  for (const std::string& text : options.feeds) {
    KILN_ASSIGN_OR_RETURN(FeedText feed, splitFeed(text));
    KILN_ASSIGN_OR_RETURN(feeds[feed.name], readFeed(feed, feedType(graph, entry, feed.name)));
  }
  std::map<std::string, TensorView> views(feeds.begin(), feeds.end());

  compiler::CompileOptions compile;
  compile.memLimit = static_cast<int64_t>(std::min<uint64_t>(options.memLimit, INT64_MAX));
  KILN_ASSIGN_OR_RETURN(Session session,
                        createSession(graph, {.threads = options.threads, .compile = std::move(compile)}));
  const RunOptions runOptions{.deadline = std::chrono::milliseconds(options.deadlineMs)};
  auto result = entry != nullptr ? session.runEntry(entry->name, views, options.fetches, runOptions)
                                 : session.run(views, options.fetches, {}, runOptions);
  if (!result.ok()) {
    return annotate(result.status(), options.model);
  }
  if (!options.output.empty()) {
    return writeOutputs(*result, options.output);
  }
  for (const auto& [name, value] : *result) {
    std::printf("%s: %s\n", name.c_str(), value.toString(kPrintedElements).c_str());
  }
  return Status();
}

}  // namespace kiln::tools
