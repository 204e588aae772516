// lamina.kernels._core: what the module offers beside the kernels, which bind themselves.
#include <nanobind/nanobind.h>

#include <stdlib.h>

#include <string>

#include "isa/isa.h"
#include "threads/pool.h"

namespace nb = nanobind;

void bind_memory(nb::module_&);
void bind_recurrence(nb::module_&);
void bind_step(nb::module_&);

NB_MODULE(_core, m) {
  const char* wanted = getenv("LAMINA_ISA");
  if (wanted && *wanted && !lamina::choose_isa(wanted)) {
    const std::string message = std::string("got LAMINA_ISA=") + wanted + "; need one of " +
                                lamina::isa_choices() + " on this CPU, or leave it unset.";
    throw nb::import_error(message.c_str());
  }
  m.def("isa", &lamina::isa_name);
  m.def("lanes", &lamina::isa_lanes);
  m.def("threads", &lamina::threads);
  m.def("set_threads", &lamina::set_threads, nb::arg("n"));
  bind_memory(m);
  bind_recurrence(m);
  bind_step(m);
}
