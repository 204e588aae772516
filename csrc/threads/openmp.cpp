#include "threads/openmp.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>

namespace lamina {
namespace {

// GCC's runtime, and LLVM's and Intel's in its name.
struct Runtime {
  template <class Function>
  static void find(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
  }

  Runtime() {
    find(parallel, "GOMP_parallel");
    find(team_limit, "omp_get_max_threads");
    find(team_size, "omp_get_num_threads");
    find(rank, "omp_get_thread_num");
    find(nested, "omp_in_parallel");
    there = parallel && team_limit && team_size && rank && nested;
  }

  void (*parallel)(void (*body)(void*), void* context, unsigned threads, unsigned flags);
  int (*team_limit)();
  int (*team_size)();
  int (*rank)();
  int (*nested)();
  bool there;
};

const Runtime& runtime() {
  static const Runtime found;
  return found;
}

// The child of a fork inherits the runtime, but none of the threads that the runtime counts on.
std::atomic<bool> forked{false};
const int at_fork = pthread_atfork(nullptr, nullptr, [] { forked.store(true); });

struct Region {
  const int ranks;
  const Task task;
  void* const context;
  bool complete = true;
};

void body(void* argument) {
  Region& region = *static_cast<Region*>(argument);
  const int rank = runtime().rank();
  // OMP_DYNAMIC and OMP_THREAD_LIMIT may shrink a team below what was asked for.
  if (runtime().team_size() < region.ranks) {
    if (rank == 0) region.complete = false;
  } else if (rank < region.ranks) {
    region.task(region.context, rank);
  }
}

}  // namespace

bool openmp_parallel(int n, Task task, void* context) {
  if (forked.load() || !runtime().there || runtime().nested()) return false;
  // All of the team is called, though fewer may be needed: the runtime would end the others.
  const int team = runtime().team_limit();
  if (team < n) return false;
  Region region{n, task, context};
  runtime().parallel(body, &region, static_cast<unsigned>(team), 0);
  return region.complete;
}

}  // namespace lamina
