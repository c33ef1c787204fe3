// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/contraction/einsum.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

// A term as written: its letters, and where `...` stands among them (npos: nowhere).
struct Term {
  std::string letters;
  size_t ellipsis = std::string::npos;
};

// Reads one term, from `text` without spaces. Nothing when it is no term.
std::optional<Term> readTerm(const std::string& text) {
  Term term;
  for (size_t i = 0; i < text.size();) {
    if (text.compare(i, 3, "...") == 0 && term.ellipsis == std::string::npos) {
      term.ellipsis = term.letters.size();
      i += 3;
    } else if ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z')) {
      term.letters += text[i++];
    } else {
      return std::nullopt;
    }
  }
  return term;
}

// The labels of a term with `count` axes at its ellipsis.
std::vector<int> labelsOf(const Term& term, int count) {
  std::vector<int> labels(term.letters.begin(), term.letters.end());
  if (term.ellipsis != std::string::npos) {
    for (int i = 0; i < count; ++i) {
      labels.insert(labels.begin() + static_cast<std::ptrdiff_t>(term.ellipsis), Einsum::kEllipsis + i);
    }
  }
  return labels;
}

std::string nameOf(int label) {
  return label < Einsum::kEllipsis ? absl::StrCat("'", std::string(1, static_cast<char>(label)), "'")
                                   : absl::StrCat("axis -", label - Einsum::kEllipsis + 1, " of '...'");
}

bool isUnit(const Dim& dim) { return dim.isStatic() && dim.value() == 1; }

}  // namespace

StatusOr<Einsum> readEinsum(const std::string& equation, const std::vector<Shape>& shapes) {
  auto refuse = [&](const std::string& wanted) { return makeError<ErrorId::kO0133>("equation", equation, wanted); };
  std::string text;
  std::copy_if(equation.begin(), equation.end(), std::back_inserter(text), [](char c) { return c != ' '; });
  const size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  std::vector<Term> terms;
  for (size_t start = 0; start <= left.size();) {
    const size_t end = std::min(left.find(',', start), left.size());
    std::optional<Term> term = readTerm(left.substr(start, end - start));
    if (!term) {
      return refuse(
          "terms of letters a-z or A-Z with at most one '...', separated by commas, then perhaps '->' and the "
          "result's");
    }
    terms.push_back(*std::move(term));
    start = end + 1;
  }
  if (terms.size() != shapes.size()) {
    return refuse(absl::StrCat("a term for each of the ", shapes.size(), " inputs; it has ", terms.size()));
  }

  Einsum einsum;
  int ellipsisAxes = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const Shape& shape = shapes[i];
    const int letters = static_cast<int>(terms[i].letters.size());
    const bool hasEllipsis = terms[i].ellipsis != std::string::npos;
    if (hasEllipsis ? letters > shape.rank() : letters != shape.rank()) {
      return refuse(absl::StrCat(hasEllipsis ? "at most " : "", shape.rank(), " letters in term ", i, ": inputs[", i,
                                 "] has the shape ", shape.toString()));
    }
    ellipsisAxes = std::max(ellipsisAxes, shape.rank() - letters);
    einsum.inputs.push_back(labelsOf(terms[i], shape.rank() - letters));
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const int label = einsum.inputs.back()[static_cast<size_t>(axis)];
      auto [known, isNew] = einsum.lengths.try_emplace(label, shape[axis]);
      if (isNew || known->second == shape[axis]) {
        continue;
      }
      const bool mayRepeat = label >= Einsum::kEllipsis;
      if (mayRepeat && isUnit(known->second)) {
        known->second = shape[axis];
      } else if (!(mayRepeat && isUnit(shape[axis]))) {
        return makeError<ErrorId::kO0138>(absl::StrCat("inputs[", i, "]"), shape.toString(),
                                          absl::StrCat("length ", known->second.toString(), " for ", nameOf(label),
                                                       " (axis ", axis, ") as before in ", equation));
      }
    }
  }

  if (arrow == std::string::npos) {
    Term output;
    output.ellipsis = 0;
    std::map<int, int> counts;
    for (const Term& term : terms) {
      for (char letter : term.letters) {
        ++counts[letter];
      }
    }
    for (auto [letter, count] : counts) {
      if (count == 1) {
        output.letters += static_cast<char>(letter);
      }
    }
    einsum.output = labelsOf(output, ellipsisAxes);
    return einsum;
  }
  std::optional<Term> output = readTerm(text.substr(arrow + 2));
  if (!output) {
    return refuse("letters a-z or A-Z and at most one '...' after '->'");
  }
  std::set<char> seen;
  for (char letter : output->letters) {
    if (!einsum.lengths.contains(letter)) {
      return refuse(absl::StrCat("letters after '->' that a term has; none has ", nameOf(letter)));
    }
    if (!seen.insert(letter).second) {
      return refuse(absl::StrCat("each letter once after '->'; ", nameOf(letter), " occurs twice"));
    }
  }
  if (ellipsisAxes > 0 && output->ellipsis == std::string::npos) {
    return refuse(absl::StrCat("'...' after '->', since it stands for ", ellipsisAxes, " axes before"));
  }
  einsum.output = labelsOf(*output, ellipsisAxes);
  return einsum;
}

namespace einsum {

Status inferShape(ShapeContext& context) {
  if (context.operands.empty()) {
    return makeError<ErrorId::kO0138>("inputs", "empty", "at least one tensor");
  }
  std::vector<Shape> shapes;
  for (size_t i = 0; i < context.operands.size(); ++i) {
    KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "inputs[0]", i, absl::StrCat("inputs[", i, "]").c_str()));
    shapes.push_back(context.operands[i].shape);
  }
  KILN_ASSIGN_OR_RETURN(Einsum read, readEinsum(context.attribute<std::string>("equation"), shapes));
  Shape result;
  for (int label : read.output) {
    result.push_back(read.lengths.at(label));
  }
  return setResult(context, context.operands[0].dtype, std::move(result));
}

// For each element of the result, the sum over all labels that it does not have.
Status reference(ReferenceContext& context) {
  std::vector<Shape> shapes;
  for (const Tensor* input : context.operands) {
    shapes.push_back(Shape::of(input->dims()));
  }
  KILN_ASSIGN_OR_RETURN(const Einsum read, readEinsum(context.attribute<std::string>("equation"), shapes));
  std::vector<int> labels = read.output;
  std::vector<int64_t> summed;
  for (const auto& [label, length] : read.lengths) {
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) {
      labels.push_back(label);
      summed.push_back(length.value());
    }
  }
  // How far each input's position moves with each label.
  std::vector<std::vector<int64_t>> moves(shapes.size(), std::vector<int64_t>(labels.size(), 0));
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::vector<int64_t> strides = stridesOf(context.operands[i]->dims());
    for (size_t axis = 0; axis < read.inputs[i].size(); ++axis) {
      const size_t at =
          static_cast<size_t>(std::find(labels.begin(), labels.end(), read.inputs[i][axis]) - labels.begin());
      moves[i][at] += context.operands[i]->dims()[axis] == 1 ? 0 : strides[axis];
    }
  }
  return withNumeric(context.results[0].dtype(), [&]<class T>(T) {
    using Sum = Accumulator<T>;
    const size_t rank = read.output.size();
    forEachIndex(context.results[0].dims(), [&](const std::vector<int64_t>& index, int64_t position) {
      Sum sum = 0;
      forEachIndex(summed, [&](const std::vector<int64_t>& within, int64_t) {
        Sum product = 1;
        for (size_t i = 0; i < moves.size(); ++i) {
          int64_t at = 0;
          for (size_t l = 0; l < labels.size(); ++l) {
            at += moves[i][l] * (l < rank ? index[l] : within[l - rank]);
          }
          product *= static_cast<Sum>(context.operands[i]->data<T>()[at]);
        }
        sum += product;
      });
      context.results[0].mutableData<T>()[position] = static_cast<T>(sum);
    });
    return Status();
  });
}

}  // namespace einsum
}  // namespace kiln::ops
