// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/linker.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/raw_ostream.h"

LLD_HAS_DRIVER(elf)
LLD_HAS_DRIVER(wasm)

namespace kiln::compiler {
namespace {

Status noPlace(const std::string& what) { return makeError<ErrorId::kC0402>(what, std::strerror(errno)); }

/// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool isOpen() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// The linker writes beside its output and renames, so the output needs a folder of its own, which nobody else may
/// enter.
class OutputFolder {
 public:
  ~OutputFolder() {
    if (!path_.empty()) {
      unlink(output().c_str());
      rmdir(path_.c_str());
    }
  }
  Status make() {
    const char* base = std::getenv("TMPDIR");
    std::string pattern = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/kiln-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      return noPlace("'" + pattern + "'");
    }
    path_ = pattern;
    return absl::OkStatus();
  }
  std::string output() const { return path_ + "/output"; }

 private:
  std::string path_;
};

Status writeAll(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return noPlace("the objects in memory");
    }
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

/// One archive rather than a file for each object: there may be more objects than a process may have files.
Status writeArchive(int fd, std::span<const std::span<const uint8_t>> objects) {
  std::string bytes = "!<arch>\n";
  for (size_t i = 0; i < objects.size(); ++i) {
    const std::string fields[] = {"o" + std::to_string(i) + "/",    "0", "0", "0", "644",
                                  std::to_string(objects[i].size())};
    constexpr size_t kWidths[] = {16, 12, 6, 6, 8, 10};
    for (size_t field = 0; field < std::size(kWidths); ++field) {
      bytes += fields[field];
      bytes.append(kWidths[field] - fields[field].size(), ' ');
    }
    bytes += "`\n";
    bytes.append(reinterpret_cast<const char*>(objects[i].data()), objects[i].size());
    bytes.append(objects[i].size() % 2, '\n');
  }
  return writeAll(fd, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

StatusOr<std::vector<uint8_t>> readAll(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!file.isOpen() || fstat(file.get(), &info) != 0) {
    return noPlace("'" + path + "'");
  }
  std::vector<uint8_t> bytes(static_cast<size_t>(info.st_size));
  for (size_t done = 0; done < bytes.size();) {
    ssize_t n = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n <= 0) {
      return noPlace("'" + path + "'");
    }
    done += static_cast<size_t>(n);
  }
  return bytes;
}

/// The first lines of the linker's report, without its own name before each.
std::string shorten(std::string report, const char* linker) {
  constexpr size_t kLimit = 2000;
  const std::string prefix = std::string(linker) + ": ";
  for (size_t at; (at = report.find(prefix)) != std::string::npos;) {
    report.erase(at, prefix.size());
  }
  while (!report.empty() && report.back() == '\n') {
    report.pop_back();
  }
  return report.size() > kLimit ? report.substr(0, kLimit) + "..." : report;
}

/// The linker ends the process over some damaged objects, so these must not reach it.
Status checkObject(std::span<const uint8_t> object, bool isWasm) {
  llvm::StringRef bytes(reinterpret_cast<const char*>(object.data()), object.size());
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "object"));
  if (!file) {
    return makeError<ErrorId::kC0401>(llvm::toString(file.takeError()));
  }
  if (isWasm ? !(*file)->isWasm() : !(*file)->isELF()) {
    return makeError<ErrorId::kC0401>("an object is of another format");
  }
  return absl::OkStatus();
}

using LinkFunction = bool (*)(llvm::ArrayRef<const char*>, llvm::raw_ostream&, llvm::raw_ostream&, bool, bool);

StatusOr<std::vector<uint8_t>> runLinker(const char* name, LinkFunction link, bool isWasm,
                                         std::span<const char* const> flags,
                                         std::span<const std::span<const uint8_t>> objects) {
  for (std::span<const uint8_t> object : objects) {
    KILN_RETURN_IF_ERROR(checkObject(object, isWasm));
  }
  Descriptor input(memfd_create("kiln-objects", MFD_CLOEXEC));
  if (!input.isOpen()) {
    return noPlace("the objects in memory");
  }
  KILN_RETURN_IF_ERROR(writeArchive(input.get(), objects));
  const std::string inputPath = "/proc/self/fd/" + std::to_string(input.get());
  OutputFolder folder;
  KILN_RETURN_IF_ERROR(folder.make());
  const std::string outputPath = folder.output();
  std::vector<const char*> arguments = {name};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"-o", outputPath.c_str(), "--whole-archive", inputPath.c_str()});
  std::string report;
  bool linked = false;
  {
    // lld finds its state through one pointer in the process.
    static std::mutex& mutex = *new std::mutex;
    std::lock_guard<std::mutex> lock(mutex);
    llvm::raw_string_ostream errors(report);
    llvm::raw_null_ostream output;
    linked = link(arguments, output, errors, /*exitEarly=*/false, /*disableOutput=*/false);
    lld::CommonLinkerContext::destroy();
  }
  if (!linked) {
    return makeError<ErrorId::kC0401>(shorten(std::move(report), name));
  }
  return readAll(outputPath);
}

}  // namespace

StatusOr<std::vector<uint8_t>> runElfLinker(std::span<const char* const> flags,
                                            std::span<const std::span<const uint8_t>> objects) {
  return runLinker("ld.lld", lld::elf::link, /*isWasm=*/false, flags, objects);
}

StatusOr<std::vector<uint8_t>> runWasmLinker(std::span<const char* const> flags,
                                             std::span<const std::span<const uint8_t>> objects) {
  return runLinker("wasm-ld", lld::wasm::link, /*isWasm=*/true, flags, objects);
}

}  // namespace kiln::compiler
