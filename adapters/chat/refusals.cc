#include "adapters/chat/refusals.h"

#include <utility>

#include "adapters/chat/answers.h"

namespace hermes::chat {

void Refusals::look_for(const NotAcknowledged& notice) {
  if (std::exchange(asking_, true)) return;
  const domain::MessageId& id = notice.outgoing.message.message_id;
  queries_.get(timeline_path(id.str()), {}, [this, notice](const QueryClient::Answer& answer) {
    asking_ = false;
    if (!answer) return;
    if (const auto reason = refusal_in(*answer, notice.outgoing, notice.attempts))
      session_.give_up(notice.outgoing.message.message_id, *reason);
  });
}

}  // namespace hermes::chat
