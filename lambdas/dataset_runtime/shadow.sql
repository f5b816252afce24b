-- The role `shadow` may write, and can never commit it: the shadow of a write is a dry run.
-- To be run by the owner of the tables, again after each migration of the schema: a table of which
-- this knows nothing is one that the role may only read.
--
-- The trigger asks for the session's user: that of a SECURITY DEFINER function, or of the foreign
-- key that cascades, is another one while it writes.

CREATE OR REPLACE FUNCTION shadow_commits_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the role shadow commits nothing: roll back' USING ERRCODE = 'SHDW0';
END $$;

DO $$
DECLARE each regclass;
BEGIN
    FOR each IN
        SELECT t.oid FROM pg_class t
        WHERE t.relkind IN ('r', 'p') AND t.relispartition IS FALSE AND t.relpersistence = 'p'
          AND t.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
          AND NOT EXISTS (
            SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND g.tgname = 'shadow_commits_nothing'
          )
    LOOP
        EXECUTE format(
            'CREATE CONSTRAINT TRIGGER shadow_commits_nothing AFTER INSERT OR UPDATE OR DELETE ON %s '
            'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (session_user = ''shadow'') '
            'EXECUTE FUNCTION shadow_commits_nothing()', each);
    END LOOP;
    FOR each IN SELECT tgrelid FROM pg_trigger WHERE tgname = 'shadow_commits_nothing' LOOP
        -- TRUNCATE fires no trigger of a row: it is not granted.
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO shadow', each);
    END LOOP;
    FOR each IN
        SELECT oid FROM pg_class
        WHERE relkind = 'S' AND relnamespace::regnamespace::text <> 'information_schema'
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO shadow', each);  -- it advances, as any does
    END LOOP;
END $$;

GRANT pg_read_all_data TO shadow;
ALTER ROLE shadow SET lock_timeout = '100ms';  -- a dry run waits for no user,
ALTER ROLE shadow SET statement_timeout = '2s';
ALTER ROLE shadow SET idle_in_transaction_session_timeout = '2s';  -- and lets none wait for long
