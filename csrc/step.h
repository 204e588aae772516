// One time step of a whole stack, for 1 to 8 sequences at once, with the state kept inside.
//
// At such a batch a step is as long as it takes to read the weights. So they are packed once, in
// the order in which a step reads them, and a step reads each once; with int8 weights, a quarter.
//
//     for each layer:  wx = W x   uh = U h   the equations of the cell: h, c   x = h (+ residual)
//
// The equations are those of lamina/kernels/reference.py.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pool.h"
#include "recurrence.h"

namespace lamina {

constexpr int64_t most_step_batch = 8;

// What one layer is made from, in torch's layout and gate order. Null is absent.
struct StepWeights {
  Cell cell;
  int64_t inputs, hidden;          // I, H
  const float *w_ih, *w_hh;        // (G*H, I), (G*H, H); no w_ih where tokens come in
  const float *b_ih, *b_hh;        // (G*H,)
  const float *gain_ih, *gain_hh;  // (G*H,) both or neither: layer normalisation
  const float *gain_c, *shift_c;   // (H,) both or neither, LSTM with layer normalisation
  bool residual;                   // the input is added to the output,
  const float* skip;               // (H, I), through this matrix where I is not H
};

// ---- what follows is between step.cpp and step_isa.cpp ------------------------------------------

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
  int64_t product_stride;  // floats from one member to the next in them
  const float* table;      // (V, G*H) W x of every token, or null
  const int64_t* tokens;   // (B,) of this step, where there is a table
  int ranks;
  Barrier* barrier;
};

// -------------------------------------------------------------------------------------------------

class Stepper {
 public:
  // `weights` are read now and not kept. `table` (V, G*H), or null, is W x of every token, in place
  // of the first layer's w_ih. A step uses one thread or `threads`, whichever proves faster; its
  // result is the same. Throws std::bad_alloc.
  Stepper(const StepWeights* weights, int64_t layers, int64_t batch, bool int8, const float* table,
          int64_t tokens, int threads);
  ~Stepper();
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  void step(const float* x, float* out);           // (B, I) to (B, H of the top layer)
  void step_tokens(const int64_t* tokens, float* out);  // each in 0 .. V-1: not checked here
  void reset();                                    // the state to zero
  void get_state(int64_t layer, int part, float* to) const;  // (B, H); part 0 is h, 1 is c
  void set_state(int64_t layer, int part, const float* from);

  int64_t batch() const;
  int64_t layers() const;
  int64_t inputs() const;  // 0 where tokens come in
  int64_t tokens() const;  // V, 0 where vectors come in
  int64_t hidden(int64_t layer) const;
  int parts() const;       // of a layer's state
  size_t weight_bytes() const;  // that one step reads, padding included
  int threads() const;         // at most

 private:
  struct Parts;
  Parts* parts_;
};

}  // namespace lamina
