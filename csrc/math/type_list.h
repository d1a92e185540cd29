// A list of formulas: a member's place is its number in tables and everywhere else.
#pragma once

#include <type_traits>

namespace lamina {

template <class... Members>
struct TypeList {
  static constexpr int size = sizeof...(Members);
};

// The place of a member.
template <class Member, class... Members>
constexpr int index_in(TypeList<Members...>) {
  int index = 0;
  static_cast<void>(((std::is_same_v<Member, Members> || (++index, false)) || ...));
  return index;
}

}  // namespace lamina
