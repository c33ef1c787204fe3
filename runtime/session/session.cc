// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/session.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "runtime/session/prepared_run.h"
#include "runtime/session/selection.h"
#include "runtime/session/variables.h"
#include "runtime/threads/thread_pool.h"

namespace kiln {
namespace {

using runtime::PreparedRun;

constexpr const char* kInitEntry = "init";
// Messages list all names up to this many, and the nearest of more.
constexpr size_t kMaxNamesListed = 8;

std::string listNames(const std::vector<std::string>& names, std::string_view nearestTo, const char* whenEmpty) {
  if (names.empty()) {
    return whenEmpty;
  }
  if (names.size() > kMaxNamesListed) {
    std::string nearest = nearestNames(nearestTo, names);
    return (nearest.empty() ? "'" + names[0] + "'" : nearest) + " and others, " + std::to_string(names.size()) +
           " in all";
  }
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  return text;
}

std::string describe(const ExecutableRequest& request) {
  if (!request.entry.empty()) {
    return "the entry '" + request.entry + "'";
  }
  std::vector<std::string> names = request.fetches;
  names.insert(names.end(), request.targets.begin(), request.targets.end());
  return "the run of " + listNames(names, "", "nothing");
}

// Names cannot contain a zero byte on the wire, and 1 separates the lists.
std::string keyOf(const ExecutableRequest& request) {
  std::string key = request.entry;
  if (request.entry.empty()) {
    for (const auto* list : {&request.feeds, &request.fetches, &request.targets}) {
      key += '\1';
      for (const std::string& name : *list) {
        key += name;
        key += '\0';
      }
    }
  }
  return key;
}

std::vector<std::string> textsOf(const std::vector<Endpoint>& endpoints) {
  std::vector<std::string> names;
  for (const Endpoint& endpoint : endpoints) {
    names.push_back(endpoint.name);
  }
  return names;
}

// Every feed of the signature has a value, and every value a feed.
Status checkNames(const std::vector<std::string>& wanted, const std::map<std::string, TensorView>& given,
                  const std::string& where, bool all) {
  for (const auto& [name, view] : given) {
    if (std::ranges::find(wanted, name) == wanted.end()) {
      return makeError<ErrorId::kR0010>(name, where, listNames(wanted, name, "no feeds"));
    }
  }
  for (const std::string& name : wanted) {
    if (all && !given.contains(name)) {
      return makeError<ErrorId::kR0011>(name, where, listNames(wanted, name, "no feeds"));
    }
  }
  return absl::OkStatus();
}

StatusOr<std::map<std::string, Tensor>> runNamed(const Callable& callable, const std::vector<std::string>& feedNames,
                                                 const std::map<std::string, TensorView>& feeds,
                                                 const std::vector<std::string>& fetchNames,
                                                 const RunOptions& options) {
  std::vector<TensorView> views;
  for (const std::string& name : feedNames) {
    views.push_back(feeds.at(name));
  }
  std::vector<Tensor> values;
  KILN_RETURN_IF_ERROR(callable.run(views, values, options));
  std::map<std::string, Tensor> result;
  for (size_t i = 0; i < values.size(); ++i) {
    result[fetchNames[i]] = std::move(values[i]);
  }
  return result;
}

}  // namespace

struct Session::State {
  std::shared_ptr<ExecutableSource> source;
  std::shared_ptr<runtime::VariableStore> variables;
  int threads = 1;
  int specializeAfter = 0;
  std::function<void(std::string_view)> print;
  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<PreparedRun>> prepared;  // guarded by mutex

  const EntryInfo* findEntry(std::string_view name) const {
    for (const EntryInfo& entry : source->model().entries) {
      if (entry.name == name) {
        return &entry;
      }
    }
    return nullptr;
  }
};

StatusOr<Session> Session::create(std::shared_ptr<ExecutableSource> source, const SessionOptions& options) {
  auto state = std::make_shared<State>();
  KILN_ASSIGN_OR_RETURN(std::vector<Tensor> values, source->firstValues());
  KILN_ASSIGN_OR_RETURN(state->variables, runtime::VariableStore::create(source->model().variables, std::move(values)));
  state->source = std::move(source);
  state->threads =
      options.threads > 0 ? std::min(options.threads, runtime::ThreadPool::kMaxThreads) : runtime::hardwareThreads();
  state->print = options.print;
  state->specializeAfter = state->source->specializes() ? std::max(options.specializeAfter, 0) : 0;
  Session session(std::move(state));
  KILN_RETURN_IF_ERROR(session.initialize());
  return session;
}

// Variables that the model has values for have them already, and `init` may read these; what it writes over them does
// not stay.
Status Session::initialize() {
  const std::vector<VariableSpec>& specs = model().variables;
  auto lacking = std::ranges::find(specs, nullptr, &VariableSpec::initialValue);
  if (lacking == specs.end()) {
    return absl::OkStatus();
  }
  if (state_->findEntry(kInitEntry) == nullptr) {
    return makeError<ErrorId::kR0004>(lacking->name, "it has no entry 'init'");
  }
  KILN_ASSIGN_OR_RETURN(Callable init, prepareEntry(kInitEntry));
  const EntryManifest& signature = init.signature();
  if (!signature.feeds.empty()) {
    return makeError<ErrorId::kR0005>("'" + signature.feeds[0].name + "'");
  }
  std::vector<bool> written(specs.size(), false);
  for (const VariableUse& use : signature.variables) {
    written[static_cast<size_t>(use.variable)] = use.written;
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].initialValue == nullptr && !written[i]) {
      return makeError<ErrorId::kR0004>(specs[i].name, "its entry 'init' does not assign it");
    }
  }
  std::vector<Tensor> unused;
  if (Status status = init.run({}, unused); !status.ok()) {
    return annotate(status, "running the entry 'init'");
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].initialValue != nullptr && written[i]) {
      KILN_RETURN_IF_ERROR(state_->variables->write(i, *specs[i].initialValue));
      specs[i].initialValue->releasePages();
    }
  }
  return absl::OkStatus();
}

SourceStatistics Session::statistics() const { return state_->source->statistics(); }

const ModelInfo& Session::model() const { return state_->source->model(); }

StatusOr<Callable> Session::prepareRequest(const ExecutableRequest& request) {
  if (request.entry.empty() && state_->source->isFixed()) {
    return selectFrom(request);
  }
  std::string key = keyOf(request);
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    if (auto found = state_->prepared.find(key); found != state_->prepared.end()) {
      return Callable(found->second);
    }
  }
  // Compiling takes its time; other threads go on. Two that ask for the same at once get the first answer that arrives.
  KILN_ASSIGN_OR_RETURN(std::shared_ptr<const Executable> executable, state_->source->find(request, {}));
  KILN_ASSIGN_OR_RETURN(
      std::shared_ptr<PreparedRun> prepared,
      PreparedRun::create(std::move(executable), state_->variables, state_->threads, describe(request), state_->print));
  if (request.entry.empty() && (prepared->manifest().feeds.size() != request.feeds.size() ||
                                prepared->manifest().fetches.size() != request.fetches.size())) {
    return makeError<ErrorId::kR0006>(describe(request), "it has other feeds or fetches than were asked for");
  }
  if (state_->specializeAfter > 0) {
    prepared->specialize(state_->specializeAfter,
                         [weak = std::weak_ptr(state_->source), request](std::span<const int64_t> dims, auto done) {
                           if (auto source = weak.lock()) {
                             source->findAsync(request, dims, std::move(done));
                           }
                         });
  }
  std::lock_guard<std::mutex> lock(state_->mutex);
  return Callable(state_->prepared.emplace(std::move(key), std::move(prepared)).first->second);
}

// Of a source that has entries only, the one that answers the request's lists.
StatusOr<Callable> Session::selectFrom(const ExecutableRequest& request) {
  std::vector<runtime::EntryUse> entries;
  for (const EntryInfo& entry : model().entries) {
    KILN_ASSIGN_OR_RETURN(auto executable,
                          state_->source->find({.entry = entry.name, .feeds = {}, .fetches = {}, .targets = {}}, {}));
    entries.push_back({&entry, std::ranges::any_of(executable->manifest.variables, &VariableUse::written)});
  }
  KILN_ASSIGN_OR_RETURN(const EntryInfo* entry, runtime::chooseEntry(entries, request));
  KILN_ASSIGN_OR_RETURN(Callable whole, prepareEntry(entry->name));
  if (entry->feeds == request.feeds && entry->fetches == request.fetches) {
    return whole;
  }
  whole.selection_ = runtime::select(whole.signature(), request.feeds, request.fetches);
  return whole;
}

StatusOr<Callable> Session::prepare(const std::vector<Endpoint>& feeds, const std::vector<Endpoint>& fetches,
                                    const std::vector<Endpoint>& targets) {
  return prepareRequest(
      {.entry = {}, .feeds = textsOf(feeds), .fetches = textsOf(fetches), .targets = textsOf(targets)});
}

StatusOr<Callable> Session::prepareEntry(const std::string& name) {
  if (state_->findEntry(name) == nullptr) {
    std::vector<std::string> names;
    for (const EntryInfo& entry : model().entries) {
      names.push_back(entry.name);
    }
    return makeError<ErrorId::kR0001>(name, listNames(names, name, "no entries"));
  }
  return prepareRequest({.entry = name, .feeds = {}, .fetches = {}, .targets = {}});
}

StatusOr<std::map<std::string, Tensor>> Session::run(const std::map<std::string, TensorView>& feeds,
                                                     const std::vector<std::string>& fetches,
                                                     const std::vector<std::string>& targets,
                                                     const RunOptions& options) {
  ExecutableRequest request{.entry = {}, .feeds = {}, .fetches = fetches, .targets = targets};
  for (const auto& [name, view] : feeds) {
    request.feeds.push_back(name);
  }
  KILN_ASSIGN_OR_RETURN(Callable callable, prepareRequest(request));
  return runNamed(callable, request.feeds, feeds, fetches, options);
}

StatusOr<std::map<std::string, Tensor>> Session::runEntry(const std::string& name,
                                                          const std::map<std::string, TensorView>& feeds,
                                                          const std::vector<std::string>& fetches,
                                                          const RunOptions& options) {
  const EntryInfo* entry = state_->findEntry(name);
  if (entry == nullptr) {
    return prepareEntry(name).status();
  }
  std::string where = "the entry '" + name + "'";
  // Other fetches may need fewer feeds; whether one is missing is then for the source to say.
  bool whole = fetches.empty() || std::ranges::is_permutation(fetches, entry->fetches);
  const bool isFixed = state_->source->isFixed();
  KILN_RETURN_IF_ERROR(checkNames(entry->feeds, feeds, where, whole || isFixed));
  if (!whole && !isFixed) {
    return run(feeds, fetches, entry->targets, options);
  }
  KILN_ASSIGN_OR_RETURN(Callable callable, prepareEntry(name));
  if (!whole) {
    // The entry is there as a whole only: all of it is run, and what was not asked for is left out.
    KILN_RETURN_IF_ERROR(runtime::checkFetches(*entry, fetches));
    callable.selection_ = runtime::select(callable.signature(), entry->feeds, fetches);
    return runNamed(callable, entry->feeds, feeds, fetches, options);
  }
  const EntryManifest& signature = callable.signature();
  if (signature.feeds.size() != entry->feeds.size() || signature.fetches.size() != entry->fetches.size()) {
    return makeError<ErrorId::kR0006>(where, "it has other feeds or fetches than the model says");
  }
  return runNamed(callable, entry->feeds, feeds, entry->fetches, options);
}

std::vector<std::string> Session::variableNames() const { return state_->variables->names(); }

StatusOr<Tensor> Session::variable(std::string_view name) const {
  KILN_ASSIGN_OR_RETURN(size_t index, state_->variables->find(name));
  return state_->variables->read(index);
}

Status Session::setVariable(std::string_view name, const TensorView& value) {
  KILN_ASSIGN_OR_RETURN(size_t index, state_->variables->find(name));
  return state_->variables->write(index, value);
}

std::map<std::string, Tensor> Session::variables() const { return state_->variables->snapshot(); }

void Session::copyVariables(std::vector<Tensor>& into) const { state_->variables->snapshot(into); }

Status Session::setVariables(const std::map<std::string, TensorView>& values) {
  std::vector<std::pair<size_t, TensorView>> indexed;
  for (const auto& [name, value] : values) {
    KILN_ASSIGN_OR_RETURN(size_t index, state_->variables->find(name));
    indexed.emplace_back(index, value);
  }
  return state_->variables->write(indexed);
}

}  // namespace kiln
