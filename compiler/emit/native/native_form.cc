// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/native/native_form.h"

#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "compiler/emit/linker.h"
#include "compiler/emit/native/native_layout.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/Binary.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "proto/artifact/layout.h"

namespace kiln::compiler {
namespace {

using Bytes = std::vector<uint8_t>;

llvm::MemoryBufferRef bufferOf(const Bytes& bytes, llvm::StringRef name) {
  return {llvm::StringRef(reinterpret_cast<const char*>(bytes.data()), bytes.size()), name};
}

/// The parts of all forms.
struct Parts {
  std::string prefix;
  Bytes functions, weights;
  std::vector<std::span<const uint8_t>> code;  ///< The objects, then `functions`.
};

StatusOr<std::unique_ptr<Parts>> makeParts(const NativeModel& model, const std::string& form) {
  KILN_ASSIGN_OR_RETURN(NativeLayout layout, layOut(model, form));
  KILN_ASSIGN_OR_RETURN(const TargetInfo target, TargetInfo::parse(model.code->target.name));
  auto parts = std::make_unique<Parts>();
  parts->prefix = nativePrefix(model);
  KILN_ASSIGN_OR_RETURN(parts->functions, emitNativeApi({parts->prefix, model.entries, model.profile}, target));
  KILN_ASSIGN_OR_RETURN(parts->weights, emitData(parts->prefix + "_weights", layout.data, target));
  parts->code.assign(model.code->objects.begin(), model.code->objects.end());
  parts->code.push_back(parts->functions);
  return parts;
}

/// Makes one object of several, in which what was hidden is nobody else's business.
StatusOr<Bytes> joinObjects(std::span<const std::span<const uint8_t>> objects) {
  static constexpr const char* kFlags[] = {"-r", "--build-id=none", "--threads=1"};
  KILN_ASSIGN_OR_RETURN(const Bytes joined, runElfLinker(kFlags, objects));
  auto binary = llvm::object::createBinary(bufferOf(joined, "object"));
  if (!binary) {
    return makeError<ErrorId::kC0401>(llvm::toString(binary.takeError()));
  }
  llvm::objcopy::ConfigManager config;
  config.ELF.LocalizeHidden = true;
  config.Common.DiscardMode = llvm::objcopy::DiscardType::All;
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **binary, out)) {
    return makeError<ErrorId::kC0401>(llvm::toString(std::move(error)));
  }
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

StatusOr<std::vector<uint8_t>> nativeObject(const NativeModel& model) {
  KILN_ASSIGN_OR_RETURN(const std::unique_ptr<Parts> parts, makeParts(model, "object"));
  parts->code.push_back(parts->weights);
  return joinObjects(parts->code);
}

StatusOr<std::vector<uint8_t>> nativeStaticLibrary(const NativeModel& model) {
  KILN_ASSIGN_OR_RETURN(const std::unique_ptr<Parts> parts, makeParts(model, "static library"));
  KILN_ASSIGN_OR_RETURN(const Bytes code, joinObjects(parts->code));
  const std::string codeName = parts->prefix + ".o", weightsName = parts->prefix + "_weights.o";
  const llvm::NewArchiveMember members[] = {llvm::NewArchiveMember(bufferOf(code, codeName)),
                                            llvm::NewArchiveMember(bufferOf(parts->weights, weightsName))};
  auto archive = llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  if (!archive) {
    return makeError<ErrorId::kC0401>(llvm::toString(archive.takeError()));
  }
  return Bytes((*archive)->getBufferStart(), (*archive)->getBufferEnd());
}

StatusOr<std::vector<uint8_t>> nativeSharedLibrary(const NativeModel& model) {
  KILN_ASSIGN_OR_RETURN(const std::unique_ptr<Parts> parts, makeParts(model, "shared library"));
  parts->code.push_back(parts->weights);
  const std::string soname = "lib" + model.name + ".so";
  const char* flags[] = {
      "-shared",     "-Bsymbolic",      "--soname",          soname.c_str(), "--strip-all",           "-z",
      "noexecstack", "--build-id=none", "--no-eh-frame-hdr", "--threads=1",  "--no-undefined-version"};
  return runElfLinker(flags, parts->code);
}

StatusOr<std::vector<uint8_t>> nativeProgram(const std::string& target, std::vector<uint8_t> runner,
                                             const std::vector<uint8_t>& artifact) {
  KILN_ASSIGN_OR_RETURN(const TargetInfo info, TargetInfo::parse(target));
  if (!info.isOfThisKind()) {
    return makeError<ErrorId::kC0403>(target, "program", "programs are made for machines of this one's kind only");
  }
  constexpr size_t kAlignment = artifact::kSectionAlignment;
  runner.resize((runner.size() + kAlignment - 1) / kAlignment * kAlignment);
  runner.insert(runner.end(), artifact.begin(), artifact.end());
  artifact::ProgramTrailer trailer{.artifactBytes = artifact.size(), .magic = artifact::kProgramMagic};
  const auto* bytes = reinterpret_cast<const uint8_t*>(&trailer);
  runner.insert(runner.end(), bytes, bytes + sizeof(trailer));
  return runner;
}

}  // namespace kiln::compiler
