// What the forward and the backward pass share: the order of steps, the buffers that go from one to
// the other, and the threads.
#pragma once

#include "scan/layer_norm.h"
#include "scan/recurrence_isa.h"
#include "scan/tile.h"

namespace lamina::LAMINA_ISA {
namespace {

// What a step leaves behind for the backward pass, a row for each slot.
template <class C>
struct Kept {
  Panels gates;               // after the equations; see cells.h
  Panels memory;              // c_t of an LSTM
  Panels in_hat;              // the input's product where it is not made in place: a row for each
                              // distinct token, or for each slot; normalised if the layer is
  Panels re_hat;              // the recurrent product, normalised
  float *in_scale, *re_scale;  // by which they were normalised, one a row
  float *c_mean, *c_scale;     // of c_t

  Kept(Arena& arena, const Problem& p, int64_t rows, int64_t picked) {
    const int64_t panels = Shape<C>(p.hidden).panels;
    gates = Panels::take(arena, panels, rows, C::width);
    if (C::has_memory) memory = Panels::take(arena, panels, rows, 1);
    const int64_t in_rows = p.tokens ? picked : rows;
    if (p.tokens || p.gain_ih) in_hat = Panels::take(arena, panels, in_rows, C::in);
    in_scale = re_scale = c_mean = c_scale = nullptr;
    if (p.gain_ih) {
      re_hat = Panels::take(arena, panels, rows, C::re);
      in_scale = arena.take<float>(in_rows);
      re_scale = arena.take<float>(rows);
    }
    if (p.gain_c) {
      c_mean = arena.take<float>(rows);
      c_scale = arena.take<float>(rows);
    }
  }
};

template <class C>
struct Frame {
  const Problem& p;
  const PlanView& plan;
  const Shape<C> shape{p.hidden};
  int ranks;
  Barrier& everyone;
  Barrier** teams;

  bool normalised() const { return p.gain_ih != nullptr; }
  // Whether the input's product is made by itself, and not where the recurrent one is added.
  bool apart() const { return p.tokens || normalised(); }
  // A normalised row needs all its units, so such a layer is not cut by columns.
  int columns() const { return normalised() ? 1 : plan.columns; }

  int64_t length(int64_t member) const { return p.lengths ? p.lengths[member] : p.steps; }

  // Where the input of a row of products stands: of a slot, or of a distinct token.
  const float* input(int64_t slot) const { return p.x + plan.place[slot] * p.inputs; }
  const float* picked_input(int64_t i) const { return p.x + plan.picked[i] * p.inputs; }

  // The row of `outputs`, or of h0, that entered step s of the group's j-th member.
  const float* h_before(const GroupView& g, int64_t s, int64_t j, const float* outputs) const {
    if (s == 0) return p.h0 + g.members[j] * p.hidden;
    return outputs + plan.place[g.first + g.offset[s - 1] + j] * p.hidden;
  }

  // The panels of one of the threads that share a group. Whole pairs of blocks, since the backward
  // product makes so many units at once.
  Share own_panels(int column) const {
    const Share pairs = share(shape.padded / back_columns, column, columns());
    constexpr int64_t panels_of_pair = 2 / C::blocks;
    return {smaller(pairs.begin * panels_of_pair, shape.panels),
            smaller(pairs.end * panels_of_pair, shape.panels)};
  }

  // A vector (H,) in whole vectors, zero behind the units.
  void pack_units(const float* from, float* to) const {
    for (int64_t unit = 0; unit < shape.padded; unit += lanes) {
      store(to + unit, load_first(from + unit, count_from(unit)));
    }
  }

  // 1 where a lane is a hidden unit, 0 behind the units.
  void pack_valid_units(float* to) const {
    for (int64_t unit = 0; unit < shape.padded; unit += lanes) {
      store(to + unit, splat(0.0f));
      store_first(to + unit, splat(1.0f), count_from(unit));
    }
  }

  // How many units there are from `unit` on, at most a vector of them.
  int count_from(int64_t unit) const {
    return (int)smaller(unit < p.hidden ? p.hidden - unit : 0, lanes);
  }

  // The same for the rows of a product.
  void pack_valid(const Window& window, float* to) const {
    for (int64_t u = 0; u < shape.panels; u++) {
      for (int v = 0; v < window.vectors; v++, to += lanes) {
        store(to, splat(0.0f));
        store_first(to, splat(1.0f), shape.count(u, window.source(v).block));
      }
    }
  }
};

constexpr float zeros[4 * lanes] = {};

// The arguments of one register tile, filled row by row.
struct TileRows {
  const float* a[most_rows];
  const float* start[most_rows];
  float* c[most_rows];
};

}  // namespace
}  // namespace lamina::LAMINA_ISA
