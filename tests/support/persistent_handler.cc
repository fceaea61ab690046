#include "tests/support/persistent_handler.h"

#include <stdexcept>

#include "tests/support/eventually.h"

namespace hermes::test_support {

using eventstore::CommandHandler;
using eventstore::Handled;
using eventstore::HandleError;

PersistentHandler::PersistentHandler(postgres::Settings settings, std::function<void()> when_full)
    : settings_(std::move(settings)), when_full_(std::move(when_full)), connection_(connect()) {
  handler_ = std::make_unique<CommandHandler>(*connection_, eventstore::HandlerSettings{});
}

std::vector<Handled> PersistentHandler::handle(const std::vector<eventstore::Incoming>& batch) {
  for (;;) {
    auto handled = handler_->handle(batch);
    if (handled) return *std::move(handled);
    switch (handled.error().kind) {
      case HandleError::Kind::outcome_unknown:
        if (auto settled = settle()) {
          ++settled_as_committed;
          return *std::move(settled);
        }
        ++settled_as_not_committed;
        break;
      case HandleError::Kind::unavailable: {
        ++unavailable;
        auto next = connect();
        handler_->reconnected(*next);
        connection_ = std::move(next);
        break;
      }
      case HandleError::Kind::later:
        ++later;
        when_full_();
        break;
      case HandleError::Kind::refused: throw std::runtime_error("refused: " + handled.error().detail);
    }
  }
}

postgres::ConnectionPtr PersistentHandler::connect() {
  postgres::ConnectionPtr result;
  const bool connected = eventually([&] {
    auto connection = postgres::connect(settings_);
    if (connection) result = *std::move(connection);
    return result != nullptr;
  });
  if (!connected) throw std::runtime_error("the database did not come back");
  return result;
}

std::optional<std::vector<Handled>> PersistentHandler::settle() {
  for (;;) {
    auto next = connect();
    auto settled = handler_->settle(*next);
    connection_ = std::move(next);  // the handler refers to it now, whatever became of the question
    if (settled) return *std::move(settled);
  }
}

}  // namespace hermes::test_support
