-- What the services say of themselves, every few seconds, so that `hermes status` can show them without reaching the processes.
-- A service whose beat is older than three intervals is gone, however it went.
CREATE TABLE service_heartbeats (
    service          text        NOT NULL,              -- ingester, projector
    instance         text        NOT NULL,              -- unique among the processes of a service: host:pid, or a client id
    host             text        NOT NULL,
    pid              integer     NOT NULL,
    version          text        NOT NULL,
    started_at       timestamptz NOT NULL,
    beat_at          timestamptz NOT NULL,
    interval_seconds integer     NOT NULL CHECK (interval_seconds > 0),
    state            text        NOT NULL CHECK (state IN ('starting', 'ready', 'degraded', 'stopped')),
    problem          text        NOT NULL DEFAULT '',   -- one line for people; empty when ready
    details          jsonb       NOT NULL DEFAULT '{}', -- what the service measures: spool_bytes, spool_age_seconds, ...
    PRIMARY KEY (service, instance)
) WITH (fillfactor = 50);

COMMENT ON TABLE service_heartbeats IS 'What the services say of themselves. See: hermes status';

GRANT SELECT ON service_heartbeats TO hermes_ingester, hermes_projector, hermes_reader;
GRANT INSERT, UPDATE, DELETE ON service_heartbeats TO hermes_ingester, hermes_projector;
