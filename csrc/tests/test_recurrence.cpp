// forward() and backward() against the equations on a tape in double precision, for every cell,
// option and instruction set, at sizes that are no multiple of anything.
//
// Every array lies in a block of its own, exactly as large as it is, and whatever must not be read
// is a NaN, or a token or a length that is out of range: under AddressSanitizer a step outside fails.
//
// The tolerance is derived as in docs/design.md: an error may be a few times what the same equations
// make of the same numbers when they are written plainly in float32, or when in double precision
// every number that enters is changed by one unit in its last place of float32.
#include "scan/recurrence.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "isa/isa.h"
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
  Array(size_t n, T value) : size(n), at(new T[n]) { std::fill_n(at.get(), n, value); }
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
    const bool lstm = c.cell == Cell::lstm;
    const float most = 1 / std::sqrt(static_cast<float>(c.hidden));
    array[X] = uniform((c.o.tokens ? c.table : cells) * c.inputs, -1, 1);
    array[H0] = uniform(c.batch * c.hidden, -1, 1);
    if (lstm) array[C0] = uniform(c.batch * c.hidden, -1, 1);
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
    if (c.o.norm && c.o.memory_norm && lstm) {
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
      if (lstm) d_c_n = uniform(c.batch * c.hidden, -1, 1);
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

// The layer as kernels/reference.py writes it, one member of the batch after the other.
template <class Real>
class Plain {
 public:
  using Number = typename Tape<Real>::Number;
  using Numbers = std::vector<Number>;

  // Every number that enters is changed by `change` of itself, up or down.
  Plain(const Case& c, const Given& g, Real change = 0)
      : c_(c), g_(g), zero_(tape_.number(0)), one_(tape_.number(1)) {
    for (int i = 0; i < given_count; i++) array_[i] = numbers(g.array[i], change);
    mask_ = numbers(g.mask, 0);
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

  Numbers numbers(const Floats& from, Real change) {
    Numbers made;
    for (size_t i = 0; i < from.size; i++) {
      made.push_back(tape_.number(from.at[i] * (engine() % 2 ? 1 + change : 1 - change)));
    }
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

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The same from the core; what it leaves unwritten stays a NaN. Bit i of `skip`: the gradient of
// array[i] is not asked for.
Answer<float> run_core(const Case& c, const Given& g, int threads, unsigned skip) {
  const lamina::Problem p = g.problem(c, threads);
  const size_t states = c.batch * c.hidden;
  const Floats outputs(c.steps * states, nan), h_n(states, nan), saved(lamina::saved_floats(p), nan);
  Floats c_n;
  if (c.cell == Cell::lstm) c_n = {states, nan};
  const lamina::Results r{outputs.data(), h_n.data(), c_n.data(), saved.data()};
  lamina::forward(p, r);
  const Floats alone(outputs.size, nan), alone_h(states, nan), alone_c(c_n.size, nan);
  lamina::forward(p, {alone.data(), alone_h.data(), c_n.data() ? alone_c.data() : nullptr, nullptr});

  Floats made[given_count];
  for (int i = 0; i < given_count; i++) {
    if (g.array[i].data() && !(skip >> i & 1)) made[i] = {g.array[i].size, nan};
  }
  lamina::Gradients d{};
  d.outputs = g.d_outputs.data();
  d.h_n = g.d_h_n.data();
  d.c_n = g.d_c_n.data();
  d.x = made[X].data();
  d.h0 = made[H0].data();
  d.c0 = made[C0].data();
  d.w_ih = made[W_IH].data();
  d.w_hh = made[W_HH].data();
  d.b_ih = made[B_IH].data();
  d.b_hh = made[B_HH].data();
  d.gain_ih = made[GAIN_IH].data();
  d.gain_hh = made[GAIN_HH].data();
  d.gain_c = made[GAIN_C].data();
  d.shift_c = made[SHIFT_C].data();
  lamina::backward(p, r, d);

  const auto copy = [](const Floats& from) {
    return std::vector<float>(from.data(), from.data() + from.size);
  };
  Answer<float> answer{copy(outputs), copy(h_n), copy(c_n), {}};
  CHECK(same_bits(answer.outputs, copy(alone)) && same_bits(answer.h_n, copy(alone_h)) &&
            same_bits(answer.c_n, copy(alone_c)),
        "%s: forward gives other bits where nothing is saved", c.name().c_str());
  for (int i = 0; i < given_count; i++) answer.gradient[i] = copy(made[i]);
  return answer;
}

double largest(const std::vector<double>& of) {
  double most = 0;
  for (double each : of) most = std::max(most, std::fabs(each));
  return most;
}

template <class Real>
double error(const std::vector<Real>& got, const std::vector<double>& want) {
  double most = 0;
  for (size_t i = 0; i < want.size(); i++) {
    const double wrong = std::fabs(got[i] - want[i]);
    if (!(wrong <= most)) most = wrong;  // a NaN stays
  }
  return most;
}

// What comes out of a case, and how far float32 may be from it.
struct Truth {
  bool normalised;
  Answer<double> want, changed;
  Answer<float> plain;

  Truth(const Case& c, const Given& g)
      : normalised(c.o.norm),
        want(Plain<double>(c, g).run()),
        changed(Plain<double>(c, g, 0x1p-23).run()),
        plain(Plain<float>(c, g).run()) {}

  template <class Part>  // part(answer) is one of the arrays of an Answer
  void compare(const std::string& what, const Answer<float>& got, Part part) const {
    CHECK(part(got).size() == part(want).size(), "%s: another size", what.c_str());
    const double float32 = std::max(error(part(plain), part(want)), error(part(changed), part(want)));
    // What enters is of the order of 1, and so are the terms of which a small gradient is the rest;
    // where a row is normalised, of the order of 1 / its deviation.
    const double terms = std::max(normalised ? 8.0 : 1.0, largest(part(want)));
    const double most = 4 * float32 + 16 * 0x1p-24 * terms;
    const double wrong = error(part(got), part(want));
    CHECK(wrong <= most, "%s is off by %g; may be by %g", what.c_str(), wrong, most);
  }
};

void try_case(const Case& c, const std::vector<std::string>& isas) {
  const Given g(c);
  const Truth truth(c, g);
  for (const std::string& isa : isas) {
    CHECK(lamina::choose_isa(isa.c_str()));
    for (int threads : {1, 2, 3}) {
      const std::string where = isa + ", " + std::to_string(threads) + " threads, " + c.name();
      const Answer<float> got = run_core(c, g, threads, 0);
      truth.compare(where + ": outputs", got, [](const auto& a) -> auto& { return a.outputs; });
      truth.compare(where + ": h_n", got, [](const auto& a) -> auto& { return a.h_n; });
      truth.compare(where + ": c_n", got, [](const auto& a) -> auto& { return a.c_n; });
      for (int i = 0; i < given_count; i++) {
        truth.compare(where + ": gradient of " + names[i], got,
                      [i](const auto& a) -> auto& { return a.gradient[i]; });
      }
      // The two of the memory's normalisation are asked for together.
      const unsigned skip = engine() & ~(1u << GAIN_C | 1u << SHIFT_C);
      const Answer<float> again = run_core(c, g, threads, skip);
      bool same = same_bits(got.outputs, again.outputs) && same_bits(got.h_n, again.h_n);
      for (int i = 0; i < given_count; i++) {
        if (!(skip >> i & 1)) same = same && same_bits(got.gradient[i], again.gradient[i]);
      }
      CHECK(same, "%s: the same call gives other bits", where.c_str());
    }
  }
}

std::vector<std::string> available() {
  std::vector<std::string> isas;
  for (const char* name : {"portable", "avx2", "avx512"}) {
    if (lamina::choose_isa(name)) isas.push_back(name);
  }
  return isas;
}

}  // namespace

int main() {
  const std::vector<std::string> isas = available();
  const int64_t sizes[][4] = {{1, 1, 1, 1}, {3, 2, 5, 7},  {2, 3, 1, 33}, {4, 9, 7, 1},
                              {6, 1, 3, 7}, {2, 13, 4, 8}, {3, 33, 2, 3}, {0, 2, 3, 4}, {2, 0, 3, 4}};
  for (Cell cell : {Cell::rnn_tanh, Cell::rnn_relu, Cell::gru, Cell::lstm}) {
    for (const auto& size : sizes) {
      // None of the options, and some draws of them.
      for (int draw = 0; draw < 12; draw++) {
        const unsigned bits = draw == 0 ? 0 : static_cast<unsigned>(engine());
        const auto bit = [&](int i) { return (bits >> i & 1) != 0; };
        const Options o{bit(0) && size[0] > 0, bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), bit(7),
                        draw % 4 == 1, draw % 4 == 2};
        const int64_t inputs = o.projected ? lamina::gates(cell) * size[3] : size[2];
        try_case({cell, size[0], size[1], inputs, size[3], o}, isas);
      }
    }
  }
}
