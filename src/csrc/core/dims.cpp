#include "core/dims.h"

#include "core/error.h"

namespace tl {

std::ostream& operator<<(std::ostream& out, Shape s) {
  out << '[';
  for (size_t i = 0; i < s.dims.size(); ++i) out << (i ? ", " : "") << s.dims[i];
  return out << ']';
}
std::ostream& operator<<(std::ostream& out, const Dims& d) { return out << Shape{d}; }

std::string to_string(IntView v) {
  std::ostringstream out;
  out << Shape{v};
  return out.str();
}

int64_t checked_numel(IntView sizes) {
  int64_t n = 1;
  bool overflow = false;
  bool zero = false;
  for (int64_t s : sizes) {
    TL_CHECK(s >= 0, "Trying to create tensor with negative dimension ", s, ": ", Shape{sizes});
    zero = zero || s == 0;
    // The strides must fit even where there are no elements.
    overflow = overflow || __builtin_mul_overflow(n, s > 1 ? s : 1, &n);
  }
  if (zero && !overflow) return 0;
  TL_CHECK(!overflow && n < (int64_t(1) << 59), "Storage size calculation overflowed with sizes=", Shape{sizes});
  return n;
}

Dims contiguous_strides(IntView sizes) {
  Dims strides(sizes.size());
  int64_t step = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = step;
    step *= sizes[i] > 1 ? sizes[i] : 1;
  }
  return strides;
}

Dims broadcast_shapes(IntView a, IntView b) {
  if (a.size() < b.size()) std::swap(a, b);
  Dims out(a);
  size_t shift = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t& o = out[shift + i];
    if (o == b[i] || b[i] == 1) continue;
    TL_CHECK(o == 1, "The size of tensor a (", o, ") must match the size of tensor b (", b[i],
             ") at non-singleton dimension ", shift + i, "; shapes are ", Shape{a}, " and ", Shape{b});
    o = b[i];
  }
  return out;
}

int64_t wrap_dim(int64_t dim, int64_t ndim) {
  int64_t n = ndim > 0 ? ndim : 1;
  TL_CHECK_INDEX(dim >= -n && dim < n, "Dimension out of range (expected to be in range of [", -n, ", ", n - 1,
                 "], but got ", dim, ")");
  return dim < 0 ? dim + n : dim;
}

Dims wrap_dims(IntView dims, int64_t ndim) {
  Dims out;
  uint64_t seen[2] = {0, 0};
  for (int64_t d : dims) {
    int64_t w = wrap_dim(d, ndim);
    uint64_t bit = uint64_t(1) << (w & 63);
    TL_CHECK(!(seen[w >> 6] & bit), "dim ", w, " appears multiple times in the list of dims");
    seen[w >> 6] |= bit;
    out.push_back(w);
  }
  return out;
}

bool view_strides(IntView sizes, IntView strides, IntView new_sizes, Dims& out) {
  out = Dims(new_sizes.size());
  int64_t numel = 1;
  for (int64_t s : sizes) numel *= s;
  if (numel == 0) {
    // Any strides do; keep the ones that a fresh tensor of that shape has.
    out = equal(sizes, new_sizes) ? Dims(strides) : contiguous_strides(new_sizes);
    return true;
  }
  if (sizes.empty()) {
    for (int64_t& s : out) s = 1;
    return true;
  }
  // Walk both shapes from the back, a block of mutually contiguous old dims at a time.
  int64_t view_d = int64_t(new_sizes.size()) - 1;
  int64_t base_stride = strides.back();
  int64_t block = 1;
  int64_t view_block = 1;
  for (int64_t d = int64_t(sizes.size()) - 1; d >= 0; --d) {
    block *= sizes[d];
    bool ends = d == 0 || (sizes[d - 1] != 1 && strides[d - 1] != block * base_stride);
    if (!ends) continue;
    while (view_d >= 0 && (view_block < block || new_sizes[view_d] == 1)) {
      out[view_d] = view_block * base_stride;
      view_block *= new_sizes[view_d];
      --view_d;
    }
    if (view_block != block) return false;
    if (d > 0) {
      base_stride = strides[d - 1];
      block = 1;
      view_block = 1;
    }
  }
  return view_d == -1;
}

Dims infer_size(IntView sizes, int64_t numel) {
  Dims out(sizes);
  int64_t known = 1;
  int64_t unknown = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      TL_CHECK(unknown < 0, "only one dimension can be inferred");
      unknown = int64_t(i);
    } else {
      TL_CHECK(sizes[i] >= 0, "invalid shape dimension ", sizes[i]);
      TL_CHECK(!__builtin_mul_overflow(known, sizes[i], &known), "shape '", Shape{sizes},
               "' is invalid for input of size ", numel);
    }
  }
  if (unknown >= 0) {
    TL_CHECK(known != 0 || numel != 0, "cannot reshape tensor of 0 elements into shape ", Shape{sizes},
             " because the unspecified dimension size -1 can be any value and is ambiguous");
    TL_CHECK(known != 0 && numel % known == 0, "shape '", Shape{sizes}, "' is invalid for input of size ", numel);
    out[size_t(unknown)] = numel / known;
  } else {
    TL_CHECK(known == numel, "shape '", Shape{sizes}, "' is invalid for input of size ", numel);
  }
  return out;
}

}  // namespace tl
