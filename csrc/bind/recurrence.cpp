// recurrence.h for Python: arrays that were checked, and exceptions where they do not fit.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "bind/arguments.h"
#include "scan/recurrence.h"

namespace nb = nanobind;

namespace {

template <class A, class B>
void both(const A& a, const B& b, const char* names) {
  if (bool(a) != bool(b)) throw std::invalid_argument(std::string("need both or neither of ") + names);
}

// A layer over time: what it is given, kept alive, and checked once.
class Recurrence {
 public:
  Recurrence(const std::string& cell, bool reverse, int threads, Floats x,
             std::optional<Integers> tokens, std::optional<Integers> lengths, Floats h0,
             std::optional<Floats> c0, std::optional<Floats> w_ih, Floats w_hh,
             std::optional<Floats> b_ih, std::optional<Floats> b_hh, std::optional<Floats> gain_ih,
             std::optional<Floats> gain_hh, std::optional<Floats> gain_c,
             std::optional<Floats> shift_c, std::optional<Floats> mask)
      : x_(std::move(x)), h0_(std::move(h0)), w_hh_(std::move(w_hh)), tokens_(std::move(tokens)),
        lengths_(std::move(lengths)), c0_(std::move(c0)), w_ih_(std::move(w_ih)),
        b_ih_(std::move(b_ih)), b_hh_(std::move(b_hh)), gain_ih_(std::move(gain_ih)),
        gain_hh_(std::move(gain_hh)), gain_c_(std::move(gain_c)), shift_c_(std::move(shift_c)),
        mask_(std::move(mask)) {
    p_.cell = cell_of(cell);
    p_.reverse = reverse;
    if (threads < 1) throw std::invalid_argument("threads is less than 1");
    p_.threads = threads;
    set_sizes();
    const int64_t rows = lamina::gates(p_.cell) * p_.hidden;
    const bool memory = lamina::state_parts(p_.cell) == 2;
    both(b_ih_, b_hh_, "b_ih and b_hh");
    both(gain_ih_, gain_hh_, "gain_ih and gain_hh");
    both(gain_c_, shift_c_, "gain_c and shift_c");
    if (memory != bool(c0_)) throw std::invalid_argument("an lstm, and no other, has a c0");
    if (gain_c_ && !(memory && gain_ih_)) {
      throw std::invalid_argument("gain_c is for a layer-normalised lstm");
    }
    if (!w_ih_ && p_.inputs != rows) {
      throw std::invalid_argument("x is not projected to " + std::to_string(rows) + " numbers");
    }
    p_.x = x_.data();
    p_.h0 = h0_.numbers("h0", {p_.batch, p_.hidden});
    p_.c0 = numbers(c0_, "c0", {p_.batch, p_.hidden});
    p_.w_ih = numbers(w_ih_, "w_ih", {rows, p_.inputs});
    p_.w_hh = w_hh_.numbers("w_hh", {rows, p_.hidden});
    p_.b_ih = numbers(b_ih_, "b_ih", {rows});
    p_.b_hh = numbers(b_hh_, "b_hh", {rows});
    p_.gain_ih = numbers(gain_ih_, "gain_ih", {rows});
    p_.gain_hh = numbers(gain_hh_, "gain_hh", {rows});
    p_.gain_c = numbers(gain_c_, "gain_c", {p_.hidden});
    p_.shift_c = numbers(shift_c_, "shift_c", {p_.hidden});
    p_.mask = numbers(mask_, "mask", {p_.batch, p_.hidden});
    p_.lengths = numbers(lengths_, "lengths", {p_.batch});
    p_.tokens = numbers(tokens_, "tokens", {p_.steps, p_.batch});
    static const int64_t none = 0;
    if (tokens_ && !p_.tokens) p_.tokens = &none;  // an array without elements may have no address
    check_lengths();
    if (p_.tokens) check_tokens();
  }

  int64_t saved_size() const { return lamina::saved_floats(p_); }

  void forward(Room outputs, Room h_n, std::optional<Room> c_n, std::optional<Room> saved) const {
    const lamina::Results results = results_of(outputs, h_n, c_n, saved);
    nb::gil_scoped_release release;
    lamina::forward(p_, results);
  }

  void backward(Room outputs, Room saved, std::optional<Floats> d_outputs,
                std::optional<Floats> d_h_n, std::optional<Floats> d_c_n, std::optional<Room> d_x,
                std::optional<Room> d_h0, std::optional<Room> d_c0, std::optional<Room> d_w_ih,
                std::optional<Room> d_w_hh, std::optional<Room> d_b_ih, std::optional<Room> d_b_hh,
                std::optional<Room> d_gain_ih, std::optional<Room> d_gain_hh,
                std::optional<Room> d_gain_c, std::optional<Room> d_shift_c) const {
    const int64_t rows = lamina::gates(p_.cell) * p_.hidden;
    lamina::Results r{};
    r.outputs = outputs.numbers("outputs", {p_.steps, p_.batch, p_.hidden});
    r.saved = saved_room(saved);
    // A gradient of what is absent has nowhere to come from.
    const auto of = [](bool given, const auto& gradient, const char* name) {
      if (gradient && !given) throw std::invalid_argument(std::string(name) + " is absent");
    };
    of(bool(c0_), d_c0, "c0"), of(bool(c0_), d_c_n, "c0"), of(bool(w_ih_), d_w_ih, "w_ih");
    of(bool(b_ih_), d_b_ih, "b_ih"), of(bool(b_ih_), d_b_hh, "b_hh");
    of(bool(gain_ih_), d_gain_ih, "gain_ih"), of(bool(gain_ih_), d_gain_hh, "gain_hh");
    of(bool(gain_c_), d_gain_c, "gain_c");
    both(d_gain_c, d_shift_c, "d_gain_c and d_shift_c");
    lamina::Gradients d{};
    d.outputs = numbers(d_outputs, "d_outputs", {p_.steps, p_.batch, p_.hidden});
    d.h_n = numbers(d_h_n, "d_h_n", {p_.batch, p_.hidden});
    d.c_n = numbers(d_c_n, "d_c_n", {p_.batch, p_.hidden});
    d.x = p_.tokens ? numbers(d_x, "d_x", {p_.table, p_.inputs})
                    : numbers(d_x, "d_x", {p_.steps, p_.batch, p_.inputs});
    d.h0 = numbers(d_h0, "d_h0", {p_.batch, p_.hidden});
    d.c0 = numbers(d_c0, "d_c0", {p_.batch, p_.hidden});
    d.w_ih = numbers(d_w_ih, "d_w_ih", {rows, p_.inputs});
    d.w_hh = numbers(d_w_hh, "d_w_hh", {rows, p_.hidden});
    d.b_ih = numbers(d_b_ih, "d_b_ih", {rows});
    d.b_hh = numbers(d_b_hh, "d_b_hh", {rows});
    d.gain_ih = numbers(d_gain_ih, "d_gain_ih", {rows});
    d.gain_hh = numbers(d_gain_hh, "d_gain_hh", {rows});
    d.gain_c = numbers(d_gain_c, "d_gain_c", {p_.hidden});
    d.shift_c = numbers(d_shift_c, "d_shift_c", {p_.hidden});
    nb::gil_scoped_release release;
    lamina::backward(p_, r, d);
  }

 private:
  void set_sizes() {
    const size_t axes = tokens_ ? 2 : 3;
    if (x_.axes() != axes) {
      throw std::invalid_argument("x has " + std::to_string(x_.axes()) + " axes; need " +
                                  std::to_string(axes));
    }
    if (tokens_ && tokens_->axes() != 2) throw std::invalid_argument("tokens is not (T, B)");
    if (w_hh_.axes() != 2) throw std::invalid_argument("w_hh is not (G*H, H)");
    p_.table = tokens_ ? x_.size(0) : 0;
    p_.steps = tokens_ ? tokens_->size(0) : x_.size(0);
    p_.batch = tokens_ ? tokens_->size(1) : x_.size(1);
    p_.inputs = x_.size(axes - 1);
    p_.hidden = w_hh_.size(1);
    if (p_.hidden < 1 || p_.inputs < 1) throw std::invalid_argument("a size is 0");
  }

  void check_lengths() const {
    for (int64_t b = 0; p_.lengths && b < p_.batch; b++) {
      if (p_.lengths[b] < 1 || p_.lengths[b] > p_.steps) {
        throw std::invalid_argument("a length is " + std::to_string(p_.lengths[b]) +
                                    "; need each in 1..T=" + std::to_string(p_.steps));
      }
    }
  }

  void check_tokens() const {
    for (int64_t b = 0; b < p_.batch; b++) {
      const int64_t length = p_.lengths ? p_.lengths[b] : p_.steps;
      for (int64_t t = 0; t < length; t++) {
        const int64_t token = p_.tokens[t * p_.batch + b];
        if (token < 0 || token >= p_.table) {
          throw std::invalid_argument("a token is " + std::to_string(token) +
                                      "; need each in 0..V-1=" + std::to_string(p_.table - 1));
        }
      }
    }
  }

  float* saved_room(const Room& saved) const {
    if (saved.axes() != 1 || saved.size(0) < saved_size()) {
      throw std::invalid_argument("saved is not " + text({saved_size()}));
    }
    return saved.data();
  }

  lamina::Results results_of(Room& outputs, Room& h_n, std::optional<Room>& c_n,
                             std::optional<Room>& saved) const {
    if (bool(c0_) != bool(c_n)) throw std::invalid_argument("an lstm, and no other, has a c_n");
    lamina::Results r{};
    r.outputs = outputs.numbers("outputs", {p_.steps, p_.batch, p_.hidden});
    r.h_n = h_n.numbers("h_n", {p_.batch, p_.hidden});
    r.c_n = numbers(c_n, "c_n", {p_.batch, p_.hidden});
    r.saved = saved ? saved_room(*saved) : nullptr;
    return r;
  }

  lamina::Problem p_{};
  Floats x_, h0_, w_hh_;
  std::optional<Integers> tokens_, lengths_;
  std::optional<Floats> c0_, w_ih_, b_ih_, b_hh_, gain_ih_, gain_hh_, gain_c_, shift_c_, mask_;
};

// What Recurrence::saved_size would be, for a call that has no arrays yet.
int64_t saved_size(const std::string& cell, int64_t steps, int64_t batch, int64_t hidden,
                   std::optional<int64_t> table, bool layer_norm, bool memory_norm) {
  static const int64_t token = 0;
  static const float gain = 0;
  lamina::Problem p{};
  p.cell = cell_of(cell);
  p.steps = steps, p.batch = batch, p.hidden = hidden, p.table = table.value_or(0);
  p.tokens = table ? &token : nullptr;
  p.gain_ih = layer_norm ? &gain : nullptr;
  p.gain_c = memory_norm ? &gain : nullptr;
  return lamina::saved_floats(p);
}

}  // namespace

void bind_recurrence(nb::module_& m) {
  m.def("saved_size", &saved_size, nb::arg("cell"), nb::arg("steps"), nb::arg("batch"),
        nb::arg("hidden"), nb::arg("table").none(), nb::arg("layer_norm"), nb::arg("memory_norm"));
  const auto array = [](const char* name) { return nb::arg(name).noconvert(); };
  const auto maybe = [](const char* name) { return nb::arg(name).noconvert().none(); };
  nb::class_<Recurrence>(m, "Recurrence")
      .def(nb::init<const std::string&, bool, int, Floats, std::optional<Integers>,
                    std::optional<Integers>, Floats, std::optional<Floats>, std::optional<Floats>,
                    Floats, std::optional<Floats>, std::optional<Floats>, std::optional<Floats>,
                    std::optional<Floats>, std::optional<Floats>, std::optional<Floats>,
                    std::optional<Floats>>(),
           nb::arg("cell"), nb::arg("reverse"), nb::arg("threads"), array("x"), maybe("tokens"),
           maybe("lengths"), array("h0"), maybe("c0"), maybe("w_ih"), array("w_hh"), maybe("b_ih"),
           maybe("b_hh"), maybe("gain_ih"), maybe("gain_hh"), maybe("gain_c"), maybe("shift_c"),
           maybe("mask"))
      .def_prop_ro("saved_size", &Recurrence::saved_size)
      .def("forward", &Recurrence::forward, array("outputs"), array("h_n"), maybe("c_n"),
           maybe("saved"))
      .def("backward", &Recurrence::backward, array("outputs"), array("saved"),
           maybe("d_outputs"), maybe("d_h_n"), maybe("d_c_n"), maybe("d_x"), maybe("d_h0"),
           maybe("d_c0"), maybe("d_w_ih"), maybe("d_w_hh"), maybe("d_b_ih"), maybe("d_b_hh"),
           maybe("d_gain_ih"), maybe("d_gain_hh"), maybe("d_gain_c"), maybe("d_shift_c"));
}
