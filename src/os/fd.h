// Fd: a file descriptor with one owner, closed with it.
#pragma once

#include <unistd.h>

#include <utility>

namespace weft::os {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = other.release();
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }
  void reset() {
    if (valid()) close(release());
  }

 private:
  int number_ = -1;
};

}  // namespace weft::os
