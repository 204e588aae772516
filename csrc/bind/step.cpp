// step.h for Python. What does not fit raises ValueError.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bind/arguments.h"
#include "step/step.h"

namespace nb = nanobind;

namespace {

// Reads one layer's dictionary; keeps its arrays alive while it lives.
class Given {
 public:
  explicit Given(nb::dict layer) : layer_(std::move(layer)) {}

  const float* array(const char* name, const Shape& shape) {
    if (!layer_.contains(name) || layer_[name].is_none()) return nullptr;
    return kept_.emplace_back(Floats::required(layer_[name], name, shape)).data();
  }

  const float* needed(const char* name, const Shape& shape) {
    const float* found = array(name, shape);
    if (!found) throw nb::value_error((std::string(name) + " is missing").c_str());
    return found;
  }

  template <class T>
  T value(const char* name) const { return nb::cast<T>(layer_[name]); }

 private:
  nb::dict layer_;
  std::vector<Floats> kept_;
};

constexpr int64_t most_units = 1 << 24;  // so that no product of sizes overflows

lamina::StepWeights read(Given& given, int64_t inputs, bool tokens) {
  lamina::StepWeights w{};
  w.cell = cell_of(given.value<std::string>("cell"));
  w.inputs = inputs;
  w.hidden = given.value<int64_t>("hidden");
  if (w.hidden < 1 || w.hidden > most_units || inputs < 0 || inputs > most_units)
    throw nb::value_error("sizes must be 1 to 16777216");
  const int64_t H = w.hidden, rows = lamina::gates(w.cell) * H;
  if (!tokens) w.w_ih = given.needed("w_ih", {rows, inputs});
  w.w_hh = given.needed("w_hh", {rows, H});
  w.b_ih = given.array("b_ih", {rows});
  w.b_hh = given.array("b_hh", {rows});
  w.gain_ih = given.array("gain_ih", {rows});
  if (w.gain_ih) w.gain_hh = given.needed("gain_hh", {rows});
  w.gain_c = given.array("gain_c", {H});
  if (w.gain_c) w.shift_c = given.needed("shift_c", {H});
  w.residual = given.value<bool>("residual");
  if (!w.residual) return w;
  if (tokens) throw nb::value_error("a layer that reads tokens has no input to add");
  w.skip = given.array("skip", {H, inputs});
  if (!w.skip && inputs != H) throw nb::value_error("a residual needs a skip matrix");
  return w;
}

// Calls from several Python threads take turns.
class PyStepper {
 public:
  PyStepper(nb::list layers, int64_t inputs, int64_t batch, bool int8, nb::object table,
            int threads) {
    if (batch < 1 || batch > lamina::most_step_batch) throw nb::value_error("batch must be 1 to 8");
    if (layers.size() < 1) throw nb::value_error("need at least one layer");
    if (threads < 1 || threads > 64) throw nb::value_error("threads must be 1 to 64");
    std::vector<Given> given;
    for (nb::handle layer : layers) given.emplace_back(nb::cast<nb::dict>(layer));
    std::vector<lamina::StepWeights> weights;
    for (Given& one : given) {
      weights.push_back(read(one, inputs, weights.empty() && !table.is_none()));
      const lamina::Cell first = weights[0].cell, cell = weights.back().cell;
      if (lamina::gates(first) != lamina::gates(cell) ||
          lamina::state_parts(first) != lamina::state_parts(cell))
        throw nb::value_error("all layers need the same cell");
      inputs = weights.back().hidden;
    }
    Floats rows;
    const int64_t tokens = table.is_none() ? 0 : static_cast<int64_t>(nb::len(table));
    if (!table.is_none()) {
      if (tokens < 1) throw nb::value_error("table is empty; need a row for each token");
      const int64_t row = lamina::gates(weights[0].cell) * weights[0].hidden;
      rows = Floats::required(table, "table", {tokens, row});
    }
    stepper_ = std::make_unique<lamina::Stepper>(weights.data(), weights.size(), batch, int8,
                                                 table.is_none() ? nullptr : rows.data(), tokens,
                                                 threads);
    x_shape_ = {batch};
    if (table.is_none()) x_shape_.push_back(stepper_->inputs());
    out_shape_ = {batch, stepper_->hidden(stepper_->layers() - 1)};
  }

  void step(nb::handle x, nb::handle out) {
    const Room to = Room::required(out, "out", out_shape_);
    if (stepper_->tokens()) return step_tokens(x, to.data());
    const Floats from = Floats::required(x, "x", x_shape_);
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->step(from.data(), to.data());
  }

  void reset() {
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->reset();
  }

  void get_state(int64_t layer, int part, nb::handle out) {
    const Room to = Room::required(out, "state", part_shape(layer, part));
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->get_state(layer, part, to.data());
  }

  void set_state(int64_t layer, int part, nb::handle from) {
    const Floats values = Floats::required(from, "state", part_shape(layer, part));
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->set_state(layer, part, values.data());
  }

  const lamina::Stepper& engine() const { return *stepper_; }

 private:
  void step_tokens(nb::handle x, float* to) {
    const Integers given = Integers::required(x, "tokens", x_shape_);
    int64_t tokens[lamina::most_step_batch];  // a copy: nobody can change them after the check
    for (int64_t b = 0; b < stepper_->batch(); b++) {
      tokens[b] = given.data()[b];
      if (tokens[b] < 0 || tokens[b] >= stepper_->tokens()) {
        const std::string message = "got token " + std::to_string(tokens[b]) + "; need 0 to " +
                                    std::to_string(stepper_->tokens() - 1);
        throw nb::value_error(message.c_str());
      }
    }
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->step_tokens(tokens, to);
  }

  Shape part_shape(int64_t layer, int part) const {
    if (layer < 0 || layer >= stepper_->layers() || part < 0 || part >= stepper_->parts())
      throw nb::index_error("no such part of the state");
    return {stepper_->batch(), stepper_->hidden(layer)};
  }

  std::unique_ptr<lamina::Stepper> stepper_;
  Shape x_shape_, out_shape_;
  std::mutex mutex_;
};

}  // namespace

void bind_step(nb::module_& m) {
  nb::class_<PyStepper>(m, "Stepper")
      .def(nb::init<nb::list, int64_t, int64_t, bool, nb::object, int>(), nb::arg("layers"),
           nb::arg("inputs"), nb::arg("batch"), nb::arg("int8"), nb::arg("table").none(),
           nb::arg("threads"))
      .def("step", &PyStepper::step, nb::arg().none(), nb::arg())
      .def("reset", &PyStepper::reset)
      .def("get_state", &PyStepper::get_state)
      .def("set_state", &PyStepper::set_state)
      .def_prop_ro("threads", [](const PyStepper& s) { return s.engine().threads(); })
      .def_prop_ro("weight_bytes", [](const PyStepper& s) { return s.engine().weight_bytes(); });
}
