#include "ops/lapack.h"

#include <atomic>

namespace tl {

void (*lapack_loader)(Lapack& into, const std::vector<std::string>& names) = nullptr;

namespace {

// Real and complex names of each routine, without the letter of the type.
constexpr const char* routine_names[size_t(Routine::count)][2] = {
    {"trsm", "trsm"},   {"getrf", "getrf"}, {"getrs", "getrs"}, {"getri", "getri"}, {"potrf", "potrf"},
    {"geqrf", "geqrf"}, {"orgqr", "ungqr"}, {"ormqr", "unmqr"}, {"gesdd", "gesdd"}, {"gesvd", "gesvd"},
    {"syevd", "heevd"}, {"geev", "geev"},   {"gelsy", "gelsy"}, {"gelsd", "gelsd"}, {"gelss", "gelss"},
    {"gels", "gels"},   {"sytrf", "sytrf"}, {"sytrf", "hetrf"}, {"sytrs", "sytrs"}, {"sytrs", "hetrs"},
};

std::atomic<const Lapack*> loaded{nullptr};

}  // namespace

const Lapack& lapack() {
  const Lapack* found = loaded.load(std::memory_order_acquire);
  if (found != nullptr) [[likely]]
    return *found;
  // No lock: the loader takes the GIL, which another thread may hold while it waits here. Two threads find
  // the same library.
  TL_CHECK(lapack_loader != nullptr, "linear algebra needs LAPACK, which nothing was set up to find");
  std::vector<std::string> names;
  for (const auto& name : routine_names) {
    for (int t = 0; t < 4; ++t) names.push_back(std::string(1, "sdcz"[t]) + name[t / 2]);
  }
  auto* fresh = new Lapack;
  try {
    lapack_loader(*fresh, names);
  } catch (...) {
    delete fresh;
    throw;
  }
  if (!loaded.compare_exchange_strong(found, fresh, std::memory_order_acq_rel)) {
    delete fresh;
    return *found;
  }
  return *fresh;
}

}  // namespace tl
