// What two backwards on two threads may meet at: a leaf's .grad, and its node.
//
// Nearly always the interpreter's lock keeps threads apart. It is let go of inside long kernels, and
// by a backward that has run for long; `unlocked_backwards` counts the latter. While it is zero, steps
// that cannot end in a kernel need no lock of ours.
#pragma once

#include <atomic>
#include <thread>

#include "core/parallel.h"

namespace tl {

// Changed with the interpreter's lock held.
extern std::atomic<int> unlocked_backwards;

// For a few instructions.
class SpinLock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
  }
  bool try_lock() { return !held_.exchange(true, std::memory_order_acquire); }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

// Held only where threads run without the interpreter's lock.
class SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock)
      : lock_(unlocked_backwards.load(std::memory_order_relaxed) != 0 ? &lock : nullptr) {
    if (lock_ != nullptr) lock_->lock();
  }
  ~SpinGuard() {
    if (lock_ != nullptr) lock_->unlock();
  }
  SpinGuard(const SpinGuard&) = delete;

 private:
  SpinLock* lock_;
};

// Held around arithmetic, in which a thread may lose the interpreter's lock and want it back: whoever
// waits does it without.
class KernelGuard {
 public:
  explicit KernelGuard(SpinLock* lock) : lock_(lock) {
    while (lock != nullptr && !lock->try_lock()) {
      BlockingRegion unlocked;
      std::this_thread::yield();
    }
  }
  ~KernelGuard() {
    if (lock_ != nullptr) lock_->unlock();
  }
  KernelGuard(const KernelGuard&) = delete;

 private:
  SpinLock* lock_;
};

}  // namespace tl
