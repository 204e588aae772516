// All that a test of the core needs: CHECK(condition) or CHECK(condition, "format", values...).
// A test is a program: main() returns 0 when all is well, and the first failure ends it with 1.
#pragma once

#include <cstdio>
#include <cstdlib>

// _Exit, for a failure may be found on any thread, while others still run.
#define CHECK(condition, ...)                                                \
  do {                                                                       \
    if (!(condition)) {                                                      \
      std::fprintf(stderr, "%s:%d: failed: %s", __FILE__, __LINE__, #condition); \
      __VA_OPT__(std::fprintf(stderr, ": " __VA_ARGS__);)                    \
      std::fputc('\n', stderr);                                              \
      std::_Exit(1);                                                         \
    }                                                                        \
  } while (false)
