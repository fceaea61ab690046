-- Logical replication copies rows and leaves sequences where they were: after a switch-over the next ids of rejected_events and
-- parked_events are taken. An ingester that meets this mends it by calling this function, as the owner of the tables, for it may not set
-- a sequence itself. The lock keeps others from taking numbers meanwhile.
DO $$
BEGIN
    EXECUTE format($make$
        CREATE FUNCTION hermes_mend_sequences() RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = %I, pg_temp SET lock_timeout = '5s' AS $body$
        DECLARE
            kept     text;
            counter  text;
            newest   bigint;
            counted  bigint;
        BEGIN
            FOREACH kept IN ARRAY ARRAY['rejected_events', 'parked_events'] LOOP
                EXECUTE format('LOCK TABLE %%I IN SHARE ROW EXCLUSIVE MODE', kept);
                counter := pg_get_serial_sequence(kept, 'id');
                EXECUTE format('SELECT coalesce(max(id), 0) FROM %%I', kept) INTO newest;
                EXECUTE format('SELECT last_value FROM %%s', counter) INTO counted;
                IF newest > 0 AND newest >= counted THEN
                    PERFORM setval(counter, newest);
                END IF;
            END LOOP;
        END $body$
    $make$, current_schema());
END $$;

COMMENT ON FUNCTION hermes_mend_sequences() IS 'Moves the sequences of rejected_events and parked_events past the ids that are taken.';

REVOKE ALL ON FUNCTION hermes_mend_sequences() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hermes_mend_sequences() TO hermes_ingester;
