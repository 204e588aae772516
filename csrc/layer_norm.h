// Layer normalisation of one row over all its panels: Ba, Kiros and Hinton (2016).
#pragma once

#include "panels.h"

namespace lamina::LAMINA_ISA {
namespace {

constexpr float layer_norm_eps = 1e-5f;  // LAYER_NORM_EPS of kernels/reference.py

// One row of panels; `step` floats between a panel's part and the next one's.
struct Row {
  float* at;
  int64_t step;
  int64_t panels;
  int vectors;

  template <class Each>
  void each(Each f) const {  // f(numbers, index of the vector in the row)
    for (int64_t u = 0; u < panels; u++) {
      for (int v = 0; v < vectors; v++) f(at + u * step + v * lanes, u * vectors + v);
    }
  }
};

inline Row row_of(const Panels& panels, int64_t count, int64_t row) {
  return {panels.row(0, row), panels.panel_step(), count, panels.vectors};
}

struct Moments {
  float mean, scale;  // scale is 1 / sqrt(variance + eps)
};

// `valid` is 1 in the lanes that exist, 0 in those that fill a vector; `count` is how many exist.
// The row holds 0 where `valid` does.
inline Moments moments(const Row& row, const float* valid, int64_t count) {
  vf total{};
  row.each([&](const float* x, int64_t) { total += load(x); });
  const float mean = sum(total) / (float)count;
  vf squares{};
  row.each([&](const float* x, int64_t i) {
    const vf d = (load(x) - mean) * load(valid + i * lanes);
    squares += d * d;
  });
  return {mean, 1.0f / __builtin_sqrtf(sum(squares) / (float)count + layer_norm_eps)};
}

// x becomes (x - mean) * scale; returns the scale.
inline float normalise(const Row& row, const float* valid, int64_t count) {
  const Moments m = moments(row, valid, count);
  row.each([&](float* x, int64_t i) {
    store(x, (load(x) - m.mean) * m.scale * load(valid + i * lanes));
  });
  return m.scale;
}

// From d, the gradient of what was normalised, in place to that of what entered; `hat` is the
// normalised row:  scale (d - mean(d) - hat mean(d hat)).
inline void normalise_gradient(const Row& d, const Row& hat, float scale, const float* valid,
                               int64_t count) {
  vf total{}, along{};
  d.each([&](const float* x, int64_t i) {
    const int64_t u = i / hat.vectors, v = i % hat.vectors;
    total += load(x);
    along += load(x) * load(hat.at + u * hat.step + v * lanes);
  });
  const float mean = sum(total) / (float)count, slope = sum(along) / (float)count;
  d.each([&](float* x, int64_t i) {
    const int64_t u = i / hat.vectors, v = i % hat.vectors;
    const vf h = load(hat.at + u * hat.step + v * lanes);
    store(x, scale * (load(x) - mean - h * slope) * load(valid + i * lanes));
  });
}

}  // namespace
}  // namespace lamina::LAMINA_ISA
