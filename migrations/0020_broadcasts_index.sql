-- The history of a user includes the broadcasts, by whoever sent them: newest first among all messages. A partial index, so that
-- direct messages, which are nearly all, pay nothing for it.
CREATE INDEX chat_messages_broadcasts ON chat_messages (created_at) WHERE receiver_id = 'all';
