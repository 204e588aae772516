// Blocks of a matrix turned round, a square of lanes x lanes at a time.
#pragma once

#include "isa/simd.h"

namespace lamina::LAMINA_ISA {
namespace {

template <int... I>
struct Indices {};
template <int N, int... I>
struct CountTo : CountTo<N - 1, N - 1, I...> {};
template <int... I>
struct CountTo<0, I...> {
  typedef Indices<I...> type;
};

// Of two vectors that stand D rows apart: the lanes without bit D of both, and those with it.
template <int D, int... I>
LAMINA_INLINE void exchange(vf& a, vf& b, Indices<I...>) {
  const vf low = __builtin_shufflevector(a, b, (I & D ? lanes + I - D : I)...);
  const vf high = __builtin_shufflevector(a, b, (I & D ? lanes + I : I + D)...);
  a = low;
  b = high;
}

template <int D>
LAMINA_INLINE void transpose_from(vf (&rows)[lanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes; i++) {
    if (!(i & D)) exchange<D>(rows[i], rows[i + D], typename CountTo<lanes>::type{});
  }
  if constexpr (D > 1) transpose_from<D / 2>(rows);
}

// to[k * step + l] = from[l][k] for k < count and every lane l; a null row is zeros.
inline void gather_columns(const float* const* from, int64_t count, float* to, int64_t step) {
  for (int64_t k = 0; k < count; k += lanes) {
    const int n = count - k < lanes ? (int)(count - k) : lanes;
    vf square[lanes];
    for (int l = 0; l < lanes; l++) {
      square[l] = !from[l] ? splat(0.0f) : n == lanes ? load(from[l] + k) : load_first(from[l] + k, n);
    }
    transpose_from<lanes / 2>(square);
    for (int i = 0; i < n; i++) store(to + (k + i) * step, square[i]);
  }
}

// to[l][k] = from[k * step + l] for k < count and every lane l; a null row is not written.
inline void scatter_columns(const float* from, int64_t step, int64_t count, float* const* to) {
  for (int64_t k = 0; k < count; k += lanes) {
    const int n = count - k < lanes ? (int)(count - k) : lanes;
    vf square[lanes];
    for (int i = 0; i < lanes; i++) square[i] = i < n ? load(from + (k + i) * step) : splat(0.0f);
    transpose_from<lanes / 2>(square);
    for (int l = 0; l < lanes; l++) {
      if (to[l]) store_first(to[l] + k, square[l], n);
    }
  }
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
