// The step engine as lamina.kernels._core.Stepper. Everything that comes from Python is checked
// here: behind this border sizes and pointers are right.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "step/step.h"

namespace nb = nanobind;
using lamina::Cell;

namespace {

std::string shape_name(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

// The numbers of an array, by Python's buffer protocol: of what a step costs, reading its arguments
// is a part, and this way it is a tenth of a microsecond.
class View {
 public:
  // ValueError, with got and need, for an array of another type or shape, or one whose numbers do
  // not stand together as those of a C array do.
  View(nb::handle array, const char* name, char type, const std::vector<int64_t>& shape,
       bool write = false) {
    const int flags = PyBUF_FORMAT | PyBUF_STRIDES | (write ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(array.ptr(), &view_, flags)) {
      PyErr_Clear();
      const char* kind = write ? "that can be written" : "of numpy";
      refuse(std::string(name) + " is a " + nb::type_name(array.type()).c_str() +
             "; need an array " + kind);
    }
    if (fits(type, shape)) return;
    std::vector<int64_t> got(view_.shape, view_.shape + view_.ndim);
    const std::string format = this->format(), problem = contiguous() ? "" : ", not contiguous";
    PyBuffer_Release(&view_);
    refuse(std::string(name) + " is " + shape_name(got) + " of type '" + format + "'" + problem +
           "; need " + shape_name(shape) + " " + (type == 'f' ? "float32" : "int64") +
           ", contiguous");
  }
  View(View&& other) noexcept : view_(other.view_) { other.view_.obj = nullptr; }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View() { PyBuffer_Release(&view_); }

  template <class T>
  T* data() const {
    return static_cast<T*>(view_.buf);
  }

 private:
  [[noreturn]] static void refuse(const std::string& message) {
    throw nb::value_error(message.c_str());
  }

  const char* format() const { return view_.format ? view_.format : "B"; }

  bool fits(char type, const std::vector<int64_t>& shape) const {
    const char* format = this->format();
    const bool same = type == 'f' ? !strcmp(format, "f")
                                  : (!strcmp(format, "l") || !strcmp(format, "q")) &&
                                        view_.itemsize == 8;
    if (!same || view_.ndim != static_cast<int>(shape.size())) return false;
    for (size_t i = 0; i < shape.size(); i++)
      if (view_.shape[i] != shape[i]) return false;
    return contiguous();
  }

  bool contiguous() const {
    Py_ssize_t step = view_.itemsize;
    for (int i = view_.ndim; i-- > 0; step *= view_.shape[i])
      if (view_.shape[i] > 1 && view_.strides[i] != step) return false;
    return true;
  }

  Py_buffer view_;
};

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
    return kept_.emplace_back(layer_[name], name, 'f', shape).data<const float>();
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
  std::vector<View> kept_;
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
      if (lamina::gates(weights[0].cell) != lamina::gates(weights.back().cell))
        throw nb::value_error("all layers need the same cell");
      inputs = weights.back().hidden;
    }
    std::optional<View> rows;
    const int64_t tokens = table.is_none() ? 0 : static_cast<int64_t>(nb::len(table));
    if (!table.is_none()) {
      if (tokens < 1) throw nb::value_error("table is empty; need a row for each token");
      const int64_t row = lamina::gates(weights[0].cell) * weights[0].hidden;
      rows.emplace(table, "table", 'f', std::vector<int64_t>{tokens, row});
    }
    stepper_ = std::make_unique<lamina::Stepper>(weights.data(), weights.size(), batch, int8,
                                                 rows ? rows->data<const float>() : nullptr, tokens,
                                                 threads);
    x_shape_ = {batch};
    if (table.is_none()) x_shape_.push_back(stepper_->inputs());
    out_shape_ = {batch, stepper_->hidden(stepper_->layers() - 1)};
  }

  void step(nb::handle x, nb::handle out) {
    const View to(out, "out", 'f', out_shape_, true);
    if (stepper_->tokens()) return step_tokens(x, to.data<float>());
    const View from(x, "x", 'f', x_shape_);
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->step(from.data<const float>(), to.data<float>());
  }

  void reset() {
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->reset();
  }

  void get_state(int64_t layer, int part, nb::handle out) {
    const View to(out, "state", 'f', part_shape(layer, part), true);
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->get_state(layer, part, to.data<float>());
  }

  void set_state(int64_t layer, int part, nb::handle from) {
    const View values(from, "state", 'f', part_shape(layer, part));
    nb::gil_scoped_release release;
    std::lock_guard lock(mutex_);
    stepper_->set_state(layer, part, values.data<const float>());
  }

  const lamina::Stepper& engine() const { return *stepper_; }

 private:
  void step_tokens(nb::handle x, float* to) {
    const View view(x, "tokens", 'l', x_shape_);
    const int64_t* given = view.data<const int64_t>();
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
      .def("step", &PyStepper::step, nb::arg().none(), nb::arg())
      .def("reset", &PyStepper::reset)
      .def("get_state", &PyStepper::get_state)
      .def("set_state", &PyStepper::set_state)
      .def_prop_ro("threads", [](const PyStepper& s) { return s.engine().threads(); })
      .def_prop_ro("weight_bytes", [](const PyStepper& s) { return s.engine().weight_bytes(); });
}
