-- What could not be appended, with its raw bytes: nothing that reached the ingester is dropped.
CREATE TABLE rejected_events (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rejected_at     timestamptz NOT NULL DEFAULT now(),
    received_at     timestamptz NOT NULL,   -- the ingester's clock
    topic           text        NOT NULL,
    payload         bytea       NOT NULL,   -- as it came from the broker
    reason          text        NOT NULL,   -- a code: domain/rejection.h
    detail          text        NOT NULL,   -- for people
    message_id      text,                   -- as far as they could be read
    actor_id        text,
    sequence        bigint      NOT NULL,   -- the spool's record number
    resolution      text        CHECK (resolution IN ('retried', 'dropped')),
    resolved_at     timestamptz,
    resolved_by     text,
    resolution_note text,
    CHECK ((resolution IS NULL) = (resolved_at IS NULL))
);

-- A spool that is read again after a crash hands in the same record: it is kept once.
CREATE UNIQUE INDEX rejected_events_once ON rejected_events (received_at, sequence, sha256(payload));
CREATE INDEX rejected_events_by_time ON rejected_events (rejected_at);
CREATE INDEX rejected_events_by_message ON rejected_events (message_id) WHERE message_id IS NOT NULL;

COMMENT ON TABLE rejected_events IS 'What could not be appended, and why. See: hermes rejected';

-- Receipts that came before their message. They are applied in the transaction that appends the message, or move to
-- rejected_events after the parking window. event_log_heads.parked counts them.
CREATE TABLE parked_events (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition   smallint    NOT NULL REFERENCES event_log_heads,
    stream_key  uuid        NOT NULL,
    message_id  text        NOT NULL,
    status      text        NOT NULL,
    user_id     text        NOT NULL,
    occurred_at timestamptz,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    received_at timestamptz NOT NULL,
    topic       text        NOT NULL,
    payload     bytea       NOT NULL,
    sequence    bigint      NOT NULL,
    -- The same receipt twice waits once.
    CONSTRAINT parked_events_once UNIQUE (partition, stream_key, status, user_id)
);
CREATE INDEX parked_events_by_time ON parked_events (parked_at);
CREATE INDEX parked_events_by_message ON parked_events (message_id);

COMMENT ON TABLE parked_events IS 'Receipts that wait for their message.';
