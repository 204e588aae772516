// The buffers of a step engine, between step.cpp and the arithmetic of each instruction set. No
// templates: see isa.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cells/table.h"
#include "isa/isa.h"
#include "threads/pool.h"

namespace lamina {

// A weight matrix of (gates * units, columns), packed. What its product writes has every gate start
// on a whole vector: `stride` is `units` rounded up. The rows in between are zero.
struct StepMatrix {
  int64_t gates, units, columns, stride;
  bool int8;
  void* panels;   // null: there is no such matrix
  float* scales;  // (gates * stride,) of int8: a weight is scale * integer
};

// So many columns of integers are summed in 32 bits, then in floats.
constexpr int64_t step_run_columns = 256;

// What a matrix is multiplied with: a vector for each member of the batch, `stride` floats apart.
// For int8 weights also as 16-bit integers, each vector with a scale of its own.
struct StepOperand {
  const float* values;
  int64_t size, stride;
  int64_t padded, runs;  // size in whole vectors, in whole runs
  int16_t* integers;     // (B, padded)
  float* scales;         // (B,)
  int32_t* starts;       // (B, runs), of the sums
};

struct StepLayer {
  Cell cell;
  int64_t hidden, stride;
  StepMatrix w, u, skip;
  float *b_ih, *b_hh, *gain_ih, *gain_hh;  // (G * stride,), zero behind each gate's units
  float *gain_c, *shift_c;                 // (stride,)
  bool residual;
  float *h, *c;  // (B, stride)
  float* out;    // (B, stride): h, or h plus the residual
  StepOperand x_in, h_in;
};

struct StepEngine {
  int64_t batch, layers;
  bool int8;
  bool vnni;  // the CPU has AVX-512 VNNI
  StepLayer* layer;
  float *wx, *uh;          // (B, widest G * stride), of the layer at hand
  float* gates;            // the panels of one member in it: see cells.h
  int64_t product_stride;  // floats from one member to the next in them
  const float* table;      // (V, G*H) W x of every token, or null
  const int64_t* tokens;   // (B,) of this step, where there is a table
  int ranks;
  Barrier* barrier;
};

}  // namespace lamina

// step_pack: the buffers of the matrix are zero; the numbers are (gates * units, columns).
// step_begin: before the ranks run, the operands that are there already. step_run makes the others.
// step_gate_floats: the size of StepEngine::gates for a layer.
LAMINA_DECLARE(size_t step_weight_bytes(const StepMatrix&);
               int64_t step_gate_floats(const StepLayer&);
               void step_pack(const StepMatrix&, const float*);
               void step_begin(const StepEngine&);
               void step_run(const StepEngine&, int rank);)
