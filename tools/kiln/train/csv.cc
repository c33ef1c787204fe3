// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tables as text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "tools/kiln/train/data_sources.h"

namespace kiln::train {
namespace {

// One column that is read: where, and what becomes of its values.
struct Column {
  int64_t index = 0;
  double scale = 1, offset = 0;
};

struct Table {
  std::string path;
  char separator = ',';
  std::vector<std::string> names;  // of the header
  std::vector<std::string_view> lines;
  std::vector<int64_t> lineNumbers;  // of `lines`
  int64_t numColumns = 0;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> cells;
  while (true) {
    const size_t end = line.find(separator);
    cells.push_back(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) {
      return cells;
    }
    line.remove_prefix(end + 1);
  }
}

std::string_view unquoted(std::string_view cell) {
  return cell.size() >= 2 && cell.front() == '"' && cell.back() == '"' ? cell.substr(1, cell.size() - 2) : cell;
}

StatusOr<Table> openTable(const ConfigFile& file, const std::string& path, std::string_view content) {
  const Csv& csv = file.config.data().csv();
  Table table;
  table.path = path;
  if (csv.separator().size() != 1) {
    return meaningError(file, "data.csv.separator", "data.csv.separator",
                        "'" + csv.separator() + "', wanted one character");
  }
  table.separator = csv.separator()[0];
  int64_t number = 0;
  bool isHeader = csv.header();
  while (!content.empty()) {
    const size_t end = content.find('\n');
    const std::string_view line = trimmed(content.substr(0, end));
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    ++number;
    if (line.empty()) {
      continue;
    }
    if (isHeader) {
      isHeader = false;
      for (std::string_view name : split(line, table.separator)) {
        table.names.emplace_back(unquoted(name));
      }
      continue;
    }
    table.lines.push_back(line);
    table.lineNumbers.push_back(number);
  }
  if (table.lines.empty()) {
    return makeError<ErrorId::kT0032>(path, csv.header() ? "has no rows after the header" : "has no rows");
  }
  table.numColumns = static_cast<int64_t>(split(table.lines[0], table.separator).size());
  if (csv.header() && static_cast<int64_t>(table.names.size()) != table.numColumns) {
    return makeError<ErrorId::kT0032>(path, "the header has " + std::to_string(table.names.size()) +
                                                " columns, and line " + std::to_string(table.lineNumbers[0]) + " has " +
                                                std::to_string(table.numColumns));
  }
  return table;
}

// Adds the columns that `columns` names.
Status addColumns(const ConfigFile& file, const Table& table, const Columns& columns, const std::string& part,
                  std::vector<Column>& into) {
  auto fail = [&](const std::string& text) { return meaningError(file, part, part, text); };
  int64_t first = 0, last = 0;
  if (columns.has_name()) {
    if (columns.has_first() || columns.has_last()) {
      return fail("wanted either a name or numbers of columns");
    }
    if (table.names.empty()) {
      return fail("column '" + columns.name() + "' is given by its name, and csv.header is not set");
    }
    const auto found = std::ranges::find(table.names, columns.name());
    if (found == table.names.end()) {
      return fail("'" + table.path + "' has no column '" + columns.name() + "'; nearest are " +
                  nearestNames(columns.name(), table.names));
    }
    first = last = found - table.names.begin();
  } else {
    const auto fromFront = [&](int64_t index) { return index < 0 ? index + table.numColumns : index; };
    first = fromFront(columns.first());
    last = columns.has_last() ? fromFront(columns.last()) : first;
    if (first < 0 || last < first || last >= table.numColumns) {
      return fail("columns " + std::to_string(columns.has_first() ? columns.first() : 0) + " to " +
                  std::to_string(columns.has_last() ? columns.last() : columns.first()) + ", and '" + table.path +
                  "' has " + std::to_string(table.numColumns) + ", numbered from 0");
    }
  }
  for (int64_t index = first; index <= last; ++index) {
    into.push_back({index, columns.scale(), columns.offset()});
  }
  return {};
}

std::optional<double> numberOf(std::string_view cell) {
  cell = unquoted(cell);
  if (cell.starts_with('+')) {
    cell.remove_prefix(1);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

Status storeClass(const std::string& path, int64_t row, double value, int32_t& label) {
  if (!(value >= 0) || value != std::floor(value) || value > INT32_MAX) {
    return makeError<ErrorId::kT0032>(path, "row " + std::to_string(row) + ": the label is " + numberText(value) +
                                                ", wanted a class: a whole number from 0");
  }
  label = static_cast<int32_t>(value);
  return {};
}

StatusOr<Rows> readCsv(const ConfigFile& file, const SourcePaths& paths, const DataTypes& types) {
  const Csv& csv = file.config.data().csv();
  KILN_ASSIGN_OR_RETURN(const std::string content, readMaybeCompressed(paths.features));
  KILN_ASSIGN_OR_RETURN(const Table table, openTable(file, paths.features, content));
  std::vector<Column> labels, features;
  Columns lastColumn;
  lastColumn.set_first(-1);
  KILN_RETURN_IF_ERROR(
      addColumns(file, table, csv.has_labels() ? csv.labels() : lastColumn, "data.csv.labels", labels));
  if (types.hasClasses && labels.size() != 1) {
    return meaningError(file, "data.csv.labels", "data.csv.labels",
                        std::to_string(labels.size()) + " columns, and a class has one");
  }
  for (int i = 0; i < csv.features_size(); ++i) {
    KILN_RETURN_IF_ERROR(
        addColumns(file, table, csv.features(i), "data.csv.features[" + std::to_string(i) + "]", features));
  }
  for (int64_t index = 0; csv.features_size() == 0 && index < table.numColumns; ++index) {
    if (std::ranges::find(labels, index, &Column::index) == labels.end()) {
      features.push_back({.index = index});
    }
  }
  if (features.empty()) {
    return meaningError(file, "data.csv", "data.csv", "'" + table.path + "' has no column but the labels'");
  }
  const auto numRows = static_cast<int64_t>(table.lines.size());
  const auto width = static_cast<int64_t>(features.size()), numLabels = static_cast<int64_t>(labels.size());
  Rows rows;
  KILN_ASSIGN_OR_RETURN(rows.features,
                        Tensor::allocate(file.config.data().integer_features() ? i32 : types.dtype, {numRows, width}));
  KILN_ASSIGN_OR_RETURN(rows.labels,
                        Tensor::allocate(types.hasClasses ? i32 : types.dtype,
                                         numLabels == 1 ? std::vector{numRows} : std::vector{numRows, numLabels}));
  for (int64_t row = 0; row < numRows; ++row) {
    const int64_t line = table.lineNumbers[row];
    const std::vector<std::string_view> cells = split(table.lines[row], table.separator);
    if (static_cast<int64_t>(cells.size()) != table.numColumns) {
      return makeError<ErrorId::kT0032>(
          table.path, "line " + std::to_string(line) + " has " + std::to_string(cells.size()) + " columns, and line " +
                          std::to_string(table.lineNumbers[0]) + " has " + std::to_string(table.numColumns));
    }
    auto read = [&](const Column& column, double& value) -> Status {
      const std::optional<double> number = numberOf(cells[column.index]);
      if (!number) {
        return makeError<ErrorId::kT0032>(
            table.path, "line " + std::to_string(line) + ", column " + std::to_string(column.index) + ": '" +
                            std::string(cells[column.index].substr(0, 40)) + "', wanted a number" +
                            (row == 0 && !csv.header() ? "; does the file begin with a header (csv.header)?" : ""));
      }
      value = *number * column.scale + column.offset;
      return {};
    };
    double value = 0;
    for (int64_t i = 0; i < width; ++i) {
      KILN_RETURN_IF_ERROR(read(features[i], value));
      rows.features.set(row * width + i, value);
    }
    for (int64_t i = 0; i < numLabels; ++i) {
      KILN_RETURN_IF_ERROR(read(labels[i], value));
      if (types.hasClasses) {
        KILN_RETURN_IF_ERROR(storeClass(table.path, line, value, rows.labels.mutableData<int32_t>()[row]));
      } else {
        rows.labels.set(row * numLabels + i, value);
      }
    }
  }
  return rows;
}

}  // namespace kiln::train
