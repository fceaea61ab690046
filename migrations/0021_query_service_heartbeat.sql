-- The query service says of itself what the other services say, so that `hermes status` lists it too. Its role, hermes_reader,
-- may write nothing, and whoever reads has that role: so it gets no right to the table but one function, which writes rows of the
-- query service alone and removes those that have been silent for a day.
CREATE FUNCTION query_service_heartbeat(
    instance_name text, host_name text, process_id integer, version_name text, started timestamptz, seconds integer,
    state_name text, problem_line text, measures jsonb)
RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
    DELETE FROM service_heartbeats WHERE service = 'query' AND beat_at < now() - interval '1 day';
    INSERT INTO service_heartbeats (service, instance, host, pid, version, started_at, beat_at, interval_seconds, state, problem,
                                    details)
    VALUES ('query', instance_name, host_name, process_id, version_name, started, now(), seconds, state_name, problem_line, measures)
    ON CONFLICT (service, instance) DO UPDATE
    SET host = excluded.host, pid = excluded.pid, version = excluded.version, started_at = excluded.started_at,
        beat_at = excluded.beat_at, interval_seconds = excluded.interval_seconds, state = excluded.state,
        problem = excluded.problem, details = excluded.details;
$$;

COMMENT ON FUNCTION query_service_heartbeat IS 'Writes the row of a query service in service_heartbeats. See: hermes status';

REVOKE ALL ON FUNCTION query_service_heartbeat FROM PUBLIC;
GRANT EXECUTE ON FUNCTION query_service_heartbeat TO hermes_reader;

-- It runs with the owner's rights, so nobody's search_path may say which table is meant.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION query_service_heartbeat SET search_path = %I, pg_temp', current_schema());
END $$;
