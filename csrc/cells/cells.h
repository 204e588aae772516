// The equations of each cell, for `lanes` hidden units of one member of the batch at a time. The
// scan over time and the step engine both run these; kernels/reference.py is the definition.
//
// The numbers of the same units are kept together in a *panel* of `width` vectors. It holds
// pre-activations before the equations run and the gates afterwards. In the backward pass a second
// panel of the same layout receives the gradients of the pre-activations:
//
//     LSTM  i  f  g  o       one block of `lanes` units
//     GRU   nx r  z  nh      one block; the candidate's two products stay apart until r is known
//     RNN   a  a             two blocks of units, one gate
//
// A cell is a struct with these members:
//
//     gates, width, blocks       rows of W per unit, vectors per panel, blocks of units per panel
//     in, in_at, re, re_at       the input's product fills `in` vectors from `in_at` on, the
//                                recurrent one `re` vectors from `re_at` on; where they overlap
//                                they are added
//     in_source, re_source       which rows of W and of U the v-th of those vectors stands for
//     has_memory, mixes_h        it carries c beside h; h_{t-1} enters h_t past the product
//     activate                   pre-activations to gates; returns c_t
//     output                     h_t, from the gates, c_t (normalised if the layer is) and h_{t-1}
//     output_gradient            from dh, the gradients of the gates that `output` reads; returns
//                                what reaches c_t, and in `direct` what reaches h_{t-1} past the
//                                product
//     memory_gradient            from dc, the gradients of the other gates; returns that of c_{t-1}
#pragma once

#include "cells/table.h"
#include "isa/simd.h"

namespace lamina::LAMINA_ISA {
namespace {

constexpr float layer_norm_eps = 1e-5f;  // LAYER_NORM_EPS of kernels/reference.py

// Which rows of a weight matrix a vector of a panel stands for: a gate's, of one block of units.
struct Source {
  int gate, block;
};

struct Lstm {
  static constexpr int gates = 4, width = 4, blocks = 1;
  static constexpr int in = 4, in_at = 0, re = 4, re_at = 0;
  static constexpr bool has_memory = true, mixes_h = false;
  static constexpr Source in_source(int v) { return {v, 0}; }
  static constexpr Source re_source(int v) { return {v, 0}; }

  LAMINA_INLINE vf activate(float* p, vf c) {
    const vf i = sigmoid(load(p)), f = sigmoid(load(p + lanes));
    const vf g = tanh_(load(p + 2 * lanes)), o = sigmoid(load(p + 3 * lanes));
    store(p, i);
    store(p + lanes, f);
    store(p + 2 * lanes, g);
    store(p + 3 * lanes, o);
    return f * c + i * g;
  }

  LAMINA_INLINE vf output(const float* p, int, vf c, vf) {
    return load(p + 3 * lanes) * tanh_(c);
  }

  LAMINA_INLINE vf output_gradient(const float* p, float* d, int, vf dh, vf c, vf, vf&) {
    const vf o = load(p + 3 * lanes), t = tanh_(c);
    store(d + 3 * lanes, dh * t * o * (1.0f - o));
    return dh * o * (1.0f - t * t);
  }

  LAMINA_INLINE vf memory_gradient(const float* p, float* d, vf dc, vf c_before) {
    const vf i = load(p), f = load(p + lanes), g = load(p + 2 * lanes);
    store(d, dc * g * i * (1.0f - i));
    store(d + lanes, dc * c_before * f * (1.0f - f));
    store(d + 2 * lanes, dc * i * (1.0f - g * g));
    return dc * f;
  }
};

struct Gru {
  static constexpr int gates = 3, width = 4, blocks = 1;
  static constexpr int in = 3, in_at = 0, re = 3, re_at = 1;
  static constexpr bool has_memory = false, mixes_h = true;
  static constexpr Source in_source(int v) { return {v == 0 ? 2 : v - 1, 0}; }  // n r z
  static constexpr Source re_source(int v) { return {v, 0}; }                   // r z n

  LAMINA_INLINE vf activate(float* p, vf) {
    const vf r = sigmoid(load(p + lanes)), z = sigmoid(load(p + 2 * lanes));
    const vf n = tanh_(load(p) + r * load(p + 3 * lanes));
    store(p, n);
    store(p + lanes, r);
    store(p + 2 * lanes, z);
    return vf{};
  }

  LAMINA_INLINE vf output(const float* p, int, vf, vf h) {
    const vf n = load(p), z = load(p + 2 * lanes);
    return n + z * (h - n);  // (1 - z) n + z h
  }

  LAMINA_INLINE vf output_gradient(const float* p, float* d, int, vf dh, vf, vf h_before,
                                   vf& direct) {
    const vf n = load(p), r = load(p + lanes), z = load(p + 2 * lanes), nh = load(p + 3 * lanes);
    const vf dn = dh * (1.0f - z) * (1.0f - n * n);
    store(d, dn);
    store(d + lanes, dn * nh * r * (1.0f - r));
    store(d + 2 * lanes, dh * (h_before - n) * z * (1.0f - z));
    store(d + 3 * lanes, dn * r);
    direct = dh * z;
    return vf{};
  }

  LAMINA_INLINE vf memory_gradient(const float*, float*, vf, vf) { return vf{}; }
};

template <bool relu>
struct Rnn {
  static constexpr int gates = 1, width = 2, blocks = 2;
  static constexpr int in = 2, in_at = 0, re = 2, re_at = 0;
  static constexpr bool has_memory = false, mixes_h = false;
  static constexpr Source in_source(int v) { return {0, v}; }
  static constexpr Source re_source(int v) { return {0, v}; }

  LAMINA_INLINE vf activate(float* p, vf) {
    for (int b = 0; b < blocks; b++) {
      const vf a = load(p + b * lanes);
      store(p + b * lanes, relu ? max_(a, splat(0.0f)) : tanh_(a));
    }
    return vf{};
  }

  LAMINA_INLINE vf output(const float* p, int block, vf, vf) {
    return load(p + block * lanes);
  }

  LAMINA_INLINE vf output_gradient(const float* p, float* d, int block, vf dh, vf, vf, vf&) {
    const vf h = load(p + block * lanes);
    store(d + block * lanes, relu ? select(h > 0.0f, dh, splat(0.0f)) : dh * (1.0f - h * h));
    return vf{};
  }

  LAMINA_INLINE vf memory_gradient(const float*, float*, vf, vf) { return vf{}; }
};

// call(equations) with those of the cell.
template <class Call>
auto for_cell(Cell cell, Call call) {
  switch (cell) {
#define LAMINA_CASE(name, Equations, gate_count, parts)                                         \
  case Cell::name:                                                                              \
    static_assert(Equations::gates == gate_count && Equations::has_memory == (parts == 2));     \
    return call(Equations{});
    LAMINA_CELLS(LAMINA_CASE)
#undef LAMINA_CASE
  }
  __builtin_unreachable();
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
