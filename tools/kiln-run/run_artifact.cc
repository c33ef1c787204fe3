// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-run/run_artifact.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "runtime/session/artifact_source.h"
#include "runtime/session/session.h"
#include "tools/kiln-run/outputs.h"

namespace kiln::tools {
namespace {

constexpr char kInitEntry[] = "init";
constexpr char kVerifyFull[] = "full";

std::vector<std::string> entryNames(const ModelInfo& model) {
  std::vector<std::string> names;
  for (const EntryInfo& entry : model.entries) {
    if (entry.name != kInitEntry) {
      names.push_back(entry.name);
    }
  }
  return names;
}

// The entry to run: the one that is named, or the only one.
StatusOr<const EntryInfo*> chooseEntry(const ModelInfo& model, const RunFlags& flags) {
  const std::vector<std::string> names = entryNames(model);
  if (flags.entry.empty() && names.size() != 1) {
    return makeError<ErrorId::kT0005>(flags.model, nearestNames("", names));
  }
  const std::string& wanted = flags.entry.empty() ? names[0] : flags.entry;
  auto found = std::ranges::find(model.entries, wanted, &EntryInfo::name);
  if (found == model.entries.end()) {
    return makeError<ErrorId::kT0006>(flags.model, wanted, nearestNames(wanted, names));
  }
  return &*found;
}

// The type that a feed should have, so that values on the command line get it; f32 when the name is unknown, which the
// session then reports.
DType feedType(const EntryManifest& manifest, const std::string& name) {
  auto found = std::ranges::find(manifest.feeds, name, &TensorSpec::name);
  return found == manifest.feeds.end() ? f32 : found->dtype;
}

Status checkFetches(const EntryInfo& entry, const std::vector<std::string>& fetches) {
  for (const std::string& fetch : fetches) {
    if (std::ranges::find(entry.fetches, fetch) == entry.fetches.end()) {
      const std::string nearest = nearestNames(fetch, entry.fetches);
      return makeError<ErrorId::kR0309>("value '" + fetch + "'",
                                        "'" + entry.name + "'" + (nearest.empty() ? "" : ", which fetches " + nearest));
    }
  }
  return Status();
}

Status run(const RunFlags& flags, const FeedReaders& readers, std::map<std::string, Tensor>& results) {
  const ArtifactOptions options{
      .verifyWeights = flags.verify == kVerifyFull, .requireSignature = flags.requireSignature, .target = flags.target};
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<ExecutableSource> source,
                        flags.bytes.empty() ? openArtifact(flags.model, options) : openArtifact(flags.bytes, options));
  KILN_ASSIGN_OR_RETURN(const EntryInfo* entry, chooseEntry(source->model(), flags));
  KILN_RETURN_IF_ERROR(checkFetches(*entry, flags.fetches));
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<const Executable> executable,
                        source->find({.entry = entry->name, .feeds = {}, .fetches = {}, .targets = {}}, {}));
  std::map<std::string, Tensor> feeds;
  for (const std::string& text : flags.feeds) {
    KILN_ASSIGN_OR_RETURN(FeedText feed, splitFeed(text));
    KILN_ASSIGN_OR_RETURN(feeds[feed.name], readFeed(feed, feedType(executable->manifest, feed.name), readers));
  }
  // One run is no reason to look for the sizes that come back.
  KILN_ASSIGN_OR_RETURN(Session session, Session::create(source, {.threads = flags.threads, .specializeAfter = 0}));
  auto values = session.runEntry(entry->name, {feeds.begin(), feeds.end()}, {},
                                 {.deadline = std::chrono::milliseconds(flags.deadlineMs)});
  if (!values.ok()) {
    return annotate(values.status(), flags.model);
  }
  results = std::move(values).value();
  if (!flags.fetches.empty()) {
    std::erase_if(results, [&](const auto& value) {
      return std::ranges::find(flags.fetches, value.first) == flags.fetches.end();
    });
  }
  return Status();
}

}  // namespace

void addRunFlags(CLI::App& app, RunFlags& flags, const std::string& modelHelp) {
  if (!modelHelp.empty()) {
    app.add_option("MODEL", flags.model, modelHelp)->required();
  }
  app.add_option("--entry", flags.entry, "entry point to run; may be left out when there is one");
  app.add_option("--feed", flags.feeds, "NAME=VALUE, NAME=@file.npy or NAME=@file.npz:key; repeat for more")
      ->allow_extra_args(false);
  app.add_option("--fetch", flags.fetches, "value to compute; repeat for more; all of the entry by default")
      ->allow_extra_args(false);
  app.add_option("--output", flags.output, "folder for the fetched values, one NAME.npy each; printed by default");
  app.add_option("--threads", flags.threads, "threads to use; 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--deadline-ms", flags.deadlineMs, "end the run when it takes longer; 0: never")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--verify", flags.verify, "full: compare all weights of an artifact with their checksums")
      ->check(CLI::IsMember({kVerifyFull}));
  app.add_option("--require-signature", flags.requireSignature,
                 "run an artifact only when it is signed with this key: 64 hexadecimal digits, or a file");
  app.add_option("--target", flags.target,
                 "run the code of this target; by default the best of an artifact's that this machine can run");
  app.add_flag("--json", flags.json, "print one JSON object");
}

Status runArtifact(const RunFlags& flags, const FeedReaders& readers) {
  std::map<std::string, Tensor> results;
  KILN_RETURN_IF_ERROR(run(flags, readers, results));
  return showOutputs(results, flags.output, flags.json);
}

}  // namespace kiln::tools
