-- URLs that are told what happens.
CREATE TABLE webhook (
    id uuid PRIMARY KEY,
    domain_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001' REFERENCES domain,
    name text NOT NULL,
    url text NOT NULL,
    secret bytea,                                 -- encrypted; signs what is sent
    events jsonb NOT NULL DEFAULT '[]',           -- ["task.finished", …]
    is_active boolean NOT NULL DEFAULT true,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, name)
);

-- The outbox: one row for each event and webhook, written in the transaction of the event itself.
CREATE TABLE webhook_delivery (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
    event text NOT NULL,
    facts jsonb NOT NULL,                         -- keys and names; hrefs are made when it is sent
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt timestamptz NOT NULL DEFAULT now(),
    last_status integer,                          -- HTTP status of the last answer
    last_error text,
    delivered_at timestamptz,
    pulp_created timestamptz NOT NULL DEFAULT now(),
    pulp_last_updated timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (next_attempt) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook_id, pulp_created DESC, id DESC);
CREATE INDEX webhook_delivery_old ON webhook_delivery (delivered_at) WHERE state = 'delivered';

-- Put an event into the outbox of every webhook of its domain that wants it. NOTIFY takes a lock of the whole database at
-- commit, so nobody pays for it where there is no webhook.
CREATE FUNCTION webhook_tell(p_domain uuid, p_event text, p_facts jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_delivery (id, webhook_id, event, facts)
    SELECT gen_random_uuid(), webhook.id, p_event, p_facts FROM webhook
    WHERE webhook.domain_id = p_domain AND webhook.is_active AND webhook.events ? p_event;
    IF FOUND THEN
        PERFORM pg_notify('pulp_webhooks', '');
    END IF;
END $$;

CREATE FUNCTION webhook_task_finished() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM webhook) THEN
        PERFORM webhook_tell(NEW.domain_id, 'task.finished', jsonb_build_object(
            'task', NEW.id, 'name', NEW.actor, 'state', NEW.state, 'task_group', NEW.group_id, 'parent', NEW.parent_id,
            'error', NEW.error->>'description', 'started_at', NEW.started_at, 'finished_at', NEW.finished_at));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_task_finished AFTER UPDATE OF state ON task FOR EACH ROW
    WHEN (NEW.state IN ('completed', 'failed', 'canceled') AND OLD.state NOT IN ('completed', 'failed', 'canceled'))
    EXECUTE FUNCTION webhook_task_finished();
CREATE TRIGGER webhook_task_recorded AFTER INSERT ON task FOR EACH ROW
    WHEN (NEW.state IN ('completed', 'failed', 'canceled')) EXECUTE FUNCTION webhook_task_finished();

CREATE FUNCTION webhook_version_created() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    SELECT id, type, name, domain_id INTO r FROM repository WHERE id = NEW.repository_id;
    PERFORM webhook_tell(r.domain_id, 'repository_version.created', jsonb_build_object(
        'version', NEW.id, 'number', NEW.number, 'repository', r.id, 'repository_type', r.type, 'repository_name', r.name,
        'content_summary', NEW.content_summary));
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_version_inserted AFTER INSERT ON repository_version FOR EACH ROW
    WHEN (NEW.complete AND NEW.number > 0) EXECUTE FUNCTION webhook_version_created();
CREATE TRIGGER webhook_version_completed AFTER UPDATE OF complete ON repository_version FOR EACH ROW
    WHEN (NEW.complete AND NOT OLD.complete AND NEW.number > 0) EXECUTE FUNCTION webhook_version_created();

CREATE FUNCTION webhook_publication_created() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v record;
BEGIN
    SELECT version.number, repository.id, repository.type, repository.name INTO v
    FROM repository_version AS version JOIN repository ON repository.id = version.repository_id
    WHERE version.id = NEW.repository_version_id;
    PERFORM webhook_tell(NEW.domain_id, 'publication.created', jsonb_build_object(
        'publication', NEW.id, 'type', NEW.type, 'number', v.number, 'repository', v.id, 'repository_type', v.type,
        'repository_name', v.name));
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_publication_inserted AFTER INSERT ON publication FOR EACH ROW
    WHEN (NEW.complete) EXECUTE FUNCTION webhook_publication_created();
CREATE TRIGGER webhook_publication_completed AFTER UPDATE OF complete ON publication FOR EACH ROW
    WHEN (NEW.complete AND NOT OLD.complete) EXECUTE FUNCTION webhook_publication_created();
