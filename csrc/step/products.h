// The products of a step with packed weights.
//
// Packed weights. The rows of a matrix become vectors of `lanes` rows, and `panel_vectors` vectors
// a panel. A panel holds column after column, so that a product reads it from front to back:
//
//     float32   panel[column][vector][lane]
//     int8      panel[four columns][vector][lane][4]
//
// A product keeps a tile of V vectors times B members of the batch in registers. How a row is
// summed does not depend on the tile: a member of a batch gets the same bits as when it is alone.
#pragma once

#include <string.h>

#include "isa/simd.h"
#include "step/step_isa.h"

namespace lamina::LAMINA_ISA {
namespace {

constexpr int64_t panel_vectors = 8;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr bool many_registers = true;  // 32, enough for a tile of 4 vectors by 4 members
#else
constexpr bool many_registers = false;
#endif

// So many columns are summed before the sum is added to the others'. For floats it keeps rounding
// errors small. For integers it keeps the sum in 32 bits: see `sum_integers`.
constexpr int64_t float_run = 64, int_run = step_run_columns;
constexpr int bias = 128;
static_assert(int_run / 2 * (bias + 255 + 127) * 32767 < (int64_t(1) << 31));

inline int64_t fours(int64_t n) { return (n + 3) / 4 * 4; }

enum class Kind { float32, int8, int8_vnni };

typedef int16_t vh __attribute__((vector_size(4 * lanes)));  // 2 * lanes of them
typedef int16_t half_vh __attribute__((vector_size(2 * lanes)));

// To each lane of `sum`, both products of its 16-bit numbers in `a` and `b`.
template <Kind kind>
LAMINA_INLINE void add_pairs(vi& sum, vh a, vh b) {
#if defined(__AVX512BW__)
  if constexpr (kind == Kind::int8_vnni)  // not every CPU with AVX-512 has it: asked at run time
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  else
    sum += (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  sum += (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  sum += (vi)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  const vi even_a = (vi)a << 16 >> 16, even_b = (vi)b << 16 >> 16;
  sum += even_a * even_b + ((vi)a >> 16) * ((vi)b >> 16);
#endif
}

// `out` (B, gates * stride) = `m` times `x`, of which a rank makes some panels.
struct Product {
  const StepMatrix& m;
  const StepOperand& x;
  float* out;
  int64_t out_stride;
};

// A panel from `first` on, `width` vectors wide. Both count vectors of rows.
struct Panel {
  int64_t first, width;
};

// V vectors of rows from `v` of the panel on, times B members from `member` on. The columns from
// `begin` to `end` are summed apart and then added.
template <int V, int B>
LAMINA_INLINE void sum_floats(const Product& p, Panel panel, int64_t v0, int64_t member,
                              int64_t begin, int64_t end, vf (&total)[V][B]) {
  const float* w = (const float*)p.m.panels + (panel.first * p.m.columns + v0) * lanes;
  const float* x = p.x.values + member * p.x.stride;
  vf sum[V][B] = {};
  for (int64_t k = begin; k < end; k++)
    for (int b = 0; b < B; b++)
      for (int v = 0; v < V; v++)
        sum[v][b] += load(w + (k * panel.width + v) * lanes) * splat(x[b * p.x.stride + k]);
  for (int v = 0; v < V; v++)
    for (int b = 0; b < B; b++) total[v][b] += sum[v][b];
}

// A lane is a row, and its 32 bits are four columns: the first two in the low bytes of its 16-bit
// halves, as w + 128, the last two in the high bytes. So a mask and a shift make the 16-bit numbers
// of two products. What 128 adds to a sum is taken away at its start: `starts`.
template <Kind kind, int V, int B>
LAMINA_INLINE void sum_integers(const Product& p, Panel panel, int64_t v0, int64_t member,
                                int64_t begin, int64_t end, vf (&total)[V][B]) {
  const int8_t* w = (const int8_t*)p.m.panels + (panel.first * fours(p.m.columns) + v0 * 4) * lanes;
  const int16_t* x = p.x.integers + member * p.x.padded;
  vi sum[V][B];
  for (int b = 0; b < B; b++) {
    const vi start = splat(p.x.starts[(member + b) * p.x.runs + begin / int_run]);
    for (int v = 0; v < V; v++) sum[v][b] = start;
  }
  for (int64_t k = begin; k < end; k += 4) {
    vh first[B], last[B];
    for (int b = 0; b < B; b++) {
      int32_t pairs[2];
      memcpy(pairs, x + b * p.x.padded + k, sizeof pairs);
      first[b] = (vh)splat(pairs[0]);
      last[b] = (vh)splat(pairs[1]);
    }
    for (int v = 0; v < V; v++) {
      const vh four = (vh)load((const float*)(w + (k * panel.width + v * 4) * lanes));
      const vh low = four & 0xff, high = four >> 8;
      for (int b = 0; b < B; b++) {
        add_pairs<kind>(sum[v][b], low, first[b]);
        add_pairs<kind>(sum[v][b], high, last[b]);
      }
    }
  }
  for (int v = 0; v < V; v++)
    for (int b = 0; b < B; b++) total[v][b] += __builtin_convertvector(sum[v][b], vf);
}

template <Kind kind, int V, int B>
void tile(const Product& p, Panel panel, int64_t v0, int64_t member) {
  vf total[V][B] = {};
  if constexpr (kind == Kind::float32)
    for (int64_t k = 0; k < p.m.columns; k += float_run)
      sum_floats<V, B>(p, panel, v0, member, k, smaller(k + float_run, p.m.columns), total);
  else
    for (int64_t k = 0; k < p.m.columns; k += int_run)
      sum_integers<kind, V, B>(p, panel, v0, member, k, smaller(k + int_run, p.m.columns), total);
  for (int v = 0; v < V; v++)
    for (int b = 0; b < B; b++) {
      const int64_t row = (panel.first + v0 + v) * lanes;
      if constexpr (kind != Kind::float32)
        total[v][b] *= load(p.m.scales + row) * splat(p.x.scales[member + b]);
      store(p.out + (member + b) * p.out_stride + row, total[v][b]);
    }
}

template <Kind kind, int B>
void members(const Product& p, Panel panel, int64_t member) {
  int64_t v = 0;
  if constexpr (B == 1)
    for (; v + 8 <= panel.width; v += 8) tile<kind, 8, B>(p, panel, v, member);
  for (; v + 4 <= panel.width; v += 4) tile<kind, 4, B>(p, panel, v, member);
  for (; v < panel.width; v++) tile<kind, 1, B>(p, panel, v, member);
}

template <Kind kind>
void share(const Product& p, const StepEngine& e, int rank) {
  const int64_t vectors = p.m.gates * p.m.stride / lanes;
  const int64_t panels = (vectors + panel_vectors - 1) / panel_vectors;
  for (int64_t i = panels * rank / e.ranks; i < panels * (rank + 1) / e.ranks; i++) {
    const int64_t first = i * panel_vectors;
    const Panel panel = {first, smaller(panel_vectors, vectors - first)};
    int64_t b = 0;
    if constexpr (many_registers)
      for (; b + 4 <= e.batch; b += 4) members<kind, 4>(p, panel, b);
    for (; b + 2 <= e.batch; b += 2) members<kind, 2>(p, panel, b);
    for (; b < e.batch; b++) members<kind, 1>(p, panel, b);
  }
}

inline void multiply(const StepEngine& e, const StepMatrix& m, const StepOperand& x, float* out,
              int64_t out_stride, int rank) {
  const Product p = {m, x, out, out_stride};
  if (!e.int8)
    share<Kind::float32>(p, e, rank);
  else if (lanes == 16 && e.vnni)
    share<Kind::int8_vnni>(p, e, rank);
  else
    share<Kind::int8>(p, e, rank);
}

LAMINA_INLINE vf load_part(const float* from, int64_t left) {
  return left >= lanes ? load(from) : load_first(from, (int)left);
}

// Each vector as 16-bit integers with the scale that makes its largest number 32767. With a NaN or
// an infinity in it, the scale is NaN, and so is all that comes of it.
inline void quantise(const StepOperand& x, int64_t batch) {
  for (int64_t b = 0; b < batch; b++) {
    const float* from = x.values + b * x.stride;
    vf most = {}, spoilt = {};
    for (int64_t k = 0; k < x.size; k += lanes) {
      const vf v = load_part(from + k, x.size - k);
      most = max_(most, max_(v, -v));
      spoilt += v * 0.0f;
    }
    float largest = 0.0f;
    for (int i = 0; i < lanes; i++) largest = most[i] > largest ? most[i] : largest;
    const bool zero = largest < 1e-30f;  // no more than that is lost
    const vf scale = splat(zero ? 0.0f : 32767.0f / largest);
    x.scales[b] = (zero ? 0.0f : largest / 32767.0f) + sum(spoilt);

    int16_t* to = x.integers + b * x.padded;
    for (int64_t k = 0; k < x.size; k += lanes) {
      // Adding 1.5 * 2^23 rounds, and leaves the integer in the low 16 bits.
      const vi rounded = (vi)(load_part(from + k, x.size - k) * scale + splat(0x1.8p23f));
      const half_vh low = __builtin_convertvector(rounded, half_vh);
      memcpy(to + k, &low, sizeof low);
    }
    for (int64_t run = 0; run < x.runs; run++) {
      vi biased = {};  // the first two of every four columns
      const vi which = (lane_index() & 1) - 1;
      for (int64_t k = run * int_run; k < smaller((run + 1) * int_run, x.padded); k += 2 * lanes) {
        const vi pairs = (vi)load((const float*)(to + k)) & which;
        add_pairs<Kind::int8>(biased, (vh)pairs, (vh)splat(0x00010001));
      }
      int32_t total = 0;
      for (int i = 0; i < lanes; i++) total += biased[i];
      x.starts[b * x.runs + run] = -bias * total;
    }
  }
}

// ---- packing -------------------------------------------------------------------------------------

inline size_t packed_bytes(const StepMatrix& m) {
  const int64_t numbers = m.gates * m.stride * (m.int8 ? fours(m.columns) : m.columns);
  return (size_t)numbers * (m.int8 ? 1 : sizeof(float));
}

// The buffers of `m` are zero. `from` is (gates * units, columns).
inline void pack(const StepMatrix& m, const float* from) {
  const int64_t vectors = m.gates * m.stride / lanes;
  const int64_t columns = m.int8 ? fours(m.columns) : m.columns;
  for (int64_t row = 0; row < m.gates * m.units; row++, from += m.columns) {
    const int64_t padded = row / m.units * m.stride + row % m.units;
    const int64_t vector = padded / lanes, lane = padded % lanes;
    const int64_t first = vector / panel_vectors * panel_vectors, v = vector - first;
    const int64_t width = smaller(panel_vectors, vectors - first), start = first * columns * lanes;
    if (!m.int8) {
      float* to = (float*)m.panels + start;
      for (int64_t k = 0; k < m.columns; k++) to[(k * width + v) * lanes + lane] = from[k];
      continue;
    }
    float most = 0.0f;
    for (int64_t k = 0; k < m.columns; k++) {
      const float size = from[k] < 0.0f ? -from[k] : from[k];
      most = size > most ? size : most;
    }
    m.scales[padded] = most / 127.0f;
    const float scale = most < 1e-30f ? 0.0f : 127.0f / most;
    uint8_t* to = (uint8_t*)m.panels + start;
    for (int64_t k = 0; k < m.columns; k++) {
      const bool first = k % 4 < 2;  // of the two pairs: see sum_integers
      const int rounded = (int)__builtin_rintf(from[k] * scale) + (first ? bias : 0);
      to[(k / 4 * width + v) * lanes * 4 + lane * 4 + k % 2 * 2 + !first] = (uint8_t)rounded;
    }
  }
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
