#include "core/parallel.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

#include "core/error.h"

namespace tl {

void* (*begin_blocking)() = nullptr;
void (*end_blocking)(void*) = nullptr;

namespace {

thread_local bool inside = false;

int default_threads() {
  for (const char* name : {"TENSORLITE_NUM_THREADS", "OMP_NUM_THREADS"}) {
    if (const char* text = std::getenv(name)) {
      int n = std::atoi(text);
      if (n > 0) return n;
    }
  }
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  unsigned n = std::thread::hardware_concurrency();
  return n == 0 ? 1 : int(n);
}

std::atomic<int> threads{0};

// A job is shared by the caller and the workers that join it; each takes the next chunk until none
// is left.
struct Job {
  void (*body)(void*, int64_t, int64_t);
  void* context;
  int64_t n, grain, chunks;
  std::atomic<int64_t> next{0};
  std::mutex error_mutex;
  std::exception_ptr error;

  void run() {
    for (int64_t c; (c = next.fetch_add(1, std::memory_order_relaxed)) < chunks;) {
      int64_t begin = c * grain;
      int64_t end = begin + grain < n ? begin + grain : n;
      try {
        body(context, begin, end);
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
      }
    }
  }
};

class Pool {
 public:
  void run(Job& job, int helpers) {
    {
      std::lock_guard lock(mutex_);
      while (int(workers_) < helpers) {
        std::thread([this] { work(); }).detach();
        ++workers_;
      }
      job_ = &job;
      wanted_ = helpers;
      active_ = 0;
    }
    wake_.notify_all();
    inside = true;
    job.run();
    inside = false;
    std::unique_lock lock(mutex_);
    job_ = nullptr;
    done_.wait(lock, [&] { return active_ == 0; });
  }
  std::mutex busy;  // one job at a time; a second caller works alone

 private:
  void work() {
    inside = true;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return job_ != nullptr && wanted_ > 0; });
      --wanted_;
      ++active_;
      Job* job = job_;
      lock.unlock();
      job->run();
      lock.lock();
      if (--active_ == 0) done_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int wanted_ = 0, active_ = 0, workers_ = 0;
};

// Never destroyed: its threads run until the process ends. A forked child starts with a new one,
// for the threads do not survive the fork.
std::atomic<Pool*> pool{nullptr};
Pool& the_pool() {
  Pool* p = pool.load();
  if (p == nullptr) {
    Pool* fresh = new Pool;
    if (pool.compare_exchange_strong(p, fresh)) {
      p = fresh;
#if defined(__linux__) || defined(__APPLE__)
      static std::once_flag once;
      std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { pool.store(nullptr); }); });
#endif
    } else {
      delete fresh;
    }
  }
  return *p;
}

}  // namespace

int num_threads() {
  int n = threads.load(std::memory_order_relaxed);
  if (n == 0) {
    n = default_threads();
    threads.store(n);
  }
  return n;
}

void set_num_threads(int n) {
  TL_CHECK(n > 0, "set_num_threads expects a positive integer, got ", n);
  threads.store(n);
}

bool in_parallel_region() { return inside; }

void detail::run_chunks(int64_t n, int64_t grain, void (*body)(void*, int64_t, int64_t), void* context) {
  if (grain < 1) grain = 1;
  Job job{body, context, n, grain, (n + grain - 1) / grain, {}, {}, {}};
  int helpers = num_threads() - 1;
  if (helpers > job.chunks - 1) helpers = int(job.chunks - 1);
  if (inside) {
    job.run();
  } else {
    BlockingRegion unlocked;
    if (helpers > 0) {
      Pool& p = the_pool();
      if (p.busy.try_lock()) {
        std::lock_guard lock(p.busy, std::adopt_lock);
        p.run(job, helpers);
      } else {
        job.run();
      }
    } else {
      job.run();
    }
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace tl
