// Reads a Boost.MSM transition table: one TransitionRow for each of its rows. Only the .cc files that hold a table include this
// header; no other header knows MSM.
//
// Requires of the table's types: states and events have `static constexpr std::string_view kName`, guards have
// `static constexpr std::string_view kNote`. A row whose next state is `none` stays where it is (MSM's internal transition); a
// row whose action is `none` records nothing.
#pragma once

#include <boost/mpl/for_each.hpp>
#include <boost/msm/front/functor_row.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "domain/machine_table.h"

namespace hermes::domain {

template <class Table>
std::vector<TransitionRow> read_msm_table() {
  namespace front = boost::msm::front;
  std::vector<TransitionRow> rows;
  // for_each hands over a value of each row type; wrapped in a pointer, nothing is constructed.
  boost::mpl::for_each<Table, std::add_pointer<boost::mpl::_1>>([&rows]<class Row>(Row*) {
    using State = typename Row::Source;
    using Next = typename Row::Target;
    using Guard = typename Row::Guard;
    TransitionRow row{std::string(State::kName), std::string(Row::Evt::kName), std::string(State::kName),
                      !std::is_same_v<typename Row::Action, front::none>, ""};
    if constexpr (!std::is_same_v<Next, front::none>) row.next = Next::kName;
    if constexpr (!std::is_same_v<Guard, front::none>) row.note = Guard::kNote;
    rows.push_back(std::move(row));
  });
  return rows;
}

}  // namespace hermes::domain
