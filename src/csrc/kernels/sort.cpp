#include "kernels/sort.h"

#include <bit>
#include <cstring>
#include <type_traits>

namespace tl::kernels {

namespace {

// Unsigned keys in the order of the values: -0 equals 0, every NaN is the one largest key.
TL_ALWAYS_INLINE uint32_t float_key(float v) {
  if (v != v) return UINT32_MAX;
  const uint32_t bits = std::bit_cast<uint32_t>(v + 0.0f);
  return bits ^ ((bits >> 31) != 0 ? UINT32_MAX : 0x80000000u);
}
template <class T>
TL_ALWAYS_INLINE auto key_of(T v) {
  if constexpr (std::is_same_v<T, double>) {
    if (v != v) return UINT64_MAX;
    const uint64_t bits = std::bit_cast<uint64_t>(v + 0.0);
    return bits ^ ((bits >> 63) != 0 ? UINT64_MAX : uint64_t(1) << 63);
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return float_key(convert<float>(v));
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return uint64_t(v) ^ (uint64_t(1) << 63);
  } else if constexpr (std::is_signed_v<T>) {
    return uint32_t(int32_t(v)) ^ 0x80000000u;
  } else {
    return uint32_t(v);
  }
}

// A key with the index of its element, so that equal keys keep their order: in one word where both fit.
struct Packed {
  using Key = uint32_t;
  uint64_t word;
  static Packed make(uint32_t key, int64_t index) { return {uint64_t(key) << 32 | uint32_t(index)}; }
  uint32_t key() const { return uint32_t(word >> 32); }
  int64_t index() const { return int64_t(uint32_t(word)); }
  bool operator<(const Packed& o) const { return word < o.word; }
};
struct Wide {
  using Key = uint64_t;
  uint64_t word;
  int64_t at;
  static Wide make(uint64_t key, int64_t index) { return {key, index}; }
  uint64_t key() const { return word; }
  int64_t index() const { return at; }
  bool operator<(const Wide& o) const { return word < o.word || (word == o.word && at < o.at); }
};

template <class Item>
TL_NOINLINE void insertion_sort(Item* a, int64_t n) {
  for (int64_t i = 1; i < n; ++i) {
    const Item x = a[i];
    int64_t j = i;
    for (; j > 0 && x < a[j - 1]; --j) a[j] = a[j - 1];
    a[j] = x;
  }
}

// Items in order of index are sorted by digits of the key, the lowest first; digits that all keys share
// are passed over.
template <class Item, int Bits>
TL_NOINLINE void radix_sort(Item* a, Item* other, int64_t n) {
  constexpr int key_bits = 8 * int(sizeof(typename Item::Key)), digits = (key_bits + Bits - 1) / Bits,
                buckets = 1 << Bits;
  int64_t count[digits][buckets] = {};
  for (int64_t i = 0; i < n; ++i) {
    const auto key = a[i].key();
    for (int d = 0; d < digits; ++d) ++count[d][(key >> (d * Bits)) & (buckets - 1)];
  }
  Item* from = a;
  for (int d = 0; d < digits; ++d) {
    int64_t* at = count[d];
    if (at[(from[0].key() >> (d * Bits)) & (buckets - 1)] == n) continue;
    int64_t total = 0;
    for (int b = 0; b < buckets; ++b) {
      const int64_t c = at[b];
      at[b] = total;
      total += c;
    }
    Item* to = from == a ? other : a;
    for (int64_t i = 0; i < n; ++i) to[at[(from[i].key() >> (d * Bits)) & (buckets - 1)]++] = from[i];
    from = to;
  }
  if (from != a) std::memcpy(static_cast<void*>(a), from, size_t(n) * sizeof(Item));
}

// Any order.
template <class Item>
TL_NOINLINE void heap_sort(Item* a, int64_t n) {
  auto sink = [&](int64_t i, int64_t size) {
    const Item x = a[i];
    for (int64_t child; (child = 2 * i + 1) < size; i = child) {
      if (child + 1 < size && a[child] < a[child + 1]) ++child;
      if (!(x < a[child])) break;
      a[i] = a[child];
    }
    a[i] = x;
  };
  for (int64_t i = n / 2; i-- > 0;) sink(i, n);
  for (int64_t size = n - 1; size > 0; --size) {
    const Item x = a[0];
    a[0] = a[size];
    a[size] = x;
    sink(0, size);
  }
}

// Moves the items so that the one that belongs at k is there, smaller ones before it and larger ones
// after it.
template <class Item>
TL_NOINLINE void select(Item* a, int64_t n, int64_t k) {
  int64_t low = 0, high = n;
  for (int rounds = 0; high - low > 32; ++rounds) {
    if (rounds > 100) {  // an input made against the choice of pivots
      heap_sort(a + low, high - low);
      return;
    }
    Item x = a[low], y = a[low + (high - low) / 2], z = a[high - 1];
    const Item pivot = x < y ? (y < z ? y : (x < z ? z : x)) : (x < z ? x : (y < z ? z : y));
    int64_t i = low, j = high - 1;
    for (;;) {
      while (a[i] < pivot) ++i;
      while (pivot < a[j]) --j;
      if (i >= j) break;
      const Item t = a[i];
      a[i++] = a[j];
      a[j--] = t;
    }
    // No two items are equal: all before i are smaller than the pivot or it, all from i on not smaller.
    if (i == j && a[i] < pivot) ++i;
    if (k < i) {
      high = i;
    } else {
      low = i;
    }
  }
  insertion_sort(a + low, high - low);
}

// Each item's place is the number of smaller ones: quadratic, but in vectors.
TL_NOINLINE void rank_sort(Packed* TL_RESTRICT a, Packed* TL_RESTRICT other, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t word = a[i].word;
    uint64_t rank = 0;
    for (int64_t j = 0; j < n; ++j) rank += a[j].word < word ? 1 : 0;
    other[rank] = a[i];
  }
  std::memcpy(static_cast<void*>(a), other, size_t(n) * sizeof(Packed));
}

constexpr int64_t small = 64;

// Room for as many items again follows the array.
template <class Item>
TL_NOINLINE void sort_items(Item* items, int64_t n) {
  if (n <= small) {
    if constexpr (std::is_same_v<Item, Packed>) {
      if (n > 16) return rank_sort(items, items + n, n);
    }
    insertion_sort(items, n);
  } else if (n < 4096) {
    radix_sort<Item, 8>(items, items + n, n);
  } else {
    radix_sort<Item, 11>(items, items + n, n);
  }
}

// The last of the longest run of equal keys among the first n items.
template <class Item>
TL_NOINLINE int64_t longest_run(const Item* items, int64_t n) {
  int64_t best = 0, longest = 0;
  for (int64_t i = 0; i < n;) {
    int64_t end = i + 1;
    while (end < n && items[end].key() == items[i].key()) ++end;
    if (end - i > longest) {
      longest = end - i;
      best = end - 1;
    }
    i = end;
  }
  return best;
}

// The keys of elements [begin, begin + n), in the order wanted.
template <class Key>
using ReadKeys = void (*)(const SortArgs&, int64_t begin, int64_t n, Key* to);
template <class T, class Key>
void read_keys(const SortArgs& args, int64_t begin, int64_t n, Key* TL_RESTRICT to) {
  const T* TL_RESTRICT in = static_cast<const T*>(args.in) + begin;
  const Key flip = args.descending ? Key(~Key(0)) : Key(0);
  for (int64_t i = 0; i < n; ++i) to[i] = Key(key_of(in[i])) ^ flip;
}

template <class Item>
class RowSort {
 public:
  using Key = typename Item::Key;
  RowSort(const SortArgs& args, ReadKeys<Key> read)
      : args_(args), read_(read), items_(static_cast<Item*>(args.scratch)) {}

  void run() {
    if (args_.choice == Choice::range) return range();
    fill();
    sort_items(items_, args_.n);
    const int64_t n = args_.n;
    int64_t nans = 0;
    if (!is_integral_or_bool(args_.dtype)) {
      while (nans < n && items_[n - 1 - nans].key() == Key(~Key(0))) ++nans;
    }
    const int64_t numbers = n - nans;
    int64_t at = (n - 1) / 2;
    if (args_.choice == Choice::median) {
      if (nans > 0) at = numbers;
    } else if (args_.choice == Choice::nan_median) {
      at = numbers > 0 ? (numbers - 1) / 2 : 0;
    } else {
      at = longest_run(items_, numbers);
    }
    put(items_ + at, 1);
  }

 private:
  static constexpr int64_t block = 512;

  template <class F>
  void each_key(F f) const {
    Key keys[block];
    for (int64_t i = 0; i < args_.n; i += block) {
      const int64_t n = args_.n - i < block ? args_.n - i : block;
      read_(args_, i, n, keys);
      for (int64_t k = 0; k < n; ++k) f(keys[k], i + k);
    }
  }
  void fill() {
    each_key([this](Key key, int64_t i) { items_[i] = Item::make(key, i); });
  }
  void put(const Item* items, int64_t n) {
    dispatch_by_size(item_size(args_.dtype), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* in = static_cast<const T*>(args_.in);
      T* values = static_cast<T*>(args_.values);
      for (int64_t i = 0; i < n; ++i) {
        values[i] = in[items[i].index()];
        args_.indices[i] = items[i].index();
      }
    });
  }

  void range() {
    const int64_t n = args_.n, first = args_.first, last = args_.last, wanted = last - first;
    if (wanted == 0) return;
    if (first == 0 && last <= few && last <= n / 4) return best(last);
    fill();
    if (n <= small || wanted > n / 8) {
      sort_items(items_, n);
    } else {
      if (last < n) select(items_, n, last);
      if (first > 0) select(items_, last, first);
      heap_sort(items_ + first, wanted);
    }
    put(items_ + first, wanted);
  }

  // The first few of the order: each element against the worst that is kept. Most are no better, which
  // is seen for sixteen at a time.
  static constexpr int64_t few = 32;
  void best(int64_t k) {
    Item kept[few];
    int64_t count = 0;
    Key worst = Key(~Key(0));
    auto insert = [&](Key key, int64_t i) {
      int64_t j = count < k ? count++ : k - 1;
      for (; j > 0 && key < kept[j - 1].key(); --j) kept[j] = kept[j - 1];
      kept[j] = Item::make(key, i);
      if (count == k) worst = kept[k - 1].key();
    };
    Key keys[block];
    for (int64_t start = 0; start < args_.n; start += block) {
      const int64_t n = args_.n - start < block ? args_.n - start : block;
      read_(args_, start, n, keys);
      for (int64_t i = n; i < (n + 15) / 16 * 16; ++i) keys[i] = Key(~Key(0));
      int64_t i = 0;
      for (; i < n && count < k; ++i) insert(keys[i], start + i);
      for (; i < n && i % 16 != 0; ++i) {
        if (keys[i] < worst) insert(keys[i], start + i);
      }
      for (; i < n; i += 16) {
        bool better = false;
        for (int j = 0; j < 16; ++j) better |= keys[i + j] < worst;
        if (!better) continue;
        for (int j = 0; j < 16; ++j) {
          if (keys[i + j] < worst) insert(keys[i + j], start + i + j);
        }
      }
    }
    put(kept, k);
  }

  const SortArgs& args_;
  ReadKeys<Key> read_;
  Item* items_;
};

void sort_row_impl(const SortArgs& args) {
  auto run = [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (sizeof(T) < 8) {
      if (args.n <= int64_t(UINT32_MAX)) return RowSort<Packed>(args, &read_keys<T, uint32_t>).run();
    }
    RowSort<Wide>(args, &read_keys<T, uint64_t>).run();
  };
  switch (args.dtype) {
    case DType::Bool:
      return run(TypeTag<uint8_t>());
    case DType::Float16:
      return run(TypeTag<Half>());
    case DType::BFloat16:
      return run(TypeTag<BFloat16>());
    case DType::Float32:
      return run(TypeTag<float>());
    case DType::Float64:
      return run(TypeTag<double>());
    default:
      return dispatch_integral(args.dtype, run);
  }
}

}  // namespace

TL_KERNEL(sort_row, &sort_row_impl);

}  // namespace tl::kernels
