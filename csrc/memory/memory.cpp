#include "memory/memory.h"

#include <pthread.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace lamina {
namespace {

// Stands in front of each block.
struct alignas(64) Header {
  size_t bytes;  // of the whole, with the header
};

constexpr size_t huge_page = size_t{2} << 20;

size_t rounded_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

// Blocks of nearly the same size, as batches of other lengths want them, can stand for each other.
size_t size_class(size_t bytes) {
  size_t step = 4096;
  while (step * 16 < bytes) step *= 2;
  return rounded_up(bytes, step);
}

// The machine's, or less where the system lets this process have less, as in a container.
size_t memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  size_t bytes = pages > 0 && size > 0 ? (size_t)pages * (size_t)size : huge_page * 512;
  for (const char* path : {"/sys/fs/cgroup/memory.max",  // "max" where there is no limit
                           "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::FILE* file = std::fopen(path, "r");
    if (!file) continue;
    unsigned long long limit;
    if (std::fscanf(file, "%llu", &limit) == 1 && limit < bytes) bytes = (size_t)limit;
    std::fclose(file);
  }
  return bytes;
}

size_t most_idle() {
  static const size_t bytes = memory_bytes() / 16;
  return bytes;
}

// Each slot holds an idle block or nothing. To look at a block is to take it out: so no lock is
// needed, which a fork could leave closed.
constexpr int slots = 32;
std::atomic<Header*> idle[slots];
std::atomic<size_t> held{0};
std::atomic<unsigned> next{0};

void drop(Header* block) noexcept { std::free(block); }

Header* take_out(int slot) noexcept {
  Header* block = idle[slot].load(std::memory_order_relaxed) ? idle[slot].exchange(nullptr) : nullptr;
  if (block) held.fetch_sub(block->bytes);
  return block;
}

bool put_in(int slot, Header* block) noexcept {
  held.fetch_add(block->bytes);
  Header* nothing = nullptr;
  if (idle[slot].compare_exchange_strong(nothing, block)) return true;
  held.fetch_sub(block->bytes);
  return false;
}

// In the child of a fork, where `held` may count what another thread had in its hands.
void count_again() {
  size_t bytes = 0;
  for (const auto& slot : idle) {
    if (const Header* block = slot.load()) bytes += block->bytes;
  }
  held.store(bytes);
}

const int at_fork = pthread_atfork(nullptr, nullptr, count_again);

Header* fresh(size_t bytes) {
  const bool large = bytes >= 2 * huge_page;
  const size_t align = large ? huge_page : alignof(Header);
  if (large) bytes = rounded_up(bytes, huge_page);
  void* block = std::aligned_alloc(align, bytes);
  if (!block) {  // what lies idle may be what is missing
    for (int slot = 0; slot < slots; slot++) {
      if (Header* other = take_out(slot)) drop(other);
    }
    block = std::aligned_alloc(align, bytes);
  }
  if (!block) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  if (large) madvise(block, bytes, MADV_HUGEPAGE);  // a wish
#endif
  auto* header = static_cast<Header*>(block);
  header->bytes = bytes;
  return header;
}

}  // namespace

void* take_block(size_t bytes) {
  if (bytes > PTRDIFF_MAX / 2) throw std::bad_alloc();  // what follows rounds up
  const size_t need = size_class(bytes + sizeof(Header));
  for (int slot = 0; slot < slots; slot++) {
    Header* block = take_out(slot);
    if (!block) continue;
    if (block->bytes >= need && block->bytes <= need + need / 2 + huge_page) return block + 1;
    if (!put_in(slot, block)) give_block(block + 1);
  }
  return fresh(need) + 1;
}

void give_block(void* given) noexcept {
  if (!given) return;
  Header* block = static_cast<Header*>(given) - 1;
  if (block->bytes > most_idle() / 2) return drop(block);
  for (int slot = 0; slot < slots; slot++) {
    if (!idle[slot].load(std::memory_order_relaxed) && put_in(slot, block)) {
      block = nullptr;
      break;
    }
  }
  // What lies idle longest is not known; slots are emptied in turn.
  while (block || held.load() > most_idle()) {
    const int slot = next.fetch_add(1) % slots;
    if (Header* other = take_out(slot)) drop(other);
    if (block && put_in(slot, block)) block = nullptr;
  }
}

size_t idle_bytes() noexcept { return held.load(); }

}  // namespace lamina
