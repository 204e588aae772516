#include "scan/plan.h"

#include <algorithm>
#include <numeric>

namespace lamina {
namespace {

// With fewer members than this a thread is better used on some of the units of all members: its
// share of the weights is then read once for more rows.
constexpr int64_t least_members = 4;

int64_t length(const Problem& p, int64_t member) {
  return p.lengths ? p.lengths[member] : p.steps;
}

// Which step of time step s of the computation is, for a member.
int64_t time(const Problem& p, int64_t member, int64_t s) {
  return p.reverse ? length(p, member) - 1 - s : s;
}

void find_tokens(const Problem& p, Plan& plan) {
  std::vector<int64_t> index(p.table, -1);
  for (int64_t place : plan.place) index[p.tokens[place]] = 0;
  for (int64_t token = 0; token < p.table; token++) {
    if (index[token] < 0) continue;
    index[token] = (int64_t)plan.picked.size();
    plan.picked.push_back(token);
  }
  plan.pick.reserve(plan.place.size());
  for (int64_t place : plan.place) plan.pick.push_back(index[p.tokens[place]]);
}

}  // namespace

Plan::Plan(const Problem& p) {
  std::vector<int64_t> order(p.batch);
  std::iota(order.begin(), order.end(), 0);
  if (p.lengths) {
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return p.lengths[a] > p.lengths[b]; });
  }
  const int64_t count = std::clamp<int64_t>(p.batch / least_members, 1, p.threads);
  groups.resize(count);
  columns = (int)(p.threads / count);
  // Dealt there and back (0 1 1 0 0 1 ...), so that no group gets the longer one of every pair.
  for (int64_t i = 0; i < p.batch; i++) {
    const int64_t round = i / count, seat = i % count;
    groups[round % 2 ? count - 1 - seat : seat].members.push_back(order[i]);
  }
  slots = 0;
  for (Group& group : groups) {
    const auto& members = group.members;
    group.first = slots;
    group.steps = members.empty() ? 0 : length(p, members[0]);
    int64_t n = (int64_t)members.size();
    for (int64_t s = 0; s < group.steps; s++) {
      while (length(p, members[n - 1]) <= s) n--;
      group.active.push_back(n);
      group.offset.push_back(slots - group.first);
      for (int64_t j = 0; j < n; j++) {
        place.push_back(time(p, members[j], s) * p.batch + members[j]);
      }
      slots += n;
    }
    group.active.push_back(0);
    group.offset.push_back(slots - group.first);
  }
  if (p.tokens) find_tokens(p, *this);
}

}  // namespace lamina
