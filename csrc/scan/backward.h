// The backward pass of a layer: backwards through the steps first, then what is summed over them.
#pragma once

#include "scan/weight_gradient.h"

namespace lamina::LAMINA_ISA {
namespace {

template <class C>
struct Backward : Frame<C> {
  using Frame<C>::p;
  using Frame<C>::plan;
  using Frame<C>::shape;
  const Results& r;
  const Gradients& d;
  Kept<C> kept;
  Panels gates;    // gradients of the pre-activations, a row for each slot
  Panels in_hat;   // of the input's product, where it was not made in place
  Panels re_hat;   // of the recurrent product, where it was normalised
  Panels c_hat;    // of the normalised c_t
  Panels w_in, w_re;        // packed for products with rows of panels; see pack_back
  float *in_gain, *re_gain, *in_valid, *re_valid, *c_gain, *c_valid;
  float *direct, *back, *dc;  // (B, padded): what reaches h_{t-1} past the product, through it; c_{t-1}
  const float** before;       // of each slot: the row of h that entered it
  float* buffers;             // of each rank
  int64_t buffer_floats;
  WeightGradient<C, C::in> in_weights;
  WeightGradient<C, C::re> re_weights;

  int64_t in_rows() const { return p.tokens ? plan.picked_count : plan.slots; }
  int64_t w_in_panels() const { return (p.inputs + back_columns - 1) / back_columns; }
  float* buffer(int rank) const { return buffers + rank * buffer_floats; }

  Backward(const Frame<C>& frame, const Results& r, const Gradients& d, Arena& saved, Arena& work)
      : Frame<C>(frame),
        r(r),
        d(d),
        kept(saved, p, plan.slots, plan.picked_count),
        in_weights(*this, in_window<C>, p.w_ih && d.w_ih ? p.inputs : 0, work),
        re_weights(*this, re_window<C>, d.w_hh ? p.hidden : 0, work) {
    const int64_t n = shape.panels * lanes;
    gates = Panels::take(work, shape.panels, plan.slots, C::width);
    if (this->apart()) in_hat = Panels::take(work, shape.panels, in_rows(), C::in);
    if (this->normalised()) re_hat = Panels::take(work, shape.panels, plan.slots, C::re);
    if (p.gain_c) c_hat = Panels::take(work, shape.panels, plan.slots, 1);
    if (p.w_ih && d.x) w_in = Panels::take(work, w_in_panels(), n * C::in, back_vectors);
    w_re = Panels::take(work, shape.padded / back_columns, n * C::re, back_vectors);
    in_gain = work.take<float>(n * C::in);
    in_valid = work.take<float>(n * C::in);
    re_gain = work.take<float>(n * C::re);
    re_valid = work.take<float>(n * C::re);
    c_gain = work.take<float>(shape.padded);
    c_valid = work.take<float>(shape.padded);
    direct = work.take<float>(p.batch * shape.padded);
    back = work.take<float>(p.batch * shape.padded);
    dc = work.take<float>(p.batch * shape.padded);
    before = work.take<const float*>(plan.slots);
    buffer_floats = rounded_up(p.inputs > shape.padded ? p.inputs : shape.padded, lanes) * lanes;
    buffers = work.take<float>(buffer_floats * this->ranks);
  }

  Deltas re_deltas() const {
    return this->normalised() ? Deltas{re_hat, 0} : Deltas{gates, C::re_at};
  }
  Deltas in_deltas() const {
    return this->apart() ? Deltas{in_hat, 0} : Deltas{gates, C::in_at};
  }
  // Of the input's product after normalisation, if there is one.
  Deltas after_input() const {
    return p.tokens ? Deltas{in_hat, 0} : Deltas{gates, C::in_at};
  }

  void run(int rank) {
    pack_all(rank);
    this->everyone.wait();
    const int group = rank / this->columns(), column = rank % this->columns();
    if (group < plan.group_count) scan(group, column, buffer(rank));
    this->everyone.wait();
    if (p.tokens) {
      sum_by_token(rank);
      this->everyone.wait();
    }
    sum_vectors(rank);
    if (this->normalised()) {
      this->everyone.wait();
      normalise_input_deltas(rank);
      this->everyone.wait();
    }
    if (d.x) input_gradient(rank);
    if (p.w_ih && d.w_ih) {
      in_weights.run(
          rank, in_deltas(), in_rows(),
          [&](int64_t i, float*) { return p.tokens ? this->picked_input(i) : this->input(i); },
          buffer(rank), d.w_ih);
    }
    if (d.w_hh) {
      re_weights.run(
          rank, re_deltas(), plan.slots,
          [&](int64_t slot, float* to) { return entering_h(slot, to); }, buffer(rank), d.w_hh);
    }
  }

  void pack_all(int rank) {
    if (p.w_ih && d.x) {
      const Share mine = share(w_in_panels(), rank, this->ranks);
      for (int64_t i = mine.begin; i < mine.end; i++) {
        pack_back(shape, in_window<C>, p.w_ih, p.inputs, i * back_columns, w_in.row(i, 0));
      }
    }
    const Share mine = share(shape.padded / back_columns, rank, this->ranks);
    for (int64_t i = mine.begin; i < mine.end; i++) {
      pack_back(shape, re_window<C>, p.w_hh, p.hidden, i * back_columns, w_re.row(i, 0));
    }
    if (rank == 0 && this->normalised()) {
      pack_row(shape, in_window<C>, p.gain_ih, in_gain);
      pack_row(shape, re_window<C>, p.gain_hh, re_gain);
      this->pack_valid(in_window<C>, in_valid);
      this->pack_valid(re_window<C>, re_valid);
      if (p.gain_c) {
        this->pack_units(p.gain_c, c_gain);
        this->pack_valid_units(c_valid);
      }
    }
  }

  // ---- through the steps ---------------------------------------------------------------------

  void scan(int group, int column, float* buffer) {
    const GroupView& g = plan.groups[group];
    const Share panels = this->own_panels(column);
    const Share pairs = share(shape.padded / back_columns, column, this->columns());
    begin(g, pairs, column);
    for (int64_t s = g.steps - 1; s >= 0; s--) {
      const int64_t first = g.first + g.offset[s], n = g.active[s];
      for (int64_t u = panels.begin; u < panels.end; u++) {
        for (int64_t j = 0; j < n; j++) {
          for (int b = 0; b < C::blocks; b++) output(g, s, j, u, b);
          if (C::has_memory && !p.gain_c) memory(g, s, j, u, load(c_delta(g, j, u)));
        }
      }
      if (this->normalised()) {
        for (int64_t j = 0; j < n; j++) {
          if (p.gain_c) normalised_memory(g, s, j, buffer);
          normalised_product(first + j);
        }
      }
      if (this->columns() > 1) this->teams[group]->wait();
      multiply(g, first, n, pairs);
    }
    end(g, panels);
  }

  float* c_delta(const GroupView& g, int64_t j, int64_t u) const {
    return dc + g.members[j] * shape.padded + u * lanes;
  }

  // c_t as it entered the output's equation.
  vf memory_seen(int64_t slot, int64_t u) const {
    const vf c = load(kept.memory.row(u, slot));
    if (!p.gain_c) return c;
    const int64_t unit = u * lanes;
    const vf hat = (c - kept.c_mean[slot]) * kept.c_scale[slot];
    return hat * load(c_gain + unit) + load_first(p.shift_c + unit, shape.count(u, 0));
  }

  // Everything that reaches h_t, and from there the gates.
  void output(const GroupView& g, int64_t s, int64_t j, int64_t u, int b) {
    const int64_t slot = g.first + g.offset[s] + j, unit = shape.unit(u, b), member = g.members[j];
    const int count = shape.count(u, b);
    const int64_t at = member * shape.padded + unit;
    vf dh = load(direct + at) + masked(load(back + at), member, unit, count);
    if (d.outputs) dh += load_first(d.outputs + plan.place[slot] * p.hidden + unit, count);
    vf c{}, before{}, past{};
    if constexpr (C::has_memory) c = memory_seen(slot, u);
    if constexpr (C::mixes_h) before = load_first(this->h_before(g, s, j, r.outputs) + unit, count);
    const vf dc_seen =
        C::output_gradient(kept.gates.row(u, slot), gates.row(u, slot), b, dh, c, before, past);
    store(direct + at, past);
    if constexpr (C::has_memory) {
      if (p.gain_c) store(c_hat.row(u, slot), dc_seen);
      else store(dc + at, load(dc + at) + dc_seen);
    }
  }

  void memory(const GroupView& g, int64_t s, int64_t j, int64_t u, vf dc_all) {
    const int64_t slot = g.first + g.offset[s] + j;
    vf before;
    if (s == 0) {
      before = load_first(p.c0 + g.members[j] * p.hidden + u * lanes, shape.count(u, 0));
    } else {
      before = load(kept.memory.row(u, g.first + g.offset[s - 1] + j));
    }
    store(c_delta(g, j, u),
          C::memory_gradient(kept.gates.row(u, slot), gates.row(u, slot), dc_all, before));
  }

  void normalised_memory(const GroupView& g, int64_t s, int64_t j, float* buffer) {
    const int64_t slot = g.first + g.offset[s] + j;
    const Row<1> delta{buffer, lanes, shape.panels};
    const Row<1> hat{buffer + shape.padded, lanes, shape.panels};
    hat.each([&](int64_t u, int, float* x) {
      store(x, (load(kept.memory.row(u, slot)) - kept.c_mean[slot]) * kept.c_scale[slot] *
                   load(c_valid + u * lanes));
    });
    normalise_gradient(
        [&](int64_t u, int) { return load(c_hat.row(u, slot)) * load(c_gain + u * lanes); }, hat,
        kept.c_scale[slot], c_valid, p.hidden, delta);
    for (int64_t u = 0; u < shape.panels; u++) {
      memory(g, s, j, u, load(c_delta(g, j, u)) + load(delta.at + u * lanes));
    }
  }

  void normalised_product(int64_t slot) {
    normalise_gradient(
        [&](int64_t u, int v) {
          return load(gates.row(u, slot) + (C::re_at + v) * lanes) *
                 load(re_gain + (u * C::re + v) * lanes);
        },
        row_of<C::re>(kept.re_hat, shape.panels, slot), kept.re_scale[slot], re_valid,
        C::gates * p.hidden, row_of<C::re>(re_hat, shape.panels, slot));
  }

  // What reaches h_{t-1} through the recurrent product.
  void multiply(const GroupView& g, int64_t first, int64_t n, Share pairs) {
    const Deltas deltas = re_deltas();
    const Depth depth{shape.panels, C::re * lanes, deltas.panels.step, back_columns};
    for (int64_t pair = pairs.begin; pair < pairs.end; pair++) {
      for_tiles<back_vectors>(n, [&](int64_t j, int count) {
        TileRows rows;
        for (int m = 0; m < count; m++) {
          rows.a[m] = deltas.row(0, first + j + m);
          rows.start[m] = zeros;
          rows.c[m] = back + g.members[j + m] * shape.padded + pair * back_columns;
        }
        tile_of<back_vectors>(count)(rows.a, depth, w_re.row(pair, 0), rows.start, rows.c);
      });
    }
  }

  vf masked(vf h, int64_t member, int64_t unit, int count) const {
    return p.mask && count ? h * load_first(p.mask + member * p.hidden + unit, count) : h;
  }

  void begin(const GroupView& g, Share pairs, int column) {
    for (int64_t s = 0; column == 0 && s < g.steps; s++) {
      for (int64_t j = 0; j < g.active[s]; j++) {
        before[g.first + g.offset[s] + j] = this->h_before(g, s, j, r.outputs);
      }
    }
    for (int64_t j = 0; j < g.count; j++) {
      for (int64_t unit = pairs.begin * back_columns; unit < pairs.end * back_columns;
           unit += lanes) {
        const int count = (int)smaller(unit < p.hidden ? p.hidden - unit : 0, lanes);
        const int64_t at = g.members[j] * shape.padded + unit, from = g.members[j] * p.hidden + unit;
        store(direct + at, d.h_n && count ? load_first(d.h_n + from, count) : splat(0.0f));
        store(back + at, splat(0.0f));
        store(dc + at, d.c_n && count ? load_first(d.c_n + from, count) : splat(0.0f));
      }
    }
  }

  void end(const GroupView& g, Share panels) {
    for (int64_t j = 0; j < g.count; j++) {
      const int64_t member = g.members[j];
      for (int64_t u = panels.begin; u < panels.end; u++) {
        for (int b = 0; b < C::blocks; b++) {
          const int64_t unit = shape.unit(u, b), at = member * shape.padded + unit;
          const int count = shape.count(u, b);
          if (!count) continue;
          const vf dh = load(direct + at) + masked(load(back + at), member, unit, count);
          if (d.h0) store_first(d.h0 + member * p.hidden + unit, dh, count);
          if (d.c0) store_first(d.c0 + member * p.hidden + unit, load(dc + at), count);
        }
      }
    }
  }

  // ---- over the steps ------------------------------------------------------------------------

  void sum_by_token(int rank) {
    const Share mine = share(shape.panels, rank, this->ranks);
    for (int64_t u = mine.begin; u < mine.end; u++) {
      memset(in_hat.row(u, 0), 0, sizeof(float) * in_hat.step);
      for (int64_t slot = 0; slot < plan.slots; slot++) {
        const float* from = gates.row(u, slot) + C::in_at * lanes;
        float* to = in_hat.row(u, plan.pick[slot]);
        for (int v = 0; v < C::in; v++) {
          store(to + v * lanes, load(to + v * lanes) + load(from + v * lanes));
        }
      }
    }
  }

  void sum_vectors(int rank) {
    const auto one = [](int64_t, int) { return splat(1.0f); };
    const Deltas re{gates, C::re_at};
    const Share mine = share(shape.panels, rank, this->ranks);
    for (int64_t u = mine.begin; u < mine.end; u++) {
      if (d.b_ih) {
        sum_rows<C, C::in>(shape, in_window<C>, after_input(), in_rows(), u, one, d.b_ih);
      }
      if (d.b_hh) sum_rows<C, C::re>(shape, re_window<C>, re, plan.slots, u, one, d.b_hh);
      if (d.gain_ih) {
        const auto hat = [&](int64_t i, int v) { return load(kept.in_hat.row(u, i) + v * lanes); };
        sum_rows<C, C::in>(shape, in_window<C>, after_input(), in_rows(), u, hat, d.gain_ih);
      }
      if (d.gain_hh) {
        const auto hat = [&](int64_t i, int v) { return load(kept.re_hat.row(u, i) + v * lanes); };
        sum_rows<C, C::re>(shape, re_window<C>, re, plan.slots, u, hat, d.gain_hh);
      }
      if (!d.gain_c) continue;
      constexpr Window memory{[](int) { return Source{0, 0}; }, 1, 0};
      const auto hat = [&](int64_t i, int) {
        return (load(kept.memory.row(u, i)) - kept.c_mean[i]) * kept.c_scale[i];
      };
      sum_rows<C, 1>(shape, memory, {c_hat, 0}, plan.slots, u, hat, d.gain_c);
      sum_rows<C, 1>(shape, memory, {c_hat, 0}, plan.slots, u, one, d.shift_c);
    }
  }

  void normalise_input_deltas(int rank) {
    const Deltas after = after_input();
    const Share mine = share(in_rows(), rank, this->ranks);
    for (int64_t i = mine.begin; i < mine.end; i++) {
      normalise_gradient(
          [&](int64_t u, int v) {
            return load(after.row(u, i) + v * lanes) * load(in_gain + (u * C::in + v) * lanes);
          },
          row_of<C::in>(kept.in_hat, shape.panels, i), kept.in_scale[i], in_valid,
          C::gates * p.hidden, row_of<C::in>(in_hat, shape.panels, i));
    }
  }

  // The row of d.x that belongs to row i of the input's product.
  float* input_row(int64_t i) const {
    return d.x + (p.tokens ? plan.picked[i] : plan.place[i]) * p.inputs;
  }

  void input_gradient(int rank) {
    clear_input_gradient(rank);
    const Deltas deltas = in_deltas();
    const Share mine = share(in_rows(), rank, this->ranks);
    if (!p.w_ih) {
      for (int64_t i = mine.begin; i < mine.end; i++) {
        for (int64_t u = 0; u < shape.panels; u++) {
          unpack_row(shape, in_window<C>, deltas.row(u, i), u, input_row(i));
        }
      }
      return;
    }
    const Depth depth{shape.panels, C::in * lanes, deltas.panels.step, back_columns};
    for (int64_t panel = 0; panel < w_in_panels(); panel++) {
      const int64_t first = panel * back_columns, width = smaller(p.inputs - first, back_columns);
      for_tiles<back_vectors>(mine.end - mine.begin, [&](int64_t i, int count) {
        float part[most_rows][back_columns];
        TileRows rows;
        for (int m = 0; m < count; m++) {
          rows.a[m] = deltas.row(0, mine.begin + i + m);
          rows.start[m] = zeros;
          rows.c[m] = width == back_columns ? input_row(mine.begin + i + m) + first : part[m];
        }
        tile_of<back_vectors>(count)(rows.a, depth, w_in.row(panel, 0), rows.start, rows.c);
        for (int m = 0; m < count && width < back_columns; m++) {
          memcpy(input_row(mine.begin + i + m) + first, part[m], sizeof(float) * width);
        }
      });
    }
  }

  // Zeros where nothing was read.
  void clear_input_gradient(int rank) {
    if (p.tokens) {
      const Share mine = share(p.table, rank, this->ranks);
      memset(d.x + mine.begin * p.inputs, 0, sizeof(float) * (mine.end - mine.begin) * p.inputs);
      this->everyone.wait();
    } else if (p.lengths) {
      const Share mine = share(p.batch, rank, this->ranks);
      for (int64_t member = mine.begin; member < mine.end; member++) {
        for (int64_t t = this->length(member); t < p.steps; t++) {
          memset(d.x + (t * p.batch + member) * p.inputs, 0, sizeof(float) * p.inputs);
        }
      }
    }
  }

  // The h that entered the recurrent product of a slot; written to `to` where it was masked.
  const float* entering_h(int64_t slot, float* to) const {
    const float* h = before[slot];
    if (!p.mask) return h;
    const int64_t member = plan.place[slot] % p.batch;
    for (int64_t unit = 0; unit < p.hidden; unit += lanes) {
      const int n = (int)smaller(p.hidden - unit, lanes);
      store_first(to + unit, masked(load_first(h + unit, n), member, unit, n), n);
    }
    return to;
  }
};

}  // namespace
}  // namespace lamina::LAMINA_ISA
