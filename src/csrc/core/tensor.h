// The tensor: sizes, strides and an offset over a reference-counted storage, with a version counter
// shared by all views of it. Autograd state hangs off it as opaque pointers, for the layer above.
#pragma once

#include <atomic>
#include <cstring>
#include <utility>

#include "core/allocator.h"
#include "core/dims.h"
#include "core/dtype.h"
#include "core/error.h"
#include "core/scalar.h"
#include "core/tls.h"

namespace tl {

enum class DeviceType : uint8_t { cpu, meta };

// Reference counts: an owner that sees itself alone needs no read-modify-write to let go.
class RefCount {
 public:
  explicit constexpr RefCount(uint32_t n) : n_(n) {}
  void retain() { n_.fetch_add(1, std::memory_order_relaxed); }
  // The same, and how many there were before.
  uint32_t retain_counted() { return n_.fetch_add(1, std::memory_order_relaxed); }
  uint32_t release_counted() { return n_.fetch_sub(1, std::memory_order_acq_rel); }
  // True where the caller was the last owner.
  bool release() {
    if (n_.load(std::memory_order_acquire) == 1) return true;
    return n_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  uint32_t count() const { return n_.load(std::memory_order_acquire); }

 private:
  std::atomic<uint32_t> n_;
};

struct Storage {
  RefCount refs{1};
  std::atomic<uint32_t> version{0};
  void* data = nullptr;
  size_t nbytes = 0;
  // What to do with `data` and this object at the end; `context` is the deleter's own.
  void (*deleter)(Storage*) = nullptr;
  void* context = nullptr;
  uint32_t block_bytes = 0;  // of the small block that holds this object
  bool resizable = true;

  void retain() { refs.retain(); }
  void release() {
    if (refs.release()) deleter(this);
  }
};

// A storage of its own allocation; `make_storage(nbytes)` with fresh memory, `wrap_storage` around
// memory that belongs to somebody else (`free(context)` is called at the end).
Storage* make_storage(size_t nbytes);
Storage* wrap_storage(void* data, size_t nbytes, void* context, void (*free)(void*));
// Grows or shrinks the memory in place, keeping the contents that fit.
void resize_storage(Storage* storage, size_t nbytes);

// A version counter apart from the storage's: `x.data` and tensors after `set_data` have one.
struct VersionCounter {
  RefCount refs{1};
  std::atomic<uint32_t> value{0};
};

class TensorImpl;
class Tensor;

// Flags that every new tensor of this thread starts with: `inference` in inference mode.
extern TL_THREAD_LOCAL uint8_t fresh_tensor_flags;

// Implemented by autograd; called as a tensor dies.
struct AutogradState;
void release_autograd_state(TensorImpl& impl) noexcept;
// Implemented by the Python layer (may be null): a tensor that owns its Python object dies.
extern void (*release_python_object)(void* object);

// How a view came to be, which decides whether it may be written in place under autograd.
enum class ViewKind : uint8_t { none, differentiable, made_in_no_grad, multi_output, custom_function, inference };

class TensorImpl {
 public:
  static constexpr int inline_dims = 4;
  enum Flag : uint8_t {
    requires_grad_leaf = 1,
    wrapped_number = 2,  // came from a Python number: does not raise the result's dtype
    inference = 4,
    hosted = 8,        // holds a reference on the storage whose block it lives in
    owns_python = 16,  // the Python wrapper outlived its references and belongs to this
  };

  RefCount refs{1};
  uint8_t flags = 0;
  DType dtype = DType::Float32;
  uint8_t ndim = 0;
  DeviceType device = DeviceType::cpu;
  ViewKind view_kind = ViewKind::none;
  bool contiguous = true;
  uint16_t output_nr = 0;     // which output of grad_fn this is
  uint32_t attr_version = 0;  // for views: the version that grad_fn belongs to
  int64_t numel = 1;
  int64_t offset = 0;  // in elements
  Storage* storage = nullptr;
  Storage* host = nullptr;
  void* grad_fn = nullptr;                    // autograd's Node, owned
  AutogradState* autograd = nullptr;          // .grad, hooks, …; owned, mostly null
  TensorImpl* view_base = nullptr;            // owned
  VersionCounter* version_counter = nullptr;  // owned; null: the storage's
  void* python = nullptr;
  int64_t* dims = inline_;  // ndim sizes, then ndim strides

  IntView sizes() const { return {dims, ndim}; }
  IntView strides() const { return {dims + ndim, ndim}; }
  void* data() const { return static_cast<char*>(storage->data) + offset * int64_t(item_size(dtype)); }
  std::atomic<uint32_t>& version() const {
    return version_counter != nullptr ? version_counter->value : storage->version;
  }
  // Sets the geometry and what follows from it (numel, contiguous).
  void set_geometry(IntView sizes, IntView strides);

  TensorImpl() = default;
  TensorImpl(const TensorImpl&) = delete;
  ~TensorImpl();

 private:
  friend class Tensor;
  int64_t inline_[2 * inline_dims];
  static void destroy(TensorImpl* impl) noexcept;
};

class Tensor {
 public:
  constexpr Tensor() = default;
  Tensor(const Tensor& o) : impl_(o.impl_) {
    if (impl_ != nullptr) impl_->refs.retain();
  }
  Tensor(Tensor&& o) noexcept : impl_(std::exchange(o.impl_, nullptr)) {}
  Tensor& operator=(const Tensor& o) {
    Tensor copy(o);
    std::swap(impl_, copy.impl_);
    return *this;
  }
  Tensor& operator=(Tensor&& o) noexcept {
    Tensor moved(std::move(o));
    std::swap(impl_, moved.impl_);
    return *this;
  }
  ~Tensor() {
    if (impl_ != nullptr && impl_->refs.release()) TensorImpl::destroy(impl_);
  }
  static Tensor adopt(TensorImpl* impl) {  // takes over a reference
    Tensor t;
    t.impl_ = impl;
    return t;
  }
  static Tensor borrow(TensorImpl* impl) {  // adds a reference
    if (impl != nullptr) impl->refs.retain();
    return adopt(impl);
  }
  TensorImpl* release() { return std::exchange(impl_, nullptr); }
  void reset() { *this = Tensor(); }

  bool defined() const { return impl_ != nullptr; }
  explicit operator bool() const = delete;
  TensorImpl* impl() const { return impl_; }
  TensorImpl* operator->() const { return impl_; }
  bool is_same(const Tensor& o) const { return impl_ == o.impl_; }
  uint32_t use_count() const { return impl_->refs.count(); }

  DType dtype() const { return impl_->dtype; }
  int64_t dim() const { return impl_->ndim; }
  IntView sizes() const { return impl_->sizes(); }
  IntView strides() const { return impl_->strides(); }
  int64_t size(int64_t d) const { return impl_->dims[wrap_dim(d, dim())]; }
  int64_t stride(int64_t d) const { return impl_->dims[dim() + wrap_dim(d, dim())]; }
  int64_t numel() const { return impl_->numel; }
  bool is_contiguous() const { return impl_->contiguous; }
  bool is_wrapped_number() const { return impl_->flags & TensorImpl::wrapped_number; }
  bool is_inference() const { return impl_->flags & TensorImpl::inference; }
  bool is_view() const { return impl_->view_base != nullptr; }
  char* bytes() const { return static_cast<char*>(impl_->data()); }
  template <class T>
  T* data() const {
    return static_cast<T*>(impl_->data());
  }
  size_t nbytes() const { return size_t(numel()) * item_size(dtype()); }
  uint32_t version() const { return impl_->version().load(std::memory_order_relaxed); }
  // A tensor with no views and no version counter of its own cannot have been saved elsewhere under
  // another counter, so one increment tells everybody. Inference tensors do not count.
  void bump_version() const { impl_->version().fetch_add(1, std::memory_order_relaxed); }

 private:
  TensorImpl* impl_ = nullptr;
};

// Uninitialised memory.
Tensor empty(IntView sizes, DType dtype);
Tensor empty_strided(IntView sizes, IntView strides, DType dtype);
// Fresh tensor with the memory layout of `t` where that is dense, contiguous otherwise.
Tensor empty_like(const Tensor& t, DType dtype);
inline Tensor empty_like(const Tensor& t) { return empty_like(t, t.dtype()); }
// A 0-d tensor holding `value` as `dtype`.
Tensor scalar_tensor(const Scalar& value, DType dtype);
// The same marked as a Python number, for type promotion.
Tensor wrapped_number(const Scalar& value);
// Another tensor over the same storage and version counter, without autograd history or base.
Tensor alias(const Tensor& t);
Tensor alias(const Tensor& t, IntView sizes, IntView strides, int64_t offset);
// The same with a version counter of its own (`x.data`).
Tensor alias_with_new_version(const Tensor& t);
Tensor from_storage(Storage* adopted, IntView sizes, IntView strides, int64_t offset, DType dtype);
// A 0-d (or one-element) tensor's value; RuntimeError otherwise.
Scalar item(const Tensor& t);
// True where each element has its own memory and they fill it without gaps, in any dim order.
bool is_non_overlapping_and_dense(const Tensor& t);
// True where two elements may share memory (an expanded dim): such a tensor cannot be written.
bool has_internal_overlap(const Tensor& t);

}  // namespace tl
