-- Messages of a stream that the ingester cannot read: a newer Hermes has written an event of it, or its events are damaged. Nothing can
-- be decided for them, and they are not at fault. They wait here with their raw bytes, out of the way of all other streams, until
-- an ingester that can read the stream applies them (docs/schema-evolution.md).
--
-- No sequence numbers them: nothing here can fall behind when the database is moved by logical replication.
CREATE TABLE postponed_events (
    partition      smallint    NOT NULL,
    stream_key     uuid        NOT NULL,
    stream_id      text        NOT NULL,
    postponed_at   timestamptz NOT NULL DEFAULT now(),
    received_at    timestamptz NOT NULL,   -- the ingester's clock
    topic          text        NOT NULL,
    payload        bytea       NOT NULL,   -- as it came from the broker
    payload_sha256 bytea       NOT NULL GENERATED ALWAYS AS (sha256(payload)) STORED,
    sequence       bigint      NOT NULL,   -- the spool's record number
    reason         text        NOT NULL,   -- for people
    -- A sender that repeats itself waits once.
    PRIMARY KEY (stream_key, payload_sha256)
);
CREATE INDEX postponed_events_by_arrival ON postponed_events (received_at, sequence);

COMMENT ON TABLE  postponed_events        IS 'Messages whose stream this version of Hermes cannot read. They are applied once an ingester can.';
COMMENT ON COLUMN postponed_events.reason IS 'Which event of the stream cannot be read, and why.';

GRANT SELECT, INSERT, DELETE ON postponed_events TO hermes_ingester;
GRANT SELECT ON postponed_events TO hermes_projector, hermes_reader;
