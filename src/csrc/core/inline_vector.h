// Short lists on the stack: they need no heap up to N elements.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>

namespace tl {

// An array whose length is known when it is made.
template <class T, size_t N>
class InlineArray {
 public:
  explicit InlineArray(size_t n) : size_(n), data_(n <= N ? inline_ : new T[n]) {
    if (n > N) return;
    for (size_t i = 0; i < n; ++i) new (&inline_[i]) T;
  }
  InlineArray(const InlineArray&) = delete;
  ~InlineArray() {
    if (data_ != inline_) {
      delete[] data_;
      return;
    }
    for (size_t i = 0; i < size_; ++i) inline_[i].~T();
  }
  T& operator[](size_t i) { return data_[i]; }
  T* data() { return data_; }
  size_t size() const { return size_; }
  operator std::span<T>() { return {data_, size_}; }
  operator std::span<const T>() const { return {data_, size_}; }

 private:
  size_t size_;
  T* data_;
  union {
    T inline_[N];
  };
};

// A vector of plain values.
template <class T, size_t N>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  InlineVector() {}
  InlineVector(const InlineVector&) = delete;
  ~InlineVector() {
    if (data_ != inline_) delete[] data_;
  }
  void push_back(T v) {
    if (size_ == capacity_) [[unlikely]]
      grow();
    data_[size_++] = v;
  }
  void pop_back() { --size_; }
  T& back() { return data_[size_ - 1]; }
  T& operator[](size_t i) { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  void grow() {
    T* fresh = new T[capacity_ * 2];
    std::memcpy(fresh, data_, size_ * sizeof(T));
    if (data_ != inline_) delete[] data_;
    data_ = fresh;
    capacity_ *= 2;
  }
  size_t size_ = 0, capacity_ = N;
  T* data_ = inline_;
  union {  // uninitialised
    T inline_[N];
  };
};

}  // namespace tl
