// simd.h for whoever is not compiled for one instruction set: the tests.
#include "isa/simd.h"

namespace lamina::LAMINA_ISA {

// f is 'e', 's' or 't': exp_, sigmoid or tanh_ of n numbers.
void maths(char f, const float* from, float* to, int64_t n) {
  for (int64_t i = 0; i < n; i += lanes) {
    const int left = n - i < lanes ? (int)(n - i) : lanes;
    const vf x = load_first(from + i, left);
    store_first(to + i, f == 'e' ? exp_(x) : f == 's' ? sigmoid(x) : tanh_(x), left);
  }
}

float maths_sum(const float* from) { return sum(load(from)); }

// The larger of each pair, the smaller where `smaller`.
void maths_pick(bool smaller, const float* a, const float* b, float* to) {
  store(to, smaller ? min_(load(a), load(b)) : max_(load(a), load(b)));
}

}  // namespace lamina::LAMINA_ISA
