// Large blocks of memory that are used again: fresh pages cost more time than some layers do.
#pragma once

#include <stddef.h>

#include <memory>

namespace lamina {

// At least `bytes`, aligned to 64, of any content. May be called from any thread, and in the child
// of a fork. Throws std::bad_alloc.
void* take_block(size_t bytes);

// Gives a block back, from any thread; null is allowed. Idle blocks together hold at most a
// sixteenth of the memory that the process may have, and are freed when an allocation fails.
void give_block(void* block) noexcept;

struct GiveBlock {
  void operator()(void* block) const noexcept { give_block(block); }
};
using Block = std::unique_ptr<void, GiveBlock>;

// How many bytes idle blocks hold now.
size_t idle_bytes() noexcept;

}  // namespace lamina
