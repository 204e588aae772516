#include "scan/recurrence.h"

#include <memory>

#include "memory/memory.h"
#include "scan/plan.h"
#include "scan/recurrence_isa.h"

namespace lamina {
namespace {

// One call: the plan, its view, the threads, and the working memory.
class Call {
 public:
  explicit Call(const Problem& p)
      : plan_(p), everyone_(p.threads), threads_{p.threads, everyone_, nullptr} {
    for (const Group& g : plan_.groups) {
      groups_.push_back({g.first, g.steps, (int64_t)g.members.size(), g.members.data(),
                         g.active.data(), g.offset.data()});
      barriers_.push_back(std::make_unique<Barrier>(plan_.columns));
      teams_.push_back(barriers_.back().get());
    }
    threads_.teams = teams_.data();
    view_ = {plan_.slots,
             groups_.data(),
             (int)groups_.size(),
             plan_.columns,
             plan_.place.data(),
             (int64_t)plan_.picked.size(),
             plan_.picked.data(),
             plan_.pick.data()};
  }

  const PlanView& plan() const { return view_; }
  const Threads& threads() const { return threads_; }

  static void* workspace(void* call, size_t bytes) {
    auto& memory = static_cast<Call*>(call)->memory_;
    memory.reset(take_block(bytes));
    return memory.get();
  }

 private:
  Plan plan_;
  Barrier everyone_;
  std::vector<GroupView> groups_;
  std::vector<std::unique_ptr<Barrier>> barriers_;
  std::vector<Barrier*> teams_;
  PlanView view_;
  Threads threads_;
  Block memory_;
};

}  // namespace

int64_t saved_floats(const Problem& p) { return LAMINA_PICK(saved_floats)(p); }

void forward(const Problem& p, const Results& r) {
  Call call(p);
  LAMINA_PICK(forward)(p, r, call.plan(), call.threads(), Call::workspace, &call);
}

void backward(const Problem& p, const Results& r, const Gradients& d) {
  Call call(p);
  LAMINA_PICK(backward)(p, r, d, call.plan(), call.threads(), Call::workspace, &call);
}

}  // namespace lamina
