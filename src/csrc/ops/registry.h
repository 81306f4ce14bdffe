// Op records: one declaration per op, from which its Python function, method, in-place and out=
// forms, documentation, stub and tests follow.
//
//   Tensor softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype);
//   const OpRecord records[] = {
//       {"softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", TL_OP(softmax),
//        op::function | op::method, "Exponentials that sum to one along `dim` …",
//        "randn(3, 5), dim=-1 | randn(0, 3), 1 | randn(()), 0"},
//   };
//   const RegisterOps registered(records);
//
// Signature types: Tensor, Tensor? (undefined Tensor for None), Tensor[], Operand (a tensor or a
// number: arrives as a 0-d tensor marked wrapped_number), Scalar, Scalar?, int, int?, int[] (also a
// lone int; `int[]` first and positional takes *args; so does `Tensor[] *tensors`), int[]?, float, float?, float[],
// bool, bool?, str, str?, ScalarType(?), Device(?), Generator?, Layout?, MemoryFormat?, Any. `*` starts the
// keyword-only part. C++ types: see ArgOf below. Several records of one name are overloads, tried in
// order of registration within a family.
#pragma once

#include <complex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace tl {

class Generator;

namespace op {
enum Flags : uint32_t {
  function = 1,      // tensorlite.f
  method = 2,        // Tensor.f
  inplace = 4,       // also Tensor.f_ (and function f_), made from f by copying the result into self
  out = 8,           // takes out=, made by copying the result (see also `resizes_out`)
  internal = 16,     // only in tensorlite._C.ops (nn.functional calls it there)
  creates = 32,      // a factory: layout, device, pin_memory and requires_grad are taken after its own parameters
  writes_self = 64,  // itself an in-place op
  nondifferentiable = 128,  // documented as having no gradient
  view = 256,               // returns a view of self
  exact_out = 512,          // out= must have the dtype of the result
};
}

// A parsed argument, borrowed for the duration of the call.
struct Value {
  enum class Tag : uint8_t {
    none,
    boolean,
    integer,
    real,
    scalar,
    tensor,
    ints,
    doubles,
    tensors,
    scalars,
    dtype,
    device,
    string,
    generator,
    object
  };
  Tag tag = Tag::none;
  union {
    bool b;
    int64_t i;
    double d;
    const Scalar* scalar;
    const Tensor* tensor;
    const Dims* ints;
    const std::vector<double>* doubles;
    const std::vector<Tensor>* tensors;
    const std::string* string;
    DType dtype;
    DeviceType device;
    Generator* generator;
    void* object;
  };
  bool is_none() const { return tag == Tag::none; }
};

// What an op returns; a vector of tensors is a tuple unless the signature says Tensor[].
using Result =
    std::variant<std::monostate, Tensor, std::vector<Tensor>, Scalar, bool, int64_t, double, DType, Dims, std::string>;

using BoxedOp = Result (*)(const Value* args);

struct OpRecord {
  const char* signature;
  BoxedOp call;
  uint32_t flags;
  const char* doc;
  // Calls for the test suite, separated by " | ": expressions over randn, rand, tensor, …, such as
  // "randn(3, 5), dim=-1". The awkward ones too: empty, 0-d, non-contiguous (`.t()`), broadcast.
  const char* samples;
};

class RegisterOps {
 public:
  explicit RegisterOps(std::span<const OpRecord> records);
};
// All records, in order of registration.
const std::vector<const OpRecord*>& all_op_records();

// self.copy_(result) with the checks of an in-place op; the generic `f_`.
Tensor finish_inplace(const Tensor& self, const Tensor& result, const char* name);
// The operand for a generic in-place op: a clone where autograd may need the old values.
Tensor inplace_operand(const Tensor& self, const char* name);
// Copies `result` into `out`, resizing it first where its shape differs; the generic `out=`. `exact`: its dtype must be
// the result's.
void finish_out(const Tensor& out, const Tensor& result, const char* name, bool exact = false);

// --- boxing: from Value to C++ parameters -------------------------------------------------------

template <class T>
struct ArgOf;
#define TL_ARG(T, expr)                                        \
  template <>                                                  \
  struct ArgOf<T> {                                            \
    static decltype(auto) get(const Value& v) { return expr; } \
  }
inline const Tensor undefined_tensor;
TL_ARG(bool, (v.b));
TL_ARG(int64_t, (v.i));
TL_ARG(double, (v.tag == Value::Tag::integer ? double(v.i) : v.d));
TL_ARG(Scalar, (*v.scalar));
TL_ARG(Tensor, (v.is_none() ? (undefined_tensor) : (*v.tensor)));
TL_ARG(Dims, (*v.ints));
TL_ARG(IntView, (IntView(*v.ints)));
TL_ARG(std::vector<Tensor>, (*v.tensors));
TL_ARG(std::vector<double>, (*v.doubles));
TL_ARG(std::string, (*v.string));
TL_ARG(std::string_view, (std::string_view(*v.string)));
TL_ARG(DType, (v.dtype));
TL_ARG(DeviceType, (v.device));
TL_ARG(Generator*, (v.is_none() ? nullptr : v.generator));
#undef TL_ARG
template <class T>
struct ArgOf<std::optional<T>> {
  static std::optional<T> get(const Value& v) {
    if (v.is_none()) return std::nullopt;
    return ArgOf<T>::get(v);
  }
};

template <class T>
Result to_result(T&& r) {
  using U = std::remove_cvref_t<T>;
  if constexpr (requires { std::tuple_size<U>::value; }) {
    return std::apply([](auto&&... t) { return Result(std::vector<Tensor>{std::move(t)...}); }, std::forward<T>(r));
  } else {
    return Result(std::forward<T>(r));
  }
}

template <auto F, class Signature>
struct Boxed;
template <auto F, class R, class... A>
struct Boxed<F, R (*)(A...)> {
  template <size_t... I>
  static Result call(const Value* args, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<R>) {
      F(ArgOf<std::remove_cvref_t<A>>::get(args[I])...);
      return std::monostate();
    } else {
      return to_result(F(ArgOf<std::remove_cvref_t<A>>::get(args[I])...));
    }
  }
  static Result call(const Value* args) { return call(args, std::index_sequence_for<A...>()); }
};
template <auto F>
Result boxed(const Value* args) {
  return Boxed<F, decltype(F)>::call(args);
}
// For an overloaded function name it: TL_OP(static_cast<Tensor (*)(const Tensor&, int64_t)>(f)).
#define TL_OP(...) (&::tl::boxed<(__VA_ARGS__)>)

}  // namespace tl
