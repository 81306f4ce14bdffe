#include "ops/registry.h"

#include "autograd/state.h"
#include "ops/ops.h"

namespace tl {

namespace {
std::vector<const OpRecord*>& records() {
  static std::vector<const OpRecord*> list;
  return list;
}
}  // namespace

RegisterOps::RegisterOps(std::span<const OpRecord> list) {
  for (const OpRecord& r : list) records().push_back(&r);
}
const std::vector<const OpRecord*>& all_op_records() { return records(); }

Tensor inplace_operand(const Tensor& self, const char* name) {
  check_inplace(self, name);
  // The op may save its input, which is about to be overwritten.
  return needs_grad(self) ? clone(self) : self;
}

Tensor finish_inplace(const Tensor& self, const Tensor& result, const char* name) {
  TL_CHECK(equal(self.sizes(), result.sizes()), name, ": output with shape ", Shape{self.sizes()},
           " doesn't match the broadcast shape ", Shape{result.sizes()});
  TL_CHECK(can_cast(result.dtype(), self.dtype()), name, ": result type ", dtype_legacy_name(result.dtype()),
           " can't be cast to the desired output type ", dtype_legacy_name(self.dtype()));
  copy_(self, result);
  return self;
}

void resize_output(const Tensor& out, IntView sizes, const char* name) {
  if (equal(out.sizes(), sizes)) return;
  if (out.numel() != 0) {
    std::ostringstream text;
    text << "An output with one or more elements was resized since it had shape " << Shape{out.sizes()}
         << ", which does not match the required output shape " << Shape{sizes}
         << ". This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they "
            "have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements "
            "with t.resize_(0). ("
         << name << ")";
    warn(text.str());
  }
  resize_(out, sizes);
}

void finish_out(const Tensor& out, const Tensor& result, const char* name, bool exact) {
  TL_CHECK(!needs_grad(out) && !needs_grad(result), name,
           "(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
           "requires grad.");
  TL_CHECK(!exact || result.dtype() == out.dtype(), "Expected out tensor to have dtype ", dtype_c_name(result.dtype()),
           ", but got ", dtype_c_name(out.dtype()), " instead");
  TL_CHECK(can_cast(result.dtype(), out.dtype()), name, ": result type ", dtype_legacy_name(result.dtype()),
           " can't be cast to the desired output type ", dtype_legacy_name(out.dtype()));
  resize_output(out, result.sizes(), name);
  copy_(out, result);
}

}  // namespace tl
