-- When an event arrived: the moment at which the ingester took the message from the broker, by the ingester's clock, strictly
-- increasing within an ingester (docs/event-log.md, "Order"). The order of a conversation goes by it, for the events of one batch
-- share their recorded_at. Rows from before have none, keep their hashes, and are ordered by recorded_at as before.
ALTER TABLE event_log ADD COLUMN received_at timestamptz;

COMMENT ON COLUMN event_log.recorded_at IS 'When the event was stored, by the clock of the database. Events of one batch share it.';
COMMENT ON COLUMN event_log.received_at IS
    'When the ingester took the message from the broker, by its clock, strictly increasing within an ingester. Null before Hermes kept it.';

COMMENT ON COLUMN chat_messages.created_at IS
    'When the message arrived: coalesce(received_at, recorded_at) of its event. The order of a conversation.';
COMMENT ON COLUMN message_status."timestamp" IS 'When it arrived: coalesce(received_at, recorded_at) of the event.';
COMMENT ON COLUMN inbox.last_activity_at IS 'When the newest message or read receipt of the two arrived.';
COMMENT ON COLUMN inbox.last_partition IS
    'With last_offset: where the last message is in the log; settles which of two that arrived at the same microsecond is the last.';
