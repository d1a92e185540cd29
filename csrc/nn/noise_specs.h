// The kinds of layers that make noise in training and run by themselves.
#pragma once

#include "nn/lamina_specs.h"

namespace lamina {

// Dropout that scales in inference, where it is no part of a lamina.
struct TestScaledDropoutSpec : DropoutSpec {
  static constexpr const char* kind = "test_scaled_dropout";
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct GaussianNoiseSpec : LayerKind {
  static constexpr const char* kind = "gaussian_noise";
  double std = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("std", self.std);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct MaskingNoiseSpec : DropoutSpec {
  static constexpr const char* kind = "masking_noise";
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct SaltAndPepperSpec : LayerKind {
  static constexpr const char* kind = "salt_and_pepper";
  double p = 0, low = 0, high = 1;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("p", self.p), f("low", self.low), f("high", self.high);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct AlphaDropoutSpec : DropoutSpec {
  static constexpr const char* kind = "alpha_dropout";
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

// Affine layers whose weights are noisy in training.
struct DropConnectSpec : LinearSpec {
  static constexpr const char* kind = "dropconnect";
  double p = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("p", self.p);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct ShakeoutSpec : LinearSpec {
  static constexpr const char* kind = "shakeout";
  double p = 0, c = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("p", self.p), f("c", self.c);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

struct WhiteoutSpec : LinearSpec {
  static constexpr const char* kind = "whiteout";
  double std = 0, gamma = 1, lam = 0;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("std", self.std), f("gamma", self.gamma), f("lam", self.lam);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

// An affine layer as wide as its input, and its activation, some of whose units stay at their input.
struct ZoneoutSpec : LinearSpec {
  static constexpr const char* kind = "zoneout";
  double p = 0;
  Activation activation;

  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    LinearSpec::settings(self, f), f("p", self.p), f("activation", self.activation);
  }
  void check(const char* op, const std::string& where) const;
  std::string describe(int64_t in) const;
  template <class T>
  std::unique_ptr<Box<T>> make(const BoxPlace<T>& place) const;
};

}  // namespace lamina
