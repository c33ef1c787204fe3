// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What is known of every op without a compiler: the rows generated from the .td entries.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/spec/attribute.h"
#include "proto/base/status.h"

namespace kiln {

struct OpSchema;

/// A function that an attribute of a node names, and its types.
struct CalleeTypes {
  std::string name;
  std::vector<ValueType> parameters, results;
};

/// What inferShape sees of a node and fills in.
struct ShapeContext {
  const OpSchema* op = nullptr;  ///< Set by inferNode().
  std::span<const ValueType> operands;
  const Attributes* attributes = nullptr;
  /// For each operand that holds a shape known while building (a shape_value, an integer constant, or arithmetic on
  /// them): its elements.
  std::span<const std::optional<std::vector<Dim>>> shapeValues;
  /// The functions that the node names, in the order of the schema's attributes and of the names in each.
  std::span<const CalleeTypes> callees;
  /// To be filled, one for each result.
  std::vector<ValueType> results;

  template <class T>
  const T& attribute(std::string_view name) const {
    return attributes->get<T>(name);
  }
};

/// What a reference implementation sees of one node in one run, and fills in.
struct ReferenceContext {
  std::span<const Tensor* const> operands;
  const Attributes* attributes = nullptr;
  /// The result types with symbols replaced by this run's numbers.
  std::span<const ValueType> resultTypes;
  /// The values of dimension symbols in this run.
  const std::function<int64_t(std::string_view)>* symbolValue = nullptr;
  /// Made by the caller with the result types, zero-filled; to be written.
  std::span<Tensor> results;

  template <class T>
  const T& attribute(std::string_view name) const {
    return attributes->get<T>(name);
  }
};

/// Infers result types and checks what dtypes alone do not say. Errors name what was found and wanted, without the
/// node, which the caller adds.
using InferShapeFn = Status (*)(ShapeContext&);
/// The op's meaning as plain loops. Data-dependent faults are KILN-R0030 (index) and KILN-R0031 (division by zero).
using ReferenceFn = Status (*)(ReferenceContext&);

/// kFunction and kFunctions hold names of functions: a string, and a list of strings.
enum class AttributeKind { kInt, kFloat, kBool, kString, kDType, kShape, kTensor, kInts, kFunction, kFunctions };

struct OperandSpec {
  std::string_view name;
  std::span<const DType> dtypes;  ///< Those allowed.
  std::string_view dtypeSummary;  ///< `float tensor`
  bool isVariadic = false;
};

struct AttributeSpec {
  std::string_view name;
  AttributeKind kind = AttributeKind::kInt;
  std::optional<Attribute> defaultValue;  ///< None: required.
};

/// How an op is differentiated; kExpansion: as the ops that it expands into.
enum class GradientKind { kPartials, kLinear, kRule, kExpansion, kNone };
enum class ToleranceKind { kExact, kUlp, kSumUlp };

/// How far a compiled result may be from the reference: `amount` units in the last place of the result, or of the sum
/// of the magnitudes of its terms.
struct ToleranceSpec {
  ToleranceKind kind = ToleranceKind::kExact;
  int amount = 0;
};

struct OpSchema {
  std::string_view name;    ///< `matmul`; `kiln.matmul` in text and messages.
  std::string_view family;  ///< The folder under ops/.
  std::string_view summary;
  std::string_view description;
  std::vector<OperandSpec> operands;
  std::vector<OperandSpec> results;
  std::vector<AttributeSpec> attributes;
  ToleranceSpec tolerance;
  GradientKind gradient = GradientKind::kNone;
  std::string_view noGradientReason;
  bool isElementwise = false;
  bool isComposite = false;
  bool isLibrary = false;  ///< Computed by a function of runtime/kernels.
  bool mayFault = false;
  std::string_view sweep;    ///< Input class of the generated tests.
  std::string_view example;  ///< JSON of the inputs of the documented example, or empty.
  int since = 1;
  InferShapeFn inferShape = nullptr;
  ReferenceFn reference = nullptr;  ///< Null for ops that the interpreter itself handles: placeholder, variable,
                                    ///< assign, group, call, gradients.
};

/// The names of the functions that a node of `op` with these attributes calls, in the schema's order.
std::vector<std::string> calleesOf(const OpSchema& op, const Attributes& attributes);

/// Every op, sorted by name. Never changes.
const std::vector<OpSchema>& allOps();
/// The op named `name` (`matmul` or `kiln.matmul`), or null.
const OpSchema* findOp(std::string_view name);

/// Checks operand count, dtypes and attributes (names, kinds, presence; fills in defaults), then infers result types.
/// Errors: KILN-O01xx. Does not know the node; the caller annotates.
Status inferNode(const OpSchema& op, Attributes& attributes, ShapeContext& context);

}  // namespace kiln
