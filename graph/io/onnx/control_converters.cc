// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loop and Scan. A body is imported in the lambda of a control-flow function; what is decided before the run, or
// changes its shape from step to step, is imported in place.
#include <algorithm>

#include "graph/io/onnx/axis_values.h"
#include "graph/io/onnx/body_import.h"
#include "graph/io/onnx/importer.h"
#include "graph/nn/selection.h"

namespace kiln::onnx {
namespace {

// A loop of no more steps may be written out.
constexpr int64_t kMostUnrolled = 64;
// Rows that are kept for steps that may not be taken; of longer loops the steps are counted first.
constexpr int64_t kMostSpareRows = 1024;

Values firstOf(const Values& values, size_t begin, size_t count) {
  return Values(values.begin() + static_cast<std::ptrdiff_t>(begin),
                values.begin() + static_cast<std::ptrdiff_t>(begin + count));
}

Imported knownScalar(Tensor tensor) {
  Imported known;
  known.dtype = tensor.dtype();
  known.elementType = elementTypeOf(tensor.dtype());
  known.constant = std::make_shared<const Tensor>(std::move(tensor));
  return known;
}

// --- what Loop and Scan share

// A loop's parts: the values that each step hands to the next, and what of the body's results are rows.
struct Repeated {
  const GraphProto& body;
  std::vector<Imported> carries;
  int numRows = 0;

  int numCarries() const { return static_cast<int>(carries.size()); }
};

std::vector<Imported> importedInputs(NodeImport& n, int begin, int end) {
  std::vector<Imported> inputs;
  for (int i = begin; i < end; ++i) {
    inputs.push_back(n.imported(i));
  }
  return inputs;
}

Values valuesOf(NodeImport& n, std::vector<Imported>& imported) {
  Values values;
  for (Imported& each : imported) {
    values.push_back(n.valueOf(each));
  }
  return values;
}

// Carries in a step, with their ONNX types.
void addArguments(NodeImport& n, const Values& values, const std::vector<Imported>& like, std::vector<Imported>& to) {
  for (size_t i = 0; i < values.size(); ++i) {
    to.push_back(n.argument(values[i], like[i].elementType));
  }
}

// Sets the last carries, then the rows.
void setResults(NodeImport& n, const Repeated& loop, const Values& carries, const Values& rows,
                const std::vector<int>& rowTypes) {
  for (int i = 0; i < loop.numCarries(); ++i) {
    n.set(i, resultOf(n, carries, static_cast<size_t>(i)), loop.carries[static_cast<size_t>(i)].elementType);
  }
  const bool areRefused = rows.empty() && carries.empty();
  for (size_t i = 0; i < (areRefused ? static_cast<size_t>(loop.numRows) : rows.size()); ++i) {
    n.set(loop.numCarries() + static_cast<int>(i), resultOf(n, rows, i), i < rowTypes.size() ? rowTypes[i] : 0);
  }
}

// The steps one after the other. `argumentsOf` gives what step i takes beside the carries; with `hasCondition` the
// first result says whether there is a next one.
Status unroll(NodeImport& n, const Repeated& loop, int64_t count, bool hasCondition,
              const std::function<std::vector<Imported>(int64_t i)>& argumentsOf, bool carriesComeLast,
              std::vector<Values>& rows, std::vector<int>& rowTypes) {
  std::vector<Imported> carries = loop.carries;
  rows.assign(static_cast<size_t>(loop.numRows), {});
  for (int64_t i = 0; i < count; ++i) {
    std::vector<Imported> arguments = argumentsOf(i);
    arguments.insert(carriesComeLast ? arguments.end() : arguments.begin(), carries.begin(), carries.end());
    KILN_ASSIGN_OR_RETURN(std::vector<Imported> results, n.importBody(loop.body, std::move(arguments)));
    const size_t first = hasCondition ? 1 : 0;
    for (size_t k = 0; k < carries.size(); ++k) {
      carries[k] = results[first + k];
    }
    rowTypes.clear();
    for (size_t k = 0; k < rows.size(); ++k) {
      Imported& row = results[first + carries.size() + k];
      rows[k].push_back(n.valueOf(row));
      rowTypes.push_back(row.elementType);
    }
    if (hasCondition) {
      const auto goesOn = knownTruth(results[0].constant);
      if (!goesOn) {
        return n.unsupported("the shapes of what it carries change, and only the run knows its last step");
      }
      if (!*goesOn) {
        break;
      }
    }
  }
  for (int k = 0; k < loop.numCarries(); ++k) {
    n.setImported(k, carries[static_cast<size_t>(k)]);
  }
  for (const Values& row : rows) {
    for (const Value& value : row) {
      if (value.shape() != row[0].shape() || value.dtype() != row[0].dtype()) {
        return n.unsupported("rows that it stacks are " + typeText(row[0].dtype(), row[0].shape()) + " and " +
                             typeText(value.dtype(), value.shape()));
      }
    }
  }
  return {};
}

// --- Loop

// Whether a body's first result is true whenever its condition was: it gives that back, or a constant.
bool goesOnAlways(const GraphProto& body) {
  std::string name = body.output(0).name();
  for (int hops = 0; hops <= body.node_size(); ++hops) {
    if (name == body.input(1).name()) {
      return true;
    }
    for (const TensorProto& tensor : body.initializer()) {
      if (tensor.name() == name) {
        const auto value = fromTensorProto(tensor);
        return value.ok() && knownTruth(std::make_shared<const Tensor>(*value)) == true;
      }
    }
    const NodeProto* maker = nullptr;
    for (const NodeProto& node : body.node()) {
      maker = std::ranges::find(node.output(), name) != node.output().end() ? &node : maker;
    }
    if (maker == nullptr) {
      return false;
    }
    if (maker->op_type() == "Constant" && maker->attribute_size() == 1 && maker->attribute(0).has_t()) {
      const auto value = fromTensorProto(maker->attribute(0).t());
      return value.ok() && knownTruth(std::make_shared<const Tensor>(*value)) == true;
    }
    if ((maker->op_type() != "Identity" && maker->op_type() != "Cast") || maker->input_size() != 1) {
      return false;
    }
    name = maker->input(0);
  }
  return false;
}

class LoopImport {
 public:
  LoopImport(NodeImport& n, Repeated loop) : n_(n), loop_(std::move(loop)) {}

  Status run() {
    const auto known = n_.has(1) ? knownTruth(n_.tryConstant(1)) : std::optional(true);
    if ((n_.has(1) && n_.dtype(1) != boolean) || (n_.has(0) && !isInteger(n_.dtype(0)))) {
      return n_.invalid("it takes an integer and a truth");
    }
    if (known == false) {
      return runCounted(Dim(0));
    }
    if (!goesOnAlways(loop_.body)) {
      return runWhile();
    }
    if (!n_.has(0)) {
      return n_.invalid("it has no end: neither a trip count nor a condition that changes");
    }
    if (auto count = n_.tryDims(0); count && count->size() == 1 && known == true) {
      if (count->front().isStatic() && count->front().value() > DimRange::kUnbounded) {
        return n_.invalid("it has no end: its condition never changes");
      }
      return runCounted(isNegativeForm(count->front()) ? Dim(0) : asLength(n_.g, count->front()));
    }
    Value count = maximum(integerScalar(n_, 0), 0);
    if (known != true) {
      count = select(oneTruth(n_.in(1)), count, n_.g.constant(Tensor::scalar<int64_t>(0)));
    }
    KILN_RETURN_IF_ERROR(n_.status());
    return runCounted(bindDim(n_.g, count, "steps_of_loop"));
  }

 private:
  // The next carries and rows of a step; `goesOn` becomes the condition.
  BodyResults step(BodyImport& body, Value number, Value condition, const Values& carries) {
    std::vector<Imported> arguments = {n_.argument(number), n_.argument(condition)};
    addArguments(n_, carries, loop_.carries, arguments);
    return body.run(std::move(arguments));
  }

  // What stands for the results of a body that could not be imported.
  static Values notImported(const Values& carries) { return carries; }

  // As many steps as `length`, whatever the body says.
  Status runCounted(const Dim& length) {
    const Values start = valuesOf(n_, loop_.carries);
    BodyImport body(n_, loop_.body);
    std::vector<int> rowTypes;
    const Value isTrue = n_.g.constant(Tensor::scalar(true));
    const ScanResult result =
        scan(n_.g, start, {},
             [&](Value number, const Values& carries, const Values&) {
               BodyResults results = step(body, number, isTrue, carries);
               if (!body.status().ok() || !body.keepsCarries(carries, firstOf(results.values, 1, carries.size()))) {
                 return std::pair(notImported(carries), Values());
               }
               rowTypes.assign(results.elementTypes.begin() + 1 + static_cast<std::ptrdiff_t>(carries.size()),
                               results.elementTypes.end());
               return std::pair(firstOf(results.values, 1, carries.size()),
                                firstOf(results.values, 1 + carries.size(), rowTypes.size()));
             },
             {.name = "loop", .length = length});
    KILN_RETURN_IF_ERROR(body.status());
    if (!body.mismatch().empty()) {
      return runInPlace(body.mismatch());
    }
    setResults(n_, loop_, result.carries, result.stacked, rowTypes);
    return {};
  }

  // Steps while the body says so.
  Status runWhile() {
    const Value first = n_.has(1) ? oneTruth(n_.in(1)) : n_.g.constant(Tensor::scalar(true));
    Values start = {first, n_.g.constant(Tensor::scalar<int64_t>(0))};
    for (const Value& value : valuesOf(n_, loop_.carries)) {
      start.push_back(value);
    }
    const auto most = n_.has(0) ? n_.tryDims(0) : std::nullopt;
    const bool isBounded = most && most->size() == 1 && most->front().isStatic();
    const int64_t bound = isBounded ? std::max<int64_t>(most->front().value(), 0) : -1;
    const bool isLimitInRun = n_.has(0) && !isBounded;
    const Value limit = isLimitInRun ? integerScalar(n_, 0) : Value();
    KILN_RETURN_IF_ERROR(n_.status());
    const bool keepsRows = loop_.numRows > 0 && isBounded && bound <= kMostSpareRows;
    BodyImport body(n_, loop_.body);
    std::vector<int> rowTypes;
    LoopOptions options{.name = "loop", .maxSteps = isBounded && bound <= DimRange::kUnbounded ? bound : -1};
    const Values last = whileLoop(
        n_.g, start,
        [&](const Values& carries) {
          return isLimitInRun ? logicalAnd(carries[0], less(carries[1], limit)) : carries[0];
        },
        [&](Value number, const Values& carries) {
          const Values mine = firstOf(carries, 2, carries.size() - 2);
          BodyResults results = step(body, number, carries[0], mine);
          if (!body.status().ok() || !body.keepsCarries(mine, firstOf(results.values, 1, mine.size()))) {
            return notImported(carries);
          }
          Values next = {oneTruth(results.values[0]), add(number, 1)};
          const size_t count = keepsRows ? results.values.size() - 1 : mine.size();
          for (size_t i = 0; i < count; ++i) {
            next.push_back(results.values[1 + i]);
          }
          rowTypes.assign(results.elementTypes.begin() + 1 + static_cast<std::ptrdiff_t>(mine.size()),
                          results.elementTypes.end());
          return next;
        },
        options);
    KILN_RETURN_IF_ERROR(body.status());
    if (!body.mismatch().empty()) {
      return runInPlace(body.mismatch());
    }
    const auto numCarries = static_cast<size_t>(loop_.numCarries());
    if (last.size() < start.size()) {
      setResults(n_, loop_, {}, {}, {});
      return {};
    }
    if (loop_.numRows == 0) {
      setResults(n_, loop_, firstOf(last, 2, numCarries), {}, {});
      return {};
    }
    const Dim taken = bindDim(n_.g, last[1], "steps_of_loop");
    if (!keepsRows) {
      // Now that their number is known, the same steps again, with a row for each.
      return runCounted(taken);
    }
    Values rows;
    for (int i = 0; i < loop_.numRows; ++i) {
      rows.push_back(nn::firstAlong(resultOf(n_, last, 2 + numCarries + static_cast<size_t>(i)), taken));
    }
    setResults(n_, loop_, firstOf(last, 2, numCarries), rows, rowTypes);
    return {};
  }

  Status runInPlace(const std::string& mismatch) {
    if (n_.has(0) && !n_.tryDims(0) && n_.importer().isKnowable(n_.imported(0))) {
      return n_.constant(0).status();
    }
    if (n_.has(1) && !n_.tryConstant(1) && n_.importer().isKnowable(n_.imported(1))) {
      return n_.constant(1).status();
    }
    const auto count = n_.has(0) ? n_.tryDims(0) : std::optional(std::vector<Dim>{kMostUnrolled + 1});
    const auto first = n_.has(1) ? knownTruth(n_.tryConstant(1)) : std::optional(true);
    if (!count || count->size() != 1 || !count->front().isStatic() || !first) {
      return n_.unsupported(mismatch + "; its number of steps is not known before the run");
    }
    int64_t steps = *first ? std::max<int64_t>(count->front().value(), 0) : 0;
    const bool endsItself = !goesOnAlways(loop_.body);
    if (steps > kMostUnrolled) {
      if (!endsItself) {
        return n_.unsupported(mismatch + "; it has more than " + std::to_string(kMostUnrolled) + " steps");
      }
      steps = kMostUnrolled;
    }
    std::vector<Values> rows;
    std::vector<int> rowTypes;
    KILN_RETURN_IF_ERROR(unroll(
        n_, loop_, steps, /*hasCondition=*/true,
        [&](int64_t i) {
          return std::vector<Imported>{knownScalar(Tensor::scalar<int64_t>(i)), knownScalar(Tensor::scalar(true))};
        },
        /*carriesComeLast=*/true, rows, rowTypes));
    for (size_t k = 0; k < rows.size(); ++k) {
      if (rows[k].empty()) {
        return n_.unsupported("rows of a loop without steps");
      }
      n_.set(loop_.numCarries() + static_cast<int>(k), stack(rows[k], 0), rowTypes[k]);
    }
    return {};
  }

  NodeImport& n_;
  Repeated loop_;
};

Status convertLoop(NodeImport& n) {
  const GraphProto* body = n.graph("body");
  KILN_RETURN_IF_ERROR(n.status());
  const int numCarries = std::max(n.numInputs() - 2, 0);
  if (body->input_size() != numCarries + 2 || body->output_size() < numCarries + 1 ||
      n.numOutputs() > body->output_size() - 1) {
    return n.invalid("its body has " + std::to_string(body->input_size()) + " inputs and " +
                     std::to_string(body->output_size()) + " outputs, and it carries " + std::to_string(numCarries) +
                     " values");
  }
  for (int i = 2; i < n.numInputs(); ++i) {
    n.imported(i);  // each is given
  }
  KILN_RETURN_IF_ERROR(n.status());
  return LoopImport(n, {*body, importedInputs(n, 2, n.numInputs()), body->output_size() - 1 - numCarries}).run();
}

// --- Scan

// One number for each of `count`; 0 by default.
std::vector<int64_t> listOf(NodeImport& n, std::string_view name, int count) {
  std::vector<int64_t> list = n.ints(name, std::vector<int64_t>(static_cast<size_t>(count), 0));
  if (static_cast<int>(list.size()) != count) {
    n.fail(n.invalid("attribute '" + std::string(name) + "' has " + std::to_string(list.size()) + " numbers, wanted " +
                     std::to_string(count)));
    list.assign(static_cast<size_t>(count), 0);
  }
  return list;
}

// x with axis `from` at `to`, the others in their order.
Value withAxisAt(Value x, int from, int to) {
  if (x.isPoisoned() || from == to) {
    return x;
  }
  std::vector<int64_t> order;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != from) {
      order.push_back(i);
    }
  }
  order.insert(order.begin() + to, from);
  return transpose(x, std::move(order));
}

Status convertScan(NodeImport& n) {
  const GraphProto* body = n.graph("body");
  KILN_RETURN_IF_ERROR(n.status());
  const int64_t asked = n.integer("num_scan_inputs", 0);
  if (asked < 1 || asked > n.numInputs()) {
    return n.invalid("attribute 'num_scan_inputs' is " + std::to_string(asked) + ", and there are " +
                     std::to_string(n.numInputs()) + " inputs");
  }
  const int numScanned = static_cast<int>(asked);
  const int numCarries = n.numInputs() - numScanned;
  const int numRows = body->output_size() - numCarries;
  if (body->input_size() != n.numInputs() || numRows < 0 || n.numOutputs() > body->output_size()) {
    return n.invalid("its body has " + std::to_string(body->input_size()) + " inputs and " +
                     std::to_string(body->output_size()) + " outputs, and it has " + std::to_string(n.numInputs()) +
                     " inputs, of which it walks over " + std::to_string(numScanned));
  }
  const std::vector<int64_t> inputAxes = listOf(n, "scan_input_axes", numScanned),
                             inputDirections = listOf(n, "scan_input_directions", numScanned),
                             outputAxes = listOf(n, "scan_output_axes", numRows),
                             outputDirections = listOf(n, "scan_output_directions", numRows);
  Repeated loop{*body, importedInputs(n, 0, numCarries), numRows};
  Values scanned;
  for (int i = 0; i < numScanned; ++i) {
    const auto k = static_cast<size_t>(i);
    const int axis = static_cast<int>(n.axisOf(inputAxes[k], n.rank(numCarries + i)));
    KILN_RETURN_IF_ERROR(n.status());
    const Value rows = withAxisAt(n.in(numCarries + i), axis, 0);
    scanned.push_back(inputDirections[k] != 0 ? reverse(rows, {0}) : rows);
    if (scanned[k].isPoisoned()) {
      return n.invalid("input " + std::to_string(numCarries + i) + " was refused");
    }
    if (scanned[k].shape()[0] != scanned[0].shape()[0]) {
      const std::string what =
          "it walks over " + scanned[0].shape()[0].toString() + " and " + scanned[k].shape()[0].toString() + " rows";
      return scanned[k].shape().isStatic() ? n.invalid(what) : n.unsupported(what + ", over symbolic lengths");
    }
  }
  const auto typeOfRow = [&](size_t k) { return n.elementType(numCarries + static_cast<int>(k)); };
  BodyImport import(n, *body);
  std::vector<int> rowTypes;
  const ScanResult result =
      scan(n.g, valuesOf(n, loop.carries), scanned,
           [&](Value, const Values& carries, const Values& rows) {
             std::vector<Imported> arguments;
             addArguments(n, carries, loop.carries, arguments);
             for (size_t k = 0; k < rows.size(); ++k) {
               arguments.push_back(n.argument(rows[k], typeOfRow(k)));
             }
             BodyResults results = import.run(std::move(arguments));
             if (!import.status().ok() || !import.keepsCarries(carries, results.values)) {
               return std::pair(carries, Values());
             }
             rowTypes.assign(results.elementTypes.begin() + numCarries, results.elementTypes.end());
             return std::pair(firstOf(results.values, 0, carries.size()),
                              firstOf(results.values, carries.size(), rowTypes.size()));
           },
           {.name = "scan", .length = {}});
  KILN_RETURN_IF_ERROR(import.status());
  Values stacked = result.stacked;
  if (!import.mismatch().empty()) {
    const Dim& length = scanned[0].shape()[0];
    if (!length.isStatic() || length.value() > kMostUnrolled || length.value() == 0) {
      return n.unsupported(import.mismatch() + "; it has " + length.toString() + " steps");
    }
    std::vector<Values> rows;
    KILN_RETURN_IF_ERROR(unroll(
        n, loop, length.value(), /*hasCondition=*/false,
        [&](int64_t i) {
          std::vector<Imported> arguments;
          for (size_t k = 0; k < scanned.size(); ++k) {
            arguments.push_back(n.argument(squeeze(partAlong(scanned[k], 0, Dim(i), Dim(1)), 0), typeOfRow(k)));
          }
          return arguments;
        },
        /*carriesComeLast=*/false, rows, rowTypes));
    stacked.clear();
    for (const Values& row : rows) {
      stacked.push_back(stack(row, 0));
    }
  } else {
    setResults(n, loop, result.carries, {}, {});
  }
  for (int i = 0; i < numRows; ++i) {
    const auto k = static_cast<size_t>(i);
    Value rows = resultOf(n, stacked, k);
    if (rows.isPoisoned()) {
      n.set(numCarries + i, rows);
      continue;
    }
    const int axis = static_cast<int>(n.axisOf(outputAxes[k], rows.rank()));
    KILN_RETURN_IF_ERROR(n.status());
    rows = outputDirections[k] != 0 ? reverse(rows, {0}) : rows;
    n.set(numCarries + i, withAxisAt(rows, 0, axis), rowTypes[k]);
  }
  return {};
}

}  // namespace

std::span<const Converter> controlConverters() {
  static constexpr Converter kConverters[] = {
      {"If", convertIf},
      {"Loop", convertLoop},
      {"Scan", convertScan},
  };
  return kConverters;
}

}  // namespace kiln::onnx
