// One time step of a whole stack, for 1 to 8 sequences at once, with the state kept inside.
//
// At such a batch a step is as long as it takes to read the weights. So they are packed once, in
// the order in which a step reads them, and a step reads each once; with int8 weights, a quarter.
//
//     for each layer:  wx = W x   uh = U h   the equations of the cell: h, c   x = h (+ residual)
//
// The equations are those of cells/cells.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <memory>

#include "cells/table.h"

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

class Stepper {
 public:
  // `weights` are read now and not kept. `table` (V, G*H), or null, is W x of every token, in place
  // of the first layer's w_ih. A step uses one thread or `threads`, whichever proves faster; its
  // result is the same. Throws std::bad_alloc.
  Stepper(const StepWeights* weights, int64_t layers, int64_t batch, bool int8, const float* table,
          int64_t tokens, int threads);
  ~Stepper();

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
  std::unique_ptr<Parts> parts_;
};

}  // namespace lamina
