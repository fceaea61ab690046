-- The event log (docs/event-log.md). Rows are written once, by the append protocol, and never change.
--
-- stream_key is the first 16 bytes of SHA-256 of stream_id: an index over it is a third smaller than one over the text.
-- partition is the key's last eight bytes modulo the partition count, so all of a stream is in one partition.
CREATE TABLE event_log (
    partition      smallint    NOT NULL CHECK (partition >= 0),
    "offset"       bigint      NOT NULL CHECK ("offset" >= 0),
    stream_key     uuid        NOT NULL,
    stream_id      text        NOT NULL,
    version        integer     NOT NULL CHECK (version >= 0),
    event_type     text        NOT NULL,
    schema_version smallint    NOT NULL,
    actor_id       text        NOT NULL,
    occurred_at    timestamptz,                        -- the client's claim
    recorded_at    timestamptz NOT NULL,               -- the database's clock, never earlier than the event before it
    payload        bytea       NOT NULL,               -- proto/hermes/v1/events.proto
    hash           bytea       NOT NULL CHECK (length(hash) = 32),
    CONSTRAINT event_log_pkey PRIMARY KEY (partition, "offset"),
    -- The judge of what is new: two appends of the same version of a stream can't both succeed.
    CONSTRAINT event_log_stream_version UNIQUE (partition, stream_key, version)
);

COMMENT ON TABLE event_log IS 'Every event, in order. Immutable. Each partition is gapless and a hash chain: hermes verify checks it.';

-- Heads: one row per partition. Locking a head is what orders the appends of a partition.
-- fillfactor leaves room for HOT updates: the row changes with every batch.
CREATE TABLE event_log_heads (
    partition        smallint    PRIMARY KEY,
    next_offset      bigint      NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
    last_recorded_at timestamptz NOT NULL DEFAULT '-infinity',
    last_hash        bytea       NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (length(last_hash) = 32),
    parked           bigint      NOT NULL DEFAULT 0 CHECK (parked >= 0)  -- rows of this partition in parked_events
) WITH (fillfactor = 50);

COMMENT ON TABLE event_log_heads IS 'Where each partition of event_log ends. Locked FOR UPDATE, in ascending order, by every append.';

-- The partition count decides where a stream lives, so it is fixed when the log is created.
CREATE TABLE event_log_settings (
    singleton       boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    partition_count integer     NOT NULL CHECK (partition_count BETWEEN 1 AND 1024),
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- `hermes migrate --partitions N` hands N over as hermes.partition_count.
INSERT INTO event_log_settings (partition_count)
    SELECT coalesce(nullif(current_setting('hermes.partition_count', true), ''), '16')::integer;
INSERT INTO event_log_heads (partition)
    SELECT generate_series(0, partition_count - 1) FROM event_log_settings;

CREATE FUNCTION event_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is immutable: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'modifying_sql_data_not_permitted',
              HINT = 'Events are facts. Record what is true now as a new event.';
END $$;

-- Statement triggers fire for the owner and for superusers too, and ALWAYS keeps them firing under
-- session_replication_role = replica.
CREATE TRIGGER event_log_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION event_log_refuse();
ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_immutable;

CREATE TRIGGER event_log_settings_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log_settings
    FOR EACH STATEMENT EXECUTE FUNCTION event_log_refuse();
ALTER TABLE event_log_settings ENABLE ALWAYS TRIGGER event_log_settings_immutable;

-- Heads move, but none may go.
CREATE TRIGGER event_log_heads_stay BEFORE DELETE OR TRUNCATE ON event_log_heads
    FOR EACH STATEMENT EXECUTE FUNCTION event_log_refuse();
ALTER TABLE event_log_heads ENABLE ALWAYS TRIGGER event_log_heads_stay;
