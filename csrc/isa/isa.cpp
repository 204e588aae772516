#include "isa/isa.h"

#include <string.h>

namespace lamina {
namespace {

struct Entry {
  Isa isa;
  const char* name;
  int lanes;
};

constexpr Entry entries[] = {
    {Isa::portable, "portable", 4}, {Isa::avx2, "avx2", 8}, {Isa::avx512, "avx512", 16}};

Isa widest() {
  if (isa_available(Isa::avx512)) return Isa::avx512;
  if (isa_available(Isa::avx2)) return Isa::avx2;
  return Isa::portable;
}

Isa chosen = widest();

const Entry& entry() { return entries[static_cast<int>(chosen)]; }

}  // namespace

Isa isa() { return chosen; }
const char* isa_name() { return entry().name; }
int isa_lanes() { return entry().lanes; }

bool isa_available(Isa isa) {
#ifdef LAMINA_X86_64
  // Asks the operating system too, which must save the wide registers. What is asked for here is
  // what CMakeLists.txt lets the compiler use.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return isa == Isa::portable || (isa == Isa::avx2 && avx2) || (isa == Isa::avx512 && avx512);
#else
  return isa == Isa::portable;
#endif
}

bool choose_isa(const char* name) {
  for (const Entry& entry : entries) {
    if (strcmp(entry.name, name) == 0 && isa_available(entry.isa)) {
      chosen = entry.isa;
      return true;
    }
  }
  return false;
}

const char* isa_choices() {
  // Each one has those before it.
  switch (widest()) {
    case Isa::avx512: return "portable, avx2, avx512";
    case Isa::avx2: return "portable, avx2";
    default: return "portable";
  }
}

}  // namespace lamina
