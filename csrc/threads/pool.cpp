#include "threads/pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "threads/openmp.h"

namespace lamina {
namespace {

using Word = std::atomic<uint32_t>;

// That this process may use. Known before any call, for a fork may come at any time.
const int cpus = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// How long a thread looks for what it waits for before it sleeps: long enough to bridge the gaps
// between the calls of a layer, and no longer than it takes to wake a sleeper a few times.
constexpr std::chrono::microseconds patience{100};

// Looks for `ready` over and over; whether it came in time. Only the first few microseconds in a
// tight loop: if the thread that is waited for has to share this core, it can only come sooner when
// the core is yielded to it. Where nobody else wants the core, yielding costs a fraction of one.
template <class Ready>
bool look_for(Ready ready) {
  using Clock = std::chrono::steady_clock;
  constexpr int tight = 64;
  for (int i = 0; i < tight; ++i) {
    if (ready()) return true;
    pause();
  }
  for (const auto end = Clock::now() + patience; Clock::now() < end;) {
    std::this_thread::yield();
    if (ready()) return true;
  }
  return false;
}

// Until `word` is no longer `old`; then what it is.
uint32_t wait_for_change(const Word& word, uint32_t old, bool patient) {
  const auto changed = [&] { return word.load(std::memory_order_acquire) != old; };
  if (!patient || !look_for(changed)) {
    while (!changed()) word.wait(old, std::memory_order_acquire);
  }
  return word.load(std::memory_order_acquire);
}

thread_local bool inside_task = false;

// What a rank runs, whichever team it is in.
struct Job {
  Task task;
  void* context;

  void operator()(int rank) const noexcept {
    inside_task = true;
    task(context, rank);
    inside_task = false;
  }
};

// One thread of the team. What a call gives it lies on its own cache line.
struct alignas(64) Worker {
  Word calls{0};
  int rank = 0;
  bool patient = true;
  const Job* job = nullptr;
  Worker* next = nullptr;
};

// A lock that a forked child can take over whoever held it: no owner, nothing but this word.
struct Lock {
  Word state{0};  // 0 free, 1 taken, 2 taken and perhaps waited for

  void take() {
    uint32_t expected = 0;
    if (state.compare_exchange_strong(expected, 1)) return;
    while (state.exchange(2) != 0) state.wait(2);
  }
  void give() {
    if (state.exchange(0) == 2) state.notify_one();
  }
};

// Nothing below is ever destroyed: workers may still sleep on it while the process exits.
Lock turn;
Worker* first = nullptr;  // the team in order of rank; only the holder of `turn` touches it
int started = 0;          // that many of them have a thread
alignas(64) Word running{0};  // workers that have not finished the present call

[[noreturn]] void die(const char* why) {
  std::fprintf(stderr, "lamina: %s\n", why);
  std::abort();
}

void* work(void* argument) noexcept {
  Worker& self = *static_cast<Worker*>(argument);
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "lamina");
#endif
  bool patient = true;
  for (uint32_t seen = 0;;) {
    seen = wait_for_change(self.calls, seen, patient);
    patient = self.patient;  // read before the call ends: the next one may write it at any time
    (*self.job)(self.rank);
    if (running.fetch_sub(1) == 1) running.notify_one();
  }
}

void start(Worker& worker) {
  worker.calls.store(0);
  // Signals are the program's: a worker takes none but those of its own faults.
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, work, &worker);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), "lamina could not start a thread");
  }
  pthread_detach(thread);
}

// The workers of ranks 1..n-1 exist and have threads.
void gather(int n) {
  Worker** place = &first;
  for (int rank = 1; rank < n; ++rank) {
    if (*place == nullptr) {
      auto fresh = std::make_unique<Worker>();
      fresh->rank = rank;
      *place = fresh.release();  // one store: a fork by another thread finds it done or not begun
    }
    if (started < rank) {
      start(**place);
      started = rank;
    }
    place = &(*place)->next;
  }
}

void run_job(void* job, int rank) { (*static_cast<const Job*>(job))(rank); }

void run(int n, Job& job) {
  running.store(static_cast<uint32_t>(n - 1));
  const bool patient = n <= cpus;
  Worker* worker = first;
  for (int rank = 1; rank < n; ++rank, worker = worker->next) {
    worker->job = &job;
    worker->patient = patient;
    worker->calls.fetch_add(1);
    worker->calls.notify_one();
  }
  job(0);
  for (uint32_t left = running.load(); left != 0;) left = wait_for_change(running, left, patient);
}

// In the child of a fork only the thread that forked lives; whatever the others held is free.
void forget_threads() {
  turn.state.store(0);
  started = 0;
}

const int at_fork = pthread_atfork(nullptr, nullptr, forget_threads);

int default_threads() {
  static std::atomic<int> known{0};
  if (const int count = known.load(); count != 0) return count;
  int count = cpus;
  if (const char* text = std::getenv("LAMINA_THREADS")) {
    const char* end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, count);
    if (read.ec != std::errc() || read.ptr != end || count < 1) {
      throw std::invalid_argument("LAMINA_THREADS is '" + std::string(text) +
                                  "'; need a whole number of at least 1");
    }
  }
  known.store(count);
  return count;
}

thread_local int chosen_threads = 0;

}  // namespace

void parallel(int n, Task task, void* context) {
  if (n <= 1) {
    task(context, 0);
    return;
  }
  if (inside_task) die("a task of parallel called parallel; it may not");
  struct Turn {
    Turn() { turn.take(); }
    ~Turn() { turn.give(); }
  } held;
  Job job{task, context};
  if (openmp_parallel(n, run_job, &job)) return;
  gather(n);
  run(n, job);
}

int threads() { return chosen_threads != 0 ? chosen_threads : default_threads(); }

void set_threads(int n) {
  if (n < 1) {
    throw std::invalid_argument("got " + std::to_string(n) + " threads; need at least 1");
  }
  chosen_threads = n;
}

// One counter of all arrivals, in all rounds: the arrival of the last rank is itself the sign to
// go, so that a round costs one way of one cache line between the cores.
struct Barrier::State {
  const uint64_t size;
  const bool patient;
  std::atomic<uint64_t> arrived{0};
  Word sleepers{0};
  Word bell{0};
};

Barrier::Barrier(int size) {
  static_assert(sizeof(State) <= sizeof(storage_));
  new (storage_) State{static_cast<uint64_t>(size), size <= cpus};
}

void Barrier::wait() {
  State& state = *std::launder(reinterpret_cast<State*>(storage_));
  const uint64_t before = state.arrived.fetch_add(1);
  const uint64_t all = before - before % state.size + state.size;
  if (before + 1 == all) {
    if (state.sleepers.load() != 0) {
      state.bell.fetch_add(1);
      state.bell.notify_all();
    }
    return;
  }
  const auto complete = [&] { return state.arrived.load(std::memory_order_acquire) >= all; };
  if (state.patient && look_for(complete)) return;
  // The last to arrive counts itself and then looks for sleepers; a sleeper does it the other way
  // round. So one of the two always sees the other.
  state.sleepers.fetch_add(1);
  for (;;) {
    const uint32_t heard = state.bell.load();
    if (state.arrived.load() >= all) break;
    state.bell.wait(heard);
  }
  state.sleepers.fetch_sub(1);
}

}  // namespace lamina
