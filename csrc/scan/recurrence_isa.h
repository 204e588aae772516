// What each instruction set offers to recurrence.cpp. Views only, no templates: see isa.h.
#pragma once

#include <stddef.h>

#include "isa/isa.h"
#include "threads/pool.h"
#include "scan/recurrence.h"

namespace lamina {

// Steps of some members of the batch that one thread, or a few together, compute. See plan.h.
struct GroupView {
  int64_t first, steps, count;
  const int64_t *members, *active, *offset;
};

struct PlanView {
  int64_t slots;
  const GroupView* groups;
  int group_count, columns;
  const int64_t* place;
  int64_t picked_count;
  const int64_t *picked, *pick;  // null without tokens
};

struct Threads {
  int ranks;
  Barrier& everyone;
  Barrier** teams;  // one a group
};

// Where working memory comes from; it may throw, and does so before any thread runs.
typedef void* (*Workspace)(void* context, size_t bytes);

}  // namespace lamina

LAMINA_DECLARE(int64_t saved_floats(const Problem&);
               void forward(const Problem&, const Results&, const PlanView&, const Threads&,
                            Workspace, void* context);
               void backward(const Problem&, const Results&, const Gradients&, const PlanView&,
                             const Threads&, Workspace, void* context);)
