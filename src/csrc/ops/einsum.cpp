// Sums of products over named dims: einsum, tensordot.
//
// einsum takes the operands from left to right. Of two operands, labels that nothing later needs
// are summed away: those of one operand alone before, those of both by a batched matrix product,
// whose batch are the labels that both have and somebody still needs. Nothing is copied unless
// several dims must become one and do not lie so.
#include <algorithm>
#include <string>

#include "ops/matmul.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// Labels are A-Z, a-z as 0..51; the dims that an ellipsis stands for follow, the last of them
// first.
using Labels = std::string;
constexpr int letters = 52;
constexpr char ellipsis = char(127);  // while parsing

bool has(const Labels& labels, char label) { return labels.find(label) != Labels::npos; }
char letter_of(int label) { return char(label < 26 ? 'A' + label : 'a' + label - 26); }

struct Term {
  Tensor t;
  Labels labels;  // one a dim, no two alike
};

// One operand's part of the equation from `at` on, up to a comma, an arrow or the end.
Labels parse_labels(std::string_view equation, size_t& at, const std::string& where) {
  Labels out;
  for (; at < equation.size() && equation[at] != ','; ++at) {
    const char c = equation[at];
    if (c == ' ') continue;
    if (c == '-' && at + 1 < equation.size() && equation[at + 1] == '>' && where != "output") break;
    if (c == '.') {
      TL_CHECK(!has(out, ellipsis), "einsum(): found '.' for ", where, " for which an ellipsis was already found");
      TL_CHECK(equation.substr(at, 3) == "...", "einsum(): found '.' for ", where, " that is not part of any ellipsis",
               where == "output" ? " (...)" : "");
      out += ellipsis;
      at += 2;
      continue;
    }
    const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
    TL_CHECK(upper || lower, "einsum(): invalid subscript given at index ", at,
             " in the equation string, subscripts must be in [a-zA-Z]");
    out += char(upper ? c - 'A' : c - 'a' + 26);
  }
  return out;
}

struct Equation {
  std::vector<Labels> inputs;
  Labels output;
  bool explicit_output = false;
};

Equation parse(std::string_view text, size_t count) {
  Equation e;
  size_t at = 0;
  for (;;) {
    TL_CHECK(e.inputs.size() < count, "einsum(): fewer operands were provided than specified in the equation");
    e.inputs.push_back(parse_labels(text, at, "operand " + std::to_string(e.inputs.size())));
    if (at >= text.size() || text[at] != ',') break;
    ++at;
  }
  TL_CHECK(e.inputs.size() == count, "einsum(): more operands were provided than specified in the equation");
  if (at < text.size()) {
    e.explicit_output = true;
    at += 2;
    e.output = parse_labels(text, at, "output");
    TL_CHECK(at >= text.size(), "einsum(): invalid subscript given at index ", at,
             " in the equation string, subscripts must be in [a-zA-Z]");
  }
  return e;
}

// The ellipsis as `count` labels of its own, aligned at the right.
Labels spell_out(const Labels& labels, int64_t count) {
  Labels out;
  for (char l : labels) {
    if (l != ellipsis) {
      out += l;
      continue;
    }
    for (int64_t i = count; i-- > 0;) out += char(letters + i);
  }
  return out;
}

// Repeated labels of one operand become the diagonal over their dims.
Term take_diagonals(Term x, size_t operand) {
  for (size_t i = 0; i < x.labels.size(); ++i) {
    for (size_t j = i + 1; j < x.labels.size();) {
      if (x.labels[i] != x.labels[j]) {
        ++j;
        continue;
      }
      const int64_t a = x.t->dims[i], b = x.t->dims[j];
      TL_CHECK(a == b, "einsum(): subscript ", letter_of(x.labels[i]), " is repeated for operand ", operand,
               " but the sizes don't match, ", b, " != ", a);
      // The diagonal is the last dim: back to where the first of the two was.
      x.t = movedim(diagonal(x.t, 0, int64_t(i), int64_t(j)), Dims{-1}, Dims{int64_t(i)});
      x.labels.erase(j, 1);
    }
  }
  return x;
}

int64_t size_of(const Term& x, char label) { return x.t->dims[x.labels.find(label)]; }

void sum_away(Term& x, const Labels& labels) {
  if (labels.empty()) return;
  Dims dims;
  for (char l : labels) dims.push_back(int64_t(x.labels.find(l)));
  x.t = sum(x.t, dims, false);
  for (char l : labels) x.labels.erase(x.labels.find(l), 1);
}
void drop(Term& x, char label) {  // of size 1
  const size_t at = x.labels.find(label);
  x.t = squeeze(x.t, int64_t(at));
  x.labels.erase(at, 1);
}

Tensor in_order(const Term& x, const Labels& order) {
  if (x.labels == order) return x.t;
  Dims dims;
  for (char l : order) dims.push_back(int64_t(x.labels.find(l)));
  return permute(x.t, dims);
}

// The dims of `order` and a 1 for each label that x lacks.
Tensor aligned(const Term& x, const Labels& order) {
  Labels present;
  for (char l : order) {
    if (has(x.labels, l)) present += l;
  }
  Tensor t = in_order(x, present);
  for (size_t i = 0; i < order.size(); ++i) {
    if (!has(present, order[i])) t = unsqueeze(t, int64_t(i));
  }
  return t;
}

// x with its labels in three groups, each as one dim; without the first where that is empty.
Tensor grouped(const Term& x, const Labels& batch, const Labels& rows, const Labels& columns) {
  Tensor t = in_order(x, batch + rows + columns);
  if (batch.size() <= 1 && rows.size() == 1 && columns.size() == 1) return t;
  Dims sizes;
  for (const Labels* group : {&batch, &rows, &columns}) {
    if (group == &batch && batch.empty()) continue;
    int64_t n = 1;
    for (char l : *group) n *= size_of(x, l);
    sizes.push_back(n);
  }
  return reshape(t, sizes);
}

Term contract(Term a, Term b, const Labels& needed) {
  const Labels labels_a = a.labels, labels_b = b.labels;
  for (char l : labels_a) {
    if (!has(b.labels, l)) continue;
    const int64_t na = size_of(a, l), nb = size_of(b, l);
    if (na == 1 && nb != 1) drop(a, l);
    if (nb == 1 && na != 1) drop(b, l);
  }
  Labels batch, rows, columns, summed, only_a, only_b;
  for (char l : a.labels) {
    const bool both = has(b.labels, l), keep = has(needed, l);
    (both ? (keep ? batch : summed) : (keep ? rows : only_a)) += l;
  }
  for (char l : b.labels) {
    if (!has(a.labels, l)) (has(needed, l) ? columns : only_b) += l;
  }
  sum_away(a, only_a);
  sum_away(b, only_b);
  const Labels order = batch + rows + columns;
  if (summed.empty()) return {mul(aligned(a, order), aligned(b, order)), order};
  TL_CHECK(a.t.dtype() == b.t.dtype(), "expected scalar type ", dtype_legacy_name(a.t.dtype()), " but found ",
           dtype_legacy_name(b.t.dtype()));
  TL_CHECK_NOTIMPL(a.t.dtype() != DType::Bool, "\"bmm\" not implemented for 'Bool'");
  Tensor t = product(grouped(a, batch, rows, summed), plain, grouped(b, batch, summed, columns), plain);
  if (batch.size() > 1 || rows.size() != 1 || columns.size() != 1) {
    Dims sizes;
    for (char l : order) sizes.push_back(has(a.labels, l) ? size_of(a, l) : size_of(b, l));
    t = view(t, sizes);
  }
  return {t, order};
}

// Sizes must agree or be 1, by label.
void check_sizes(const std::vector<Term>& terms) {
  int64_t seen[128];
  std::fill(seen, seen + 128, int64_t(1));
  for (size_t k = 0; k < terms.size(); ++k) {
    for (char l : terms[k].labels) {
      const int64_t n = size_of(terms[k], l);
      int64_t& s = seen[size_t(l)];
      if (l < letters) {
        TL_CHECK(n == 1 || s == 1 || n == s, "einsum(): subscript ", letter_of(l), " has size ", n, " for operand ", k,
                 " which does not broadcast with previously seen size ", s);
      } else {
        TL_CHECK(n == 1 || s == 1 || n == s, "einsum(): dimension ", terms[k].labels.find(l),
                 " covered by ellipsis in operand ", k, " has size ", n,
                 " which does not broadcast with previously seen ellipsis with size ", s,
                 " for the respective dimension");
      }
      if (s == 1) s = n;
    }
  }
}

Labels output_labels(const Equation& e, int64_t ellipsis_dims) {
  Labels all;
  for (const Labels& labels : e.inputs) all += labels;
  if (!e.explicit_output) {
    Labels out = spell_out(Labels(1, ellipsis), ellipsis_dims);
    for (char l = 0; l < letters; ++l) {
      if (std::count(all.begin(), all.end(), l) == 1) out += l;
    }
    return out;
  }
  for (size_t i = 0; i < e.output.size(); ++i) {
    const char l = e.output[i];
    if (l == ellipsis) continue;
    TL_CHECK(e.output.find(l) == i, "einsum(): output subscript ", letter_of(l),
             " appears more than once in the output");
    TL_CHECK(has(all, l), "einsum(): output subscript ", letter_of(l),
             " does not appear in the equation for any input operand");
  }
  return spell_out(e.output, ellipsis_dims);
}

}  // namespace

Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands) {
  TL_CHECK(!operands.empty(), "einsum(): must provide at least one operand");
  Equation e = parse(equation, operands.size());
  int64_t ellipsis_dims = 0;
  for (size_t k = 0; k < operands.size(); ++k) {
    const int64_t dims = operands[k].dim(), named = int64_t(e.inputs[k].size());
    if (has(e.inputs[k], ellipsis)) {
      TL_CHECK(named - 1 <= dims, "einsum(): the number of subscripts in the equation (", named - 1,
               ") is more than the number of dimensions (", dims, ") for operand ", k);
      ellipsis_dims = std::max(ellipsis_dims, dims - named + 1);
    } else {
      TL_CHECK(named == dims, "einsum(): the number of subscripts in the equation (", named,
               ") does not match the number of dimensions (", dims, ") for operand ", k, " and no ellipsis was given");
    }
  }
  TL_CHECK(ellipsis_dims <= 64, "einsum(): too many dimensions");
  const Labels output = output_labels(e, ellipsis_dims);
  std::vector<Term> terms;
  for (size_t k = 0; k < operands.size(); ++k) {
    const int64_t own = operands[k].dim() - int64_t(e.inputs[k].size()) + 1;
    terms.push_back(take_diagonals({operands[k], spell_out(e.inputs[k], own)}, k));
  }
  check_sizes(terms);
  // What is needed after each operand: the output, and all operands to its right.
  std::vector<Labels> needed(terms.size(), output);
  for (size_t k = terms.size() - 1; k-- > 0;) needed[k] = needed[k + 1] + terms[k + 1].labels;
  Term result = terms[0];
  for (size_t k = 1; k < terms.size(); ++k) result = contract(std::move(result), std::move(terms[k]), needed[k]);
  Labels rest;
  for (char l : result.labels) {
    if (!has(output, l)) rest += l;
  }
  sum_away(result, rest);
  Dims dims;
  for (char l : output) {
    if (has(result.labels, l)) dims.push_back(int64_t(result.labels.find(l)));
  }
  if (operands.size() > 1 && result.labels == output) return result.t;
  return permute(result.t, dims);
}

Tensor tensordot(const Tensor& self, const Tensor& other, IntView dims_self, IntView dims_other) {
  TL_CHECK(dims_self.size() == dims_other.size(), "both dimension lists should have same length");
  TL_CHECK(self.dtype() == other.dtype(), "both inputs should have same dtype");
  TL_CHECK_NOTIMPL(self.dtype() != DType::Bool, "\"addmm_impl_cpu_\" not implemented for 'Bool'");
  Dims da = wrap_dims(dims_self, self.dim()), db = wrap_dims(dims_other, other.dim());
  // The contracted dims get the letters in order, the others labels of their own.
  Term a{self, Labels(size_t(self.dim()), 0)}, b{other, Labels(size_t(other.dim()), 0)};
  TL_CHECK(self.dim() + other.dim() < 127, "tensordot: too many dimensions");
  char next = 0;
  for (char& l : a.labels) l = next++;
  for (char& l : b.labels) l = next++;
  Labels output = a.labels + b.labels;
  for (size_t i = 0; i < da.size(); ++i) {
    const size_t p = size_t(da[i]), q = size_t(db[i]);
    const int64_t m = self->dims[p], n = other->dims[q];
    TL_CHECK(m == n || m == 1 || n == 1, "contracted dimensions need to match, but first has size ", m, " in dim ",
             dims_self[i], " and second has size ", n, " in dim ", dims_other[i]);
    output.erase(output.find(a.labels[p]), 1);
    output.erase(output.find(b.labels[q]), 1);
    b.labels[q] = a.labels[p];
  }
  Term result = contract(std::move(a), std::move(b), output);
  Tensor t = in_order(result, output);
  return result.labels == output ? view(t, Dims(t.sizes())) : t;
}

namespace {

const OpRecord records[] = {
    {"einsum(str equation, Tensor[] operands) -> Tensor", TL_OP(einsum), op::internal,
     "The sum of products that the equation names: 'ij,jk->ik' is a matrix product. A label of its "
     "own stands for each "
     "dim of each operand; those missing on the right are summed over. Without an arrow the labels "
     "that occur once are "
     "kept, in alphabetical order. A label that is repeated in one operand takes the diagonal, "
     "`...` stands for any dims, "
     "which broadcast.",
     "'ij,jk->ik', [randn(3, 4), randn(4, 5)] | 'ij,jk', [randn(4, 3).t(), randn(4, 5)] | 'ii', "
     "[randn(3, 3)] | "
     "'ii->i', [randn(3, 3)] | 'ij->ji', [randn(3, 4)] | 'i,j->ij', [randn(3), randn(4)] | "
     "'bij,bjk->bik', [randn(2, 3, 4), randn(2, 4, 5)] | '...ij,...jk->...ik', [randn(2, 1, 3, 4), "
     "randn(5, 4, 2)] | "
     "'bn,anm,bm->ba', [randn(2, 5), randn(3, 5, 4), randn(2, 4)] | 'ij,ij->', [randn(3, 1), "
     "randn(3, 4)] | "
     "'ijk,jil->kl', [randn(3, 2, 4), randn(2, 3, 5)] | ',i', [randn(()), randn(3)] | 'i...->...', "
     "[randn(3, 4)] | "
     "'ij,jk', [randn(3, 0), randn(0, 2)] | 'bhid,bhjd->bhij', [randn(2, 3, 2, 4).transpose(1, 2), "
     "randn(2, 2, 3, 4)] | "
     "'iijk,k->ji', [randn(3, 3, 2, 4), randn(4)]"},
    {"tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor", TL_OP(tensordot),
     op::internal | op::out | op::exact_out,
     "The sum of products over pairs of dims, one of each operand; the other dims follow in order.",
     "randn(3, 4), randn(4, 5), [1], [0] | randn(2, 3, 4), randn(4, 3, 2), [1, 2], [1, 0] | "
     "randn(3, 4), randn(5), [], [] | "
     "randn(3, 4), randn(4, 3), [0, 1], [1, 0] | randn(3, 4), randn(1, 5), [1], [0] | randn(2, 0), "
     "randn(0, 3), [-1], [0]"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
