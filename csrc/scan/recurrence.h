// One layer of a recurrent network over time, in one direction: forward, and backward.
//
// Plain arrays in, plain arrays out; all float32, row-major, contiguous. T steps, B members of the
// batch, I inputs, H hidden units, G gates (4 of an LSTM: i f g o; 3 of a GRU: r z n; 1 of an RNN).
// The equations are those of lamina/kernels/reference.py.
#pragma once

#include <stdint.h>

#include "cells/table.h"

namespace lamina {

// What a call is given. A null pointer is an argument that is absent.
struct Problem {
  Cell cell;
  bool reverse;       // from the last valid step of each member to its first
  int threads;        // how many to use at most
  int64_t steps;      // T
  int64_t batch;      // B
  int64_t inputs;     // I; G*H where w_ih is null and the input arrives projected
  int64_t hidden;     // H
  int64_t table;      // V, rows of x where tokens are given
  const float* x;     // (T, B, I), or a table (V, I) whose rows the tokens pick
  const int64_t* tokens;   // (T, B), each at a valid step in 0 .. V-1
  const int64_t* lengths;  // (B,), each in 1 .. T; nothing is read at a step t >= length
  const float* h0;         // (B, H)
  const float* c0;         // (B, H), LSTM
  const float* w_ih;       // (G*H, I)
  const float* w_hh;       // (G*H, H)
  const float *b_ih, *b_hh;        // (G*H,) both or neither
  const float *gain_ih, *gain_hh;  // (G*H,) both or neither: layer normalisation
  const float *gain_c, *shift_c;   // (H,) both or neither, LSTM with layer normalisation
  const float* mask;               // (B, H), multiplies h where it enters the product with w_hh
};

struct Results {
  float* outputs;  // (T, B, H), zero at padded steps
  float* h_n;      // (B, H), after the last valid step that is computed
  float* c_n;      // (B, H), LSTM
  float* saved;    // saved_floats(problem) numbers for the backward pass, or null
};

// Gradients of a number with respect to what stands in Results and in Problem.
struct Gradients {
  const float *outputs, *h_n, *c_n;  // given; null is zero
  float *x, *h0, *c0, *w_ih, *w_hh, *b_ih, *b_hh;  // made, where not null
  float *gain_ih, *gain_hh, *gain_c, *shift_c;
};

// Size of Results::saved, an upper bound that does not depend on lengths and tokens.
int64_t saved_floats(const Problem&);

void forward(const Problem&, const Results&);

// `results` holds what forward() made, from the same problem, with the same instruction set.
void backward(const Problem&, const Results&, const Gradients&);

}  // namespace lamina
