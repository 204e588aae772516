// Large arrays, of which an idle one serves again: fresh pages cost more time than some layers do.
#pragma once

#include <stddef.h>

namespace lamina {

// At least `bytes`, 64-byte aligned, with anything in it. From any thread, and in the child of a
// fork. Throws std::bad_alloc.
void* take_block(size_t bytes);

// Back, from any thread; null is nothing. Idle blocks together hold no more than a sixteenth of the
// memory that the process may have, and go back to the system when it has no other.
void give_block(void* block) noexcept;

// Bytes that idle blocks hold now.
size_t idle_bytes() noexcept;

}  // namespace lamina
