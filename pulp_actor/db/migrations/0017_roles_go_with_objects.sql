-- Whoever makes an object owns it, by a role; the role goes with the object. See forget_roles() in 0007.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['exporter', 'importer', 'quota', 'role', 'task_schedule', 'upstream_pulp', 'webhook'] LOOP
        EXECUTE 'CREATE TRIGGER roles_gone AFTER DELETE ON ' || quote_ident(name) || ' REFERENCING OLD TABLE AS gone '
                'FOR EACH STATEMENT EXECUTE FUNCTION forget_roles()';
    END LOOP;
END $$;
