// In which order the steps of a batch are computed, so that none is spent on padding.
//
// The members of the batch are sorted, longest first, and dealt to groups, one group a thread. Step s
// of a group computes the first active[s] of its members; each pair (s, member) has a *slot*, and all
// that is kept of a step is kept in the order of slots, without gaps.
#pragma once

#include <stdint.h>

#include <vector>

#include "scan/recurrence.h"

namespace lamina {

struct Group {
  int64_t first;                  // its first slot
  int64_t steps;                  // of its longest member
  std::vector<int64_t> members;   // (n,) which members of the batch, longest first
  std::vector<int64_t> active;    // (steps + 1,) how many members step s has; 0 at the end
  std::vector<int64_t> offset;    // (steps + 1,) slot of the first member of step s, from `first` on
};

struct Plan {
  int64_t slots;                  // number of valid steps of the whole batch
  std::vector<Group> groups;
  int columns;                    // threads that share a group, each with its own hidden units
  std::vector<int64_t> place;     // (slots,) the row t*B + b of inputs and outputs
  std::vector<int64_t> picked;    // the distinct tokens, ascending; empty without tokens
  std::vector<int64_t> pick;      // (slots,) index into `picked`

  explicit Plan(const Problem&);
};

}  // namespace lamina
