// Message::snapshot and Message::restore. The layout, in cereal's binary form:
//   layout number · sender, receiver, digest · the trunk's machine byte · ids, id lengths and machine bytes of the branches
//   · the first 16 bytes of SHA-256 over the binding and all before
// A message that does not exist is an empty sender. The layout number changes with the layout, and with the rules that made the
// state. As a native integer, it also reveals a snapshot of the other byte order.
#include <algorithm>
#include <cereal/archives/binary.hpp>
#include <sstream>
#include <streambuf>
#include <utility>

#include "base/sha256.h"
#include "domain/message.h"

namespace hermes::domain {
namespace {

constexpr std::uint32_t kLayout = 1;
constexpr std::size_t kChecksumSize = 16;

std::string checksum(std::string_view binding, std::string_view bytes) {
  Sha256 sha;
  sha.update_delimited(binding);
  sha.update(bytes);
  const Sha256::Digest digest = sha.finish();
  return {reinterpret_cast<const char*>(digest.data()), kChecksumSize};
}

// Reads the given bytes in place.
class View : public std::streambuf {
 public:
  explicit View(std::string_view bytes) {
    char* begin = const_cast<char*>(bytes.data());  // only ever read: there is no put area
    setg(begin, begin, begin + bytes.size());
  }
  std::size_t left() const { return static_cast<std::size_t>(egptr() - gptr()); }
};

template <class Sequence>
void save(cereal::BinaryOutputArchive& archive, const Sequence& values) {
  archive(cereal::make_size_tag(static_cast<cereal::size_type>(values.size())));
  archive(cereal::binary_data(values.data(), values.size() * sizeof(typename Sequence::value_type)));
}

// cereal's own containers trust the length in the bytes and allocate it; this first checks that as many bytes are left, and
// throws as cereal does where the bytes end too early.
template <class Sequence>
Sequence load(cereal::BinaryInputArchive& archive, const View& view) {
  cereal::size_type size = 0;
  archive(cereal::make_size_tag(size));
  if (size > view.left() / sizeof(typename Sequence::value_type)) throw cereal::Exception("a length beyond the end");
  Sequence values;
  values.resize(static_cast<std::size_t>(size));
  archive(cereal::binary_data(values.data(), values.size() * sizeof(typename Sequence::value_type)));
  return values;
}

}  // namespace

std::string Message::snapshot(std::string_view binding) const {
  std::ostringstream out;
  {
    cereal::BinaryOutputArchive archive(out);
    archive(kLayout);
    save(archive, exists() ? std::string_view(sender().str()) : std::string_view());
    save(archive, exists() ? std::string_view(receiver().str()) : std::string_view());
    const Digest digest = exists() ? identity_->digest : Digest{};
    archive(cereal::binary_data(digest.data(), digest.size()));
    archive(trunk_.snapshot());
    save(archive, branches_.id_text());
    save(archive, branches_.id_lengths());
    save(archive, branches_.machines());
  }
  std::string bytes = std::move(out).str();
  return bytes += checksum(binding, bytes);
}

std::optional<Message> Message::restore(std::string_view bytes, std::string_view binding) try {
  if (bytes.size() < kChecksumSize) return std::nullopt;
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumSize);
  if (checksum(binding, body) != bytes.substr(body.size())) return std::nullopt;

  View view(body);
  std::istream in(&view);
  cereal::BinaryInputArchive archive(in);
  std::uint32_t layout = 0;
  archive(layout);
  if (layout != kLayout) return std::nullopt;

  const auto sender = load<std::string>(archive, view);
  const auto receiver = load<std::string>(archive, view);
  Digest digest;
  archive(cereal::binary_data(digest.data(), digest.size()));
  std::uint8_t trunk = 0;
  archive(trunk);
  auto id_text = load<std::string>(archive, view);
  const auto id_lengths = load<std::vector<std::uint16_t>>(archive, view);
  const auto machines = load<std::vector<std::uint8_t>>(archive, view);
  if (view.left() != 0 || !MessageMachine::restorable(trunk)) return std::nullopt;

  Message message;
  message.trunk_ = MessageMachine::restore(trunk);
  // A message exists exactly if its trunk has left New.
  if (sender.empty() != (message.trunk_.state() == MessageState::new_)) return std::nullopt;
  if (!sender.empty()) {
    auto sender_id = UserId::parse(sender);
    auto receiver_id = UserId::parse(receiver);
    if (!sender_id || !receiver_id) return std::nullopt;
    message.identity_.emplace(Identity{*std::move(sender_id), *std::move(receiver_id), digest});
  }
  auto branches = Branches::from_parts(std::move(id_text), id_lengths, machines);
  if (!branches) return std::nullopt;
  message.branches_ = *std::move(branches);
  return message;
} catch (const cereal::Exception&) {  // the bytes end too early
  return std::nullopt;
}

}  // namespace hermes::domain
