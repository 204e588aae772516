// A tape that differentiates the equations as they are written: each Number knows from which others
// it was made and how fast it moves with each of them. Slow, and independent of the kernels: a test
// of a backward pass needs no backward pass written by hand.
#pragma once

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

template <class Real>
class Tape {
 public:
  // With `noise`, every result of an operation is off by up to `unit` of itself, up or down by
  // chance: what rounding to a unit of 2 * `unit` may do, whatever the order of the operations
  // (Monte Carlo arithmetic: Parker 1997).
  explicit Tape(std::mt19937* noise = nullptr, Real unit = 0) : noise_(noise), unit_(unit) {}

  struct Number {
    Tape* tape;
    size_t at;
    Real value() const { return tape->value_[at]; }
    Real gradient() const { return tape->gradient_[at]; }
  };

  Number number(Real value) { return put(value); }

  // sum of a[i] * b[i], and of what was there before
  Number dot(const std::vector<Number>& a, const std::vector<Number>& b, Number before) {
    Real sum = before.value();
    part(before, 1);
    for (size_t i = 0; i < a.size(); i++) {
      sum = rounded(sum + rounded(a[i].value() * b[i].value()));
      part(a[i], b[i].value());
      part(b[i], a[i].value());
    }
    return put(sum);
  }

  friend Number operator+(Number a, Number b) {
    a.tape->part(a, 1);
    a.tape->part(b, 1);
    return a.tape->put(a.value() + b.value());
  }
  friend Number operator-(Number a, Number b) {
    a.tape->part(a, 1);
    a.tape->part(b, -1);
    return a.tape->put(a.value() - b.value());
  }
  friend Number operator*(Number a, Number b) {
    a.tape->part(a, b.value());
    a.tape->part(b, a.value());
    return a.tape->put(a.value() * b.value());
  }

  // A function of one number: its value there, and its slope.
  Number function(Number x, Real value, Real slope) {
    part(x, slope);
    return put(value);
  }

  // Gradients of `of` with respect to every number before it.
  void differentiate(Number of) {
    gradient_.assign(value_.size(), 0);
    gradient_[of.at] = 1;
    for (size_t i = of.at + 1; i-- > 0;) {
      for (size_t j = i == 0 ? 0 : end_[i - 1]; j < end_[i]; j++) {
        Real& gradient = gradient_[parts_[j].from];
        gradient = rounded(gradient + rounded(gradient_[i] * parts_[j].slope));
      }
    }
  }

 private:
  struct Part {
    size_t from;
    Real slope;
  };
  std::mt19937* noise_;
  Real unit_;
  std::vector<Real> value_, gradient_;
  std::vector<Part> parts_;
  std::vector<size_t> end_;  // of the parts of each number

  void part(Number from, Real slope) { parts_.push_back({from.at, slope}); }
  Real rounded(Real exact) {
    if (!noise_) return exact;
    return exact * (1 + unit_ * std::uniform_real_distribution<Real>(-1, 1)(*noise_));
  }
  Number put(Real value) {
    value_.push_back(rounded(value));
    end_.push_back(parts_.size());
    return {this, value_.size() - 1};
  }
};

template <class Number>
Number sigmoid(Number x) {
  const auto y = 1 / (1 + std::exp(-x.value()));
  return x.tape->function(x, y, y * (1 - y));
}

template <class Number>
Number tanh(Number x) {
  const auto y = std::tanh(x.value());
  return x.tape->function(x, y, 1 - y * y);
}

template <class Number>
Number relu(Number x) {
  return x.value() > 0 ? x.tape->function(x, x.value(), 1) : x.tape->function(x, 0, 0);
}

// (x - mean) / sqrt(variance + eps): Ba, Kiros and Hinton (2016), without gain and shift.
template <class Number>
std::vector<Number> normalise(std::vector<Number> x) {
  auto* tape = x[0].tape;
  const Number zero = tape->number(0), share = tape->number(decltype(x[0].value())(1) / x.size());
  const std::vector<Number> shares(x.size(), share);
  const Number mean = tape->dot(x, shares, zero);
  for (Number& each : x) each = each - mean;
  const Number variance = tape->dot(x, x, zero) * share;
  const auto scale = 1 / std::sqrt(variance.value() + decltype(x[0].value())(1e-5));
  const Number by = tape->function(variance, scale, -scale * scale * scale / 2);
  for (Number& each : x) each = each * by;
  return x;
}
