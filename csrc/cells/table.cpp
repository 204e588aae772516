#include "cells/table.h"

#include <string>

namespace lamina {
namespace {

struct Entry {
  const char* name;
  int64_t gates;
  int parts;
};

#define LAMINA_ENTRY(name, equations, gates, parts) {#name, gates, parts},
constexpr Entry entries[] = {LAMINA_CELLS(LAMINA_ENTRY)};  // in the order of the enumeration
#undef LAMINA_ENTRY
constexpr int count = sizeof entries / sizeof *entries;

const Entry& entry(Cell cell) { return entries[static_cast<int>(cell)]; }

}  // namespace

int64_t gates(Cell cell) { return entry(cell).gates; }
int state_parts(Cell cell) { return entry(cell).parts; }

bool find_cell(const char* name, Cell* found) {
  for (int i = 0; i < count; i++) {
    if (std::string(entries[i].name) != name) continue;
    *found = static_cast<Cell>(i);
    return true;
  }
  return false;
}

const char* cell_choices() {
  static const std::string all = [] {
    std::string text = entries[0].name;
    for (int i = 1; i < count; i++) text += (i + 1 < count ? ", " : " or ") + std::string(entries[i].name);
    return text;
  }();
  return all.c_str();
}

}  // namespace lamina
