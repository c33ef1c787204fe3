// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How an op is specified. One entry says all that can be said of an op; the dialect op, the LLVM-free schema row, the builder
// function, the docs page and the sweep-test row are generated from it. Fields beyond MLIR's own pass through mlir-tblgen
// untouched and are read from `llvm-tblgen --dump-json` by tools/gen.
#ifndef KILN_OPS_SPEC_BASE_TD
#define KILN_OPS_SPEC_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kiln_Dialect : Dialect {
  let name = "kiln";
  let summary = "Static graphs: pure tensor ops with symbolic shapes";
  let cppNamespace = "::kiln::compiler";
  let useDefaultTypePrinterParser = 0;
  let useDefaultAttributePrinterParser = 1;
}

//===-- element types ----------------------------------------------------------------------------------------------------

// A class of element types. `dtypes` (names of proto/base/dtype.h) is what the graph checks; MLIR checks `types`.
class Kiln_TensorOf<list<Type> types, list<string> names, string described> : RankedTensorOf<types> {
  list<string> dtypes = names;
  string dtypeSummary = described;
}
defvar kFloats = [F16, BF16, F32, F64];
defvar kFloatNames = ["f16", "bf16", "f32", "f64"];
defvar kInts = [I8, I16, I32, I64, UI8, UI16, UI32, UI64];
defvar kIntNames = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"];

def Kiln_Float : Kiln_TensorOf<kFloats, kFloatNames, "float tensor">;
// For algorithms that halves cannot carry: linear algebra and the like.
def Kiln_WideFloat : Kiln_TensorOf<[F32, F64], ["f32", "f64"], "f32 or f64 tensor">;
def Kiln_Int : Kiln_TensorOf<kInts, kIntNames, "integer tensor">;
// Positions, class numbers and counts.
def Kiln_Index : Kiln_TensorOf<[I32, I64], ["i32", "i64"], "index tensor: i32 or i64">;
def Kiln_IntOrBool : Kiln_TensorOf<!listconcat(kInts, [I1]), !listconcat(kIntNames, ["bool"]), "integer or bool tensor">;
def Kiln_Numeric : Kiln_TensorOf<!listconcat(kFloats, kInts), !listconcat(kFloatNames, kIntNames), "numeric tensor">;
def Kiln_Bool : Kiln_TensorOf<[I1], ["bool"], "bool tensor">;
def Kiln_Any : Kiln_TensorOf<!listconcat(kFloats, kInts, [I1]), !listconcat(kFloatNames, kIntNames, ["bool"]), "tensor">;
// A shape operand: the lengths of axes, known to the graph as symbolic dims.
def Kiln_Shape : Kiln_TensorOf<[I64], ["i64"], "shape: i64 vector">;
// The random state: [seed, step].
def Kiln_RandomState : Kiln_TensorOf<[I64], ["i64"], "random state: i64[2]">;

// A shape with symbolic dims, as an attribute: #kiln.shape<[batch, 64]>. The class is compiler/dialect's ShapeAttr.
def Kiln_ShapeAttr : Attr<CPred<"::llvm::isa<::kiln::compiler::ShapeAttr>($_self)">, "shape attribute"> {
  let storageType = "::kiln::compiler::ShapeAttr";
  let returnType = "::kiln::compiler::ShapeAttr";
  let convertFromStorage = "$_self";
}

// Names of functions, as an attribute: [@then, @otherwise].
def Kiln_FunctionsAttr : TypedArrayAttrBase<FlatSymbolRefAttr, "names of functions">;

//===-- tolerance --------------------------------------------------------------------------------------------------------

// How far a compiled result may be from the reference.
class Tolerance<string k, int n> {
  string kind = k;
  int amount = n;
}
def Exact : Tolerance<"exact", 0>;               // the same bits (any NaN for NaN)
class Ulp<int n> : Tolerance<"ulp", n>;          // n units in the last place of the result
class SumUlp<int n> : Tolerance<"sum_ulp", n>;   // n units in the last place of the sum of the magnitudes of the terms

//===-- derivatives ------------------------------------------------------------------------------------------------------

class Derivative<string k> { string kind = k; }

// One dag for each operand: d result / d operand. Operators are op names; leaves are operands ($x), the result ($result), One,
// Zero, Num<"0.5">, or a float attribute ($alpha). vjp and jvp are generated from these. For elementwise ops with one result.
class Partials<list<dag> dags> : Derivative<"partials"> { list<dag> partials = dags; }
// Linear in each of the named operands (bilinear when there are two): jvp applies the op to tangents; the transpose is
// `transpose<Op>` in compiler/differentiate.
class Linear<list<string> names> : Derivative<"linear"> { list<string> operands = names; }
// vjp and jvp are written in C++, compiler/differentiate/<op>.cc: `vjp<Op>` and `jvp<Op>`, for the op's first result.
def RuleInCpp : Derivative<"cpp">;
// Of composite ops: that of the ops that they expand into.
def ThroughExpansion : Derivative<"expansion">;
// No derivative, with the reason that a user reads.
class NotDifferentiable<string why> : Derivative<"none"> { string reason = why; }

class Leaf;
def One : Leaf;
def Zero : Leaf;
class Num<string v> : Leaf { string number = v; }

// The operators of dags, one for each op file; the handles let derivatives refer to ops in any include order.
class OpHandle<string n> { string op = n; }
// A bare leaf as a dag: (get $x).
def get;
// No dag.
def none;

//===-- ops --------------------------------------------------------------------------------------------------------------

class Kiln_Op<string mnemonic, string opFamily, list<Trait> traits = []> : Op<Kiln_Dialect, mnemonic, traits> {
  string family = opFamily;
  Tolerance tolerance = Exact;
  Derivative derivative = ?;
  // The functor in ops/elementwise/scalars.h that computes one element; "" for ops that are no elementwise maps.
  string scalar = "";
  // Expanded into other ops before kernels are formed, by `expand<Op>` in compiler/simplify.
  bit composite = 0;
  // A composite elementwise op written as one dag of other elementwise ops, leaves as in Partials: its expansion and its
  // reference, which computes it in a wider type, are generated.
  dag formula = (none);
  // Computed by a function of runtime/kernels, which compiled code calls through the table of the ABI.
  bit library = 0;
  // Has an operand-dependent fault (index range, division by zero).
  bit mayFault = 0;
  // 0: the interpreter itself gives the op its meaning, so there is no reference function.
  bit hasReference = 1;
  // Written by hand in graph/build instead of generated.
  bit customBuilder = 0;
  // Inputs of the generated sweep: "any", "positive", "unit" (-1..1), "nonzero", or "custom" (row in the sweep's own table).
  string sweep = "any";
  // Inputs of the example on the docs page, whose results the reference computes: a JSON object of operands, as nested
  // lists, and attributes. Elementwise ops have inputs without saying so.
  string example = "";
  // GraphDef version that brought the op.
  int since = 1;
  let hasVerifier = 1;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

// y[i] = f(x[i]): one operand, same type.
class Kiln_UnaryOp<string mnemonic, string fn, TypeConstraint type, Derivative d, Tolerance t = Exact>
    : Kiln_Op<mnemonic, "elementwise", [Pure, SameOperandsAndResultType]> {
  let arguments = (ins type:$x);
  let results = (outs type:$result);
  let scalar = fn;
  let derivative = d;
  let tolerance = t;
}

// z[i] = f(x[i], y[i]): equal types; broadcasting is an op of its own, which the builder inserts.
class Kiln_BinaryOp<string mnemonic, string fn, TypeConstraint type, Derivative d, Tolerance t = Exact, list<Trait> traits = []>
    : Kiln_Op<mnemonic, "elementwise", !listconcat([SameOperandsAndResultType], traits)> {
  let arguments = (ins type:$x, type:$y);
  let results = (outs type:$result);
  let scalar = fn;
  let derivative = d;
  let tolerance = t;
}

// w[i] = f(x[i], y[i], z[i]): equal types.
class Kiln_TernaryOp<string mnemonic, string fn, TypeConstraint type, Derivative d, Tolerance t = Exact>
    : Kiln_Op<mnemonic, "elementwise", [Pure, SameOperandsAndResultType]> {
  let arguments = (ins type:$x, type:$y, type:$z);
  let results = (outs type:$result);
  let scalar = fn;
  let derivative = d;
  let tolerance = t;
}

// r[i] = f(x[i]), a bool tensor.
class Kiln_TestOp<string mnemonic, string fn, TypeConstraint type = Kiln_Float> : Kiln_Op<mnemonic, "elementwise", [Pure]> {
  let arguments = (ins type:$x);
  let results = (outs Kiln_Bool:$result);
  let scalar = fn;
  let derivative = NotDifferentiable<"a test gives a bool, which has no derivative">;
}

// An elementwise op given by a formula: operands of equal type, then float attributes with defaults.
class Kiln_FormulaOp<string mnemonic, string opFamily, dag ins, TypeConstraint type, dag f, Tolerance t,
                     Derivative d = ThroughExpansion> : Kiln_Op<mnemonic, opFamily, [Pure, SameOperandsAndResultType]> {
  let arguments = ins;
  let results = (outs type:$result);
  let composite = 1;
  let formula = f;
  let derivative = d;
  let tolerance = t;
}

// r[i] = x[i] <op> y[i], a bool tensor.
class Kiln_CompareOp<string mnemonic, string fn, TypeConstraint type = Kiln_Numeric>
    : Kiln_Op<mnemonic, "elementwise", [Pure, SameTypeOperands]> {
  let arguments = (ins type:$x, type:$y);
  let results = (outs Kiln_Bool:$result);
  let scalar = fn;
  let derivative = NotDifferentiable<"a comparison gives a bool, which has no derivative">;
}

#endif
