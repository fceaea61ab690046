-- Snapshots of long streams (eventstore/snapshots.h), so that a broadcast with tens of thousands of receipts need not be read from
-- its first event. They are beside the log, not part of it: what is missing, damaged or of an older layout is ignored and written
-- again, and all of them may be deleted at any time.
CREATE TABLE stream_snapshots (
    partition    smallint    NOT NULL,
    stream_key   uuid        NOT NULL,
    next_version integer     NOT NULL CHECK (next_version > 0),  -- how many events of the stream it covers
    snapshot     bytea       NOT NULL,
    taken_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, stream_key)
);

-- Half a megabyte is read more often than written, and decompressing it would take longer than reading it.
ALTER TABLE stream_snapshots ALTER COLUMN snapshot SET STORAGE EXTERNAL;

COMMENT ON TABLE stream_snapshots IS 'Snapshots of long streams. May be deleted at any time.';

GRANT SELECT, INSERT, UPDATE, DELETE ON stream_snapshots TO hermes_ingester;
GRANT SELECT ON stream_snapshots TO hermes_projector, hermes_reader;
