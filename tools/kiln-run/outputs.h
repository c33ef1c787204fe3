// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the commands that run something show: values, and how they ended.
#pragma once

#include <map>
#include <string>

#include "proto/base/status.h"
#include "proto/base/tensor.h"

namespace kiln::tools {

/// Makes the folder and those above it. Errors: KILN-T0007.
Status makeFolder(const std::string& folder);

/// The file of a value of that name: names may have '/' and ':', which files should not.
std::string outputFileName(const std::string& name);

/// Writes each value as NAME.npy into `folder`, or prints it when that is empty. With `json`, prints one JSON object:
/// {"outputs": {NAME: {"dtype": "f32", "dims": [2, 3], "file": "out/NAME.npy"}}}, with "values", row-major, in place of
/// "file" where nothing is written; numbers that JSON lacks are null. Errors: KILN-T0007 and those of writeNpy().
Status showOutputs(const std::map<std::string, Tensor>& values, const std::string& folder, bool json);

/// What a program ends with: 0 when all is well, 1 when the input or the machine is at fault, 2 when the model needs
/// what Kiln does not have.
int exitCodeOf(const Status& status);

/// Prints an error to stderr, `error: ...` with the line of help, or one line of JSON: {"error": {"id": ..., "message":
/// ...}}. Returns exitCodeOf(). An OK status prints nothing.
int reportStatus(const Status& status, bool json);

}  // namespace kiln::tools
