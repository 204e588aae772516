// Sums over all rows of a pass: the gradients of weights and biases.
#pragma once

#include "scan/frame.h"

namespace lamina::LAMINA_ISA {
namespace {

// Gradients of pre-activations as they stand in panels: `vectors` vectors from vector `at` on.
struct Deltas {
  Panels panels;
  int at;

  const float* row(int64_t u, int64_t i) const { return panels.row(u, i) + at * lanes; }
};

// Rows are taken a block at a time: a block of the entering rows, turned round, stays in the cache.
constexpr int64_t block_rows = 512;
constexpr int64_t block_step = block_rows + 16;  // no power of two: lines would share a cache set

// dW (G*H, columns) = sum over rows of delta[row]^T entering[row], with C's `Window` of V vectors.
template <class C, int V>
struct WeightGradient {
  const Frame<C>& frame;
  const Window& window;
  int64_t columns;
  float* turned;  // (columns, block_step)
  Panels sums;    // a row for each column of dW

  WeightGradient(const Frame<C>& frame, const Window& window, int64_t columns, Arena& work)
      : frame(frame),
        window(window),
        columns(columns),
        turned(work.take<float>(columns * block_step)),
        sums(Panels::take(work, frame.shape.panels, columns, V)) {}

  // Every rank calls this. entering(row, buffer) gives a row's `columns` numbers, in place or
  // written to the buffer.
  template <class Entering>
  void run(int rank, const Deltas& deltas, int64_t rows, Entering entering, float* buffer,
           float* to) const {
    for (int64_t first = 0; first == 0 || first < rows; first += block_rows) {
      const int64_t count = smaller(rows - first, block_rows);
      turn(rank, first, count, entering, buffer);
      frame.everyone.wait();
      multiply(rank, deltas, first, count);
      frame.everyone.wait();
    }
    const Share mine = share(frame.shape.panels, rank, frame.ranks);
    for (int64_t u = mine.begin; u < mine.end; u++) {
      unpack(frame.shape, window, sums.row(u, 0), columns, u, to);
    }
  }

  template <class Entering>
  void turn(int rank, int64_t first, int64_t count, Entering entering, float* buffer) const {
    const Share mine = share((count + lanes - 1) / lanes, rank, frame.ranks);
    for (int64_t square = mine.begin; square < mine.end; square++) {
      const float* rows[lanes];
      for (int l = 0; l < lanes; l++) {
        const int64_t i = square * lanes + l;
        rows[l] = i < count ? entering(first + i, buffer + l * rounded_up(columns, lanes)) : nullptr;
      }
      gather_columns(rows, columns, turned + square * lanes, block_step);
    }
  }

  void multiply(int rank, const Deltas& deltas, int64_t first, int64_t count) const {
    const int64_t tiles = (columns + tile_rows(V) - 1) / tile_rows(V);
    const Share mine = share(frame.shape.panels * tiles, rank, frame.ranks);
    const Depth depth{1, count, 0, deltas.panels.vectors * lanes};
    for (int64_t i = mine.begin; i < mine.end; i++) {
      const int64_t u = i / tiles, t = i % tiles;
      const int64_t begin = columns * t / tiles, end = columns * (t + 1) / tiles;
      TileRows rows;
      for (int64_t column = begin; column < end; column++) {
        const int64_t m = column - begin;
        rows.a[m] = turned + column * block_step;
        rows.c[m] = sums.row(u, column);
        rows.start[m] = first ? rows.c[m] : zeros;
      }
      tile_of<V>((int)(end - begin))(rows.a, depth, deltas.row(u, first), rows.start, rows.c);
    }
  }
};

// to (G*H,) = sum over rows of delta[row], or of delta[row] * factor[row]. One panel.
template <class C, int V, class Factor>
void sum_rows(const Shape<C>& shape, const Window& window, const Deltas& deltas, int64_t rows,
              int64_t u, Factor factor, float* to) {
  constexpr int64_t block = 128;  // summed by themselves: the error grows with the blocks only
  vf total[V] = {};
  for (int64_t first = 0; first < rows; first += block) {
    vf part[V] = {};
    for (int64_t i = first; i < smaller(first + block, rows); i++) {
      for (int v = 0; v < V; v++) part[v] += load(deltas.row(u, i) + v * lanes) * factor(i, v);
    }
    for (int v = 0; v < V; v++) total[v] += part[v];
  }
  float sums[V * lanes];
  for (int v = 0; v < V; v++) store(sums + v * lanes, total[v]);
  unpack_row(shape, window, sums, u, to);
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
