// exp, sigmoid and tanh of simd.h against double precision, in every instruction set of this CPU: a
// spread of all floats, of which the largest errors are known from having tried every single one.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

#include "isa/isa.h"

LAMINA_DECLARE(void maths(char f, const float* from, float* to, int64_t n);
               float maths_sum(const float*);
               void maths_pick(bool smaller, const float* a, const float* b, float* to);)

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

void check(bool holds, const char* what, double at = 0) {
  if (holds) return;
  std::printf("%s: failed: %s (%g)\n", lamina::isa_name(), what, at);
  std::exit(1);
}

std::vector<float> apply(char f, const std::vector<float>& x) {
  std::vector<float> y(x.size() + 1, 42.0f);
  LAMINA_PICK(maths)(f, x.data(), y.data(), static_cast<int64_t>(x.size()));
  check(y.back() == 42.0f, "wrote beyond the end");
  y.pop_back();
  return y;
}

// |got - want| in units of the last place of a float at `want`.
double ulps(float got, double want) {
  int exponent;
  std::frexp(want, &exponent);
  return std::fabs(got - want) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

double truth(char f, double x) {
  if (f == 'e') return std::exp(x);
  if (f == 't') return std::tanh(x);
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

void accuracy(char f, double bound) {
  constexpr uint64_t stride = 4001;
  std::vector<float> x;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += stride)
    x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  const std::vector<float> y = apply(f, x);
  double worst = 0;
  for (size_t i = 0; i < x.size(); i++) {
    check(std::isnan(x[i]) ? std::isnan(y[i]) : std::isfinite(y[i]), "finite, NaN from NaN", x[i]);
    // Where the truth is no normal float:
    const bool beyond = f == 'e' ? x[i] > 88.72283 : f == 's' && x[i] < -87.33;
    if (!std::isnan(x[i]) && !beyond) worst = std::max(worst, ulps(y[i], truth(f, x[i])));
  }
  check(worst < bound, "error in ulp", worst);
}

void ends() {
  const std::vector<float> x = {-infinity, -1e30f, -200, -90, 0, 90, 200, 1e30f, infinity};
  const std::vector<float> e = apply('e', x), s = apply('s', x), t = apply('t', x);
  for (size_t i = 0; i < x.size(); i++) {
    check(x[i] >= -104 || e[i] == 0, "exp falls to zero", x[i]);
    check(x[i] < 89 || (e[i] > 3.402e38f && std::isfinite(e[i])), "exp stays finite", x[i]);
    check(x[i] > -89 || (s[i] >= 0 && s[i] < 1e-37f), "sigmoid falls to almost zero", x[i]);
    check(x[i] < 89 || s[i] == 1, "sigmoid rises to one", x[i]);
    check(x[i] == 0 || std::fabs(t[i]) == 1, "tanh ends at one", x[i]);
  }
  check(e[4] == 1 && s[4] == 0.5f && t[4] == 0, "at zero");
}

void lanes_together() {
  const int n = lamina::isa_lanes();
  std::vector<float> a(n), b(n, 3.0f), to(n);
  float total = 0;
  for (int i = 0; i < n; i++) total += a[i] = static_cast<float>(1 << i);
  check(LAMINA_PICK(maths_sum)(a.data()) == total, "sum", LAMINA_PICK(maths_sum)(a.data()));
  a[1] = NAN;
  LAMINA_PICK(maths_pick)(false, a.data(), b.data(), to.data());
  check(to[0] == 3 && std::isnan(to[1]) && to[2] == 4, "max_ keeps the NaN of its first argument");
  LAMINA_PICK(maths_pick)(true, a.data(), b.data(), to.data());
  check(to[0] == 1 && std::isnan(to[1]) && to[2] == 3, "min_ keeps the NaN of its first argument");
  for (int left = 0; left <= 2 * n; left++)  // every length of the last, incomplete vector
    for (const float y : apply('s', std::vector<float>(left, 0.0f))) check(y == 0.5f, "tail", left);
}

}  // namespace

int main() {
  for (const char* name : {"portable", "avx2", "avx512"}) {
    if (!lamina::choose_isa(name)) continue;
    accuracy('e', 1.1);
    accuracy('s', 2.5);
    accuracy('t', 2.7);
    ends();
    lanes_together();
    std::printf("%s: ok\n", name);
  }
}
