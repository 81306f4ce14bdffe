#include "kernels/elementwise.h"

#include <cstring>

namespace tl::kernels {

namespace {

constexpr int64_t block = 512;
// Shorter inner runs are collected until they fill a block.
constexpr int64_t short_run = 16;

template <class To, class From>
void load_as(int64_t n, void* dst, const void* src, int64_t stride) {
  To* to = static_cast<To*>(dst);
  const char* from = static_cast<const char*>(src);
  if (stride == int64_t(sizeof(From))) {
    const From* TL_RESTRICT p = static_cast<const From*>(src);
    To* TL_RESTRICT q = to;
    for (int64_t i = 0; i < n; ++i) q[i] = convert<To>(p[i]);
  } else if (stride == 0) {
    To v = convert<To>(*static_cast<const From*>(src));
    for (int64_t i = 0; i < n; ++i) to[i] = v;
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = convert<To>(*reinterpret_cast<const From*>(from + i * stride));
  }
}

template <class To, class From>
void store_as(int64_t n, void* dst, int64_t stride, const void* src) {
  const From* from = static_cast<const From*>(src);
  char* to = static_cast<char*>(dst);
  if (stride == int64_t(sizeof(To))) {
    const From* TL_RESTRICT p = from;
    To* TL_RESTRICT q = static_cast<To*>(dst);
    for (int64_t i = 0; i < n; ++i) q[i] = convert<To>(p[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) *reinterpret_cast<To*>(to + i * stride) = convert<To>(from[i]);
  }
}

using Load = void (*)(int64_t n, void* dst, const void* src, int64_t stride);
using Store = void (*)(int64_t n, void* dst, int64_t stride, const void* src);

template <class To>
Load load_to(DType from) {
  return dispatch_all(from, [](auto tag) -> Load {
    using From = typename decltype(tag)::type;
    constexpr bool complex = !std::is_arithmetic_v<From> && sizeof(From) >= 8;
    if constexpr (complex && std::is_arithmetic_v<To>) {
      return nullptr;  // never asked for
    } else if constexpr (std::is_same_v<To, int64_t> && !std::is_integral_v<From>) {
      return nullptr;
    } else {
      return &load_as<To, From>;
    }
  });
}

Load find_load(DType to, DType from) {
  switch (to) {
    case DType::Float32:
      return load_to<float>(from);
    case DType::Float64:
      return load_to<double>(from);
    case DType::Int64:
      return load_to<int64_t>(from);
    default:
      return load_to<std::complex<double>>(from);
  }
}

// Within a compute type, and Float32 from Float64 for real results of complex64.
Store find_store(DType to, DType from) {
  switch (to) {
    case DType::Bool:
      return from == DType::Bool ? &store_as<uint8_t, uint8_t> : &store_as<bool, int64_t>;
    case DType::UInt8:
      return &store_as<uint8_t, int64_t>;
    case DType::Int8:
      return &store_as<int8_t, int64_t>;
    case DType::Int16:
      return &store_as<int16_t, int64_t>;
    case DType::Int32:
      return &store_as<int32_t, int64_t>;
    case DType::Int64:
      return &store_as<int64_t, int64_t>;
    case DType::Float16:
      return &store_as<Half, float>;
    case DType::BFloat16:
      return &store_as<BFloat16, float>;
    case DType::Float32:
      return from == DType::Float64 ? &store_as<float, double> : &store_as<float, float>;
    case DType::Float64:
      return &store_as<double, double>;
    case DType::Complex64:
      return &store_as<std::complex<float>, std::complex<double>>;
    default:
      return &store_as<std::complex<double>, std::complex<double>>;
  }
}

// Where the walk over the dims stands: an index per dim and an address per operand.
struct Walk {
  const ElementwiseArgs& a;
  char* at[max_operands];
  int64_t index[64];

  Walk(const ElementwiseArgs& args, int64_t begin) : a(args) {
    for (int k = 0; k < a.count; ++k) at[k] = a.data[k];
    for (int d = 0; d < a.ndim; ++d) {
      index[d] = begin % a.sizes[d];
      begin /= a.sizes[d];
      for (int k = 0; k < a.count; ++k) at[k] += index[d] * a.strides[k][d];
    }
  }
  int64_t run() const { return a.sizes[0] - index[0]; }
  // n elements further, at most to the end of the run.
  void advance(int64_t n) {
    for (int k = 0; k < a.count; ++k) at[k] += n * a.strides[k][0];
    index[0] += n;
    for (int d = 0; index[d] == a.sizes[d];) {
      if (d + 1 == a.ndim) return;
      for (int k = 0; k < a.count; ++k) at[k] += a.strides[k][d + 1] - a.sizes[d] * a.strides[k][d];
      index[d] = 0;
      ++index[++d];
    }
  }
};

void run(const ElementwiseArgs& a, int64_t begin, int64_t end) {
  alignas(64) char buffers[max_operands][block * sizeof(std::complex<double>)];
  enum class Access : uint8_t { direct, repeated, staged };
  Access access[max_operands] = {};
  Load load[max_operands] = {};
  void* data[max_operands];
  const bool collect = a.sizes[0] < short_run && a.ndim > 1;
  const int64_t most = end - begin < block ? end - begin : block;
  for (int k = 0; k < a.count; ++k) {
    int64_t width = int64_t(item_size(a.dtype[k]));
    DType wanted = k == 0 ? a.writes : a.reads;
    bool repeats = true, linear = a.dtype[k] == wanted;
    int64_t step = width;
    for (int d = 0; d < a.ndim; ++d) {
      repeats = repeats && a.strides[k][d] == 0;
      if (d == 0 || collect) linear = linear && a.strides[k][d] == step;
      step *= a.sizes[d];
    }
    access[k] = linear ? Access::direct : repeats && k > 0 ? Access::repeated : Access::staged;
    data[k] = buffers[k];
    if (k > 0 && access[k] != Access::direct) load[k] = find_load(wanted, a.dtype[k]);
    if (access[k] == Access::repeated) load[k](most, data[k], a.data[k], 0);
  }
  Store store = access[0] == Access::staged ? find_store(a.dtype[0], a.writes) : nullptr;

  Walk walk(a, begin);
  for (int64_t i = begin; i < end;) {
    int64_t n = end - i < block ? end - i : block;
    if (!collect) {
      if (n > walk.run()) n = walk.run();
      for (int k = 0; k < a.count; ++k) {
        if (access[k] == Access::direct) data[k] = walk.at[k];
        if (k > 0 && access[k] == Access::staged) load[k](n, data[k], walk.at[k], a.strides[k][0]);
      }
      a.loop(n, data);
      if (store != nullptr) store(n, walk.at[0], a.strides[0][0], data[0]);
      walk.advance(n);
    } else {
      for (int k = 0; k < a.count; ++k) {
        if (access[k] == Access::direct) data[k] = a.data[k] + i * int64_t(item_size(a.dtype[k]));
      }
      Walk out = walk;
      for (int64_t done = 0; done < n;) {
        int64_t m = n - done < walk.run() ? n - done : walk.run();
        for (int k = 1; k < a.count; ++k) {
          if (access[k] != Access::staged) continue;
          load[k](m, static_cast<char*>(data[k]) + done * int64_t(item_size(a.reads)), walk.at[k], a.strides[k][0]);
        }
        walk.advance(m);
        done += m;
      }
      a.loop(n, data);
      for (int64_t done = 0; store != nullptr && done < n;) {
        int64_t m = n - done < out.run() ? n - done : out.run();
        store(m, out.at[0], a.strides[0][0], static_cast<char*>(data[0]) + done * int64_t(item_size(a.writes)));
        out.advance(m);
        done += m;
      }
    }
    i += n;
  }
}

void load(DType to, DType from, int64_t n, void* dst, const void* src, int64_t stride) {
  find_load(to, from)(n, dst, src, stride);
}

}  // namespace

TL_KERNEL(elementwise, &run);
TL_KERNEL(load_block, &load);

}  // namespace tl::kernels
