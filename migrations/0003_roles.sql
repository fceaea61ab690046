-- The services' roles (docs/event-log.md, "Roles"). They are group roles without login: the login user becomes one of them with
-- SET ROLE. Roles belong to the whole cluster, so they may exist already, made for another database of it.
DO $$
DECLARE
    service_role text;
BEGIN
    FOREACH service_role IN ARRAY ARRAY['hermes_ingester', 'hermes_projector', 'hermes_reader'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service_role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', service_role);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database's migration was faster
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'role % is missing and % may not create it', service_role, current_user
                    USING HINT = format('As a superuser: ALTER ROLE %I CREATEROLE;', current_user);
        END;
        BEGIN
            IF NOT pg_has_role(current_user, service_role, 'MEMBER') THEN
                EXECUTE format('GRANT %I TO %I', service_role, current_user);
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE EXCEPTION '% is not a member of role % and may not become one', current_user, service_role
                USING HINT = format('As a superuser: GRANT %I TO %I;', service_role, current_user);
        END;
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO hermes_ingester, hermes_projector, hermes_reader', current_schema());
    -- Whatever table is added later can be read by the read-only tools.
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO hermes_reader', current_schema());
END $$;

GRANT SELECT ON event_log, event_log_heads, event_log_settings, rejected_events, parked_events, schema_migrations
    TO hermes_ingester, hermes_projector, hermes_reader;

GRANT INSERT ON event_log, rejected_events, parked_events TO hermes_ingester;
GRANT UPDATE ON event_log_heads TO hermes_ingester;
GRANT DELETE ON parked_events TO hermes_ingester;
GRANT UPDATE (resolution, resolved_at, resolved_by, resolution_note) ON rejected_events TO hermes_ingester;
