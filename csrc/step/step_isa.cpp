// The arithmetic of a step for one instruction set: products, then the equations of cells.h.
#include "cells/cells.h"
#include "step/products.h"

namespace lamina::LAMINA_ISA {
namespace {

// (a - mean) / sqrt(variance + eps) * gain over all gates together, in place.
void normalise(float* a, int64_t gates, int64_t units, int64_t stride, const float* gain) {
  const float n = (float)(gates * units);
  vf total = {};
  for (int64_t g = 0; g < gates; g++)
    for (int64_t u = 0; u < units; u += lanes) total += load_part(a + g * stride + u, units - u);
  const vf mean = splat(sum(total) / n);
  vf squares = {};
  for (int64_t g = 0; g < gates; g++)
    for (int64_t u = 0; u < units; u += lanes) {
      const vf d = load(a + g * stride + u) - mean;
      squares += select(lane_index() < splat((int32_t)smaller(lanes, units - u)), d * d, vf{});
    }
  const vf rate = splat(1.0f / __builtin_sqrtf(sum(squares) / n + layer_norm_eps));
  for (int64_t i = 0; i < gates * stride; i += lanes)
    store(a + i, (load(a + i) - mean) * rate * load(gain + i));
}

// A cell as a step computes it.
template <class C>
struct InStep : C {};

// The scan's n + z (h - n) rounds otherwise: this is what a step has always returned.
template <>
struct InStep<Gru> : Gru {
  LAMINA_INLINE vf output(const float* p, int, vf, vf h) {
    const vf n = load(p), z = load(p + 2 * lanes);
    return (1.0f - z) * n + z * h;
  }
};

// One member of the batch in one layer, from its products `wx` and `uh` to its state.
template <class C>
struct Member {
  const int64_t stride;
  const float *wx, *uh, *b_ih, *b_hh;
  float *h, *c;

  static int64_t panels(int64_t stride) {
    return (stride + C::blocks * lanes - 1) / (C::blocks * lanes);
  }

  int64_t unit(int64_t u, int block) const { return (u * C::blocks + block) * lanes; }
  // The last panel may have more blocks than there are units for.
  bool exists(int64_t unit) const { return C::blocks == 1 || unit < stride; }

  vf product(const float* y, const float* bias, int64_t u, Source source) const {
    if (!exists(unit(u, source.block))) return vf{};
    const int64_t at = source.gate * stride + unit(u, source.block);
    return load(y + at) + load(bias + at);
  }

  // The pre-activations of panel u become its gates; returns c_t.
  vf activate(float* p, int64_t u) const {
#pragma GCC unroll 4
    for (int v = 0; v < C::width; v++) {
      const int in = v - C::in_at, re = v - C::re_at;
      const bool has_in = in >= 0 && in < C::in, has_re = re >= 0 && re < C::re;
      const vf wx_v = has_in ? product(wx, b_ih, u, C::in_source(in)) : vf{};
      const vf uh_v = has_re ? product(uh, b_hh, u, C::re_source(re)) : vf{};
      store(p + v * lanes, has_in && has_re ? wx_v + uh_v : has_in ? wx_v : uh_v);
    }
    if constexpr (!C::has_memory) return C::activate(p, vf{});
    const vf after = C::activate(p, load(c + u * lanes));
    store(c + u * lanes, after);
    return after;
  }

  void output(const float* p, int64_t u, vf memory) const {
#pragma GCC unroll 4
    for (int b = 0; b < C::blocks; b++) {
      if (!exists(unit(u, b))) continue;
      float* to = h + unit(u, b);
      store(to, C::output(p, b, memory, C::mixes_h ? load(to) : vf{}));
    }
  }
};

// `seen` is room for c_t as the output reads it, where the layer normalises it.
template <class C>
void run_equations(const Member<C>& m, const StepLayer& l, float* gates, float* seen) {
  constexpr int64_t floats = C::width * lanes;
  const int64_t panels = Member<C>::panels(m.stride);
  if (!l.gain_c) {
    for (int64_t u = 0; u < panels; u++) m.output(gates, u, m.activate(gates, u));
    return;
  }
  for (int64_t u = 0; u < panels; u++) m.activate(gates + u * floats, u);
  memcpy(seen, m.c, sizeof(float) * (size_t)m.stride);
  normalise(seen, 1, l.hidden, m.stride, l.gain_c);
  for (int64_t u = 0; u < panels; u++)
    m.output(gates + u * floats, u, load(seen + u * lanes) + load(l.shift_c + u * lanes));
}

// From the products of a layer to its state and its output.
template <class C>
void finish(const StepEngine& e, const StepLayer& l) {
  for (int64_t b = 0; b < e.batch; b++) {
    const int64_t at = b * l.stride;
    float *wx = e.wx + b * e.product_stride, *uh = e.uh + b * e.product_stride;
    if (l.gain_ih) {
      normalise(wx, C::gates, l.hidden, l.stride, l.gain_ih);
      normalise(uh, C::gates, l.hidden, l.stride, l.gain_hh);
    }
    const Member<C> member = {l.stride, wx, uh, l.b_ih, l.b_hh, l.h + at, l.c + at};
    run_equations(member, l, e.gates, wx);  // wx has been read when `seen` is written
    if (l.residual) {
      const float* skip = l.skip.panels ? l.out + at : l.x_in.values + b * l.x_in.stride;
      for (int64_t u = 0; u < l.stride; u += lanes)  // the caller's x ends with its last number
        store(l.out + at + u, load_part(skip + u, l.hidden - u) + load(l.h + at + u));
    }
  }
}

void look_up(const StepEngine& e, const StepLayer& l) {
  for (int64_t b = 0; b < e.batch; b++)
    for (int64_t g = 0; g < l.u.gates; g++)
      memcpy(e.wx + b * e.product_stride + g * l.stride,
             e.table + (e.tokens[b] * l.u.gates + g) * l.hidden, sizeof(float) * (size_t)l.hidden);
}

}  // namespace

size_t step_weight_bytes(const StepMatrix& m) { return packed_bytes(m); }

void step_pack(const StepMatrix& m, const float* from) { pack(m, from); }

int64_t step_gate_floats(const StepLayer& l) {
  return for_cell(l.cell, [&](auto cell) {
    using C = decltype(cell);
    return Member<C>::panels(l.stride) * C::width * lanes;
  });
}

void step_begin(const StepEngine& e) {
  if (!e.int8) return;
  if (!e.table) quantise(e.layer[0].x_in, e.batch);
  for (int64_t i = 0; i < e.layers; i++) quantise(e.layer[i].h_in, e.batch);
}

void step_run(const StepEngine& e, int rank) {
  for (int64_t i = 0; i < e.layers; i++) {
    const StepLayer& l = e.layer[i];
    if (l.w.panels)
      multiply(e, l.w, l.x_in, e.wx, e.product_stride, rank);
    else if (rank == 0)
      look_up(e, l);
    multiply(e, l.u, l.h_in, e.uh, e.product_stride, rank);
    if (l.skip.panels) multiply(e, l.skip, l.x_in, l.out, l.stride, rank);
    if (e.ranks > 1) e.barrier->wait();
    if (rank == 0) {
      for_cell(l.cell, [&](auto cell) { finish<InStep<decltype(cell)>>(e, l); });
      if (e.int8 && i + 1 < e.layers) quantise(e.layer[i + 1].x_in, e.batch);
    }
    if (e.ranks > 1 && i + 1 < e.layers) e.barrier->wait();
  }
}

}  // namespace lamina::LAMINA_ISA
