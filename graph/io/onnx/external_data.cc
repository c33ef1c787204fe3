// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/external_data.h"

#include <sys/stat.h>

#include <charconv>
#include <cstdlib>
#include <optional>

namespace kiln::onnx {
namespace {

// The path without symbolic links, `.` and `..`; nothing when there is no such file.
std::optional<std::string> realPath(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> found(::realpath(path.c_str(), nullptr), &std::free);
  return found == nullptr ? std::nullopt : std::optional<std::string>(found.get());
}

// Whether a component of the path is `..`.
bool leadsUp(std::string_view path) {
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

std::optional<uint64_t> parseCount(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

StatusOr<std::shared_ptr<const MappedFile>> ExternalFiles::open(const std::string& tensor,
                                                                const std::string& location) {
  auto refuse = [&](const char* why) { return makeError<ErrorId::kP0065>(tensor, location, why); };
  if (folder_.empty()) {
    return refuse("the model was not read from a file");
  }
  if (location.empty() || location.find('\0') != std::string::npos) {
    return refuse("that is no name of a file");
  }
  if (location[0] == '/') {
    return refuse("the path is absolute");
  }
  if (leadsUp(location)) {
    return refuse("the path has '..'");
  }
  const auto folder = realPath(folder_);
  const auto path = realPath(folder_ + "/" + location);
  if (!folder || !path) {
    return refuse("the file does not exist");
  }
  const std::string inside = *folder == "/" ? *folder : *folder + "/";
  if (path->compare(0, inside.size(), inside) != 0) {
    return refuse("a link leads out of the model's folder");
  }
  struct stat info{};
  if (::stat(path->c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return refuse("it is no plain file");
  }
  std::lock_guard lock(mutex_);
  auto& file = files_[*path];
  if (file == nullptr) {
    KILN_ASSIGN_OR_RETURN(ReadableFile opened, ReadableFile::open(*path));
    KILN_ASSIGN_OR_RETURN(file, opened.map());
  }
  return file;
}

StatusOr<ExternalFiles::Part> ExternalFiles::find(const TensorProto& tensor) {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") {
      location = entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      const auto value = parseCount(entry.value());
      if (!value) {
        return makeError<ErrorId::kP0065>(tensor.name(), location,
                                          entry.key() + " '" + entry.value() + "' is no number");
      }
      if (entry.key() == "offset") {
        offset = *value;
      } else {
        length = *value;
      }
    }
  }
  KILN_ASSIGN_OR_RETURN(auto file, open(tensor.name(), location));
  const std::string_view bytes = file->bytes();
  if (offset > bytes.size() || length.value_or(0) > bytes.size() - offset) {
    return makeError<ErrorId::kP0065>(tensor.name(), location,
                                      std::to_string(length.value_or(0)) + " bytes from byte " +
                                          std::to_string(offset) + " on are beyond the end at " +
                                          std::to_string(bytes.size()));
  }
  return Part{file, bytes.substr(offset, length.value_or(bytes.size() - offset))};
}

}  // namespace kiln::onnx
