#include <cstdlib>
#include <cstring>

#include "kernels/slot.h"

namespace tl::kernels {

constinit SlotBase* slot_list = nullptr;

namespace {

const char* const isa_names[isa_count] = {"generic", "sse4", "avx2", "avx512"};

bool cpu_supports(int isa) {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
  __builtin_cpu_init();
  switch (isa) {
    case isa_avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    case isa_avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    default:
      return true;
  }
#else
  return isa <= isa_sse4;
#endif
}

}  // namespace

const char* select_kernels() {
  int limit = isa_count - 1;
  if (const char* wanted = std::getenv("TENSORLITE_ISA")) {
    for (int i = 0; i < isa_count; ++i) {
      if (std::strcmp(wanted, isa_names[i]) == 0) limit = i;
    }
  }
  int chosen = 0;
  for (SlotBase* s = slot_list; s != nullptr; s = s->next) {
    for (int i = 0; i < isa_count; ++i) {  // ascending: the last that fits wins
      if (s->builds[i] == nullptr) continue;
      if (s->active == nullptr || (i <= limit && cpu_supports(i))) {
        s->active = s->builds[i];
        if (i > chosen) chosen = i;
      }
    }
  }
  return isa_names[chosen];
}

}  // namespace tl::kernels
