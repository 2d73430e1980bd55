-- How much a domain, or a repository's latest version, may hold.
CREATE TABLE quota (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001' REFERENCES domain ON DELETE CASCADE,
    name text NOT NULL,
    repository_id uuid REFERENCES repository ON DELETE CASCADE,   -- null: the whole domain
    max_bytes bigint CHECK (max_bytes >= 0),      -- null: any number
    max_units bigint CHECK (max_units >= 0),
    used_bytes bigint NOT NULL DEFAULT 0,
    used_units bigint NOT NULL DEFAULT 0,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, name)
);
CREATE INDEX quota_repository ON quota (repository_id) WHERE repository_id IS NOT NULL;

-- What a domain holds is counted by the database itself, because everything that stores something must be counted: syncs,
-- uploads, publishing, the content server. Whoever inserts or deletes takes the lock on the domains' quotas before any other,
-- so that two of them cannot lock each other out; where there is no quota, nobody waits for anybody.
CREATE FUNCTION lock_domain_quotas() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM quota WHERE repository_id IS NULL ORDER BY id FOR NO KEY UPDATE;
    RETURN NULL;
END $$;
CREATE TRIGGER a_lock_quotas BEFORE INSERT OR DELETE ON artifact
    FOR EACH STATEMENT EXECUTE FUNCTION lock_domain_quotas();
CREATE TRIGGER a_lock_quotas BEFORE INSERT OR DELETE ON content
    FOR EACH STATEMENT EXECUTE FUNCTION lock_domain_quotas();

-- Raises UQ001 with a text for the user if a quota of one of some domains is exceeded.
CREATE FUNCTION check_domain_quotas(domains uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    broken record;
BEGIN
    SELECT quota.*, domain.name AS domain_name INTO broken FROM quota JOIN domain ON domain.id = quota.domain_id
    WHERE quota.repository_id IS NULL AND quota.domain_id = ANY (domains)
      AND (quota.used_bytes > quota.max_bytes OR quota.used_units > quota.max_units)
    ORDER BY quota.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'UQ001', MESSAGE = CASE
            WHEN broken.used_bytes > broken.max_bytes
            THEN concat('the quota "', broken.name, '" allows the domain "', broken.domain_name, '" ', broken.max_bytes,
                        ' bytes, and it would have ', broken.used_bytes)
            ELSE concat('the quota "', broken.name, '" allows the domain "', broken.domain_name, '" ', broken.max_units,
                        ' units of content, and it would have ', broken.used_units) END;
    END IF;
END $$;

CREATE FUNCTION count_artifacts_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM quota WHERE repository_id IS NULL) THEN
        UPDATE quota SET used_bytes = used_bytes + moved.bytes
        FROM (SELECT domain_id, sum(size)::bigint AS bytes FROM moved_row GROUP BY domain_id) AS moved
        WHERE quota.repository_id IS NULL AND quota.domain_id = moved.domain_id;
        PERFORM check_domain_quotas(ARRAY(SELECT DISTINCT domain_id FROM moved_row));
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_artifacts_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM quota WHERE repository_id IS NULL) THEN
        UPDATE quota SET used_bytes = used_bytes - moved.bytes
        FROM (SELECT domain_id, sum(size)::bigint AS bytes FROM moved_row GROUP BY domain_id) AS moved
        WHERE quota.repository_id IS NULL AND quota.domain_id = moved.domain_id;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_content_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM quota WHERE repository_id IS NULL) THEN
        UPDATE quota SET used_units = used_units + moved.units
        FROM (SELECT domain_id, count(*) AS units FROM moved_row GROUP BY domain_id) AS moved
        WHERE quota.repository_id IS NULL AND quota.domain_id = moved.domain_id;
        PERFORM check_domain_quotas(ARRAY(SELECT DISTINCT domain_id FROM moved_row));
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION count_content_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM quota WHERE repository_id IS NULL) THEN
        UPDATE quota SET used_units = used_units - moved.units
        FROM (SELECT domain_id, count(*) AS units FROM moved_row GROUP BY domain_id) AS moved
        WHERE quota.repository_id IS NULL AND quota.domain_id = moved.domain_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_in AFTER INSERT ON artifact REFERENCING NEW TABLE AS moved_row
    FOR EACH STATEMENT EXECUTE FUNCTION count_artifacts_in();
CREATE TRIGGER count_out AFTER DELETE ON artifact REFERENCING OLD TABLE AS moved_row
    FOR EACH STATEMENT EXECUTE FUNCTION count_artifacts_out();
CREATE TRIGGER count_in AFTER INSERT ON content REFERENCING NEW TABLE AS moved_row
    FOR EACH STATEMENT EXECUTE FUNCTION count_content_in();
CREATE TRIGGER count_out AFTER DELETE ON content REFERENCING OLD TABLE AS moved_row
    FOR EACH STATEMENT EXECUTE FUNCTION count_content_out();
