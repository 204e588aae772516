// The register tile: the only place where matrices are multiplied.
//
// A tile is M rows by V vectors of accumulators that stay in registers over the whole sum:
//
//     c[m][v] = start[m][v] + sum over k of a[m][k] * b[k][v]
//
// `a` is read one number at a time and broadcast, `b` is read as vectors from a packed panel. Rows of
// `a`, `c` and `start` are given by pointers, so that a gathered row costs nothing.
#pragma once

#include "isa/simd.h"

namespace lamina::LAMINA_ISA {
namespace {

// 32 vector registers hold 24 accumulators, 16 hold 12; the rest is for `b` and a broadcast.
constexpr int accumulators = lanes == 16 ? 24 : 12;
constexpr int most_rows = 8;
constexpr int tile_rows(int vectors) {
  return accumulators / vectors < most_rows ? accumulators / vectors : most_rows;
}

// The sum runs over `outer` runs of `inner` numbers; the runs of a row stand `stride` floats apart.
// The rows of `b` follow each other, `b_step` floats apart, through all runs.
struct Depth {
  int64_t outer, inner, stride, b_step;
};

// With few accumulators, the sum is made in several parts: an addition must not wait for the one
// before.
constexpr int parts(int accumulators_used) {
  return accumulators_used >= 8 ? 1 : accumulators_used >= 4 ? 2 : 4;
}

template <int V, int M>
void tile(const float* const* a, const Depth& depth, const float* b, const float* const* start,
          float* const* c) {
  constexpr int P = parts(V * M);
  vf sum[P][M][V];
  const float* row[M];
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) {
    row[m] = a[m];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      sum[0][m][v] = load(start[m] + v * lanes);
      for (int p = 1; p < P; p++) sum[p][m][v] = splat(0.0f);
    }
  }
  const int64_t whole = depth.inner / P * P;
  for (int64_t o = 0; o < depth.outer; o++) {
    int64_t k = 0;
    for (; k < whole; k += P) {
#pragma GCC unroll 4
      for (int p = 0; p < P; p++) {
        vf line[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) line[v] = load(b + v * lanes);
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
          const vf broadcast = splat(row[m][k + p]);
#pragma GCC unroll 4
          for (int v = 0; v < V; v++) sum[p][m][v] += broadcast * line[v];
        }
        b += depth.b_step;
      }
    }
    for (; k < depth.inner; k++) {
#pragma GCC unroll 8
      for (int m = 0; m < M; m++) {
        const vf broadcast = splat(row[m][k]);
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) sum[0][m][v] += broadcast * load(b + v * lanes);
      }
      b += depth.b_step;
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) row[m] += depth.stride;
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; m++) {
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      vf total = sum[0][m][v];
#pragma GCC unroll 4
      for (int p = 1; p < P; p++) total += sum[p][m][v];
      store(c[m] + v * lanes, total);
    }
  }
}

typedef void (*TileFunction)(const float* const*, const Depth&, const float*, const float* const*,
                             float* const*);

// The tile of `rows` rows, 1 .. tile_rows(V).
template <int V>
TileFunction tile_of(int rows) {
  static constexpr TileFunction all[8] = {
      tile<V, 1>,
      tile<V, 2>,
      tile<V, 3>,
      tile<V, tile_rows(V) >= 4 ? 4 : 1>,
      tile<V, tile_rows(V) >= 5 ? 5 : 1>,
      tile<V, tile_rows(V) >= 6 ? 6 : 1>,
      tile<V, tile_rows(V) >= 7 ? 7 : 1>,
      tile<V, tile_rows(V) >= 8 ? 8 : 1>,
  };
  return all[rows - 1];
}

// `rows` cut into tiles of nearly equal height: 16 rows with at most 6 a tile are 6 + 5 + 5.
// Calls each(first, count).
template <int V, class Each>
inline void for_tiles(int64_t rows, Each each) {
  const int64_t count = (rows + tile_rows(V) - 1) / tile_rows(V);
  for (int64_t i = 0; i < count; i++) {
    const int64_t first = rows * i / count, end = rows * (i + 1) / count;
    each(first, (int)(end - first));
  }
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
