// Threads for the kernels: the OpenMP team that the process has (openmp.h), else one of our own that
// starts on the first call and sleeps when nobody needs it.
//
// No standard header and no template, so that files compiled for one instruction set may include
// it: the linker could else pick their copy of an inline function for every CPU.
#pragma once

namespace lamina {

typedef void (*Task)(void* context, int rank);

// Runs task(context, rank) for the ranks 0..n-1, each on its own thread and all at the same time
// (so they may wait for one another at a Barrier), rank 0 on the caller; returns when all are done.
//
// Callers from several threads take turns. A task must not throw, fork, or call parallel with
// n > 1: the first and the last end the process with a line that says so. n == 1 is a plain call.
// Throws std::system_error, before any rank has run, if the system gives no thread.
void parallel(int n, Task task, void* context);

// How many threads a call made by this thread should use: what set_threads was given in it, else
// the environment variable LAMINA_THREADS, else the number of CPUs that this process may use.
// Throws std::invalid_argument if LAMINA_THREADS is no whole number of at least 1.
int threads();

// For the calls of this thread, as torch.set_num_threads is for torch's. Throws
// std::invalid_argument if n < 1.
void set_threads(int n);

// The `size` ranks of a team wait for one another, as often as they like: what one wrote before
// wait() all see after it. Spins, then yields, then sleeps; with more ranks than CPUs it sleeps.
class Barrier {
 public:
  explicit Barrier(int size);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  void wait();

 private:
  struct State;
  alignas(64) unsigned char storage_[64];
};

}  // namespace lamina
