// Which instruction set the core runs with. No templates here: files that are compiled once per
// instruction set include this.
#pragma once

namespace lamina {

enum class Isa { portable, avx2, avx512 };

// The one in use: the widest that this CPU has, until choose_isa says otherwise.
Isa isa();
const char* isa_name();
int isa_lanes();  // floats in one of its vectors

// Whether this build has code for it and this CPU can run it.
bool isa_available(Isa);

// Takes the instruction set of that name: false, and nothing changes, for an unknown name or one
// that is not available. Call it before any other thread runs.
bool choose_isa(const char* name);

// What this build and this CPU have, as "portable, avx2".
const char* isa_choices();

}  // namespace lamina

// LAMINA_DECLARE(void f(int);) declares f in the namespace of every instruction set of this build.
// LAMINA_PICK(f) is the one to call.
#ifdef LAMINA_X86_64
#define LAMINA_DECLARE(...)               \
  namespace lamina {                      \
  namespace portable { __VA_ARGS__ }      \
  namespace avx2 { __VA_ARGS__ }          \
  namespace avx512 { __VA_ARGS__ }        \
  }
#define LAMINA_PICK(name)                                               \
  (::lamina::isa() == ::lamina::Isa::avx512 ? &::lamina::avx512::name   \
   : ::lamina::isa() == ::lamina::Isa::avx2 ? &::lamina::avx2::name     \
                                            : &::lamina::portable::name)
#else
#define LAMINA_DECLARE(...) \
  namespace lamina {        \
  namespace portable { __VA_ARGS__ } \
  }
#define LAMINA_PICK(name) (&::lamina::portable::name)
#endif
