-- What the projectors keep for themselves: how far each projection has come, who works on which partition, and what stopped it
-- (docs/projections.md).

-- The checkpoint moves in the transaction that writes the rows: that is why each event takes effect exactly once. Locking the row
-- is the first thing such a transaction does, so two writers of one partition never overlap, whatever the leases say.
CREATE TABLE projection_checkpoints (
    projection  text        NOT NULL,
    partition   smallint    NOT NULL,
    next_offset bigint      NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, partition)
) WITH (fillfactor = 50);

COMMENT ON TABLE  projection_checkpoints             IS 'How far each projection has folded each partition of the log.';
COMMENT ON COLUMN projection_checkpoints.next_offset IS 'The first offset that is not in the tables of the projection yet.';

-- Who works on a partition of a projection, until when. The epoch grows with every new owner; a transaction that does not find its
-- owner and epoch here writes nothing.
CREATE TABLE projection_leases (
    projection    text        NOT NULL,
    partition     smallint    NOT NULL,
    owner         text,
    epoch         bigint      NOT NULL DEFAULT 0,
    expires_at    timestamptz NOT NULL DEFAULT '-infinity',
    backend_pid   integer,      -- the owner's session: the next owner ends it, so that a paused process holds no locks
    backend_start timestamptz,
    PRIMARY KEY (projection, partition)
) WITH (fillfactor = 50);

COMMENT ON TABLE  projection_leases            IS 'Which projector process works on which partition, and until when.';
COMMENT ON COLUMN projection_leases.owner      IS 'The instance name of a projector; null if nobody works on the partition.';
COMMENT ON COLUMN projection_leases.epoch      IS 'Grows with every new owner: the fencing token.';
COMMENT ON COLUMN projection_leases.expires_at IS 'By the clock of the database; after it anyone may take the partition.';

-- The projector processes that are alive, per projection: the partitions are shared evenly among them.
CREATE TABLE projection_members (
    projection text        NOT NULL,
    instance   text        NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (projection, instance)
) WITH (fillfactor = 50);

COMMENT ON TABLE projection_members IS 'Projector processes that are alive; the partitions are shared among them.';

-- Partitions that stopped at an event which could not be applied.
CREATE TABLE projection_stuck (
    projection text        NOT NULL,
    partition  smallint    NOT NULL,
    "offset"   bigint      NOT NULL,
    stream_id  text        NOT NULL,
    event_type text        NOT NULL,
    reason     text        NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, partition)
);

COMMENT ON TABLE projection_stuck IS 'Partitions that stopped at an event which could not be applied, and why.';

-- Events that an operator told a projection to leave out. Kept for ever: a rebuild leaves them out too.
CREATE TABLE projection_skips (
    projection text        NOT NULL,
    partition  smallint    NOT NULL,
    "offset"   bigint      NOT NULL,
    reason     text        NOT NULL CHECK (reason <> ''),
    skipped_by text        NOT NULL DEFAULT session_user,
    skipped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, partition, "offset")
);

COMMENT ON TABLE projection_skips IS 'Events that an operator told a projection to leave out, by hermes project --skip.';

CREATE VIEW projection_lag AS
SELECT checkpoint.projection,
       checkpoint.partition,
       checkpoint.next_offset,
       head.next_offset                          AS head_offset,
       head.next_offset - checkpoint.next_offset AS events_behind,
       CASE WHEN waiting.recorded_at IS NULL THEN 0
            ELSE greatest(0, extract(epoch FROM clock_timestamp() - waiting.recorded_at))
       END::double precision                     AS seconds_behind,
       CASE WHEN lease.expires_at > clock_timestamp() THEN lease.owner END AS owner,
       lease.epoch,
       lease.expires_at                          AS lease_expires_at,
       stuck."offset"                            AS stuck_offset,
       stuck.stream_id                           AS stuck_stream_id,
       stuck.event_type                          AS stuck_event_type,
       stuck.reason                              AS stuck_reason,
       stuck.since                               AS stuck_since
FROM projection_checkpoints checkpoint
JOIN event_log_heads head USING (partition)
LEFT JOIN event_log waiting ON waiting.partition = checkpoint.partition AND waiting."offset" = checkpoint.next_offset
LEFT JOIN projection_leases lease ON lease.projection = checkpoint.projection AND lease.partition = checkpoint.partition
LEFT JOIN projection_stuck stuck ON stuck.projection = checkpoint.projection AND stuck.partition = checkpoint.partition;

COMMENT ON VIEW projection_lag IS
    'Per projection and partition: how far behind the log, in events and in seconds since the oldest waiting event was recorded; who works on it; what stopped it.';

GRANT SELECT, INSERT, UPDATE, DELETE ON projection_checkpoints, projection_leases, projection_members, projection_stuck TO hermes_projector;
GRANT SELECT ON projection_skips, projection_lag TO hermes_projector;
GRANT SELECT ON projection_checkpoints, projection_leases, projection_members, projection_stuck, projection_skips, projection_lag
    TO hermes_reader;

-- The log guarantees what the foreign key of message_status checks: a message's first event comes before its receipts, in one
-- partition. With this privilege the projector checks a batch with one query instead of a lock per row. Only a superuser may grant
-- it, and only since PostgreSQL 15: without it everything works, slower.
DO $$
BEGIN
    EXECUTE 'GRANT SET ON PARAMETER session_replication_role TO hermes_projector';
EXCEPTION WHEN insufficient_privilege OR syntax_error THEN
    RAISE NOTICE 'hermes_projector may not set session_replication_role: foreign keys are checked row by row';
END $$;
