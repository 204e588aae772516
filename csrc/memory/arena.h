// Hands out pieces of one block of memory, each on cache lines of its own. Without a block it only
// counts: buffers are laid out twice, the first time to learn how much memory they need.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace lamina {

// Inlined everywhere: files compiled for one instruction set include this, see isa.h.
#define LAMINA_ALWAYS_INLINE inline __attribute__((always_inline))

class Arena {
 public:
  LAMINA_ALWAYS_INLINE explicit Arena(void* block) : block_((char*)block) {}

  template <class T>
  LAMINA_ALWAYS_INLINE T* take(int64_t count) {
    char* piece = block_ ? block_ + bytes_ : nullptr;
    bytes_ += (sizeof(T) * (size_t)count + line - 1) / line * line;
    return (T*)piece;
  }

  LAMINA_ALWAYS_INLINE size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t line = 64;
  char* block_;
  size_t bytes_ = 0;
};

#undef LAMINA_ALWAYS_INLINE

}  // namespace lamina
