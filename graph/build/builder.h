// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file GraphBuilder: how a program defines a graph. Shapes and types are inferred at each call, so an error names the
/// line that caused it.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

class GraphBuilder;

/// A handle to a value of a graph under construction; copies are the same value. A value made by a failed call is
/// poisoned: operations on it are poisoned silently, and finish() reports the first cause only. Valid as long as its
/// builder.
class Value {
 public:
  Value() = default;
  bool isPoisoned() const { return ref_.node < 0; }
  DType dtype() const;
  const Shape& shape() const;
  int rank() const { return shape().rank(); }
  std::string name() const;  ///< The endpoint's name; "" when poisoned.
  /// Renames the node that makes the value (under the current scope): `logits.named("logits")`. Returns the value.
  Value named(std::string_view name, std::source_location where = std::source_location::current()) const;
  operator Endpoint() const { return name(); }  // NOLINT: values are given where endpoints are wanted

  GraphBuilder* builder() const { return builder_; }
  int body() const { return body_; }
  ValueRef ref() const { return ref_; }

 private:
  friend class GraphBuilder;
  GraphBuilder* builder_ = nullptr;
  int body_ = 0;  ///< 0 is the main body; functions under construction have others.
  ValueRef ref_;
};

/// An argument of an operation with the place where it was written. Numbers become constants of the other operand's
/// dtype.
struct Operand {
  Operand(Value v, std::source_location w = std::source_location::current()) : value(v), where(w) {}  // NOLINT
  template <class T>
    requires std::is_arithmetic_v<T>
  Operand(T n, std::source_location w = std::source_location::current())  // NOLINT: numbers are operands
      : number(static_cast<double>(n)), where(w) {}
  Value value;
  std::optional<double> number;
  std::source_location where;
};

/// Something to run for its effect: an assign or group node.
class Target {
 public:
  Target() = default;
  explicit Target(Value node) : node_(node) {}
  Value node() const { return node_; }
  std::string name() const { return node_.name(); }
  operator Endpoint() const { return name(); }  // NOLINT: targets are given where endpoints are wanted

 private:
  Value node_;
};

/// A value with its name in an entry's signature; the value's own name by default.
struct NamedValue {
  NamedValue(Value v) : value(v) {}  // NOLINT
  NamedValue(std::string n, Value v) : name(std::move(n)), value(v) {}
  std::string name;
  Value value;
};

struct EntrySpec {
  std::vector<NamedValue> feeds = {};
  std::vector<NamedValue> fetches = {};
  std::vector<Target> targets = {};
};

/// Builds one graph. Not thread-safe. Every error is kept and reported by finish(), each once, with the user's line.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name);
  ~GraphBuilder();
  GraphBuilder(const GraphBuilder&) = delete;
  GraphBuilder& operator=(const GraphBuilder&) = delete;
  using Where = std::source_location;

  /// The graph's name.
  const std::string& name() const;

  /// A value fed at each run. The name is kept as it is (under the current scope), so a second one is an error.
  Value placeholder(std::string_view name, DType dtype, Shape shape, Where where = Where::current());
  /// A constant; nodes that hold the same small constant are not shared.
  Value constant(Tensor value, std::string_view name = "constant", Where where = Where::current());
  /// A rank-0 constant of `dtype`. Errors: KILN-G0205 when an integer type does not have the number.
  Value scalar(double value, DType dtype, Where where = Where::current());
  /// A variable with a value to start from: any value that depends on no feed and no variable (random numbers may),
  /// assigned by the entry `init`, which finish() declares. A number makes an f32 scalar. Static shape. The name is
  /// kept as it is. Errors: KILN-G0208, KILN-G0209.
  Value variable(std::string_view name, Operand initial, bool isTrainable = true, Where where = Where::current());
  /// A variable that starts from this value, which the graph's weights hold and no node. The name is kept as it is.
  Value weight(std::string_view name, TensorPtr initial, bool isTrainable = true, Where where = Where::current());
  /// The variables made so far with isTrainable, in order.
  std::vector<Value> trainableVariables() const;
  /// `variable` gets `value` at the end of a run that has this target. A number fills the variable. The name is by
  /// default
  /// `<variable>/assign`. Errors: KILN-G0018, and KILN-O0109 when the types differ.
  Target assign(Value variable, Operand value, std::string_view name = "", Where where = Where::current());
  /// One target for several; groups in it are taken apart.
  Target group(std::string_view name, const std::vector<Target>& targets, Where where = Where::current());

  /// The gradients of the ys (float scalars, or of any shape when `seeds` gives a vector for each) for the xs, one for
  /// each x and of its type: the sum over the ys, and zero where no y depends on x. To any order: gradients of
  /// gradients are taken in the same way. Errors: KILN-G0210, KILN-G0211, KILN-G0213, and KILN-G0212 when a y depends
  /// on x only through an op without a derivative.
  std::vector<Value> gradients(const std::vector<Value>& ys, const std::vector<Value>& xs,
                               const std::vector<Value>& seeds = {}, Where where = Where::current());

  /// Defines a function; `body` gets its parameters and returns its results. Calls are made with call(). Functions are
  /// pure: they see their parameters only, and hold no variables and no random ops. Symbols of the parameters' shapes
  /// are the function's own and take their lengths from each call.
  void function(std::string_view name, const std::vector<ValueType>& parameters,
                const std::function<std::vector<Value>(const std::vector<Value>&)>& body,
                Where where = Where::current());
  /// The results of a function that is defined; after an error poisoned ones, as many as the caller may ask for.
  /// Errors: KILN-G0006 when a function calls itself, KILN-G0007, and types that do not fit.
  std::vector<Value> call(std::string_view function, const std::vector<Value>& arguments,
                          Where where = Where::current());

  /// Declares an entry point. When it draws random numbers, its runs also advance the random state.
  void entry(std::string_view name, EntrySpec spec, Where where = Where::current());
  /// Declares the range of a dimension symbol and returns it as a dim.
  Dim dim(std::string_view name, int64_t min, int64_t max, Where where = Where::current());

  /// The seed of the graph's random numbers, 0 by default: the first element of the initial `random_state`.
  void setSeed(int64_t seed);
  /// The random state i64[2] {seed, step}: a variable made on first use. A run that draws advances the step at its end.
  Value randomState(Where where = Where::current());
  /// A number that no other random op of this graph has.
  int64_t nextRandomOpId();

  /// Names made until the scope's end get the prefix `name/`. A scope entered again gets a fresh prefix: `dense/`,
  /// `dense_1/`.
  class Scope {
   public:
    ~Scope();
    Scope(const Scope&) = delete;

   private:
    friend class GraphBuilder;
    Scope(GraphBuilder* builder) : builder_(builder) {}
    GraphBuilder* builder_;
  };
  [[nodiscard]] Scope scope(std::string_view name, Where where = Where::current());
  /// Names made until the scope's end get the prefix `hidden/w/` when the value's name is `hidden/w`, whatever the
  /// current scope is: for what belongs to a variable, such as an optimizer's slots.
  [[nodiscard]] Scope scopeOf(Value value);

  /// The general way in: any op by name. `where` is the user's line. An empty name stands for the op's; either is made
  /// fresh. After an error the results are poisoned (none for an op with a variable number of results).
  std::vector<Value> makeNode(std::string_view op, const std::vector<Value>& inputs, Attributes attributes,
                              std::string_view name, Where where);
  /// The place of the nodes that are made from now on, for who translates a file into a graph; nothing: that of each
  /// call.
  void setOrigin(std::optional<SourceLocation> origin);
  /// Records an error of a library built on top (nn, optim); the result of the call should be poisoned().
  void addError(Status status, Where where);
  /// A value that stands for the result of a failed call.
  Value poisoned() const;

  /// All errors so far are in the status, each on a line, with the first one's id; otherwise the graph. The builder
  /// takes no more calls then, but its values keep their names, so that they can be given as endpoints of a session.
  StatusOr<Graph> finish();

  struct State;
  State& state() { return *state_; }
  const State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// The operations are free functions (declared in graph/build/operations.h and, generated, in ops_decls.inc): tanh(x), a
// + b, matmul(a, b), reduceSum(x, {0}). Operands of unequal shapes are broadcast by explicit broadcast nodes, as NumPy
// does.

}  // namespace kiln
