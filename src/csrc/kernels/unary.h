// Loops of the ops with one operand.
#pragma once

#include "kernels/elementwise.h"

namespace tl::kernels {

struct NoLoop {};  // what an entry of the table gives where there is no expression

enum class UnaryOp : uint8_t {
#define TL_UNARY(name, ...) name,
#include "kernels/unary_table.h"
#undef TL_UNARY
  count
};

enum class UnaryKind : uint8_t {
  keeps,            // self's dtype
  power,            // the same, bool as int64
  bits,             // the same, of bool and integers only
  whole,            // the same; integers stay as they are
  fraction,         // the same, of reals only
  inner,            // the same, of reals and complex numbers (parts of networks)
  floating,         // integers as the default float
  magnitude,        // the same, complex as real
  magnitude_float,  // complex as real, integers as the default float
  predicate,        // bool
};

// Null where the op has no such loop; complex and special ones are with the ops.
TL_KERNEL_SLOT(unary_loop, Loop (*)(UnaryOp op, Compute compute));

}  // namespace tl::kernels
