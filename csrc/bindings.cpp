// lamina.kernels._core: what the module offers beside the kernels, which bind themselves.
#include <nanobind/nanobind.h>

#include <stdlib.h>

#include <string>

#include "isa.h"
#ifdef LAMINA_HAS_POOL
#include "pool.h"
#endif

namespace nb = nanobind;

#ifdef LAMINA_HAS_BIND_RECURRENCE
void bind_recurrence(nb::module_&);
#endif
#ifdef LAMINA_HAS_BIND_STEP
void bind_step(nb::module_&);
#endif

NB_MODULE(_core, m) {
  const char* wanted = getenv("LAMINA_ISA");
  if (wanted && *wanted && !lamina::choose_isa(wanted)) {
    const std::string message = std::string("got LAMINA_ISA=") + wanted + "; need one of " +
                                lamina::isa_choices() + " on this CPU, or leave it unset.";
    throw nb::import_error(message.c_str());
  }
  m.def("isa", &lamina::isa_name);
  m.def("lanes", &lamina::isa_lanes);
#ifdef LAMINA_HAS_POOL
  m.def("threads", &lamina::threads);
  m.def("set_threads", [](int n) {
    if (n < 1) throw nb::value_error("set_threads: need at least 1 thread");
    lamina::set_threads(n);
  }, nb::arg("n"));
#endif
#ifdef LAMINA_HAS_BIND_RECURRENCE
  bind_recurrence(m);
#endif
#ifdef LAMINA_HAS_BIND_STEP
  bind_step(m);
#endif
}
