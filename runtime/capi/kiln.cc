// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Artifacts, signatures and sessions of kiln.h.
#include "runtime/capi/kiln.h"

#include <map>
#include <string_view>
#include <utility>

#include "runtime/capi/handles.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/session/artifact_source.h"
#include "runtime/session/weights.h"

using kiln::Status;
using kiln::StatusOr;
using kiln::Tensor;
using kiln::TensorView;
using kiln::capi::guarded;
using kiln::capi::misuse;
using kiln::capi::Model;
using kiln::capi::requirePointer;

namespace {

// Every field is of version 1, so there is one size.
Status checkSize(const char* function, size_t size, size_t wanted) {
  return size == wanted ? Status()
                        : misuse(function, "size of the options is " + std::to_string(size) + ", wanted " +
                                               std::to_string(wanted));
}

StatusOr<kiln::ArtifactOptions> readOptions(const char* function, const kiln_artifact_options* options) {
  kiln::ArtifactOptions result;
  if (options != nullptr) {
    KILN_RETURN_IF_ERROR(checkSize(function, options->size, sizeof *options));
    result.verifyWeights = options->verify_weights != 0;
    result.requireSignature = options->require_signature == nullptr ? "" : options->require_signature;
    result.target = options->target == nullptr ? "" : options->target;
  }
  return result;
}

Status makeArtifact(std::shared_ptr<kiln::ExecutableSource> source, kiln_artifact** artifact) {
  auto model = std::make_shared<Model>();
  for (const kiln::VariableSpec& variable : source->model().variables) {
    if (variable.dims.size() > KILN_MAX_RANK) {
      return misuse("kiln_artifact_open",
                    "variable '" + variable.name + "' has " + std::to_string(variable.dims.size()) + " axes");
    }
    model->variables.push_back(
        std::make_unique<kiln::capi::SpecText>(variable.name, variable.dtype, kiln::Shape::of(variable.dims), false));
  }
  model->source = std::move(source);
  *artifact = new kiln_artifact{std::move(model)};
  return Status();
}

kiln_code giveSpec(const char* function, const kiln::capi::SpecTexts* specs, size_t index, kiln_spec* spec) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer(function, "the handle", specs));
    KILN_RETURN_IF_ERROR(requirePointer(function, "spec", spec));
    if (index >= specs->size()) {
      return misuse(function, "index is " + std::to_string(index) + ", there are " + std::to_string(specs->size()));
    }
    *spec = (*specs)[index]->spec();
    return Status();
  });
}

}  // namespace

extern "C" {

kiln_code kiln_artifact_open(const char* path, const kiln_artifact_options* options, kiln_artifact** artifact) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_artifact_open", "artifact", artifact));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_artifact_open", "path", path));
    KILN_ASSIGN_OR_RETURN(kiln::ArtifactOptions given, readOptions("kiln_artifact_open", options));
    KILN_ASSIGN_OR_RETURN(auto source, kiln::openArtifact(std::string(path), given));
    return makeArtifact(std::move(source), artifact);
  });
}

kiln_code kiln_artifact_open_memory(const void* bytes, size_t size, const kiln_artifact_options* options,
                                    kiln_artifact** artifact) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_artifact_open_memory", "artifact", artifact));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_artifact_open_memory", "bytes", bytes));
    KILN_ASSIGN_OR_RETURN(kiln::ArtifactOptions given, readOptions("kiln_artifact_open_memory", options));
    const std::span<const uint8_t> all(static_cast<const uint8_t*>(bytes), size);
    KILN_ASSIGN_OR_RETURN(auto source, kiln::openArtifact(all, given));
    return makeArtifact(std::move(source), artifact);
  });
}

void kiln_artifact_close(kiln_artifact* artifact) { delete artifact; }

const char* kiln_artifact_model(const kiln_artifact* artifact) {
  return artifact == nullptr ? nullptr : artifact->model->source->model().name.c_str();
}

size_t kiln_artifact_num_entries(const kiln_artifact* artifact) {
  return artifact == nullptr ? 0 : artifact->model->source->model().entries.size();
}

const char* kiln_artifact_entry(const kiln_artifact* artifact, size_t index) {
  return index >= kiln_artifact_num_entries(artifact) ? nullptr
                                                      : artifact->model->source->model().entries[index].name.c_str();
}

kiln_code kiln_artifact_signature(const kiln_artifact* artifact, const char* entry, const kiln_signature** signature) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_artifact_signature", "artifact", artifact));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_artifact_signature", "entry", entry));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_artifact_signature", "signature", signature));
    KILN_ASSIGN_OR_RETURN(auto found, artifact->model->signatureOf(entry));
    *signature = found.get();  // the model keeps it
    return Status();
  });
}

size_t kiln_signature_num_feeds(const kiln_signature* signature) {
  return signature == nullptr ? 0 : signature->feeds.size();
}
size_t kiln_signature_num_fetches(const kiln_signature* signature) {
  return signature == nullptr ? 0 : signature->fetches.size();
}
size_t kiln_signature_num_symbols(const kiln_signature* signature) {
  return signature == nullptr ? 0 : signature->executable->manifest.symbols.size();
}

kiln_code kiln_signature_feed(const kiln_signature* signature, size_t index, kiln_spec* spec) {
  return giveSpec("kiln_signature_feed", signature == nullptr ? nullptr : &signature->feeds, index, spec);
}
kiln_code kiln_signature_fetch(const kiln_signature* signature, size_t index, kiln_spec* spec) {
  return giveSpec("kiln_signature_fetch", signature == nullptr ? nullptr : &signature->fetches, index, spec);
}

kiln_code kiln_signature_symbol(const kiln_signature* signature, size_t index, kiln_symbol* symbol) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_signature_symbol", "signature", signature));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_signature_symbol", "symbol", symbol));
    const std::vector<kiln::SymbolSpec>& symbols = signature->executable->manifest.symbols;
    if (index >= symbols.size()) {
      return misuse("kiln_signature_symbol",
                    "index is " + std::to_string(index) + ", there are " + std::to_string(symbols.size()));
    }
    *symbol = {symbols[index].name.c_str(), symbols[index].range.min, symbols[index].range.max};
    return Status();
  });
}

kiln_code kiln_session_create(const kiln_artifact* artifact, const kiln_session_options* options,
                              kiln_session** session) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_create", "artifact", artifact));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_create", "session", session));
    kiln::SessionOptions given;
    if (options != nullptr) {
      KILN_RETURN_IF_ERROR(checkSize("kiln_session_create", options->size, sizeof *options));
      if (options->threads < 0) {
        return misuse("kiln_session_create", "threads is " + std::to_string(options->threads) + ", wanted 0 or more");
      }
      given.threads = options->threads;
      if (options->print != nullptr) {
        given.print = [print = options->print, argument = options->print_argument](std::string_view line) {
          print(argument, line.data(), line.size());
        };
      }
    }
    KILN_ASSIGN_OR_RETURN(kiln::Session created, kiln::Session::create(artifact->model->source, given));
    *session = new kiln_session{artifact->model, std::move(created)};
    return Status();
  });
}

void kiln_session_close(kiln_session* session) { delete session; }

size_t kiln_session_num_variables(const kiln_session* session) {
  return session == nullptr ? 0 : session->model->variables.size();
}

kiln_code kiln_session_variable(const kiln_session* session, size_t index, kiln_spec* spec) {
  return giveSpec("kiln_session_variable", session == nullptr ? nullptr : &session->model->variables, index, spec);
}

kiln_code kiln_session_get(const kiln_session* session, const char* name, kiln_tensor* value) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_get", "session", session));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_get", "name", name));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_get", "value", value));
    KILN_ASSIGN_OR_RETURN(Tensor read, session->session.variable(name));
    return kiln::capi::place("kiln_session_get", std::string("variable '") + name + "'", std::move(read), *value);
  });
}

kiln_code kiln_session_set(kiln_session* session, const char* name, const kiln_tensor* value) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_set", "session", session));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_set", "name", name));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_set", "value", value));
    KILN_ASSIGN_OR_RETURN(TensorView view,
                          kiln::capi::viewOf("kiln_session_set", std::string("variable '") + name + "'", *value));
    return session->session.setVariable(name, view);
  });
}

kiln_code kiln_session_set_all(kiln_session* session, const char* const* names, const kiln_tensor* values,
                               size_t count) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_set_all", "session", session));
    std::map<std::string, TensorView> views;
    for (size_t i = 0; i < count; ++i) {
      KILN_RETURN_IF_ERROR(requirePointer("kiln_session_set_all", "names", names));
      KILN_RETURN_IF_ERROR(requirePointer("kiln_session_set_all", "values", values));
      KILN_RETURN_IF_ERROR(requirePointer("kiln_session_set_all", "a name", names[i]));
      const std::string what = std::string("variable '") + names[i] + "'";
      KILN_ASSIGN_OR_RETURN(TensorView view, kiln::capi::viewOf("kiln_session_set_all", what, values[i]));
      if (!views.emplace(names[i], view).second) {
        return misuse("kiln_session_set_all", what + " is given twice");
      }
    }
    return session->session.setVariables(views);
  });
}

kiln_code kiln_session_export_weights(const kiln_session* session, const char* path) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_export_weights", "session", session));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_export_weights", "path", path));
    return kiln::exportWeights(session->session, path);
  });
}

kiln_code kiln_session_import_weights(kiln_session* session, const char* path) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_import_weights", "session", session));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_import_weights", "path", path));
    return kiln::importWeights(session->session, path);
  });
}

kiln_code kiln_session_save(const kiln_session* session, const char* folder, int64_t step, int32_t keep_last) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_save", "session", session));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_save", "folder", folder));
    if (keep_last < 1) {
      return misuse("kiln_session_save", "keep_last is " + std::to_string(keep_last) + ", wanted 1 or more");
    }
    kiln::CheckpointOptions options;
    options.keepLast = keep_last;
    options.resume = true;
    KILN_ASSIGN_OR_RETURN(kiln::CheckpointWriter writer, kiln::CheckpointWriter::open(folder, options));
    KILN_RETURN_IF_ERROR(writer.save(session->session, step));
    return writer.close();
  });
}

kiln_code kiln_session_restore(kiln_session* session, const char* folder, int64_t* step) {
  return guarded([&]() -> Status {
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_restore", "session", session));
    KILN_RETURN_IF_ERROR(requirePointer("kiln_session_restore", "folder", folder));
    KILN_ASSIGN_OR_RETURN(kiln::CheckpointInfo latest, kiln::latestCheckpoint(folder));
    KILN_RETURN_IF_ERROR(kiln::restoreCheckpoint(session->session, latest.path).status());
    if (step != nullptr) {
      *step = latest.step;
    }
    return Status();
  });
}

}  // extern "C"
