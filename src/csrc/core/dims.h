// Sizes, strides and index lists: a short vector of int64 without a heap allocation up to 8 entries.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <vector>

namespace tl {

using IntView = std::span<const int64_t>;

class Dims {
 public:
  Dims() = default;
  explicit Dims(size_t n, int64_t value = 0) { resize(n, value); }
  Dims(std::initializer_list<int64_t> v) { assign(v.begin(), v.size()); }
  Dims(IntView v) { assign(v.data(), v.size()); }
  Dims(const Dims& o) { assign(o.data_, o.size_); }
  Dims(Dims&& o) noexcept { take(o); }
  Dims& operator=(const Dims& o) {
    if (this != &o) assign(o.data_, o.size_);
    return *this;
  }
  Dims& operator=(Dims&& o) noexcept {
    if (this != &o) {
      free_heap();
      take(o);
    }
    return *this;
  }
  ~Dims() { free_heap(); }

  operator IntView() const { return {data_, size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t* data() { return data_; }
  const int64_t* data() const { return data_; }
  int64_t& operator[](size_t i) { return data_[i]; }
  int64_t operator[](size_t i) const { return data_[i]; }
  int64_t* begin() { return data_; }
  int64_t* end() { return data_ + size_; }
  const int64_t* begin() const { return data_; }
  const int64_t* end() const { return data_ + size_; }
  int64_t& back() { return data_[size_ - 1]; }
  int64_t back() const { return data_[size_ - 1]; }

  void push_back(int64_t v) {
    if (size_ == capacity_) grow(size_ + 1);
    data_[size_++] = v;
  }
  void pop_back() { --size_; }
  void resize(size_t n, int64_t value = 0) {
    if (n > capacity_) grow(n);
    for (size_t i = size_; i < n; ++i) data_[i] = value;
    size_ = uint32_t(n);
  }
  void insert(size_t at, int64_t v) {
    push_back(v);
    for (size_t i = size_ - 1; i > at; --i) data_[i] = data_[i - 1];
    data_[at] = v;
  }
  void erase(size_t at) {
    for (size_t i = at; i + 1 < size_; ++i) data_[i] = data_[i + 1];
    --size_;
  }
  void clear() { size_ = 0; }
  bool operator==(const Dims& o) const { return size_ == o.size_ && std::memcmp(data_, o.data_, size_ * 8) == 0; }

 private:
  void assign(const int64_t* p, size_t n) {
    if (n > capacity_) grow(n);
    if (n != 0) std::memcpy(data_, p, n * 8);
    size_ = uint32_t(n);
  }
  void take(Dims& o) noexcept {
    size_ = o.size_;
    if (o.data_ != o.inline_) {
      data_ = o.data_;
      capacity_ = o.capacity_;
      o.data_ = o.inline_;
      o.capacity_ = inline_capacity;
    } else {
      data_ = inline_;
      capacity_ = inline_capacity;
      std::memcpy(inline_, o.inline_, sizeof inline_);
    }
    o.size_ = 0;
  }
  void grow(size_t n) {
    size_t cap = n * 2;
    int64_t* p = new int64_t[cap];
    std::memcpy(p, data_, size_ * 8);
    free_heap();
    data_ = p;
    capacity_ = uint32_t(cap);
  }
  void free_heap() {
    if (data_ != inline_) delete[] data_;
  }

  static constexpr uint32_t inline_capacity = 8;
  int64_t* data_ = inline_;
  uint32_t size_ = 0;
  uint32_t capacity_ = inline_capacity;
  int64_t inline_[inline_capacity];
};

inline bool equal(IntView a, IntView b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {  // most have one or two dims: cheaper than a call
    if (a[i] != b[i]) return false;
  }
  return true;
}

// "[2, 3]", as PyTorch writes shapes in messages.
std::string to_string(IntView v);
struct Shape {  // tags an IntView for streaming into a message
  IntView dims;
};
std::ostream& operator<<(std::ostream& out, Shape s);
std::ostream& operator<<(std::ostream& out, const Dims& d);

// The product, or a RuntimeError where it overflows or a size is negative.
int64_t checked_numel(IntView sizes);
Dims contiguous_strides(IntView sizes);
// The broadcast of two shapes, or a RuntimeError that names both.
Dims broadcast_shapes(IntView a, IntView b);
// `dim` counted from the front; an IndexError outside [-ndim, ndim) (a 0-d tensor counts as 1-d).
int64_t wrap_dim(int64_t dim, int64_t ndim);
// As wrap_dim for a list; a RuntimeError where a dim repeats.
Dims wrap_dims(IntView dims, int64_t ndim);
// Strides for a view of (sizes, strides) as `new_sizes`, or false where only a copy would do.
bool view_strides(IntView sizes, IntView strides, IntView new_sizes, Dims& out);
// Replaces one -1 by the size that is left; a RuntimeError where `numel` does not fit.
Dims infer_size(IntView sizes, int64_t numel);

}  // namespace tl
