// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The description of a training run as a file: parsing, changes by flags, and errors with their lines.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "tools/kiln/train/train_config.pb.h"

namespace kiln::train {

/// A description, and where its parts stand.
struct ConfigFile {
  TrainConfig config;
  std::string path;                  ///< As the user gave it.
  std::map<std::string, int> lines;  ///< From 1, of `data`, `layer[3]`, `loss[0]`, `optimizer`, `training` ...

  /// The line of a part; that of what it is in when it has none.
  SourceLocation locate(const std::string& part) const;
  /// A path of the description, which is relative to its file.
  std::string resolve(const std::string& relative) const;
};

/// Reads a description. Errors: KILN-P0001, P0002; KILN-T0030 for the first place that cannot be read, with the nearest
/// names for an unknown field.
StatusOr<ConfigFile> readConfig(const std::string& path);
/// The same of a text; `path` is its name in messages.
StatusOr<ConfigFile> parseConfig(std::string_view text, const std::string& path);

/// Changes one field: `training.epochs=3`, `layer[2].dropout.rate=0.1`, `layer[drop].dropout.rate=0.1`. A text needs no
/// quotes. Errors: KILN-T0031 with the nearest names.
Status applySetting(ConfigFile& file, const std::string& setting);

/// KILN-T0031 with the place of `part`; `subject` is what the user knows it by, `layer 'conv1'`.
Status meaningError(const ConfigFile& file, const std::string& part, const std::string& subject,
                    const std::string& text);

/// `'relo', wanted one of relu, tanh; did you mean 'relu'?`
std::string unknownName(std::string_view found, const std::vector<std::string>& known);

/// A number as people write it: `0.5`.
std::string numberText(double value);

}  // namespace kiln::train
