// Panels: how everything inside the core is laid out, and the way from and to rows of matrices.
//
// A panel holds `vectors` vectors of consecutive columns for each of its rows, row after row. A
// matrix of hidden columns is a sequence of panels, each with the columns of the same units (see
// cells.h), so that a register tile reads and writes consecutive memory.
#pragma once

#include "cells/cells.h"
#include "memory/arena.h"
#include "scan/recurrence.h"
#include "scan/transpose.h"

namespace lamina::LAMINA_ISA {
namespace {

// The part of `count` things that one of `size` ranks does.
struct Share {
  int64_t begin, end;
};
inline Share share(int64_t count, int rank, int size) {
  return {count * rank / size, count * (rank + 1) / size};
}

struct Panels {
  float* at = nullptr;
  int64_t step = 0;  // floats from one panel to the next
  int vectors = 0;

  static Panels take(Arena& arena, int64_t panels, int64_t rows, int vectors) {
    int64_t step = rows * vectors * lanes;
    // One row of many panels: at a distance of a multiple of 4 KiB they would share a cache set.
    if (step >= spread * 4) step += (spread + spread_by - step % spread) % spread;
    return {arena.take<float>(panels * step), step, vectors};
  }
  float* row(int64_t panel, int64_t row) const { return at + panel * step + row * vectors * lanes; }

 private:
  static constexpr int64_t spread = 4096 / sizeof(float), spread_by = 80;
};

// The shape of a layer in panels of cell C.
template <class C>
struct Shape {
  int64_t hidden;
  int64_t panels;  // over all units
  int64_t padded;  // units with those that fill the last pair of blocks

  explicit Shape(int64_t hidden)
      : hidden(hidden),
        panels((hidden + C::blocks * lanes - 1) / (C::blocks * lanes)),
        padded(rounded_up(hidden, 2 * lanes)) {}

  int64_t unit(int64_t panel, int block) const { return (panel * C::blocks + block) * lanes; }

  // How many units of a block there are: less than `lanes` in the last, none beyond it.
  int count(int64_t panel, int block) const {
    const int64_t left = hidden - unit(panel, block);
    return left < 0 ? 0 : (int)smaller(left, lanes);
  }

  // Row of a weight matrix where a block's units of one gate begin.
  int64_t weight_row(int64_t panel, Source source) const {
    return source.gate * hidden + unit(panel, source.block);
  }
};

// The vectors of a panel that one of the two products makes.
struct Window {
  Source (*source)(int v);
  int vectors, at;
};
template <class C>
constexpr Window in_window{C::in_source, C::in, C::in_at};
template <class C>
constexpr Window re_window{C::re_source, C::re, C::re_at};

// The rows of a (G*H, columns) matrix that a vector of a panel stands for; null beyond the units.
template <class C, class Float>
inline void weight_rows(const Shape<C>& shape, int64_t panel, Source source, Float* w,
                        int64_t columns, Float* (&rows)[lanes]) {
  const int count = shape.count(panel, source.block);
  for (int l = 0; l < lanes; l++) {
    rows[l] = l < count ? w + (shape.weight_row(panel, source) + l) * columns : nullptr;
  }
}

// W (G*H, columns) for products with rows of `columns` numbers: one panel, (columns, vectors).
template <class C>
void pack(const Shape<C>& shape, const Window& window, const float* w, int64_t columns,
          int64_t panel, float* to) {
  for (int v = 0; v < window.vectors; v++) {
    const float* rows[lanes];
    weight_rows(shape, panel, window.source(v), w, columns, rows);
    gather_columns(rows, columns, to + v * lanes, window.vectors * lanes);
  }
}

// The inverse of pack(), for a gradient.
template <class C>
void unpack(const Shape<C>& shape, const Window& window, const float* from, int64_t columns,
            int64_t panel, float* w) {
  for (int v = 0; v < window.vectors; v++) {
    float* rows[lanes];
    weight_rows(shape, panel, window.source(v), w, columns, rows);
    scatter_columns(from + v * lanes, window.vectors * lanes, columns, rows);
  }
}

constexpr int back_vectors = 2;
constexpr int back_columns = back_vectors * lanes;

// W (G*H, columns) for products with rows of panels: `back_columns` columns from `first` on, for each
// row of W in the order in which it stands in the panels.
template <class C>
void pack_back(const Shape<C>& shape, const Window& window, const float* w, int64_t columns,
               int64_t first, float* to) {
  const int64_t left = columns - first;
  const int counts[back_vectors] = {(int)smaller(left, lanes),
                                    (int)smaller(left < lanes ? 0 : left - lanes, lanes)};
  for (int64_t u = 0; u < shape.panels; u++) {
    for (int v = 0; v < window.vectors; v++) {
      const float* rows[lanes];
      weight_rows(shape, u, window.source(v), w, columns, rows);
      for (int l = 0; l < lanes; l++, to += back_columns) {
        for (int i = 0; i < back_vectors; i++) {
          store(to + i * lanes,
                rows[l] ? load_first(rows[l] + first + i * lanes, counts[i]) : splat(0.0f));
        }
      }
    }
  }
}

// A vector (G*H,) as one row of panels; zeros where there is none.
template <class C>
void pack_row(const Shape<C>& shape, const Window& window, const float* b, float* to) {
  for (int64_t u = 0; u < shape.panels; u++) {
    for (int v = 0; v < window.vectors; v++, to += lanes) {
      const Source source = window.source(v);
      store(to, b ? load_first(b + shape.weight_row(u, source), shape.count(u, source.block))
                  : splat(0.0f));
    }
  }
}

// One panel's part of the way back.
template <class C>
void unpack_row(const Shape<C>& shape, const Window& window, const float* from, int64_t panel,
                float* b) {
  for (int v = 0; v < window.vectors; v++) {
    const Source source = window.source(v);
    store_first(b + shape.weight_row(panel, source), load(from + v * lanes),
                shape.count(panel, source.block));
  }
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
