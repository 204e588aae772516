// The team of threads that the process has anyway: OpenMP's, where torch brought it in.
#pragma once

#include "threads/pool.h"

namespace lamina {

// As `parallel`, on the OpenMP team of the calling thread; false, and nothing has run, where there
// is no such team of at least `n` threads that would all run at the same time.
//
// Torch's operators leave that team spinning for some milliseconds, ready for the next of them. A
// second team would have to share the CPUs with it, and nearly every call comes from between two
// operators. The runtime is found by name when it is first needed: to link to one could load a
// second beside torch's.
bool openmp_parallel(int n, Task task, void* context);

}  // namespace lamina
