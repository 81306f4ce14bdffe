// Moves of values: strided runs, conversions between dtypes, transpositions, fills. Strides are in bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// n elements of `width` bytes (1, 2, 4, 8 or 16); a source stride of 0 repeats one element.
TL_KERNEL_SLOT(copy_run,
               void (*)(size_t width, char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n));
// The same with a change of dtype.
TL_KERNEL_SLOT(convert_run, void (*)(DType to_dtype, char* to, int64_t to_stride, DType from_dtype, const char* from,
                                     int64_t from_stride, int64_t n));
// to[r * to_stride + c * width] = from[r * width + c * from_stride] for rows r and columns c.
TL_KERNEL_SLOT(copy_transposed, void (*)(size_t width, char* to, int64_t to_stride, const char* from,
                                         int64_t from_stride, int64_t rows, int64_t columns));
// n elements set to the one at `value`.
TL_KERNEL_SLOT(fill_run, void (*)(size_t width, char* to, int64_t to_stride, const void* value, int64_t n));
// first + i * step, wrapping; first + (begin + i) * step.
TL_KERNEL_SLOT(ramp_i64, void (*)(int64_t* to, int64_t first, int64_t step, int64_t n));
TL_KERNEL_SLOT(ramp_f64, void (*)(double* to, double first, double step, int64_t begin, int64_t n));

}  // namespace tl::kernels
