// What comes from Python: arrays and names of cells, checked. Behind these functions sizes and
// pointers are right.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <string.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "cells/table.h"

using Shape = std::vector<int64_t>;

inline std::string text(const Shape& shape) {
  std::string all = "(";
  for (size_t i = 0; i < shape.size(); i++) all += (i ? ", " : "") + std::to_string(shape[i]);
  return all + (shape.size() == 1 ? ",)" : ")");
}

// A contiguous array of T on the CPU, kept alive: one of numpy or another with Python's buffer
// protocol, or one of torch or another that DLPack describes. T is const where it is only read.
//
// The buffer protocol comes first: a step takes a few microseconds, and this way reading an argument
// takes a tenth of one.
template <class T>
class Array {
 public:
  Array() = default;
  Array(Array&& other) noexcept { *this = std::move(other); }
  Array& operator=(Array&& other) noexcept {
    std::swap(view_, other.view_);
    std::swap(tensor_, other.tensor_);
    return *this;
  }
  ~Array() { PyBuffer_Release(&view_); }

  // False, and no Python error is set, if `from` is no such array.
  bool read(nanobind::handle from) noexcept {
    if (PyObject_CheckBuffer(from.ptr())) {
      const int flags = PyBUF_FORMAT | PyBUF_STRIDES | (writes ? PyBUF_WRITABLE : 0);
      if (PyObject_GetBuffer(from.ptr(), &view_, flags)) {
        PyErr_Clear();
        return false;
      }
      return right_type() && contiguous();
    }
    return nanobind::try_cast(from, tensor_, false);
  }

  T* data() const { return view_.obj ? static_cast<T*>(view_.buf) : tensor_.data(); }
  size_t axes() const { return view_.obj ? static_cast<size_t>(view_.ndim) : tensor_.ndim(); }
  int64_t size(size_t axis) const {
    return view_.obj ? view_.shape[axis] : static_cast<int64_t>(tensor_.shape(axis));
  }

  bool has(const Shape& shape) const {
    if (axes() != shape.size()) return false;
    for (size_t axis = 0; axis < shape.size(); axis++)
      if (size(axis) != shape[axis]) return false;
    return true;
  }

  // The numbers; ValueError if the shape is another.
  T* numbers(const char* name, const Shape& shape) const {
    if (has(shape)) return data();
    throw std::invalid_argument(std::string(name) + " is " + text(this->shape()) + "; need " +
                                text(shape));
  }

  // An array of that shape; ValueError for anything else, whatever it is.
  static Array required(nanobind::handle from, const char* name, const Shape& shape) {
    Array made;
    if (!made.read(from) || !made.has(shape)) made.refuse(from, name, shape);
    return made;
  }

 private:
  static constexpr bool writes = !std::is_const_v<T>;
  static constexpr bool floats = std::is_same_v<std::remove_const_t<T>, float>;
  static_assert(floats || std::is_same_v<T, const int64_t>);

  Shape shape() const {
    Shape all;
    for (size_t axis = 0; axis < axes(); axis++) all.push_back(size(axis));
    return all;
  }

  // Of a buffer.
  const char* format() const { return view_.format ? view_.format : "B"; }

  bool right_type() const {
    const char* type = format();
    if (floats) return !strcmp(type, "f");
    return (!strcmp(type, "l") || !strcmp(type, "q")) && view_.itemsize == 8;
  }

  bool contiguous() const {
    Py_ssize_t step = view_.itemsize;
    for (int i = view_.ndim; i-- > 0; step *= view_.shape[i])
      if (view_.shape[i] > 1 && view_.strides[i] != step) return false;
    return true;
  }

  [[noreturn]] void refuse(nanobind::handle from, const char* name, const Shape& shape) const {
    if (!view_.obj) {
      if (tensor_.is_valid()) numbers(name, shape);  // says what is wrong with it
      throw std::invalid_argument(std::string(name) + " is a " +
                                  nanobind::type_name(from.type()).c_str() + "; need an array " +
                                  (writes ? "that can be written" : "of numpy"));
    }
    throw std::invalid_argument(std::string(name) + " is " + text(this->shape()) + " of type '" +
                                format() + "'" + (contiguous() ? "" : ", not contiguous") +
                                "; need " + text(shape) + (floats ? " float32" : " int64") +
                                ", contiguous");
  }

  Py_buffer view_{};
  nanobind::ndarray<T, nanobind::c_contig, nanobind::device::cpu> tensor_;
};

using Floats = Array<const float>;
using Room = Array<float>;
using Integers = Array<const int64_t>;

// A bound function takes an Array as such: TypeError for what is none.
template <class T>
struct nanobind::detail::type_caster<Array<T>> {
  NB_TYPE_CASTER(Array<T>, const_name("array"))

  bool from_python(handle from, uint32_t, cleanup_list*) noexcept { return value.read(from); }
};

// The numbers of an array that may be absent; null if it is.
template <class T>
T* numbers(const std::optional<Array<T>>& array, const char* name, const Shape& shape) {
  return array ? array->numbers(name, shape) : nullptr;
}

inline lamina::Cell cell_of(const std::string& name) {
  lamina::Cell found;
  if (lamina::find_cell(name.c_str(), &found)) return found;
  throw std::invalid_argument("cell is '" + name + "'; need " + lamina::cell_choices());
}
