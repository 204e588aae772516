// The step engine as lamina.kernels._core.Stepper. Everything that comes from Python is checked here:
// behind this border sizes and pointers are right.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "step.h"

namespace nb = nanobind;
using lamina::Cell;

namespace {

using Array = nb::ndarray<nb::device::cpu>;
using Constant = nb::ndarray<nb::ro, nb::device::cpu>;

std::string shape_name(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::string dtype_name(nb::dlpack::dtype type) {
  const char* kinds[] = {"int", "uint", "float", "pointer", "bfloat", "complex", "bool"};
  return (type.code < 7 ? kinds[type.code] : "type") + std::to_string(type.bits);
}

// Whether the numbers of `a` stand in memory as those of a C array do.
template <class A>
bool contiguous(const A& a) {
  int64_t step = 1;
  for (size_t i = a.ndim(); i-- > 0;) {
    if (a.shape(i) != 1 && a.stride(i) != step) return false;
    step *= static_cast<int64_t>(a.shape(i));
  }
  return true;
}

// The data of a contiguous array of that type and shape; else ValueError: got, need.
template <class T, class A>
T* data(const A& a, const char* name, const std::vector<int64_t>& shape) {
  bool fits = a.ndim() == shape.size() && a.dtype() == nb::dtype<std::remove_const_t<T>>();
  for (size_t i = 0; fits && i < shape.size(); i++)
    fits = static_cast<int64_t>(a.shape(i)) == shape[i];
  if (fits && contiguous(a)) return static_cast<T*>(a.data());
  std::vector<int64_t> got(a.ndim());
  for (size_t i = 0; i < got.size(); i++) got[i] = static_cast<int64_t>(a.shape(i));
  const std::string message = std::string(name) + " is " + shape_name(got) + " " +
                              dtype_name(a.dtype()) + (contiguous(a) ? "" : ", not contiguous") +
                              "; need " + shape_name(shape) + " " +
                              dtype_name(nb::dtype<std::remove_const_t<T>>()) + ", contiguous";
  throw nb::value_error(message.c_str());
}

Cell cell_of(const std::string& name) {
  if (name == "rnn_tanh") return Cell::rnn_tanh;
  if (name == "rnn_relu") return Cell::rnn_relu;
  if (name == "gru") return Cell::gru;
  if (name == "lstm") return Cell::lstm;
  throw nb::value_error("cell must be rnn_tanh, rnn_relu, gru or lstm");
}

// Reads one layer's dictionary; keeps its arrays alive while it lives.
class Given {
 public:
  explicit Given(nb::dict layer) : layer_(std::move(layer)) {}

  const float* array(const char* name, const std::vector<int64_t>& shape) {
    if (!layer_.contains(name) || layer_[name].is_none()) return nullptr;
    kept_.push_back(nb::cast<Constant>(layer_[name]));
    return data<const float>(kept_.back(), name, shape);
  }

  const float* needed(const char* name, const std::vector<int64_t>& shape) {
    const float* found = array(name, shape);
    if (!found) throw nb::value_error((std::string(name) + " is missing").c_str());
    return found;
  }

  template <class T>
  T value(const char* name) const { return nb::cast<T>(layer_[name]); }

 private:
  nb::dict layer_;
  std::vector<Constant> kept_;
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
  w.skip = given.array("skip", {H, inputs});
  if (w.residual && !w.skip && inputs != H) throw nb::value_error("a residual needs a skip matrix");
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
      if (weights[0].cell != weights.back().cell && lamina::gates(weights[0].cell) > 1)
        throw nb::value_error("all layers need the same cell");
      inputs = weights.back().hidden;
    }
    Constant rows;
    const float* products = nullptr;
    int64_t tokens = 0;
    if (!table.is_none()) {
      rows = nb::cast<Constant>(table);
      tokens = rows.ndim() ? static_cast<int64_t>(rows.shape(0)) : 0;
      if (tokens < 1) throw nb::value_error("table is empty; need a row for each token");
      products = data<const float>(rows, "table",
                                   {tokens, lamina::gates(weights[0].cell) * weights[0].hidden});
    }
    stepper_ = std::make_unique<lamina::Stepper>(weights.data(), weights.size(), batch, int8,
                                                 products, tokens, threads);
    x_shape_ = {batch, stepper_->inputs()};
    out_shape_ = {batch, stepper_->hidden(stepper_->layers() - 1)};
  }

  void step(const Constant& x, const Array& out) {
    float* to = data<float>(out, "out", out_shape_);
    if (stepper_->tokens()) return step_tokens(x, to);
    const float* from = data<const float>(x, "x", x_shape_);
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->step(from, to);
  }

  void reset() {
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->reset();
  }

  void get_state(int64_t layer, int part, const Array& out) {
    float* to = data<float>(out, "state", part_shape(layer, part));
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->get_state(layer, part, to);
  }

  void set_state(int64_t layer, int part, const Constant& from) {
    const float* values = data<const float>(from, "state", part_shape(layer, part));
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->set_state(layer, part, values);
  }

  const lamina::Stepper& engine() const { return *stepper_; }

 private:
  void step_tokens(const Constant& x, float* to) {
    const int64_t* given = data<const int64_t>(x, "tokens", {stepper_->batch()});
    int64_t tokens[lamina::most_step_batch];  // a copy: nobody can change them after the check
    for (int64_t b = 0; b < stepper_->batch(); b++) {
      tokens[b] = given[b];
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

  std::vector<int64_t> part_shape(int64_t layer, int part) const {
    if (layer < 0 || layer >= stepper_->layers() || part < 0 || part >= stepper_->parts())
      throw nb::index_error("no such part of the state");
    return {stepper_->batch(), stepper_->hidden(layer)};
  }

  std::unique_ptr<lamina::Stepper> stepper_;
  std::vector<int64_t> x_shape_, out_shape_;
  std::mutex mutex_;
};

}  // namespace

void bind_step(nb::module_& m) {
  nb::class_<PyStepper>(m, "Stepper")
      .def(nb::init<nb::list, int64_t, int64_t, bool, nb::object, int>(), nb::arg("layers"),
           nb::arg("inputs"), nb::arg("batch"), nb::arg("int8"), nb::arg("table").none(),
           nb::arg("threads"))
      .def("step", &PyStepper::step)
      .def("reset", &PyStepper::reset)
      .def("get_state", &PyStepper::get_state)
      .def("set_state", &PyStepper::set_state)
      .def_prop_ro("threads", [](const PyStepper& s) { return s.engine().threads(); })
      .def_prop_ro("weight_bytes", [](const PyStepper& s) { return s.engine().weight_bytes(); });
}
