// A layer over time as kernels/reference.py writes it, on a tape: what test_recurrence.cpp compares
// the core with. And what a call is given: every array in a block exactly as large as it is, and a
// NaN, or a token or length out of range, wherever nothing may be read.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "scan/recurrence.h"
#include "tape.h"

namespace {

using lamina::Cell;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t outside = int64_t{1} << 40;

std::mt19937 engine(1);

// Not a vector: one without elements has no address, and here no address is "absent".
template <class T>
struct Array {
  size_t size = 0;
  std::unique_ptr<T[]> at;

  Array() = default;
  Array(size_t n, T value) : size(n), at(std::make_unique<T[]>(n)) { std::fill_n(at.get(), n, value); }
  T* data() const { return at.get(); }
};
using Floats = Array<float>;

Floats uniform(size_t n, float low, float high) {
  Floats made(n, 0);
  std::uniform_real_distribution<float> draw(low, high);
  std::generate_n(made.data(), n, [&] { return draw(engine); });
  return made;
}

struct Options {
  bool lengths, reverse, tokens, projected, bias, norm, memory_norm, mask;
  bool no_d_outputs, no_d_state;  // a null gradient is zero
};

struct Case {
  Cell cell;
  int64_t steps, batch, inputs, hidden;
  Options o;
  static constexpr int64_t table = 6;

  std::string name() const {
    std::string text = "cell " + std::to_string(static_cast<int>(cell)) + ", T " +
                       std::to_string(steps) + ", B " + std::to_string(batch) + ", I " +
                       std::to_string(inputs) + ", H " + std::to_string(hidden);
    if (o.lengths) text += ", lengths";
    if (o.reverse) text += ", reverse";
    if (o.tokens) text += ", tokens";
    if (o.projected) text += ", projected";
    if (o.bias) text += ", bias";
    if (o.norm) text += ", norm";
    if (o.memory_norm) text += ", memory norm";
    if (o.mask) text += ", mask";
    if (o.no_d_outputs) text += ", no gradient of the outputs";
    if (o.no_d_state) text += ", no gradient of the last state";
    return text;
  }
};

// What a call is given. The arrays that have a gradient are in `array`, in the order of `Which`.
enum Which { X, H0, C0, W_IH, W_HH, B_IH, B_HH, GAIN_IH, GAIN_HH, GAIN_C, SHIFT_C, given_count };
const char* const names[] = {"x",    "h0",      "c0",      "w_ih",   "w_hh",   "b_ih",
                             "b_hh", "gain_ih", "gain_hh", "gain_c", "shift_c"};

struct Given {
  Floats array[given_count];
  Floats mask;
  Array<int64_t> lengths, tokens;
  Floats d_outputs, d_h_n, d_c_n;

  explicit Given(const Case& c) {
    const int64_t rows = lamina::gates(c.cell) * c.hidden, cells = c.steps * c.batch;
    const bool memory = lamina::state_parts(c.cell) == 2;
    const float most = 1 / std::sqrt(static_cast<float>(c.hidden));
    array[X] = uniform((c.o.tokens ? c.table : cells) * c.inputs, -1, 1);
    array[H0] = uniform(c.batch * c.hidden, -1, 1);
    if (memory) array[C0] = uniform(c.batch * c.hidden, -1, 1);
    if (!c.o.projected) array[W_IH] = uniform(rows * c.inputs, -most, most);
    array[W_HH] = uniform(rows * c.hidden, -most, most);
    if (c.o.bias) {
      array[B_IH] = uniform(rows, -1, 1);
      array[B_HH] = uniform(rows, -1, 1);
    }
    if (c.o.norm) {
      array[GAIN_IH] = uniform(rows, 0.5, 1.5);
      array[GAIN_HH] = uniform(rows, 0.5, 1.5);
    }
    if (c.o.norm && c.o.memory_norm && memory) {
      array[GAIN_C] = uniform(c.hidden, 0.5, 1.5);
      array[SHIFT_C] = uniform(c.hidden, -1, 1);
    }
    if (c.o.mask) {
      mask = uniform(c.batch * c.hidden, 0, 1);
      for (size_t i = 0; i < mask.size; i++) mask.at[i] = mask.at[i] < 0.5f ? 0.0f : 2.0f;
    }
    if (c.o.lengths) {
      lengths = {static_cast<size_t>(c.batch), 1};
      for (int64_t b = 0; b < c.batch; b++) lengths.at[b] = 1 + engine() % c.steps;
    }
    if (c.o.tokens) tokens = {static_cast<size_t>(cells), outside};
    if (!c.o.no_d_outputs) d_outputs = uniform(cells * c.hidden, -1, 1);
    if (!c.o.no_d_state) {
      d_h_n = uniform(c.batch * c.hidden, -1, 1);
      if (memory) d_c_n = uniform(c.batch * c.hidden, -1, 1);
    }
    for (int64_t t = 0; t < c.steps; t++) {
      for (int64_t b = 0; b < c.batch; b++) {
        const int64_t place = t * c.batch + b;
        if (t < length(c, b)) {
          // Token 0 never occurs, so that its row of the table has no gradient.
          if (c.o.tokens) tokens.at[place] = 1 + engine() % (c.table - 1);
          continue;
        }
        if (!c.o.tokens) std::fill_n(array[X].data() + place * c.inputs, c.inputs, nan);
        if (d_outputs.data()) std::fill_n(d_outputs.data() + place * c.hidden, c.hidden, nan);
      }
    }
    if (c.o.tokens) std::fill_n(array[X].data(), c.inputs, nan);
  }

  int64_t length(const Case& c, int64_t b) const { return lengths.data() ? lengths.at[b] : c.steps; }

  lamina::Problem problem(const Case& c, int threads) const {
    lamina::Problem p{};
    p.cell = c.cell;
    p.reverse = c.o.reverse;
    p.threads = threads;
    p.steps = c.steps;
    p.batch = c.batch;
    p.inputs = c.inputs;
    p.hidden = c.hidden;
    p.table = c.o.tokens ? c.table : 0;
    p.x = array[X].data();
    p.tokens = tokens.data();
    p.lengths = lengths.data();
    p.h0 = array[H0].data();
    p.c0 = array[C0].data();
    p.w_ih = array[W_IH].data();
    p.w_hh = array[W_HH].data();
    p.b_ih = array[B_IH].data();
    p.b_hh = array[B_HH].data();
    p.gain_ih = array[GAIN_IH].data();
    p.gain_hh = array[GAIN_HH].data();
    p.gain_c = array[GAIN_C].data();
    p.shift_c = array[SHIFT_C].data();
    p.mask = mask.data();
    return p;
  }
};

// Everything that comes out of a layer.
template <class Real>
struct Answer {
  std::vector<Real> outputs, h_n, c_n, gradient[given_count];
};

// The layer, one member of the batch after the other.
template <class Real>
class Plain {
 public:
  using Number = typename Tape<Real>::Number;
  using Numbers = std::vector<Number>;

  // With `noise`, every number that enters and every result is off by up to `unit` of itself.
  Plain(const Case& c, const Given& g, std::mt19937* noise = nullptr, Real unit = 0)
      : c_(c), g_(g), tape_(noise, unit), zero_(tape_.number(0)), one_(tape_.number(1)) {
    for (int i = 0; i < given_count; i++) array_[i] = numbers(g.array[i]);
    mask_ = numbers(g.mask);
  }

  Answer<Real> run() {
    Answer<Real> answer;
    answer.outputs.assign(c_.steps * c_.batch * c_.hidden, 0);
    Number loss = zero_;
    for (int64_t b = 0; b < c_.batch; b++) {
      Numbers h = row(H0, b, c_.hidden), memory = row(C0, b, c_.hidden);
      const int64_t length = g_.length(c_, b);
      for (int64_t s = 0; s < length; s++) {
        const int64_t place = (c_.o.reverse ? length - 1 - s : s) * c_.batch + b;
        const Numbers x = row(X, c_.o.tokens ? g_.tokens.at[place] : place, c_.inputs);
        step(x, b, h, memory);
        loss = add_loss(loss, h, g_.d_outputs, place);
        for (int64_t j = 0; j < c_.hidden; j++) answer.outputs[place * c_.hidden + j] = h[j].value();
      }
      loss = add_loss(loss, h, g_.d_h_n, b);
      loss = add_loss(loss, memory, g_.d_c_n, b);
      for (const Number& each : h) answer.h_n.push_back(each.value());
      for (const Number& each : memory) answer.c_n.push_back(each.value());
    }
    tape_.differentiate(loss);
    for (int i = 0; i < given_count; i++) {
      for (const Number& each : array_[i]) answer.gradient[i].push_back(each.gradient());
    }
    return answer;
  }

 private:
  const Case& c_;
  const Given& g_;
  Tape<Real> tape_;
  Number zero_, one_;
  Numbers array_[given_count], mask_;

  Numbers numbers(const Floats& from) {
    Numbers made;
    for (size_t i = 0; i < from.size; i++) made.push_back(tape_.number(from.at[i]));
    return made;
  }

  Numbers row(Which which, int64_t index, int64_t width) const {
    const Numbers& from = array_[which];
    if (from.empty()) return {};
    return Numbers(from.begin() + index * width, from.begin() + (index + 1) * width);
  }

  Number add_loss(Number loss, const Numbers& values, const Floats& weights, int64_t index) {
    if (!weights.data()) return loss;
    Numbers slopes;
    for (size_t j = 0; j < values.size(); j++) {
      slopes.push_back(tape_.number(weights.at[index * c_.hidden + j]));
    }
    return tape_.dot(values, slopes, loss);
  }

  Numbers affine(Numbers x, Which w, Which gain, Which bias) {
    if (!array_[w].empty()) {
      Numbers product;
      for (int64_t i = 0; i < lamina::gates(c_.cell) * c_.hidden; i++) {
        product.push_back(tape_.dot(row(w, i, x.size()), x, zero_));
      }
      x = product;
    }
    if (!array_[gain].empty()) {
      x = normalise(x);
      for (size_t i = 0; i < x.size(); i++) x[i] = x[i] * array_[gain][i];
    }
    for (size_t i = 0; i < array_[bias].size(); i++) x[i] = x[i] + array_[bias][i];
    return x;
  }

  void step(const Numbers& x, int64_t b, Numbers& h, Numbers& memory) {
    const int64_t H = c_.hidden;
    const Numbers in = affine(x, W_IH, GAIN_IH, B_IH);
    Numbers kept = h;
    for (int64_t j = 0; j < H && !mask_.empty(); j++) kept[j] = h[j] * mask_[b * H + j];
    const Numbers re = affine(kept, W_HH, GAIN_HH, B_HH);
    if (c_.cell == Cell::lstm) {
      Numbers open(H, zero_);
      for (int64_t j = 0; j < H; j++) {
        const auto gate = [&](int64_t k) { return in[k * H + j] + re[k * H + j]; };
        memory[j] = sigmoid(gate(1)) * memory[j] + sigmoid(gate(0)) * tanh(gate(2));
        open[j] = sigmoid(gate(3));
      }
      Numbers seen = array_[GAIN_C].empty() ? memory : normalise(memory);
      for (int64_t j = 0; j < H; j++) {
        if (!array_[GAIN_C].empty()) seen[j] = seen[j] * array_[GAIN_C][j] + array_[SHIFT_C][j];
        h[j] = open[j] * tanh(seen[j]);
      }
      return;
    }
    for (int64_t j = 0; j < H; j++) {
      if (c_.cell == Cell::gru) {
        const Number r = sigmoid(in[j] + re[j]), z = sigmoid(in[H + j] + re[H + j]);
        const Number n = tanh(in[2 * H + j] + r * re[2 * H + j]);
        h[j] = (one_ - z) * n + z * h[j];
      } else {
        h[j] = c_.cell == Cell::rnn_relu ? relu(in[j] + re[j]) : tanh(in[j] + re[j]);
      }
    }
  }
};

}  // namespace
