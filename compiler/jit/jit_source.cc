// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/jit/jit_source.h"

#include <algorithm>
#include <utility>

#include "compiler/jit/background.h"
#include "compiler/pipelines/model_info.h"

namespace kiln::compiler {
namespace {

std::string keyOf(const ExecutableRequest& request) {
  if (!request.entry.empty()) {
    return request.entry;
  }
  std::string key;
  for (const std::vector<std::string>* list : {&request.feeds, &request.fetches, &request.targets}) {
    for (const std::string& name : *list) {
      key += name + '\x1f';
    }
    key += '\x1e';
  }
  return key;
}

}  // namespace

StatusOr<std::shared_ptr<JitSource>> JitSource::create(const Graph& graph, CompileOptions options) {
  std::shared_ptr<JitSource> source(new JitSource(graph, std::move(options)));
  KILN_ASSIGN_OR_RETURN(source->model_, modelInfoOf(graph));
  return source;
}

// A port of an entry may have a name of its own; requests may use it where the graph has no value of that name.
std::string JitSource::endpointOf(const std::string& name, bool isFeed) const {
  if (graph_.findValue(name).ok()) {
    return name;
  }
  for (const Entry& entry : graph_.entries()) {
    for (const Port& port : isFeed ? entry.feeds : entry.fetches) {
      if (port.name == name) {
        return endpointName(graph_.body(), port.value);
      }
    }
  }
  return name;
}

StatusOr<TappedEntry> JitSource::entryFor(const ExecutableRequest& request) const {
  if (!request.entry.empty()) {
    const Entry* entry = graph_.findEntry(request.entry);
    if (entry == nullptr) {
      std::string names;
      for (const Entry& known : graph_.entries()) {
        names += (names.empty() ? "'" : ", '") + known.name + "'";
      }
      return makeError<ErrorId::kR0001>(request.entry, names.empty() ? "no entries" : names);
    }
    return TappedEntry{graph_, *entry};
  }
  std::vector<std::string> feeds, fetches;
  for (const std::string& name : request.feeds) {
    feeds.push_back(endpointOf(name, true));
  }
  for (const std::string& name : request.fetches) {
    fetches.push_back(endpointOf(name, false));
  }
  KILN_ASSIGN_OR_RETURN(TappedEntry tapped, makeTappedEntry(graph_, "run", feeds, fetches, request.targets));
  Entry& entry = tapped.entry;
  // The signature has the names that were asked for.
  for (size_t i = 0; i < entry.feeds.size() && i < request.feeds.size(); ++i) {
    entry.feeds[i].name = request.feeds[i];
  }
  for (size_t i = 0; i < entry.fetches.size() && i < request.fetches.size(); ++i) {
    entry.fetches[i].name = request.fetches[i];
  }
  return tapped;
}

StatusOr<std::shared_ptr<const Executable>> JitSource::compile(const ExecutableRequest& request,
                                                               const CompileOptions& options, CompileReport* report) {
  KILN_ASSIGN_OR_RETURN(TappedEntry tapped, entryFor(request));
  KILN_ASSIGN_OR_RETURN(CompiledEntry compiled, compileEntry(tapped.graph, tapped.entry, options, report));
  auto executable = std::make_shared<Executable>();
  executable->manifest = std::move(compiled.manifest);
  KILN_ASSIGN_OR_RETURN(executable->image, LoadedImage::load(compiled.image));
  return executable;
}

StatusOr<std::shared_ptr<const Executable>> JitSource::find(const ExecutableRequest& request,
                                                            std::span<const int64_t>) {
  std::string key = keyOf(request);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    Slot& slot = slots_[key];
    finished_.wait(lock, [&] { return !slot.isRunning; });
    if (slot.executable != nullptr) {
      return slot.executable;
    }
    slot.isRunning = true;
  }
  CompileReport report;
  auto compiled = compile(request, options_, &report);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++statistics_.compilations;
    Slot& slot = slots_[key];
    slot.isRunning = false;
    if (compiled.ok()) {
      slot.executable = *compiled;
      reports_[key] = std::move(report);
    }
  }
  finished_.notify_all();
  return compiled;
}

StatusOr<std::shared_ptr<const Executable>> JitSource::specialize(const ExecutableRequest& request,
                                                                  std::span<const int64_t> dims) {
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<const Executable> general, find(request, {}));
  const std::vector<SymbolSpec>& symbols = general->manifest.symbols;
  if (dims.size() != symbols.size()) {
    return makeError<ErrorId::kR0006>("code for certain sizes", std::to_string(dims.size()) + " sizes for " +
                                                                    std::to_string(symbols.size()) + " dimensions");
  }
  CompileOptions options = options_;
  options.dumpFolder.clear();
  for (size_t i = 0; i < dims.size(); ++i) {
    options.dims[symbols[i].name] = dims[i];
  }
  auto compiled = compile(request, options, nullptr);
  std::lock_guard<std::mutex> lock(mutex_);
  ++(compiled.ok() ? statistics_.specializations : statistics_.failedSpecializations);
  return compiled;
}

void JitSource::findAsync(const ExecutableRequest& request, std::span<const int64_t> dims,
                          std::function<void(StatusOr<std::shared_ptr<const Executable>>)> done) {
  if (dims.empty()) {
    done(find(request, dims));
    return;
  }
  BackgroundWorker::shared().add([weak = weak_from_this(), request,
                                  dims = std::vector<int64_t>(dims.begin(), dims.end()), done = std::move(done)] {
    // A source that is gone has nobody left who would run the code.
    if (std::shared_ptr<JitSource> source = weak.lock()) {
      done(source->specialize(request, dims));
    }
  });
}

SourceStatistics JitSource::statistics() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return statistics_;
}

std::map<std::string, CompileReport> JitSource::reports() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return reports_;
}

}  // namespace kiln::compiler
