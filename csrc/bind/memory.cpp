// memory.h for Python: arrays in blocks that are used again, as DLPack capsules.
#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "memory/memory.h"

namespace nb = nanobind;

namespace {

// The structures of DLPack 0.x, which every library that knows DLPack reads.
struct DLTensor {
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
constexpr int32_t cpu = 1;
constexpr uint8_t floating = 2;

// One array. Its last owner frees it, on any thread, with or without Python's lock.
struct Array {
  lamina::Block block;
  std::vector<int64_t> shape;
  DLManagedTensor managed{};

  Array(std::vector<int64_t> sizes, int64_t count)
      : block(lamina::take_block((size_t)count * sizeof(float))), shape(std::move(sizes)) {
    managed.tensor = {block.get(), cpu, 0, (int32_t)shape.size(), floating, 32, 1, shape.data(), nullptr, 0};
    managed.context = this;
    managed.deleter = [](DLManagedTensor* self) {
      std::unique_ptr<Array>(static_cast<Array*>(self->context));
    };
  }
};

// Called with the capsule; one that was opened has another name, and its array another owner.
void drop(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, "dltensor")) return;
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"));
  managed->deleter(managed);
}

nb::object room(std::vector<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count) || count > INT64_MAX / 64) {
      throw std::invalid_argument("a size is negative, or there are too many numbers");
    }
  }
  auto array = std::make_unique<Array>(std::move(shape), count);
  PyObject* capsule = PyCapsule_New(&array->managed, "dltensor", drop);
  if (!capsule) throw nb::python_error();
  (void)array.release();  // the capsule's now
  return nb::steal(capsule);
}

}  // namespace

void bind_memory(nb::module_& m) {
  m.def("room", &room, nb::arg("shape"));
  m.def("idle_bytes", &lamina::idle_bytes);
}
