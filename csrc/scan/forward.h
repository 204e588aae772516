// The forward pass of a layer.
#pragma once

#include "scan/frame.h"

namespace lamina::LAMINA_ISA {
namespace {

// So many rows of the input's product are made before the recurrence uses them: enough to read the
// weights seldom, few enough to be in the cache still.
constexpr int64_t chunk_floats = 1 << 16;

template <class C>
struct Forward : Frame<C> {
  using Frame<C>::p;
  using Frame<C>::plan;
  using Frame<C>::shape;
  const Results& r;
  int64_t ring;  // rows kept of each group at a time where nothing is saved; 0 where all are
  Kept<C> kept;
  // A row of panels each: what the input's product starts from, what stands in the vectors that it
  // does not make, and gains and shifts of normalisation.
  float *start, *rest, *in_gain, *in_shift, *re_gain, *re_shift, *in_valid, *re_valid;
  float *c_gain, *c_shift, *c_valid;
  Panels w_in, w_re;  // packed: a row for each input, for each hidden unit
  float* carry;       // (B, padded): c
  float* masked;      // (2, B, padded): mask * h, of this step and the next one

  static int64_t ring_rows(const Problem& p, const PlanView& plan) {
    int64_t most = chunk_floats / (Shape<C>(p.hidden).panels * C::width * lanes);
    for (int g = 0; g < plan.group_count; g++) {
      if (most < plan.groups[g].count) most = plan.groups[g].count;
    }
    return most;
  }

  Forward(const Frame<C>& frame, const Results& r, Arena& saved, Arena& work)
      : Frame<C>(frame),
        r(r),
        ring(r.saved ? 0 : ring_rows(p, plan)),
        kept(r.saved ? saved : work, p, r.saved ? plan.slots : ring * plan.group_count,
             plan.picked_count) {
    const int64_t n = shape.panels * lanes;
    start = work.take<float>(n * C::in);
    rest = work.take<float>(n * C::width);
    in_gain = work.take<float>(n * C::in);
    in_shift = work.take<float>(n * C::in);
    in_valid = work.take<float>(n * C::in);
    re_gain = work.take<float>(n * C::re);
    re_shift = work.take<float>(n * C::re);
    re_valid = work.take<float>(n * C::re);
    c_gain = work.take<float>(shape.padded);
    c_shift = work.take<float>(shape.padded);
    c_valid = work.take<float>(shape.padded);
    if (p.w_ih) w_in = Panels::take(work, shape.panels, p.inputs, C::in);
    w_re = Panels::take(work, shape.panels, p.hidden, C::re);
    if (C::has_memory) carry = work.take<float>(p.batch * shape.padded);
    if (p.mask) masked = work.take<float>(2 * p.batch * shape.padded);
  }

  void run(int rank) {
    pack_all(rank);
    this->everyone.wait();
    if (p.tokens) {
      multiply_picked(rank);
      this->everyone.wait();
      if (this->normalised()) {
        const Share mine = share(plan.picked_count, rank, this->ranks);
        for (int64_t i = mine.begin; i < mine.end; i++) {
          normalise_input(i, [](int64_t, int, vf) {});
        }
        this->everyone.wait();
      }
    }
    const int group = rank / this->columns(), column = rank % this->columns();
    if (group < plan.group_count) scan(group, column);
  }

  void pack_all(int rank) {
    const Share mine = share(shape.panels, rank, this->ranks);
    for (int64_t u = mine.begin; u < mine.end; u++) {
      if (p.w_ih) pack(shape, in_window<C>, p.w_ih, p.inputs, u, w_in.row(u, 0));
      pack(shape, re_window<C>, p.w_hh, p.hidden, u, w_re.row(u, 0));
    }
    if (rank == 0) pack_rows();
  }

  void pack_rows() {
    pack_row(shape, in_window<C>, p.b_ih, in_shift);
    pack_row(shape, re_window<C>, p.b_hh, re_shift);
    if (this->normalised()) {
      pack_row(shape, in_window<C>, p.gain_ih, in_gain);
      pack_row(shape, re_window<C>, p.gain_hh, re_gain);
      this->pack_valid(in_window<C>, in_valid);
      this->pack_valid(re_window<C>, re_valid);
    }
    if (p.gain_c) {
      this->pack_units(p.gain_c, c_gain);
      this->pack_units(p.shift_c, c_shift);
      this->pack_valid_units(c_valid);
    }
    // Both biases enter with the input's product, but for a vector that only the recurrent product
    // makes. With normalisation they are shifts, and are added where that happens.
    for (int64_t u = 0; u < shape.panels; u++) {
      for (int v = 0; v < C::width; v++) {
        const int in = v - C::in_at, re = v - C::re_at;
        vf bias{};
        if (!this->normalised()) {
          if (in >= 0 && in < C::in) bias += load(in_shift + (u * C::in + in) * lanes);
          if (re >= 0 && re < C::re) bias += load(re_shift + (u * C::re + re) * lanes);
        }
        if (in >= 0 && in < C::in) store(start + (u * C::in + in) * lanes, bias);
        else store(rest + (u * C::width + v) * lanes, bias);
      }
    }
  }

  // One panel of the input's product for `count` rows: from(i) is the row of x, to(i) of the result.
  template <class From, class To>
  void multiply(int64_t u, int64_t count, From from, To to) {
    const float* bias = start + u * C::in * lanes;
    if (!p.w_ih) {
      for (int64_t i = 0; i < count; i++) {
        for (int v = 0; v < C::in; v++) {
          const Source source = C::in_source(v);
          const float* x = from(i) + shape.weight_row(u, source);
          store(to(i) + v * lanes,
                load_first(x, shape.count(u, source.block)) + load(bias + v * lanes));
        }
      }
      return;
    }
    for_tiles<C::in>(count, [&](int64_t i, int n) {
      TileRows rows;
      for (int m = 0; m < n; m++) {
        rows.a[m] = from(i + m);
        rows.start[m] = bias;
        rows.c[m] = to(i + m);
      }
      tile_of<C::in>(n)(rows.a, {1, p.inputs, 0, C::in * lanes}, w_in.row(u, 0), rows.start,
                        rows.c);
    });
  }

  void multiply_picked(int rank) {
    const Share mine = share(shape.panels, rank, this->ranks);
    for (int64_t u = mine.begin; u < mine.end; u++) {
      multiply(u, plan.picked_count, [&](int64_t i) { return this->picked_input(i); },
               [&](int64_t i) { return kept.in_hat.row(u, i); });
    }
  }

  template <class Each>
  void normalise_input(int64_t row, Each each) {
    kept.in_scale[row] = normalise(row_of<C::in>(kept.in_hat, shape.panels, row), in_valid,
                                   C::gates * p.hidden, each);
  }

  // A vector of the input's product that stands apart, to where the recurrent one is added.
  void put_input(int64_t keep, int64_t u, int v, vf wx) {
    const int64_t at = (u * C::in + v) * lanes;
    if (this->normalised()) wx = wx * load(in_gain + at) + load(in_shift + at);
    store(kept.gates.row(u, keep) + (C::in_at + v) * lanes, wx);
  }

  // Fills the pre-activations of the slots [begin, end) of a group with all that does not depend
  // on h; they are kept from row `keep` on.
  void enter(const GroupView& g, int64_t begin, int64_t end, int64_t keep, Share panels) {
    const int64_t slot = g.first + begin, count = end - begin;
    if (p.tokens) {
      for (int64_t u = panels.begin; u < panels.end; u++) {
        for (int64_t i = 0; i < count; i++) {
          const float* wx = kept.in_hat.row(u, plan.pick[slot + i]);
          for (int v = 0; v < C::in; v++) put_input(keep + i, u, v, load(wx + v * lanes));
        }
      }
    } else {
      const Panels& to = this->normalised() ? kept.in_hat : kept.gates;
      const int at = this->normalised() ? 0 : C::in_at * lanes;
      for (int64_t u = panels.begin; u < panels.end; u++) {
        multiply(u, count, [&](int64_t i) { return this->input(slot + i); },
                 [&](int64_t i) { return to.row(u, keep + i) + at; });
      }
      for (int64_t i = 0; this->normalised() && i < count; i++) {
        normalise_input(keep + i, [&](int64_t u, int v, vf wx) { put_input(keep + i, u, v, wx); });
      }
    }
    for (int64_t u = panels.begin; u < panels.end; u++) {
      for (int v = C::in_at + C::in; v < C::width; v++) {
        const vf bias = load(rest + (u * C::width + v) * lanes);
        for (int64_t i = 0; i < count; i++) store(kept.gates.row(u, keep + i) + v * lanes, bias);
      }
    }
  }

  void scan(int group, int column) {
    const GroupView& g = plan.groups[group];
    Barrier& team = *this->teams[group];
    const int columns = this->columns();
    const Share panels = this->own_panels(column);
    begin(g, panels, column);
    if (p.mask && columns > 1) team.wait();
    int64_t entered = 0, shift = ring ? group * ring : g.first;  // of a slot to the row it is kept in
    for (int64_t s = 0; s < g.steps; s++) {
      const int64_t begin = g.offset[s], n = g.active[s];
      if (begin == entered) {
        int64_t end_step = s + 1;
        const int64_t most = ring ? ring : ring_rows(p, plan);
        while (end_step < g.steps && g.offset[end_step + 1] - begin <= most) end_step++;
        if (ring) shift = group * ring - begin;
        entered = g.offset[end_step];
        enter(g, begin, entered, shift + begin, panels);
      }
      for (int64_t u = panels.begin; u < panels.end; u++) {
        for_tiles<C::re>(n, [&](int64_t j, int rows) { recur(g, s, j, rows, shift + begin, u); });
      }
      if (this->normalised()) {
        for (int64_t j = 0; j < n; j++) finish_normalised(g, s, j, shift + begin + j);
      }
      if (columns > 1) team.wait();
    }
    end(g, panels, column);
  }

  // One tile of the recurrent product, and the equations of the step for its members.
  void recur(const GroupView& g, int64_t s, int64_t j, int n, int64_t keep, int64_t u) {
    TileRows rows;
    for (int m = 0; m < n; m++) {
      const int64_t member = g.members[j + m];
      rows.a[m] = p.mask ? masked_row(s, member) : this->h_before(g, s, j + m, r.outputs);
      rows.c[m] = this->normalised() ? kept.re_hat.row(u, keep + j + m)
                                     : kept.gates.row(u, keep + j + m) + C::re_at * lanes;
      rows.start[m] = this->normalised() ? zeros : rows.c[m];
    }
    tile_of<C::re>(n)(rows.a, {1, p.hidden, 0, C::re * lanes}, w_re.row(u, 0), rows.start, rows.c);
    if (this->normalised()) return;
    // Two loops: members are independent, and so the long chains from gates to h overlap.
    for (int m = 0; m < n; m++) activate(g, j + m, keep + j + m, u);
    for (int m = 0; m < n; m++) {
      for (int b = 0; b < C::blocks; b++) output(g, s, j + m, keep + j + m, u, b);
    }
  }

  void activate(const GroupView& g, int64_t j, int64_t keep, int64_t u) {
    float* gates = kept.gates.row(u, keep);
    if constexpr (C::has_memory) {
      float* c = carry + g.members[j] * shape.padded + u * lanes;
      const vf after = C::activate(gates, load(c));
      store(c, after);
      store(kept.memory.row(u, keep), after);
    } else {
      C::activate(gates, vf{});
    }
  }

  void output(const GroupView& g, int64_t s, int64_t j, int64_t keep, int64_t u, int b) {
    const int64_t unit = shape.unit(u, b), member = g.members[j];
    const int count = shape.count(u, b);
    vf c{}, before{};
    if constexpr (C::has_memory) {
      c = load(kept.memory.row(u, keep));
      if (p.gain_c) {
        c = (c - kept.c_mean[keep]) * kept.c_scale[keep] * load(c_gain + unit) +
            load(c_shift + unit);
      }
    }
    if constexpr (C::mixes_h) before = load_first(this->h_before(g, s, j, r.outputs) + unit, count);
    const vf h = C::output(kept.gates.row(u, keep), b, c, before);
    const int64_t slot = g.first + g.offset[s] + j;
    store_first(r.outputs + plan.place[slot] * p.hidden + unit, h, count);
    if (p.mask && count) {
      const vf mask = load_first(p.mask + member * p.hidden + unit, count);
      store(masked_row(s + 1, member) + unit, h * mask);
    }
  }

  // The rest of a step whose recurrent product is complete but not normalised.
  void finish_normalised(const GroupView& g, int64_t s, int64_t j, int64_t keep) {
    kept.re_scale[keep] = normalise(
        row_of<C::re>(kept.re_hat, shape.panels, keep), re_valid, C::gates * p.hidden,
        [&](int64_t u, int v, vf hat) {
          const int64_t at = (u * C::re + v) * lanes;
          float* gate = kept.gates.row(u, keep) + (C::re_at + v) * lanes;
          store(gate, load(gate) + load(re_shift + at) + hat * load(re_gain + at));
        });
    for (int64_t u = 0; u < shape.panels; u++) activate(g, j, keep, u);
    if (p.gain_c) {
      const Moments m = moments(row_of<1>(kept.memory, shape.panels, keep), c_valid, p.hidden);
      kept.c_mean[keep] = m.mean;
      kept.c_scale[keep] = m.scale;
    }
    for (int64_t u = 0; u < shape.panels; u++) {
      for (int b = 0; b < C::blocks; b++) output(g, s, j, keep, u, b);
    }
  }

  float* masked_row(int64_t s, int64_t member) const {
    return masked + ((s % 2) * p.batch + member) * shape.padded;
  }

  // Before the first step: the states, as far as they are not read where they stand.
  void begin(const GroupView& g, Share panels, int column) {
    for (int64_t j = 0; j < g.count; j++) {
      const int64_t member = g.members[j];
      for (int64_t u = panels.begin; u < panels.end; u++) {
        for (int b = 0; b < C::blocks; b++) {
          const int64_t unit = shape.unit(u, b), from = member * p.hidden + unit;
          const int count = shape.count(u, b);
          if (C::has_memory) {
            store(carry + member * shape.padded + unit, load_first(p.c0 + from, count));
          }
          if (p.mask && count) {
            store(masked_row(0, member) + unit,
                  load_first(p.h0 + from, count) * load_first(p.mask + from, count));
          }
        }
      }
      if (column == 0) {
        for (int64_t t = this->length(member); t < p.steps; t++) {
          memset(r.outputs + (t * p.batch + member) * p.hidden, 0, sizeof(float) * p.hidden);
        }
      }
    }
  }

  // After the last step of all members: the final states.
  void end(const GroupView& g, Share panels, int column) {
    for (int64_t j = 0; j < g.count; j++) {
      const int64_t member = g.members[j];
      if (column == 0) {
        memcpy(r.h_n + member * p.hidden,
               this->h_before(g, this->length(member), j, r.outputs), sizeof(float) * p.hidden);
      }
      if (!C::has_memory) continue;
      for (int64_t u = panels.begin; u < panels.end; u++) {
        const int64_t unit = shape.unit(u, 0);
        store_first(r.c_n + member * p.hidden + unit, load(carry + member * shape.padded + unit),
                    shape.count(u, 0));
      }
    }
  }
};

}  // namespace
}  // namespace lamina::LAMINA_ISA
