// Layer normalisation of one row over all its panels: Ba, Kiros and Hinton (2016).
#pragma once

#include "scan/panels.h"

namespace lamina::LAMINA_ISA {
namespace {

// One row of panels of V vectors; `step` floats between a panel's part and the next one's.
template <int V>
struct Row {
  float* at;
  int64_t step, panels;

  float* part(int64_t u, int v) const { return at + u * step + v * lanes; }

  template <class Each>
  void each(Each f) const {  // f(panel, vector of the panel, its numbers)
    for (int64_t u = 0; u < panels; u++) {
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) f(u, v, part(u, v));
    }
  }
};

template <int V>
Row<V> row_of(const Panels& panels, int64_t count, int64_t row) {
  return {panels.row(0, row), panels.step, count};
}

// A sum for each vector of a panel: one addition need not wait for the one before.
template <int V>
float sum_all(const vf (&sums)[V]) {
  vf total = sums[0];
  for (int v = 1; v < V; v++) total += sums[v];
  return sum(total);
}

struct Moments {
  float mean, scale;  // scale is 1 / sqrt(variance + eps)
};

// `valid` is 1 in the lanes that exist, 0 in those that fill a vector; `count` is how many exist.
// The row holds 0 where `valid` does.
template <int V>
Moments moments(const Row<V>& row, const float* valid, int64_t count) {
  vf totals[V] = {}, squares[V] = {};
  row.each([&](int64_t, int v, const float* x) { totals[v] += load(x); });
  const float mean = sum_all(totals) / (float)count;
  row.each([&](int64_t u, int v, const float* x) {
    const vf d = (load(x) - mean) * load(valid + (u * V + v) * lanes);
    squares[v] += d * d;
  });
  return {mean, 1.0f / __builtin_sqrtf(sum_all(squares) / (float)count + layer_norm_eps)};
}

// x becomes (x - mean) * scale, and is seen as such by each(panel, vector, x); returns the scale.
template <int V, class Each>
float normalise(const Row<V>& row, const float* valid, int64_t count, Each each) {
  const Moments m = moments(row, valid, count);
  row.each([&](int64_t u, int v, float* x) {
    const vf hat = (load(x) - m.mean) * m.scale * load(valid + (u * V + v) * lanes);
    store(x, hat);
    each(u, v, hat);
  });
  return m.scale;
}

// Into `to`: from d(panel, vector), the gradient of what was normalised, the gradient of what
// entered; `hat` is the normalised row:  scale (d - mean(d) - hat mean(d hat)).
template <int V, class Given>
void normalise_gradient(Given d, const Row<V>& hat, float scale, const float* valid, int64_t count,
                        const Row<V>& to) {
  vf totals[V] = {}, along[V] = {};
  to.each([&](int64_t u, int v, float* x) {
    const vf given = d(u, v);
    store(x, given);
    totals[v] += given;
    along[v] += given * load(hat.part(u, v));
  });
  const float mean = sum_all(totals) / (float)count, slope = sum_all(along) / (float)count;
  to.each([&](int64_t u, int v, float* x) {
    const vf change = load(x) - mean - load(hat.part(u, v)) * slope;
    store(x, scale * change * load(valid + (u * V + v) * lanes));
  });
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
