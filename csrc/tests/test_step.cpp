// The step engine against the equations written plainly in double precision, in every instruction
// set of this CPU: cells, options, sizes that fit nothing, batches, threads. The Python tests hold
// it against the reference kernel; this one runs under the sanitizers.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "isa/isa.h"
#include "step/step.h"

using lamina::Cell;
using std::vector;

namespace {

struct Case {
  Cell cell;
  vector<int64_t> sizes;  // I, then H of each layer
  int64_t batch;
  bool norm, residual, int8;
  int threads;
  int64_t tokens;  // V, or 0

  void print() const {
    std::printf("%s: cell %d, batch %d, norm %d, residual %d, int8 %d, threads %d, tokens %d:",
                lamina::isa_name(), static_cast<int>(cell), static_cast<int>(batch), norm, residual,
                int8, threads, static_cast<int>(tokens));
    for (const int64_t size : sizes) std::printf(" %d", static_cast<int>(size));
    std::printf("\n");
  }
};

void check(bool holds, const Case& c, const char* what, double got = 0) {
  if (holds) return;
  c.print();
  std::printf("failed: %s (%g)\n", what, got);
  std::exit(1);
}

struct Layer {
  int64_t I, H;
  vector<float> w_ih, w_hh, b_ih, b_hh, gain_ih, gain_hh, gain_c, shift_c, skip;
};

vector<float> random(size_t n, float low, float high) {
  static std::mt19937 engine(7);
  std::uniform_real_distribution<float> draw(low, high);
  vector<float> made(n);
  for (float& x : made) x = draw(engine);
  return made;
}

vector<Layer> make(const Case& c) {
  vector<Layer> layers;
  for (size_t i = 0; i + 1 < c.sizes.size(); i++) {
    const int64_t I = c.sizes[i], H = c.sizes[i + 1], rows = lamina::gates(c.cell) * H;
    const float most = 1 / std::sqrt(static_cast<float>(I + H));
    Layer l{I, H, random(rows * I, -most, most), random(rows * H, -most, most),
            random(rows, -1, 1), random(rows, -1, 1), {}, {}, {}, {}, {}};
    if (c.norm) {
      l.gain_ih = random(rows, 0.5, 1.5);
      l.gain_hh = random(rows, 0.5, 1.5);
      if (lamina::state_parts(c.cell) == 2) {
        l.gain_c = random(H, 0.5, 1.5);
        l.shift_c = random(H, -1, 1);
      }
    }
    if (c.residual && I != H) l.skip = random(H * I, -most, most);
    layers.push_back(l);
  }
  return layers;
}

// With a table, the first layer has no input that it could add.
bool adds_input(const Case& c, size_t layer) { return c.residual && (layer || !c.tokens); }

const float* given(const vector<float>& v) { return v.empty() ? nullptr : v.data(); }

lamina::Stepper stepper(const Case& c, const vector<Layer>& layers, int64_t batch,
                        const vector<float>& table) {
  vector<lamina::StepWeights> w;
  for (const Layer& l : layers)
    w.push_back({c.cell, l.I, l.H, w.empty() && c.tokens ? nullptr : given(l.w_ih), given(l.w_hh),
                 given(l.b_ih), given(l.b_hh), given(l.gain_ih), given(l.gain_hh), given(l.gain_c),
                 given(l.shift_c), adds_input(c, w.size()),
                 adds_input(c, w.size()) ? given(l.skip) : nullptr});
  return {w.data(),     static_cast<int64_t>(w.size()), batch, c.int8, given(table), c.tokens,
          c.threads};
}

// ---- the equations ------------------------------------------------------------------------------

using Numbers = vector<double>;

Numbers product(const vector<float>& m, const Numbers& x, size_t rows) {
  Numbers y(rows);
  for (size_t r = 0; r < rows; r++)
    for (size_t k = 0; k < x.size(); k++) y[r] += double(m[r * x.size() + k]) * x[k];
  return y;
}

void normalise(Numbers& a, const vector<float>& gain) {
  if (gain.empty()) return;
  double mean = 0, square = 0;
  for (const double v : a) mean += v / a.size();
  for (const double v : a) square += (v - mean) * (v - mean) / a.size();
  for (size_t i = 0; i < a.size(); i++) a[i] = (a[i] - mean) / std::sqrt(square + 1e-5) * gain[i];
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void step(const Case& c, const Layer& l, const Numbers& wx_given, const Numbers& x, Numbers& h,
          Numbers& memory) {
  const size_t H = l.H, rows = l.b_ih.size();
  Numbers wx = wx_given.empty() ? product(l.w_ih, x, rows) : wx_given;
  Numbers uh = product(l.w_hh, h, rows);
  normalise(wx, l.gain_ih);
  normalise(uh, l.gain_hh);
  for (size_t i = 0; i < rows; i++) wx[i] += l.b_ih[i], uh[i] += l.b_hh[i];
  const auto a = [&](size_t gate, size_t u) { return wx[gate * H + u] + uh[gate * H + u]; };
  Numbers out_gate(H);
  for (size_t u = 0; u < H; u++) {
    if (c.cell == Cell::rnn_tanh) h[u] = std::tanh(a(0, u));
    if (c.cell == Cell::rnn_relu) h[u] = std::fmax(a(0, u), 0);
    if (c.cell == Cell::gru) {
      const double r = sigmoid(a(0, u)), z = sigmoid(a(1, u));
      h[u] = (1 - z) * std::tanh(wx[2 * H + u] + r * uh[2 * H + u]) + z * h[u];
    }
    if (c.cell == Cell::lstm) {
      memory[u] = sigmoid(a(1, u)) * memory[u] + sigmoid(a(0, u)) * std::tanh(a(2, u));
      out_gate[u] = sigmoid(a(3, u));
    }
  }
  if (c.cell != Cell::lstm) return;
  Numbers seen = memory;
  normalise(seen, l.gain_c);
  for (size_t u = 0; u < H; u++)
    h[u] = out_gate[u] * std::tanh(seen[u] + (l.shift_c.empty() ? 0 : l.shift_c[u]));
}

// ---- one case -----------------------------------------------------------------------------------

void run(const Case& c) {
  constexpr int steps = 4;
  const vector<Layer> layers = make(c);
  const int64_t B = c.batch, I = c.sizes[0], top = c.sizes.back(), rows = layers[0].b_ih.size();
  const vector<float> table = c.tokens ? random(c.tokens * rows, -1, 1) : vector<float>{};
  lamina::Stepper together = stepper(c, layers, B, table);
  vector<vector<float>> x(steps), y(steps, vector<float>(B * top));
  vector<vector<int64_t>> tokens(steps, vector<int64_t>(B));
  for (int t = 0; t < steps; t++) {
    x[t] = random(B * I, -2, 2);
    for (int64_t b = 0; b < B; b++) tokens[t][b] = c.tokens ? (t * 5 + b * 3) % c.tokens : 0;
    if (c.tokens) together.step_tokens(tokens[t].data(), y[t].data());
    else together.step(x[t].data(), y[t].data());
  }

  for (int64_t b = 0; b < B; b++) {
    Case single = c;
    single.threads = 1;
    lamina::Stepper alone = stepper(single, layers, 1, table);
    vector<Numbers> h, memory;
    for (const Layer& l : layers) h.emplace_back(l.H), memory.emplace_back(l.H);
    double worst = 0;
    for (int t = 0; t < steps; t++) {
      vector<float> out(top);
      if (c.tokens) alone.step_tokens(&tokens[t][b], out.data());
      else alone.step(x[t].data() + b * I, out.data());
      check(!memcmp(out.data(), y[t].data() + b * top, sizeof(float) * top), c,
            "a member of a batch is as alone, with any number of threads");

      Numbers below(x[t].begin() + b * I, x[t].begin() + (b + 1) * I);
      for (size_t i = 0; i < layers.size(); i++) {
        const float* row = c.tokens && !i ? table.data() + tokens[t][b] * rows : nullptr;
        step(c, layers[i], row ? Numbers(row, row + rows) : Numbers{}, below, h[i], memory[i]);
        Numbers output = h[i];
        if (adds_input(c, i)) {
          const auto& skip = layers[i].skip;
          const Numbers added = skip.empty() ? below : product(skip, below, layers[i].H);
          for (size_t u = 0; u < output.size(); u++) output[u] += added[u];
        }
        below = output;
      }
      for (int64_t u = 0; u < top; u++) worst = std::fmax(worst, std::fabs(out[u] - below[u]));
    }
    // Eight bits are worth about a hundredth, more where a norm divides by a small deviation.
    check(worst < (c.int8 ? c.norm ? 0.3 : 0.1 : 2e-5), c, "the equations", worst);
    vector<float> state(layers[0].H);
    alone.get_state(0, 0, state.data());
    for (size_t u = 0; u < state.size(); u++)
      check(std::fabs(state[u] - h[0][u]) < (c.int8 ? 0.3 : 2e-5), c, "the state");
  }

  // A saved state goes on as if it had never been saved; a reset begins anew.
  vector<float> again(B * top), kept(B * layers.back().H);
  const auto read = [&](lamina::Stepper& s, int t, float* out) {
    if (c.tokens) s.step_tokens(tokens[t].data(), out);
    else s.step(x[t].data(), out);
  };
  together.reset();
  read(together, 0, again.data());
  check(again == y[0], c, "reset");
  lamina::Stepper other = stepper(c, layers, B, table);
  for (size_t i = 0; i < layers.size(); i++)
    for (int part = 0; part < together.parts(); part++) {
      kept.assign(B * layers[i].H, 0);
      together.get_state(i, part, kept.data());
      other.set_state(i, part, kept.data());
    }
  read(other, 1, again.data());
  check(again == y[1], c, "a state that was saved");
}

void spoilt(bool int8) {  // a NaN must not vanish in rounding to integers
  const Case c = {Cell::lstm, {5, 9, 9}, 2, false, false, int8, 1, 0};
  const vector<Layer> layers = make(c);
  lamina::Stepper s = stepper(c, layers, 2, {});
  vector<float> x = random(10, -1, 1), y(18);
  x[2] = NAN;
  s.step(x.data(), y.data());
  for (int u = 0; u < 9; u++) {
    check(std::isnan(y[u]), c, "NaN gives NaN");
    check(std::isfinite(y[9 + u]), c, "but not to its neighbour");
  }
}

// The longest sum of the largest integers: it would leave 32 bits if it were made in one go.
void longest() {
  const int64_t K = 2000;
  Case c = {Cell::rnn_relu, {K, 3}, 1, false, false, true, 1, 0};
  vector<Layer> layers = make(c);
  layers[0].w_ih.assign(3 * K, 0.5f);
  vector<float> x(K, 1.0f), y(3);
  stepper(c, layers, 1, {}).step(x.data(), y.data());
  for (int u = 0; u < 3; u++) {
    const double want = 0.5 * K + layers[0].b_ih[u] + layers[0].b_hh[u];
    check(std::fabs(y[u] - want) < 1e-3 * want, c, "the longest sum", y[u]);
  }
}

}  // namespace

int main() {
  const vector<vector<int64_t>> shapes = {
      {1, 1}, {7, 33, 7}, {16, 16, 16, 16}, {3, 65, 65}, {130, 40}};
  for (const char* name : {"portable", "avx2", "avx512"}) {
    if (!lamina::choose_isa(name)) continue;
    int64_t batch = 0;
    for (const Cell cell : lamina::all_cells)
      for (const auto& sizes : shapes)
        for (int options = 0; options < 8; options++)
          run({cell, sizes, batch++ % 8 + 1, (options & 1) != 0, (options & 2) != 0,
               (options & 4) != 0, batch % 3 == 0 ? 2 : 1, batch % 5 == 0 ? 11 : 0});
    spoilt(false);
    spoilt(true);
    longest();
    std::printf("%s: ok\n", name);
  }
}
