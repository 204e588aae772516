#include "recurrence.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "plan.h"
#include "recurrence_isa.h"

namespace lamina {
namespace {

// Working memory of a call. The block of one call serves the next one: fresh pages of memory cost
// more time than some layers do.
class Memory {
 public:
  Memory() : block_(spare.exchange(nullptr)) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    if (block_ && block_->bytes <= most_kept) block_ = spare.exchange(block_);
    release();
  }

  // On a cache line; nothing of what was there before is kept. Throws std::bad_alloc.
  float* take(int64_t floats) {
    const size_t bytes = header + ((size_t)floats * sizeof(float) + 63) / 64 * 64;
    if (!block_ || block_->bytes < bytes) {
      release();
      void* fresh = std::aligned_alloc(header, bytes);
      if (!fresh) throw std::bad_alloc();
      block_ = new (fresh) Block{bytes};
    }
    return (float*)((char*)block_ + header);
  }

 private:
  struct Block {
    size_t bytes;
  };
  static constexpr size_t header = 64, most_kept = size_t{64} << 20;
  inline static std::atomic<Block*> spare{nullptr};

  void release() { std::free(std::exchange(block_, nullptr)); }

  Block* block_;
};

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

  static float* workspace(void* call, int64_t floats) {
    return ((Call*)call)->memory_.take(floats);
  }

 private:
  Plan plan_;
  Barrier everyone_;
  std::vector<GroupView> groups_;
  std::vector<std::unique_ptr<Barrier>> barriers_;
  std::vector<Barrier*> teams_;
  PlanView view_;
  Threads threads_;
  Memory memory_;
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
