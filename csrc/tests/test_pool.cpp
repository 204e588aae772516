// The pool and the barrier. What the ranks write is plain memory, so that ThreadSanitizer sees
// whether `parallel` and `Barrier` order it.
#include "threads/pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "check.h"

namespace {

using lamina::Barrier;
using lamina::parallel;

template <class Body>
void parallel_do(int n, Body body) {
  parallel(n, [](void* context, int rank) { (*static_cast<Body*>(context))(rank); }, &body);
}

void every_rank_runs_once_on_its_own_thread() {
  for (int round = 0; round < 300; round++) {
    const int n = 1 + round * 7 % 5;
    std::vector<int> runs(n);
    std::vector<pthread_t> thread(n);
    parallel_do(n, [&](int rank) {
      runs[rank]++;
      thread[rank] = pthread_self();
    });
    CHECK(pthread_equal(thread[0], pthread_self()));
    for (int i = 0; i < n; i++) {
      CHECK(runs[i] == 1, "rank %d of %d ran %d times", i, n, runs[i]);
      for (int j = 0; j < i; j++) CHECK(!pthread_equal(thread[i], thread[j]));
    }
  }
}

// More ranks than this machine may have cores, too: none is left out while others wait for it.
void a_barrier_orders_what_the_ranks_write() {
  for (int n : {1, 2, 3, 6}) {
    Barrier barrier(n);
    std::vector<int> written(n);
    parallel_do(n, [&](int rank) {
      for (int round = 1; round <= 200; round++) {
        written[rank] = round;
        barrier.wait();
        for (int other : written) CHECK(other == round, "saw %d in round %d", other, round);
        barrier.wait();
      }
    });
  }
}

// One rank is so late that the others have gone to sleep, at the barrier and at the end.
void a_late_rank_is_waited_for() {
  for (int late = 0; late < 3; late++) {
    Barrier barrier(3);
    int written = 0, seen[3] = {};
    const auto sleep = [&](int rank) {
      if (rank == late) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    };
    parallel_do(3, [&](int rank) {
      sleep(rank);
      if (rank == late) written = 1;
      barrier.wait();
      seen[rank] = written;
      sleep(rank);
    });
    CHECK(seen[0] + seen[1] + seen[2] == 3);
  }
}

void callers_take_turns() {
  std::atomic<int> inside{0};
  std::vector<int> total(4);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; caller++) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 100; round++) {
        int part[3] = {};
        parallel_do(2 + caller % 2, [&](int rank) {
          if (rank == 0) CHECK(inside.fetch_add(1) == 0);
          part[rank] = 1;
          if (rank == 0) inside.fetch_sub(1);
        });
        total[caller] += part[0] + part[1] + part[2];
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (int caller = 0; caller < 4; caller++) CHECK(total[caller] == 100 * (2 + caller % 2));
}

void a_task_may_call_parallel_for_itself_alone() {
  int sum = 0;
  parallel_do(2, [&](int rank) {
    if (rank == 1) parallel_do(1, [&](int inner) { sum += 1 + inner; });
  });
  CHECK(sum == 1);
}

void idle_workers_use_no_cpu() {
  const auto used_seconds = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  parallel_do(2, [](int) {});  // no more than there are CPUs: such a team waits before it sleeps
  const double before = used_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double used = used_seconds() - before;
  CHECK(used < 0.1, "%g s in 0.2 s of rest", used);
}

// ThreadSanitizer cannot follow a program that forks while it has threads, and starts new ones then.
#if defined(__SANITIZE_THREAD__)  // by GCC
constexpr bool can_fork = false;
#elif defined(__has_feature)  // by clang
constexpr bool can_fork = !__has_feature(thread_sanitizer);
#else
constexpr bool can_fork = true;
#endif

// How a child that runs `body` ends: its exit code, or minus the signal that ended it.
template <class Body>
int in_child(Body body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(60);
    body();
    std::_Exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void sum_in_parallel() {
  int part[3] = {};
  parallel_do(3, [&](int rank) { part[rank] = rank + 1; });
  CHECK(part[0] + part[1] + part[2] == 6);
}

void a_child_has_its_own_team() {
  sum_in_parallel();
  CHECK(in_child([] {
    for (int i = 0; i < 20; i++) sum_in_parallel();
    CHECK(in_child(sum_in_parallel) == 0);  // and so has a child's child
  }) == 0);
  sum_in_parallel();
}

// Whatever another thread is doing in the pool at that moment: its lock is held, its workers run.
void a_fork_may_come_at_any_time() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 2; i++) {
    others.emplace_back([&] {
      while (!stop.load()) sum_in_parallel();
    });
  }
  for (int i = 0; i < 30; i++) {
    CHECK(in_child([] {
      sum_in_parallel();
      std::thread(sum_in_parallel).join();
    }) == 0);
  }
  stop.store(true);
  for (std::thread& other : others) other.join();
}

void a_task_that_calls_parallel_ends_the_process() {
  for (int caller : {0, 1}) {
    const int end = in_child([caller] {
      std::freopen("/dev/null", "w", stderr);
      parallel_do(2, [caller](int rank) {
        if (rank == caller) parallel_do(2, [](int) {});
      });
    });
    CHECK(end == -SIGABRT, "ended with %d", end);
  }
}

}  // namespace

int main() {
  alarm(120);  // a deadlock shall fail, not hang
  every_rank_runs_once_on_its_own_thread();
  a_barrier_orders_what_the_ranks_write();
  a_late_rank_is_waited_for();
  callers_take_turns();
  idle_workers_use_no_cpu();
  a_task_may_call_parallel_for_itself_alone();
  if (can_fork) {
    a_child_has_its_own_team();
    a_fork_may_come_at_any_time();
    a_task_that_calls_parallel_ends_the_process();
  }
}
