// forward() and backward() against the equations on a tape in double precision, for every cell,
// option and instruction set, at sizes that are no multiple of anything.
//
// Every array lies in a block of its own, exactly as large as it is, and whatever must not be read
// is a NaN, or a token or a length that is out of range: under AddressSanitizer a step outside fails.
//
// The tolerance is derived as in docs/design.md: an error may be a few times what the same equations
// make of the same numbers when they are written plainly in float32, or when in double precision
// every number that enters, every result, and every sum on the way is off by chance as a rounding to
// float32 may put it off. The latter is drawn several times, for one draw may be lucky: behind a
// normalisation over few numbers, errors are divided by a deviation that may be very small.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "isa/isa.h"
#include "plain.h"

namespace {

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
  if (lamina::state_parts(c.cell) == 2) c_n = {states, nan};
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
  static constexpr int draws = 6;

  Answer<double> want;
  Answer<float> plain;
  std::vector<Answer<double>> rounded;

  Truth(const Case& c, const Given& g, std::mt19937& noise)
      : want(Plain<double>(c, g).run()), plain(Plain<float>(c, g).run()) {
    for (int i = 0; i < draws; i++) rounded.push_back(Plain<double>(c, g, &noise, 0x1p-24).run());
  }

  template <class Part>  // part(answer) is one of the arrays of an Answer
  void compare(const std::string& what, const Answer<float>& got, Part part) const {
    CHECK(part(got).size() == part(want).size(), "%s: another size", what.c_str());
    double float32 = error(part(plain), part(want));
    for (const auto& each : rounded) float32 = std::max(float32, error(part(each), part(want)));
    // What enters is of the order of 1, and so are the terms of which a small gradient is the rest.
    const double terms = std::max(1.0, largest(part(want)));
    const double most = 4 * float32 + 16 * 0x1p-24 * terms;
    const double wrong = error(part(got), part(want));
    CHECK(wrong <= most, "%s is off by %g; may be by %g", what.c_str(), wrong, most);
  }
};

void try_case(const Case& c, const std::vector<std::string>& isas) {
  const Given g(c);
  // Apart from the numbers of the cases, which must not depend on how many sets there are.
  static std::mt19937 noise(2);
  const Truth truth(c, g, noise);
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
      const unsigned skip = static_cast<unsigned>(noise()) & ~(1u << GAIN_C | 1u << SHIFT_C);
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
  for (Cell cell : lamina::all_cells) {
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
