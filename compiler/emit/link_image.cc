// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/link_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/raw_ostream.h"

LLD_HAS_DRIVER(elf)

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
      unlink(image().c_str());
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
  std::string image() const { return path_ + "/image"; }

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
      return noPlace("the object in memory");
    }
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return absl::OkStatus();
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
std::string shorten(std::string report) {
  constexpr size_t kLimit = 2000;
  for (size_t at; (at = report.find("ld.lld: ")) != std::string::npos;) {
    report.erase(at, std::strlen("ld.lld: "));
  }
  while (!report.empty() && report.back() == '\n') {
    report.pop_back();
  }
  return report.size() > kLimit ? report.substr(0, kLimit) + "..." : report;
}

/// The linker ends the process over some damaged objects, so these must not reach it.
Status checkObject(std::span<const uint8_t> object) {
  llvm::StringRef bytes(reinterpret_cast<const char*>(object.data()), object.size());
  auto file = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(bytes, "object"));
  if (!file) {
    return makeError<ErrorId::kC0401>(llvm::toString(file.takeError()));
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<CodeImage> linkImage(std::span<const uint8_t> object) {
  KILN_RETURN_IF_ERROR(checkObject(object));
  Descriptor input(memfd_create("kiln-object", MFD_CLOEXEC));
  if (!input.isOpen()) {
    return noPlace("the object in memory");
  }
  KILN_RETURN_IF_ERROR(writeAll(input.get(), object));
  OutputFolder folder;
  KILN_RETURN_IF_ERROR(folder.make());
  std::string inputPath = "/proc/self/fd/" + std::to_string(input.get());
  std::string outputPath = folder.image();
  std::vector<const char*> arguments = {
      "ld.lld", "-shared", "-Bsymbolic", "-e", kQuerySymbol, "--gc-sections", "-z", "defs", "--strip-all",
      // The loader maps each segment with its own protection; 4 KiB is the smallest page of the machines served.
      "-z", "separate-code", "-z", "max-page-size=4096", "-z", "common-page-size=4096", "-z", "norelro", "-z",
      "nognustack",
      // Nothing that depends on the machine, the time or the path.
      "--build-id=none", "--no-eh-frame-hdr", "--hash-style=sysv", "--threads=1", "-o", outputPath.c_str(),
      inputPath.c_str()};
  std::string report;
  bool linked = false;
  {
    // lld finds its state through one pointer in the process.
    static std::mutex& mutex = *new std::mutex;
    std::lock_guard<std::mutex> lock(mutex);
    llvm::raw_string_ostream errors(report);
    llvm::raw_null_ostream output;
    linked = lld::elf::link(arguments, output, errors, /*exitEarly=*/false, /*disableOutput=*/false);
    lld::CommonLinkerContext::destroy();
  }
  if (!linked) {
    return makeError<ErrorId::kC0401>(shorten(std::move(report)));
  }
  CodeImage image;
  KILN_ASSIGN_OR_RETURN(image.bytes, readAll(outputPath));
  image.digest = sha256(image.bytes);
  return image;
}

}  // namespace kiln::compiler
