// forward() and backward() of recurrence.h for one instruction set.
#include "scan/backward.h"
#include "scan/forward.h"

namespace lamina::LAMINA_ISA {
namespace {

template <class Pass>
void run_rank(void* pass, int rank) {
  ((Pass*)pass)->run(rank);
}

// Makes a pass twice: once to learn how much memory it needs, once to run it.
template <class Make>
void run_pass(Make make, int ranks, float* saved, Workspace workspace, void* context) {
  Arena no_saved(nullptr), no_work(nullptr);
  make(no_saved, no_work);
  Arena have_saved(saved), have_work(workspace(context, no_work.bytes()));
  auto pass = make(have_saved, have_work);
  parallel(ranks, run_rank<decltype(pass)>, &pass);
}

}  // namespace

int64_t saved_floats(const Problem& p) {
  return for_cell(p.cell, [&](auto cell) {
    Arena arena(nullptr);
    const int64_t slots = p.steps * p.batch;
    Kept<decltype(cell)>(arena, p, slots, p.tokens ? smaller(p.table, slots) : 0);
    return (int64_t)(arena.bytes() / sizeof(float));
  });
}

void forward(const Problem& p, const Results& r, const PlanView& plan, const Threads& threads,
             Workspace workspace, void* context) {
  for_cell(p.cell, [&](auto cell) {
    using C = decltype(cell);
    const Frame<C> frame{p, plan, Shape<C>(p.hidden), threads.ranks, threads.everyone, threads.teams};
    run_pass([&](Arena& saved, Arena& work) { return Forward<C>(frame, r, saved, work); },
             threads.ranks, r.saved, workspace, context);
  });
}

void backward(const Problem& p, const Results& r, const Gradients& d, const PlanView& plan,
              const Threads& threads, Workspace workspace, void* context) {
  for_cell(p.cell, [&](auto cell) {
    using C = decltype(cell);
    const Frame<C> frame{p, plan, Shape<C>(p.hidden), threads.ranks, threads.everyone, threads.teams};
    run_pass([&](Arena& saved, Arena& work) { return Backward<C>(frame, r, d, saved, work); },
             threads.ranks, r.saved, workspace, context);
  });
}

}  // namespace lamina::LAMINA_ISA
