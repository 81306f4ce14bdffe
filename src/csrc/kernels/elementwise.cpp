#include "kernels/elementwise.h"

#include "kernels/copy.h"

namespace tl::kernels {

namespace {

constexpr int64_t block = 512;
// Shorter inner runs are collected until they fill a block.
constexpr int64_t short_run = 16;

// n elements of one operand into a block, and from a block into the output.
void load(DType to, DType from, int64_t n, void* dst, const void* src, int64_t stride) {
  const auto width = int64_t(item_size(to));
  if (to == from) {
    copy_run(size_t(width), static_cast<char*>(dst), width, static_cast<const char*>(src), stride, n);
  } else {
    convert_run(to, static_cast<char*>(dst), width, from, static_cast<const char*>(src), stride, n);
  }
}
void store(DType to, DType from, int64_t n, void* dst, int64_t stride, const void* src) {
  const auto width = int64_t(item_size(from));
  if (to == from) {
    copy_run(size_t(width), static_cast<char*>(dst), stride, static_cast<const char*>(src), width, n);
  } else {
    convert_run(to, static_cast<char*>(dst), stride, from, static_cast<const char*>(src), width, n);
  }
}

// Where the walk over the dims stands: an index per dim and an address per operand.
struct Walk {
  const ElementwiseArgs& a;
  void* at[max_operands];
  int64_t index[64];

  Walk(const ElementwiseArgs& args, int64_t begin) : a(args) {
    for (int k = 0; k < a.count; ++k) at[k] = a.data[k];
    for (int d = 0; d < a.ndim; ++d) {
      index[d] = begin % a.sizes[d];
      begin /= a.sizes[d];
      for (int k = 0; k < a.count; ++k) shift(k, index[d] * a.strides[k][d]);
    }
  }
  void shift(int k, int64_t bytes) { at[k] = static_cast<char*>(at[k]) + bytes; }
  int64_t run() const { return a.sizes[0] - index[0]; }
  // n elements further, at most to the end of the run.
  void advance(int64_t n) {
    for (int k = 0; k < a.count; ++k) shift(k, n * a.strides[k][0]);
    index[0] += n;
    for (int d = 0; index[d] == a.sizes[d];) {
      if (d + 1 == a.ndim) return;
      for (int k = 0; k < a.count; ++k) shift(k, a.strides[k][d + 1] - a.sizes[d] * a.strides[k][d]);
      index[d] = 0;
      ++index[++d];
    }
  }
};

// Every operand as the loop wants it: no copies but of repeated elements, which fill a block.
void run_direct(const ElementwiseArgs& a, Walk& walk, int64_t count, int64_t most) {
  while (count > 0) {
    int64_t n = count < most ? count : most;
    if (n > walk.run()) n = walk.run();
    a.loop(n, walk.at);
    walk.advance(n);
    count -= n;
  }
}

void run(const ElementwiseArgs& a, int64_t begin, int64_t end) {
  alignas(64) char buffers[max_operands][block * sizeof(std::complex<double>)];
  enum class Access : uint8_t { direct, repeated, staged };
  Access access[max_operands] = {};
  void* data[max_operands];
  const bool collect = a.sizes[0] < short_run && a.ndim > 1;
  const int64_t most = end - begin < block ? end - begin : block;
  bool staged = false, repeated = false;
  for (int k = 0; k < a.count; ++k) {
    int64_t width = int64_t(item_size(a.dtype[k]));
    DType wanted = k == 0 ? a.writes : a.reads;
    bool repeats = k > 0, linear = a.dtype[k] == wanted;
    int64_t step = width;
    for (int d = 0; d < a.ndim; ++d) {
      repeats = repeats && a.strides[k][d] == 0;
      if (d == 0 || collect) linear = linear && a.strides[k][d] == step;
      step *= a.sizes[d];
    }
    access[k] = linear ? Access::direct : repeats ? Access::repeated : Access::staged;
    staged = staged || access[k] == Access::staged;
    repeated = repeated || access[k] == Access::repeated;
    data[k] = buffers[k];
    if (access[k] == Access::repeated) load(wanted, a.dtype[k], most, data[k], a.data[k], 0);
  }

  Walk walk(a, begin);
  if (!staged && !collect) {
    for (int k = 0; k < a.count; ++k) {
      if (access[k] == Access::repeated) walk.at[k] = buffers[k];  // where it stays: its strides are zero
    }
    return run_direct(a, walk, end - begin, repeated ? block : end - begin);
  }
  for (int64_t i = begin; i < end;) {
    int64_t n = end - i < block ? end - i : block;
    if (!collect) {
      if (n > walk.run()) n = walk.run();
      for (int k = 0; k < a.count; ++k) {
        if (access[k] == Access::direct) data[k] = walk.at[k];
        if (k > 0 && access[k] == Access::staged) load(a.reads, a.dtype[k], n, data[k], walk.at[k], a.strides[k][0]);
      }
      a.loop(n, data);
      if (access[0] == Access::staged) store(a.dtype[0], a.writes, n, walk.at[0], a.strides[0][0], data[0]);
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
          load(a.reads, a.dtype[k], m, static_cast<char*>(data[k]) + done * int64_t(item_size(a.reads)), walk.at[k],
               a.strides[k][0]);
        }
        walk.advance(m);
        done += m;
      }
      a.loop(n, data);
      for (int64_t done = 0; access[0] == Access::staged && done < n;) {
        int64_t m = n - done < out.run() ? n - done : out.run();
        store(a.dtype[0], a.writes, m, out.at[0], a.strides[0][0],
              static_cast<char*>(data[0]) + done * int64_t(item_size(a.writes)));
        out.advance(m);
        done += m;
      }
    }
    i += n;
  }
}

}  // namespace

TL_KERNEL(elementwise, &run);

}  // namespace tl::kernels
