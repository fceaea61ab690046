#include "adapters/chat/lanes.h"

#include <algorithm>
#include <utility>

namespace hermes::chat {
namespace {

std::filesystem::path send_folder(const std::filesystem::path& user_folder, int number) {
  return user_folder / ("send-" + std::to_string(number));
}

}  // namespace

Result<Lanes, Error> Lanes::attend(const std::filesystem::path& user_folder) {
  const std::filesystem::path folder = attending_folder(user_folder);
  auto lock = FolderLock::take(folder);
  if (!lock) {
    if (!lock.error().held_by_another) return fail(Error{lock.error().message});
    return fail(Error{"another chat client of this user is open: " + lock.error().message +
                      ". Close that one, or set HERMES_OUTBOX_DIR to another folder"});
  }
  auto outbox = Outbox::open(folder);
  if (!outbox) return fail(outbox.error());
  Lanes lanes;
  lanes.lanes_.push_back({std::move(*lock), std::move(*outbox)});
  if (auto taken = lanes.take_over(user_folder); !taken) return fail(taken.error());
  return lanes;
}

Result<Lanes, Error> Lanes::send_only(const std::filesystem::path& user_folder) {
  for (int number = 0; number < kSendLanes; ++number) {
    auto lock = FolderLock::take(send_folder(user_folder, number));
    if (!lock && lock.error().held_by_another) continue;
    if (!lock) return fail(Error{lock.error().message});
    auto outbox = Outbox::open(send_folder(user_folder, number));
    if (!outbox) return fail(outbox.error());
    Lanes lanes;
    lanes.lanes_.push_back({std::move(*lock), std::move(*outbox)});
    if (auto taken = lanes.take_over(user_folder); !taken) return fail(taken.error());
    return lanes;
  }
  return fail(Error{std::to_string(kSendLanes) + " `hermes send` of this user are running; wait for one to end, or give " +
                    "several messages to one of them on standard input"});
}

Result<Done, Error> Lanes::take_over(const std::filesystem::path& user_folder) {
  for (int number = 0; number < kSendLanes; ++number) {
    const std::filesystem::path folder = send_folder(user_folder, number);
    std::error_code error;
    if (!std::filesystem::exists(folder / "outbox.log", error)) continue;
    auto lock = FolderLock::take(folder);
    if (!lock && lock.error().held_by_another) continue;  // ours, or that of a process that lives
    if (!lock) return fail(Error{lock.error().message});
    auto outbox = Outbox::open(folder);
    if (!outbox) return fail(outbox.error());
    if ((*outbox)->size() > 0) lanes_.push_back({std::move(*lock), std::move(*outbox)});
  }
  return Done{};
}

bool Lanes::acknowledged(const domain::MessageId& id) {
  bool known = false;
  for (Lane& lane : lanes_) known = lane.outbox->acknowledged(id) || known;
  // A lane taken over is given back when it is done with.
  for (std::size_t i = lanes_.size(); i-- > 1;) {
    if (lanes_[i].outbox->size() == 0) lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return known;
}

std::vector<Outgoing> Lanes::take_due(Outbox::Clock::time_point now) {
  std::vector<Outgoing> due;
  for (Lane& lane : lanes_) std::ranges::move(lane.outbox->take_due(now), std::back_inserter(due));
  return due;
}

std::optional<Outbox::Clock::time_point> Lanes::next_due() const {
  std::optional<Outbox::Clock::time_point> next;
  for (const Lane& lane : lanes_) {
    if (const auto due = lane.outbox->next_due()) next = next ? std::min(*next, *due) : *due;
  }
  return next;
}

void Lanes::retry_now() {
  for (Lane& lane : lanes_) lane.outbox->retry_now();
}

bool Lanes::empty() const {
  return std::ranges::all_of(lanes_, [](const Lane& lane) { return lane.outbox->size() == 0; });
}

std::vector<Outgoing> Lanes::unsent() const {
  std::vector<Outgoing> out;
  for (const Lane& lane : lanes_) std::ranges::move(lane.outbox->all(), std::back_inserter(out));
  std::ranges::stable_sort(out, {}, &Outgoing::time);
  return out;
}

std::size_t Lanes::damaged_records() const {
  std::size_t total = 0;
  for (const Lane& lane : lanes_) total += lane.outbox->damaged_records();
  return total;
}

}  // namespace hermes::chat
