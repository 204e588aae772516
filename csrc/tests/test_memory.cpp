// Blocks of memory: whole, aligned, nobody else's while they are held, and few while they are not.
#include "memory/memory.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "check.h"

namespace {

using lamina::give_block;
using lamina::idle_bytes;
using lamina::take_block;

void a_block_is_aligned_and_whole() {
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{4096}, size_t{100000}, size_t{9} << 20}) {
    void* block = take_block(bytes);
    CHECK(reinterpret_cast<uintptr_t>(block) % 64 == 0);
    std::memset(block, 7, bytes);
    give_block(block);
  }
  give_block(nullptr);
}

void an_idle_block_serves_again() {
  void* first = take_block(300000);
  give_block(first);
  const size_t idle = idle_bytes();
  void* second = take_block(299000);
  CHECK(second == first);
  CHECK(idle_bytes() < idle);
  give_block(second);
  CHECK(idle_bytes() == idle);
}

void a_small_need_takes_no_large_block() {
  void* large = take_block(size_t{64} << 20);
  give_block(large);
  void* small = take_block(1000);
  CHECK(small != large);
  give_block(small);
}

// More blocks than are kept, and more bytes than may lie idle.
void idle_blocks_are_bounded() {
  const size_t machine = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGE_SIZE);
  std::vector<void*> blocks;
  for (int i = 0; i < 100; i++) blocks.push_back(take_block(size_t{5000} * (i + 1)));
  for (void* block : blocks) give_block(block);
  blocks.clear();
  for (int i = 0; i < 6; i++) blocks.push_back(take_block(machine / 40));  // never touched
  for (void* block : blocks) give_block(block);
  CHECK(idle_bytes() <= machine / 16, "%zu of %zu bytes lie idle", idle_bytes(), machine);
}

void threads_never_share_a_block() {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([t] {
      std::vector<std::pair<unsigned char*, size_t>> held;
      unsigned random = 12345 + (unsigned)t;
      for (int i = 0; i < 2000; i++) {
        random = random * 1664525 + 1013904223;
        if (held.size() < 4 && random >> 31) {
          const size_t bytes = 1000 + (random >> 8) % 60000;
          auto* block = static_cast<unsigned char*>(take_block(bytes));
          std::memset(block, t, bytes);
          held.push_back({block, bytes});
        } else if (!held.empty()) {
          const auto [block, bytes] = held.back();
          held.pop_back();
          for (size_t k = 0; k < bytes; k += 97) CHECK(block[k] == t);
          give_block(block);
        }
      }
      for (const auto& [block, bytes] : held) give_block(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void too_much_is_refused() {
  for (size_t bytes : {SIZE_MAX, SIZE_MAX - 100, SIZE_MAX / 2 + 2}) {
    bool refused = false;
    try {
      give_block(take_block(bytes));
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    CHECK(refused, "%zu bytes", bytes);
  }
}

#if defined(__SANITIZE_THREAD__)  // it cannot follow a fork of a program that has threads
constexpr bool can_fork = false;
#else
constexpr bool can_fork = true;
#endif

// A child that counted what its parent's threads had in their hands would never be rid of it.
void a_child_counts_what_it_has() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 3; i++) {
    others.emplace_back([&] {
      while (!stop.load()) {
        void* blocks[] = {take_block(100000), take_block(100000)};
        for (void* block : blocks) give_block(block);
      }
    });
  }
  int wrong = 0;
  for (int i = 0; i < 100; i++) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      for (int k = 0; idle_bytes() != 0 && k < 1000; k++) take_block(100000);
      std::_Exit(idle_bytes() != 0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    wrong += status != 0;
  }
  stop.store(true);
  for (std::thread& other : others) other.join();
  CHECK(wrong == 0, "%d of 100 children", wrong);
}

}  // namespace

int main() {
  if (can_fork) a_child_counts_what_it_has();  // first: only its own blocks lie idle
  too_much_is_refused();
  a_block_is_aligned_and_whole();
  an_idle_block_serves_again();
  a_small_need_takes_no_large_block();
  idle_blocks_are_bounded();
  threads_never_share_a_block();
}
