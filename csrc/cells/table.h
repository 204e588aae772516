// The cells of the core. To add one, write its equations in cells.h and its line here.
#pragma once

#include <stdint.h>

// cell(name, equations in cells.h, gates, parts of the state): G, and 1 for h or 2 for h and c.
#define LAMINA_CELLS(cell)         \
  cell(rnn_tanh, Rnn<false>, 1, 1) \
  cell(rnn_relu, Rnn<true>, 1, 1)  \
  cell(gru, Gru, 3, 1)             \
  cell(lstm, Lstm, 4, 2)

namespace lamina {

#define LAMINA_NAME(name, ...) name,
enum class Cell { LAMINA_CELLS(LAMINA_NAME) };
#undef LAMINA_NAME

#define LAMINA_VALUE(name, ...) Cell::name,
constexpr Cell all_cells[] = {LAMINA_CELLS(LAMINA_VALUE)};
#undef LAMINA_VALUE

int64_t gates(Cell);
int state_parts(Cell);

// The cell of that name; false, and nothing is written, if there is none.
bool find_cell(const char* name, Cell* found);

// All names, as "rnn_tanh, rnn_relu, gru or lstm".
const char* cell_choices();

}  // namespace lamina
