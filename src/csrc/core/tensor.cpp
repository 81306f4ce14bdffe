#include "core/tensor.h"

#include <new>

namespace tl {

void (*release_python_object)(void*) = nullptr;
TL_THREAD_LOCAL uint8_t fresh_tensor_flags = 0;

namespace {

constexpr size_t align_up(size_t n, size_t a) { return (n + a - 1) & ~(a - 1); }
constexpr size_t impl_bytes = align_up(sizeof(TensorImpl), 16);
constexpr size_t storage_bytes = align_up(sizeof(Storage), 16);
// The largest data that shares a block with its tensor.
constexpr size_t inline_data_limit = 256;
constexpr int64_t max_dims = 64;

void free_hosted(Storage* s) { small_free(reinterpret_cast<char*>(s) - impl_bytes, s->block_bytes); }
// A hosted storage that was resized has its data outside the block.
void free_hosted_with_data(Storage* s) {
  data_free(s->data, s->nbytes);
  free_hosted(s);
}
void free_owned(Storage* s) {
  data_free(s->data, s->nbytes);
  s->~Storage();
  small_free(s, sizeof(Storage));
}
struct External {
  void* context;
  void (*free)(void*);
};
void free_external(Storage* s) {
  auto* external = static_cast<External*>(s->context);
  if (external->free != nullptr) external->free(external->context);
  delete external;
  s->~Storage();
  small_free(s, sizeof(Storage));
}

TensorImpl* new_impl() {
  auto* impl = new (small_alloc(sizeof(TensorImpl))) TensorImpl;
  impl->flags = fresh_tensor_flags;
  return impl;
}

bool compute_contiguous(IntView sizes, IntView strides) {
  int64_t expected = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 0) return true;
    if (sizes[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= sizes[i];
  }
  return true;
}

// Block layout: TensorImpl | Storage | data. The tensor and its views each hold the storage; the
// tensor holds it once more as its host, so the block outlives both.
TensorImpl* new_hosted(size_t nbytes) {
  size_t block = impl_bytes + storage_bytes + nbytes;
  char* p = static_cast<char*>(small_alloc(block));
  auto* impl = new (p) TensorImpl;
  auto* storage = new (p + impl_bytes) Storage;
  storage->refs.retain();
  storage->data = p + impl_bytes + storage_bytes;
  storage->nbytes = nbytes;
  storage->deleter = free_hosted;
  storage->block_bytes = uint32_t(block);
  impl->flags = uint8_t(TensorImpl::hosted | fresh_tensor_flags);
  impl->storage = storage;
  impl->host = storage;
  return impl;
}

}  // namespace

Storage* make_storage(size_t nbytes) {
  void* data = data_alloc(nbytes);
  auto* s = new (small_alloc(sizeof(Storage))) Storage;
  s->data = data;
  s->nbytes = nbytes;
  s->deleter = free_owned;
  return s;
}

Storage* wrap_storage(void* data, size_t nbytes, void* context, void (*free)(void*)) {
  auto* s = new (small_alloc(sizeof(Storage))) Storage;
  s->data = data;
  s->nbytes = nbytes;
  s->context = new External{context, free};
  s->deleter = free_external;
  s->resizable = false;
  return s;
}

void resize_storage(Storage* s, size_t nbytes) {
  TL_CHECK(s->resizable, "Trying to resize storage that is not resizable");
  if (nbytes == s->nbytes) return;
  void* data = data_alloc(nbytes);
  std::memcpy(data, s->data, nbytes < s->nbytes ? nbytes : s->nbytes);
  if (s->deleter == free_hosted) {
    s->deleter = free_hosted_with_data;
  } else {
    data_free(s->data, s->nbytes);
  }
  s->data = data;
  s->nbytes = nbytes;
}

void TensorImpl::set_geometry(IntView sizes, IntView strides) {
  size_t n = sizes.size();
  TL_CHECK(n <= size_t(max_dims), "tensors have at most ", max_dims, " dimensions, got ", n);
  if (n > inline_dims && n != ndim) {
    int64_t* fresh = new int64_t[2 * n];
    if (dims != inline_) delete[] dims;
    dims = fresh;
  } else if (n <= inline_dims && dims != inline_) {
    // The arguments may point into the old array.
    Dims keep_sizes(sizes), keep_strides(strides);
    delete[] dims;
    dims = inline_;
    ndim = 0;
    return set_geometry(keep_sizes, keep_strides);
  }
  ndim = uint8_t(n);
  int64_t count = 1;
  for (size_t i = 0; i < n; ++i) {
    dims[i] = sizes[i];
    count *= sizes[i];
  }
  for (size_t i = 0; i < n; ++i) dims[n + i] = strides[i];
  numel = count;
  contiguous = compute_contiguous(this->sizes(), this->strides());
}

TensorImpl::~TensorImpl() {
  if (grad_fn != nullptr || autograd != nullptr) release_autograd_state(*this);
  if (storage != nullptr) storage->release();
  if (view_base != nullptr && view_base->refs.release()) destroy(view_base);
  if (version_counter != nullptr && version_counter->refs.release()) delete version_counter;
  if (dims != inline_) delete[] dims;
}

void TensorImpl::destroy(TensorImpl* impl) noexcept {
  if (impl->flags & owns_python) [[unlikely]] {
    release_python_object(impl->python);
  }
  Storage* host = impl->host;
  impl->~TensorImpl();
  if (host != nullptr) {
    host->release();
  } else {
    small_free(impl, sizeof(TensorImpl));
  }
}

Tensor empty(IntView sizes, DType dtype) {
  int64_t numel = checked_numel(sizes);
  size_t nbytes = size_t(numel) * item_size(dtype);
  TensorImpl* impl;
  if (nbytes <= inline_data_limit) {
    impl = new_hosted(nbytes);
  } else {
    Storage* s = make_storage(nbytes);
    impl = new_impl();
    impl->storage = s;
  }
  Tensor t = Tensor::adopt(impl);
  impl->dtype = dtype;
  if (sizes.size() <= TensorImpl::inline_dims) [[likely]] {
    int n = int(sizes.size());
    impl->ndim = uint8_t(n);
    int64_t step = 1;
    for (int i = n; i-- > 0;) {
      impl->dims[i] = sizes[size_t(i)];
      impl->dims[n + i] = step;
      step *= sizes[size_t(i)] > 1 ? sizes[size_t(i)] : 1;
    }
    impl->numel = numel;
  } else {
    impl->set_geometry(sizes, contiguous_strides(sizes));
  }
  return t;
}

Tensor empty_strided(IntView sizes, IntView strides, DType dtype) {
  TL_CHECK(sizes.size() == strides.size(), "dimensionality of sizes (", sizes.size(),
           ") must match dimensionality of strides (", strides.size(), ")");
  int64_t numel = checked_numel(sizes);
  int64_t extent = numel == 0 ? 0 : 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    TL_CHECK(strides[i] >= 0, "empty_strided: negative strides are not supported, got ", Shape{strides});
    int64_t step;
    bool overflow = numel != 0 && __builtin_mul_overflow(sizes[i] - 1, strides[i], &step);
    if (numel != 0) overflow = overflow || __builtin_add_overflow(extent, step, &extent);
    TL_CHECK(!overflow && extent < (int64_t(1) << 59), "Storage size calculation overflowed with sizes=", Shape{sizes},
             " and strides=", Shape{strides});
  }
  return from_storage(make_storage(size_t(extent) * item_size(dtype)), sizes, strides, 0, dtype);
}

namespace {

// Contiguous tensors may have any strides where a size is 0 or 1; results keep them.
bool has_usual_strides(const Tensor& t) {
  int64_t step = 1;
  for (int64_t d = t.dim(); d-- > 0;) {
    if (t.strides()[size_t(d)] != step) return false;
    step *= t.sizes()[size_t(d)] > 1 ? t.sizes()[size_t(d)] : 1;
  }
  return true;
}

}  // namespace

Tensor empty_like(const Tensor& t, DType dtype) {
  if (t.is_contiguous() && has_usual_strides(t)) return empty(t.sizes(), dtype);
  if (is_non_overlapping_and_dense(t)) return empty_strided(t.sizes(), t.strides(), dtype);
  // Keep the order of the strides, drop the gaps.
  int64_t n = t.dim();
  Dims order(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) order[size_t(i)] = i;
  IntView strides = t.strides();
  for (int64_t i = 1; i < n; ++i) {
    for (int64_t j = i; j > 0; --j) {
      int64_t a = order[size_t(j - 1)], b = order[size_t(j)];
      if (strides[size_t(a)] == 0 || strides[size_t(b)] == 0 || strides[size_t(a)] >= strides[size_t(b)]) break;
      std::swap(order[size_t(j - 1)], order[size_t(j)]);
    }
  }
  Dims out(static_cast<size_t>(n));
  int64_t step = 1;
  for (int64_t i = n; i-- > 0;) {
    out[size_t(order[size_t(i)])] = step;
    int64_t s = t.sizes()[size_t(order[size_t(i)])];
    step *= s > 1 ? s : 1;
  }
  return empty_strided(t.sizes(), out, dtype);
}

Tensor scalar_tensor(const Scalar& value, DType dtype) {
  TensorImpl* impl = new_hosted(item_size(dtype));
  impl->dtype = dtype;
  dispatch_all(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    *static_cast<T*>(impl->storage->data) = value.to<T>();
  });
  return Tensor::adopt(impl);
}

Tensor wrapped_number(const Scalar& value) {
  using Kind = Scalar::Kind;
  Tensor t;
  switch (value.kind()) {
    case Kind::boolean:
      t = scalar_tensor(value, DType::Bool);
      break;
    case Kind::integer:
      t = scalar_tensor(value, DType::Int64);
      break;
    case Kind::real:
      t = scalar_tensor(value, DType::Float64);
      break;
    default:
      t = scalar_tensor(value, DType::Complex128);
  }
  t->flags |= TensorImpl::wrapped_number;
  return t;
}

Tensor from_storage(Storage* adopted, IntView sizes, IntView strides, int64_t offset, DType dtype) {
  TensorImpl* impl = new_impl();
  impl->storage = adopted;
  impl->dtype = dtype;
  impl->offset = offset;
  Tensor t = Tensor::adopt(impl);
  impl->set_geometry(sizes, strides);
  return t;
}

Tensor alias(const Tensor& t, IntView sizes, IntView strides, int64_t offset) {
  t->storage->retain();
  Tensor out = from_storage(t->storage, sizes, strides, offset, t.dtype());
  out->device = t->device;
  if (t->version_counter != nullptr) {
    t->version_counter->refs.retain();
    out->version_counter = t->version_counter;
  }
  out->flags = t->flags & TensorImpl::inference;
  return out;
}

Tensor alias(const Tensor& t) { return alias(t, t.sizes(), t.strides(), t->offset); }

Tensor alias_with_new_version(const Tensor& t) {
  t->storage->retain();
  Tensor out = from_storage(t->storage, t.sizes(), t.strides(), t->offset, t.dtype());
  out->version_counter = new VersionCounter;
  out->flags = t->flags & TensorImpl::inference;
  return out;
}

Scalar item(const Tensor& t) {
  TL_CHECK(t.numel() == 1, "a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
  return dispatch_all(t.dtype(), [&](auto tag) -> Scalar {
    using T = typename decltype(tag)::type;
    T v = *t.data<T>();
    if constexpr (std::is_same_v<T, bool>) {
      return Scalar(v);
    } else if constexpr (std::is_integral_v<T>) {
      return Scalar(int64_t(v));
    } else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
      return Scalar(std::complex<double>(v));
    } else {
      return Scalar(convert<double>(v));
    }
  });
}

bool is_non_overlapping_and_dense(const Tensor& t) {
  if (t.is_contiguous()) return true;
  int64_t n = t.dim();
  Dims order(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) order[size_t(i)] = i;
  IntView sizes = t.sizes(), strides = t.strides();
  // Ascending by stride, dims of size 1 last (their stride says nothing).
  auto key = [&](int64_t d) { return sizes[size_t(d)] < 2 ? INT64_MAX : strides[size_t(d)]; };
  for (int64_t i = 1; i < n; ++i) {
    for (int64_t j = i; j > 0 && key(order[size_t(j)]) < key(order[size_t(j - 1)]); --j) {
      std::swap(order[size_t(j)], order[size_t(j - 1)]);
    }
  }
  int64_t expected = 1;
  for (int64_t d : order) {
    if (sizes[size_t(d)] < 2) return true;
    if (strides[size_t(d)] != expected) return false;
    expected *= sizes[size_t(d)];
  }
  return true;
}

bool has_internal_overlap(const Tensor& t) {
  if (t.is_contiguous()) return false;
  for (int64_t d = 0; d < t.dim(); ++d) {
    if (t.strides()[size_t(d)] == 0 && t.sizes()[size_t(d)] > 1) return true;
  }
  return false;
}

}  // namespace tl
