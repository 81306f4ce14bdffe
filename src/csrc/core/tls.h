// Thread-local variables on the hot path: initial-exec where the C library allows it (no call).
#pragma once

#if defined(__GLIBC__) || defined(__linux__)
#include <features.h>
#endif
#if defined(__GLIBC__)
#define TL_THREAD_LOCAL thread_local constinit __attribute__((tls_model("initial-exec")))
#else
#define TL_THREAD_LOCAL thread_local constinit
#endif
