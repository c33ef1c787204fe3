// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Folders, sessions and faults for this room's tests.
#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/checkpoint/checkpoint.h"
#include "runtime/session/testing.h"

namespace kiln::runtime {

/// A fresh folder that goes with the object.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  /// Names in `folder` (by default the whole one), sorted.
  std::vector<std::string> names(const std::string& folder = "") const;

 private:
  std::string path_;
};

/// A session whose variables are these and that runs nothing.
Session sessionOf(const std::map<std::string, Tensor>& variables);

/// One more step of the fake model: `count` grows by 1, and w and b change.
void trainStep(Session& session);

/// All variables have these values, bit for bit.
void expectValues(const Session& session, const std::map<std::string, Tensor>& values);

/// Flips one bit of a file.
void flipBit(const std::string& path, int64_t byte, int bit = 2);
std::string bytesOf(const std::string& path);
void writeBytes(const std::string& path, std::string_view bytes);
/// Where the bytes of a tensor begin in a safetensors file.
int64_t offsetOf(const std::string& path, const std::string& tensor);

/// Fails the operation of this number (from 0), and all later ones when `forGood`.
class FailingFiles : public FileLayer {
 public:
  explicit FailingFiles(int which, int number = ENOSPC, bool forGood = false)
      : which_(which), number_(number), forGood_(forGood) {}
  int numOperations() const { return count_; }

 protected:
  int before(std::string_view operation, const std::string& path) override;

 private:
  int which_, number_;
  bool forGood_;
  int count_ = 0;
};

/// Writes down what is done, as `operation name`.
class RecordingFiles : public FileLayer {
 public:
  std::vector<std::string> log;

 protected:
  int before(std::string_view operation, const std::string& path) override;
};

}  // namespace kiln::runtime
