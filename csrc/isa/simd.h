// A vector of floats and its mathematics, for the instruction set this file is compiled for.
//
// Written with the vector types of GCC and Clang, so that one text serves AVX-512, AVX2, SSE2 and
// NEON; an intrinsic stands only where the compiler does not find the instruction by itself.
// Every function is inlined and lives in the namespace of its instruction set: nothing compiled
// for one can be linked into another.
//
//   function     largest error, all 2^32 floats          outside the range
//   exp_         1.1 ulp                                  above 88.72 stays at exp(88.72)
//   sigmoid      2.5 ulp where the result is normal       below -88 stays at sigmoid(-88)
//   tanh_        2.7 ulp, tiny arguments included
//
// NaN gives NaN; every other argument, infinities included, gives a finite number.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef LAMINA_ISA
#error "compile with -DLAMINA_ISA=avx512, avx2 or portable"
#endif

#define LAMINA_INLINE static inline __attribute__((always_inline))

namespace lamina::LAMINA_ISA {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float vf __attribute__((vector_size(4 * lanes)));
typedef float vfu __attribute__((vector_size(4 * lanes), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * lanes)));

LAMINA_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

LAMINA_INLINE int64_t rounded_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// ---- memory ------------------------------------------------------------------------------------

LAMINA_INLINE vf load(const float* from) { return *(const vfu*)from; }

LAMINA_INLINE void store(float* to, vf v) { *(vfu*)to = v; }

LAMINA_INLINE vf splat(float x) { return x - (vf){}; }  // x - 0 is x, for -0.0 too

LAMINA_INLINE vi splat(int32_t x) { return x + (vi){}; }

LAMINA_INLINE vi lane_index() {
#if defined(__AVX512F__)
  return (vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif defined(__AVX2__)
  return (vi){0, 1, 2, 3, 4, 5, 6, 7};
#else
  return (vi){0, 1, 2, 3};
#endif
}

// The first n lanes (0 <= n <= lanes), the rest zero; nothing beyond them is read.
LAMINA_INLINE vf load_first(const float* from, int n) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), from);
#elif defined(__AVX2__)
  return (vf)_mm256_maskload_ps(from, (__m256i)(lane_index() < splat(n)));
#else
  float all[lanes] = {};
  for (int i = 0; i < n; i++) all[i] = from[i];
  return load(all);
#endif
}

// Only the first n lanes (0 <= n <= lanes) are written.
LAMINA_INLINE void store_first(float* to, vf v, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(to, (__m256i)(lane_index() < splat(n)), (__m256)v);
#else
  for (int i = 0; i < n; i++) to[i] = v[i];
#endif
}

// ---- between lanes -----------------------------------------------------------------------------

LAMINA_INLINE vf select(vi mask, vf a, vf b) { return mask ? a : b; }

// The larger and the smaller; a NaN in the first argument is kept.
LAMINA_INLINE vf max_(vf a, vf b) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_max_ps(0xffff, (__m512)b, (__m512)a);  // GCC 12 warns of the plain form
#elif defined(__AVX2__)
  return (vf)_mm256_max_ps((__m256)b, (__m256)a);
#elif defined(__SSE2__)
  return (vf)_mm_max_ps((__m128)b, (__m128)a);
#else
  return b > a ? b : a;
#endif
}

LAMINA_INLINE vf min_(vf a, vf b) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_min_ps(0xffff, (__m512)b, (__m512)a);
#elif defined(__AVX2__)
  return (vf)_mm256_min_ps((__m256)b, (__m256)a);
#elif defined(__SSE2__)
  return (vf)_mm_min_ps((__m128)b, (__m128)a);
#else
  return b < a ? b : a;
#endif
}

LAMINA_INLINE float sum(vf v) {
  typedef float v4 __attribute__((vector_size(16)));
#if defined(__AVX512F__)
  const __m512d all = (__m512d)v;
  const __m256 half = _mm256_add_ps((__m256)_mm512_maskz_extractf64x4_pd(0xff, all, 0),
                                    (__m256)_mm512_maskz_extractf64x4_pd(0xff, all, 1));
  const v4 s = (v4)_mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#elif defined(__AVX2__)
  const __m256 all = (__m256)v;
  const v4 s = (v4)_mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
#else
  const v4 s = v;
#endif
  return (s[0] + s[2]) + (s[1] + s[3]);
}

// ---- exp, sigmoid, tanh ------------------------------------------------------------------------
//
// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln(2) / 2. ln 2 is taken away in two pieces
// (Cody and Waite): the first has so few bits that n times it is exact, the second is the rest.
// e^r - 1 = r + r^2 q(r), with q the polynomial of degree 4 that makes the largest *relative*
// error on the interval smallest, 1.4e-8 after its coefficients were rounded to float one by one.

struct Reduced {
  vf n;      // a whole number
  vi n_low;  // its bits stand in the low end of this integer; the high end is of no meaning
  vf p;      // e^r - 1
};

LAMINA_INLINE Reduced reduce(vf x) {
  // Adding 1.5 * 2^23 rounds to a whole number, and leaves it in the low bits of the sum.
  const vf shifter = splat(0x1.8p23f);
  const vf shifted = x * splat(0x1.715476p0f) + shifter;
  const vf n = shifted - shifter;
  const vf r = (x - n * splat(0x1.62e4p-1f)) - n * splat(0x1.7f7d1cp-20f);
  vf q = splat(0x1.6b9c68p-10f);
  q = q * r + splat(0x1.12254ap-7f);
  q = q * r + splat(0x1.5556f2p-5f);
  q = q * r + splat(0x1.5554b4p-3f);
  q = q * r + splat(0x1.fffffep-2f);
  return {n, (vi)shifted, (q * r) * r + r};
}

// 2^n for -126 <= n <= 127. Unsigned, since the bits above those of n overflow.
LAMINA_INLINE vf power_of_two(vi n_low) {
  typedef uint32_t vu __attribute__((vector_size(4 * lanes)));
  return (vf)(((vu)n_low << 23) + (vu)splat(0x3f800000));
}

LAMINA_INLINE vf clamp(vf x, float low, float high) {
  return min_(max_(x, splat(low)), splat(high));
}

LAMINA_INLINE vf exp_(vf x) {
  const Reduced e = reduce(clamp(x, -104.0f, 0x1.62e42ep6f));
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_scalef_ps(0xffff, (__m512)(e.p + 1.0f), (__m512)e.n);
#else
  // In two steps, since 2^n alone can be too large or too small for a float.
  const vi half = (e.n_low << 9) >> 10;  // the sign stands in bit 22
  return (e.p + 1.0f) * power_of_two(half) * power_of_two(e.n_low - half);
#endif
}

LAMINA_INLINE vf sigmoid(vf x) {
  const Reduced e = reduce(clamp(-x, -87.0f, 88.0f));
  const vf s = power_of_two(e.n_low);
  return 1.0f / (e.p * s + (s + 1.0f));
}

// tanh x = (e^2x - 1) / (e^2x + 1); with e^2x - 1 computed as such, nothing is lost near zero.
LAMINA_INLINE vf tanh_(vf x) {
  const Reduced e = reduce(clamp(x + x, -20.0f, 20.0f));
  const vf s = power_of_two(e.n_low);
  const vf m = e.p * s + (s - 1.0f);
  return m / (m + 2.0f);
}

}  // namespace lamina::LAMINA_ISA
