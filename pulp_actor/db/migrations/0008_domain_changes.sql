-- Processes remember domains and the stores that they describe; they forget them all when any of them changes. The payload
-- is empty: NOTIFY folds equal ones.
CREATE FUNCTION notify_domains_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pulp_domains_changed', '');
    RETURN NULL;
END $$;
CREATE TRIGGER domains_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON domain
    FOR EACH STATEMENT EXECUTE FUNCTION notify_domains_changed();
