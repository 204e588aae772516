// The memory of a step engine, and the way from a call to its arithmetic.
#include "step/step.h"

#include <string.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "memory/arena.h"
#include "memory/memory.h"
#include "step/step_isa.h"

namespace lamina {
namespace {

// Whether several threads are faster than one depends on what else the machine is doing, and on
// whether the steps follow each other closely enough to keep the others awake. So the way in use is
// timed all along, the other is tried from time to time, and the faster is used. The result of a
// step is the same.
class Pace {
 public:
  explicit Pace(int threads) : threads_(threads) {}

  int most() const { return threads_; }

  template <class Step>
  void run(const Step& step) {
    if (threads_ == 1) return step(1);
    const bool trial = turn_ < trial_steps, several = several_faster_ != trial;
    const auto begin = std::chrono::steady_clock::now();
    step(several ? threads_ : 1);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (trial) {
      if (turn_) best_trial_ = std::min(best_trial_, took.count());  // the first wakes the threads
      if (turn_ + 1 == trial_steps) usual_[several] = std::exchange(best_trial_, 1e9);
    } else {
      double& usual = usual_[several];  // one long pause must not count for much
      usual += (std::min(took.count(), 2 * usual) - usual) / 8;
    }
    turn_ = (turn_ + 1) % period;
    if (turn_ >= trial_steps || !turn_) several_faster_ = usual_[1] < usual_[0];
  }

 private:
  static constexpr int trial_steps = 4, period = 256;
  int threads_, turn_ = 0;
  bool several_faster_ = false;
  double usual_[2] = {1e9, 1e9};  // seconds a step takes: with one thread, with several
  double best_trial_ = 1e9;
};

}  // namespace

struct Stepper::Parts {
  explicit Parts(int threads) : pace(threads) {}

  std::vector<StepWeights> weights;  // their pointers serve the constructor only
  std::vector<StepLayer> layers;
  StepEngine engine{};
  int64_t tokens = 0;
  size_t weight_bytes = 0;
  float* table = nullptr;
  std::optional<Barrier> barrier;
  Pace pace;
  Block memory;
  decltype(LAMINA_PICK(step_run)) run = LAMINA_PICK(step_run);
  decltype(LAMINA_PICK(step_begin)) begin = LAMINA_PICK(step_begin);

  // Lays out every buffer, in the order in which a step reads them.
  void place(Arena& arena) {
    weight_bytes = 0;
    int64_t gate_floats = 0;
    for (size_t i = 0; i < layers.size(); i++) {
      StepLayer& l = layers[i];
      place(arena, l, weights[i]);
      if (i) {
        const StepLayer& below = layers[i - 1];
        l.x_in = operand(arena, below.out, below.hidden, below.stride);
      } else {
        l.x_in = operand(arena, nullptr, weights[0].inputs, weights[0].inputs);
      }
      engine.product_stride = std::max(engine.product_stride, l.u.gates * l.stride);
      gate_floats = std::max(gate_floats, LAMINA_PICK(step_gate_floats)(l));
    }
    engine.wx = arena.take<float>(engine.batch * engine.product_stride);
    engine.uh = arena.take<float>(engine.batch * engine.product_stride);
    engine.gates = arena.take<float>(gate_floats);
    if (tokens) table = arena.take<float>(tokens * gates(weights[0].cell) * weights[0].hidden);
  }

  void place(Arena& arena, StepLayer& l, const StepWeights& from) {
    const int64_t lanes = isa_lanes(), rows = gates(from.cell);
    l.cell = from.cell;
    l.hidden = from.hidden;
    l.stride = (from.hidden + lanes - 1) / lanes * lanes;
    l.residual = from.residual;
    if (from.w_ih) l.w = matrix(arena, rows, from.hidden, from.inputs, l.stride);
    l.u = matrix(arena, rows, from.hidden, from.hidden, l.stride);
    if (from.skip) l.skip = matrix(arena, 1, from.hidden, from.inputs, l.stride);
    const auto vector = [&](const float* given, int64_t count) {
      return given ? arena.take<float>(count * l.stride) : nullptr;
    };
    l.b_ih = arena.take<float>(rows * l.stride);  // zero if none is given
    l.b_hh = arena.take<float>(rows * l.stride);
    l.gain_ih = vector(from.gain_ih, rows);
    l.gain_hh = vector(from.gain_hh, rows);
    l.gain_c = vector(from.gain_c, 1);
    l.shift_c = vector(from.shift_c, 1);
    l.h = arena.take<float>(engine.batch * l.stride);
    l.c = arena.take<float>(engine.batch * l.stride);
    l.out = l.residual ? arena.take<float>(engine.batch * l.stride) : l.h;
    l.h_in = operand(arena, l.h, l.hidden, l.stride);
  }

  StepMatrix matrix(Arena& arena, int64_t rows, int64_t units, int64_t columns, int64_t stride) {
    StepMatrix m = {rows, units, columns, stride, engine.int8, nullptr, nullptr};
    const size_t bytes = LAMINA_PICK(step_weight_bytes)(m);
    weight_bytes += bytes;
    m.panels = arena.take<char>(static_cast<int64_t>(bytes));
    if (m.int8) m.scales = arena.take<float>(rows * stride);
    return m;
  }

  StepOperand operand(Arena& arena, const float* values, int64_t size, int64_t stride) const {
    StepOperand x = {values, size, stride, (size + 31) / 32 * 32, 0, nullptr, nullptr, nullptr};
    if (!engine.int8) return x;
    x.runs = (size + step_run_columns - 1) / step_run_columns;
    x.integers = arena.take<int16_t>(engine.batch * x.padded);
    x.scales = arena.take<float>(engine.batch);
    x.starts = arena.take<int32_t>(engine.batch * x.runs);
    return x;
  }

  void fill(StepLayer& l, const StepWeights& from) {
    const auto pack = LAMINA_PICK(step_pack);
    if (from.w_ih) pack(l.w, from.w_ih);
    pack(l.u, from.w_hh);
    if (from.skip) pack(l.skip, from.skip);
    const auto copy = [&](float* to, const float* given, int64_t count) {
      for (int64_t g = 0; given && g < count; g++)
        memcpy(to + g * l.stride, given + g * l.hidden,
               sizeof(float) * static_cast<size_t>(l.hidden));
    };
    copy(l.b_ih, from.b_ih, l.u.gates);
    copy(l.b_hh, from.b_hh, l.u.gates);
    copy(l.gain_ih, from.gain_ih, l.u.gates);
    copy(l.gain_hh, from.gain_hh, l.u.gates);
    copy(l.gain_c, from.gain_c, 1);
    copy(l.shift_c, from.shift_c, 1);
  }
};

Stepper::Stepper(const StepWeights* weights, int64_t layers, int64_t batch, bool int8,
                 const float* table, int64_t tokens, int threads)
    : parts_(std::make_unique<Parts>(threads)) {
  Parts& p = *parts_;
  p.weights.assign(weights, weights + layers);
  p.layers.resize(static_cast<size_t>(layers));
  p.tokens = table ? tokens : 0;
  p.engine.batch = batch;
  p.engine.layers = layers;
  p.engine.int8 = int8;
#ifdef LAMINA_X86_64
  p.engine.vnni = __builtin_cpu_supports("avx512vnni");
#endif
  p.engine.layer = p.layers.data();
  Arena count(nullptr);
  p.place(count);
  p.memory.reset(take_block(count.bytes()));
  memset(p.memory.get(), 0, count.bytes());
  Arena room(p.memory.get());
  p.place(room);
  for (size_t i = 0; i < p.layers.size(); i++) p.fill(p.layers[i], weights[i]);
  if (table) {
    const int64_t row = gates(weights[0].cell) * weights[0].hidden;
    memcpy(p.table, table, sizeof(float) * static_cast<size_t>(tokens * row));
    p.engine.table = p.table;
  }
  if (threads > 1) p.engine.barrier = &p.barrier.emplace(threads);
}

Stepper::~Stepper() = default;

void Stepper::step(const float* x, float* out) {
  Parts& p = *parts_;
  if (x) p.layers[0].x_in.values = x;
  p.begin(p.engine);
  p.pace.run([&](int ranks) {
    p.engine.ranks = ranks;
    parallel(
        ranks,
        [](void* self, int rank) {
          const Parts& parts = *static_cast<Parts*>(self);
          parts.run(parts.engine, rank);
        },
        &p);
  });
  const StepLayer& top = p.layers.back();
  for (int64_t b = 0; b < p.engine.batch; b++)
    memcpy(out + b * top.hidden, top.out + b * top.stride,
           sizeof(float) * static_cast<size_t>(top.hidden));
}

void Stepper::step_tokens(const int64_t* tokens, float* out) {
  parts_->engine.tokens = tokens;
  step(nullptr, out);
}

void Stepper::reset() {
  for (StepLayer& l : parts_->layers) {
    const size_t bytes = sizeof(float) * static_cast<size_t>(parts_->engine.batch * l.stride);
    memset(l.h, 0, bytes);
    memset(l.c, 0, bytes);
  }
}

void Stepper::get_state(int64_t layer, int part, float* to) const {
  const StepLayer& l = parts_->layers[static_cast<size_t>(layer)];
  for (int64_t b = 0; b < parts_->engine.batch; b++)
    memcpy(to + b * l.hidden, (part ? l.c : l.h) + b * l.stride,
           sizeof(float) * static_cast<size_t>(l.hidden));
}

void Stepper::set_state(int64_t layer, int part, const float* from) {
  const StepLayer& l = parts_->layers[static_cast<size_t>(layer)];
  for (int64_t b = 0; b < parts_->engine.batch; b++)
    memcpy((part ? l.c : l.h) + b * l.stride, from + b * l.hidden,
           sizeof(float) * static_cast<size_t>(l.hidden));
}

int64_t Stepper::batch() const { return parts_->engine.batch; }
int64_t Stepper::layers() const { return parts_->engine.layers; }
int64_t Stepper::inputs() const { return parts_->tokens ? 0 : parts_->layers[0].x_in.size; }
int64_t Stepper::tokens() const { return parts_->tokens; }
int64_t Stepper::hidden(int64_t layer) const {
  return parts_->layers[static_cast<size_t>(layer)].hidden;
}
int Stepper::parts() const { return state_parts(parts_->layers[0].cell); }
size_t Stepper::weight_bytes() const { return parts_->weight_bytes; }
int Stepper::threads() const { return parts_->pace.most(); }

}  // namespace lamina
