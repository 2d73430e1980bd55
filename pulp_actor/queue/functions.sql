-- The engine's critical sections, one function each, so that each is one round trip and one commit.
--
-- Order of locks, everywhere: advisory locks of the resources (sorted by key), then messages, then task rows (sorted by
-- id). All tickets of a task are taken in one critical section, so that waits cannot form a cycle.
--
-- Plans: queue tables change size by the minute, so statistics mislead. A plan made while one resource fills the table
-- thinks that a sequential scan finds "any" row at once. The entry points therefore ask for index plans, made once.
-- For the same reason a condition that merely checks a row found by its key is written `state || '' = …`: to an empty
-- table every index is as good, and the partial one that such a condition allows for would be read from end to end later.
--
-- Every function is VOLATILE plpgsql: under READ COMMITTED each statement in it sees what committed before that
-- statement, and so what was committed before the advisory locks were obtained.

-- How far apart the turns of one fair key are in virtual time, and what one step of priority is worth.
CREATE OR REPLACE FUNCTION task_turn() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 100::bigint';
CREATE OR REPLACE FUNCTION task_priority_step() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1000::bigint';

-- Take the advisory locks of some resources. Shared resources are locked in shared mode, so that the commits of tasks
-- that share a busy resource do not queue up; `p_strict` asks for exclusive mode.
CREATE OR REPLACE FUNCTION task_lock(p_exclusive text[], p_shared text[], p_strict boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT key, bool_or(x) AS x
        FROM (
            SELECT hashtextextended(resource, 7), true FROM unnest(p_exclusive) AS resource
            UNION ALL
            SELECT hashtextextended(resource, 7), p_strict FROM unnest(p_shared) AS resource
        ) AS wanted (key, x)
        GROUP BY key
        ORDER BY key
    LOOP
        IF r.x THEN
            PERFORM pg_advisory_xact_lock(r.key);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(r.key);
        END IF;
    END LOOP;
END $$;

-- Put the message of a task, which nothing blocks any more, into its queue, and wake the workers. It has no content, which is
-- in the task's row: one that has was sent by a stock dramatiq-pg producer.
--
-- Start-time fair queueing: a message's turn comes one step after the last turn of the same fair key, and not before
-- now; so a key with 20,000 messages does not delay another key's first. Ageing is built in, for virtual time moves on
-- with each claim: neither a busy key nor a low priority can be starved.
--
-- The statement of this name in queries.sql does the same for a task that never had to wait.
CREATE OR REPLACE FUNCTION task_enqueue(p_task uuid, p_queue text, p_priority integer, p_fair_key text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dramatiq.queue (message_id, queue_name, state, fair_key, tag, rank)
    SELECT
        p_task, p_queue, 'queued', p_priority || ' ' || p_fair_key, turn, turn + p_priority * task_priority_step()
    FROM (
        SELECT greatest(
            (SELECT tag + task_turn() FROM dramatiq.queue
             WHERE fair_key = p_priority || ' ' || p_fair_key AND state = 'queued'
             ORDER BY fair_key DESC, tag DESC LIMIT 1),
            (SELECT last_value FROM dramatiq.clock)
        ) AS turn OFFSET 0
    ) AS next
    -- A result of an earlier attempt may hold the row.
    ON CONFLICT (message_id) DO UPDATE SET
        state = 'queued', queue_name = excluded.queue_name, message = NULL,
        fair_key = excluded.fair_key, tag = excluded.tag, rank = excluded.rank, seq = excluded.seq;
    PERFORM pg_notify('dramatiq.' || p_queue || '.enqueue', '');
END $$;

-- Take a task's tickets. Returns how many were not granted. The caller holds the advisory locks.
CREATE OR REPLACE FUNCTION task_take_tickets(p_task uuid, p_exclusive text[], p_shared text[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    r text;
    free boolean;
    blockers integer := 0;
BEGIN
    FOREACH r IN ARRAY p_exclusive LOOP
        free := NOT EXISTS (SELECT FROM task_ticket WHERE resource = r AND granted)
            AND NOT EXISTS (SELECT FROM task_ticket WHERE resource = r AND NOT granted);
        INSERT INTO task_ticket (task_id, resource, shared, granted) VALUES (p_task, r, false, free);
        blockers := blockers + (NOT free)::integer;
    END LOOP;
    FOREACH r IN ARRAY p_shared LOOP
        free := NOT EXISTS (SELECT FROM task_ticket WHERE resource = r AND granted AND NOT shared)
            AND NOT EXISTS (SELECT FROM task_ticket WHERE resource = r AND NOT granted AND NOT shared);
        INSERT INTO task_ticket (task_id, resource, shared, granted) VALUES (p_task, r, true, free);
        blockers := blockers + (NOT free)::integer;
    END LOOP;
    RETURN blockers;
END $$;

-- Give back a task's tickets and grant each resource to whoever is next: every shared ticket before the first exclusive
-- one, or that one if nobody holds the resource. Tasks that nothing blocks any more get their messages. The caller holds
-- the advisory locks.
CREATE OR REPLACE FUNCTION task_release_tickets(p_task uuid, p_exclusive text[], p_shared text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r text;
    first_exclusive bigint;
    granted_now uuid[];
    granted_all uuid[] := '{}';
    t record;
BEGIN
    DELETE FROM task_ticket WHERE task_id = p_task;
    FOREACH r IN ARRAY p_exclusive || p_shared LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM task_ticket WHERE resource = r AND NOT granted);
        CONTINUE WHEN EXISTS (SELECT FROM task_ticket WHERE resource = r AND granted AND NOT shared);
        SELECT seq INTO first_exclusive
        FROM task_ticket WHERE resource = r AND NOT granted AND NOT shared ORDER BY seq LIMIT 1;
        WITH given AS (
            UPDATE task_ticket SET granted = true
            WHERE resource = r AND NOT granted AND shared AND (first_exclusive IS NULL OR seq < first_exclusive)
            RETURNING task_id
        )
        SELECT array_agg(task_id) INTO granted_now FROM given;
        IF granted_now IS NULL AND first_exclusive IS NOT NULL
            AND NOT EXISTS (SELECT FROM task_ticket WHERE resource = r AND granted)
        THEN
            WITH given AS (
                UPDATE task_ticket SET granted = true
                WHERE resource = r AND NOT granted AND NOT shared AND seq = first_exclusive
                RETURNING task_id
            )
            SELECT array_agg(task_id) INTO granted_now FROM given;
        END IF;
        granted_all := granted_all || coalesce(granted_now, '{}');
    END LOOP;
    IF granted_all = '{}' THEN
        RETURN;
    END IF;
    IF cardinality(granted_all) > 1 THEN
        PERFORM FROM task WHERE id = ANY (granted_all) ORDER BY id FOR UPDATE;
    END IF;
    FOR t IN
        WITH grants AS (
            SELECT id, count(*)::integer AS n FROM unnest(granted_all) AS id GROUP BY id
        ), unblocked AS (
            UPDATE task SET
                blockers = blockers - grants.n,
                unblocked_at = CASE WHEN blockers = grants.n THEN clock_timestamp() END
            FROM grants WHERE task.id = grants.id
            RETURNING task.id, seq, queue, priority, fair_key, task.blockers
        )
        SELECT * FROM unblocked WHERE blockers = 0 ORDER BY seq
    LOOP
        PERFORM task_enqueue(t.id, t.queue, t.priority, t.fair_key);
    END LOOP;
END $$;

-- Dispatch tasks: [{"id": …, "actor": …, "message": …, "exclusive": […], "shared": […], …}, …], in this order.
-- All their resources are locked at once, in order, so that two dispatchers cannot deadlock.
CREATE OR REPLACE FUNCTION task_dispatch(p_tasks jsonb) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    t record;
    blockers_now integer;
    attempts integer;
BEGIN
    IF p_tasks @? '$[*].exclusive[*]' OR p_tasks @? '$[*].shared[*]' THEN
        PERFORM task_lock(
            ARRAY(SELECT DISTINCT r FROM jsonb_array_elements(p_tasks) AS x, jsonb_array_elements_text(x -> 'exclusive') AS r),
            ARRAY(SELECT DISTINCT r FROM jsonb_array_elements(p_tasks) AS x, jsonb_array_elements_text(x -> 'shared') AS r)
        );
    END IF;
    FOR t IN
        SELECT * FROM jsonb_to_recordset(p_tasks) AS x (
            id uuid, actor text, queue text, message text, exclusive text[], shared text[], priority integer,
            fair_key text, delay double precision, retry_on_loss boolean, immediate boolean, domain_id uuid,
            created_by integer, logging_cid text, parent_id uuid, group_id uuid, diagnostics text[])
    LOOP
        -- A message may be sent again: while its task is unfinished that changes nothing, after that it runs anew.
        attempts := 0;
        IF EXISTS (SELECT FROM task WHERE id = t.id) THEN
            DELETE FROM task WHERE id = t.id AND state IN ('completed', 'failed', 'canceled', 'skipped')
            RETURNING attempt INTO attempts;
            CONTINUE WHEN NOT FOUND;
        END IF;
        blockers_now := 0;
        IF t.delay IS NULL AND (t.exclusive <> '{}' OR t.shared <> '{}') THEN
            blockers_now := task_take_tickets(t.id, t.exclusive, t.shared);
        END IF;
        INSERT INTO task (
            id, actor, queue, message, exclusive, shared, blockers, priority, fair_key, eta, retry_on_loss, immediate,
            domain_id, created_by, logging_cid, parent_id, group_id, diagnostics, attempt, unblocked_at)
        VALUES (
            t.id, t.actor, t.queue, t.message, t.exclusive, t.shared, blockers_now, t.priority, t.fair_key,
            clock_timestamp() + t.delay * interval '1 second', t.retry_on_loss, t.immediate,
            coalesce(t.domain_id, '00000000-0000-7000-8000-000000000001'), t.created_by, t.logging_cid, t.parent_id,
            t.group_id, t.diagnostics, attempts,
            CASE WHEN blockers_now = 0 AND t.delay IS NULL THEN clock_timestamp() END);
        IF t.delay IS NOT NULL THEN
            PERFORM pg_notify('pulp_task_delayed', '');
        ELSIF blockers_now = 0 THEN
            PERFORM task_enqueue(t.id, t.queue, t.priority, t.fair_key);
        END IF;
    END LOOP;
END $$;

-- Lock the resources and say whether a task that wants them could start at once, ahead of nobody. For tasks that run
-- inside the caller's transaction: the advisory locks keep everyone else out until it ends.
CREATE OR REPLACE FUNCTION task_try(p_exclusive text[], p_shared text[]) RETURNS boolean LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    PERFORM task_lock(p_exclusive, p_shared);
    RETURN NOT EXISTS (SELECT FROM task_ticket WHERE resource = ANY (p_exclusive))
        AND NOT EXISTS (SELECT FROM task_ticket WHERE resource = ANY (p_shared) AND granted AND NOT shared)
        AND NOT EXISTS (SELECT FROM task_ticket WHERE resource = ANY (p_shared) AND NOT granted AND NOT shared);
END $$;

-- Claim the next message of a queue for a worker: the message goes, the task runs. Returns no row when there is none.
-- A worker that was declared gone may not claim: it would take tasks with it.
-- A message that a stock dramatiq-pg producer sent has no task yet; it gets one now.
-- The waits, in seconds, are those for its locks (null: it has none) and for a worker. A waiting task was last updated when
-- it got in line: dispatched, returned or due.
CREATE OR REPLACE FUNCTION task_take(p_queue text, p_worker uuid)
RETURNS TABLE (
    task_id uuid, task_attempt integer, task_message text, task_foreign boolean, lock_wait float, queue_wait float)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    m record;
BEGIN
    IF NOT EXISTS (SELECT FROM worker WHERE id = p_worker AND gone_at IS NULL) THEN
        RAISE EXCEPTION 'this worker was declared gone' USING ERRCODE = 'PA002';
    END IF;
    LOOP
        DELETE FROM dramatiq.queue AS q
        WHERE q.message_id = (
            SELECT c.message_id FROM dramatiq.queue AS c
            WHERE c.queue_name = p_queue AND c.state = 'queued'
            ORDER BY c.rank, c.seq LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING q.message_id, q.message, q.tag INTO m;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        IF m.tag > nextval('dramatiq.clock') THEN
            PERFORM setval('dramatiq.clock', m.tag);
        END IF;
        UPDATE task SET
            state = 'running', worker_id = p_worker, attempt = attempt + 1, started_at = clock_timestamp(),
            pulp_last_updated = clock_timestamp()
        FROM (SELECT id AS key, pulp_last_updated AS lined_up FROM task WHERE id = m.message_id) AS before
        WHERE id = before.key AND state || '' = 'waiting' AND blockers = 0
        RETURNING
            id, attempt, message, false,
            CASE WHEN exclusive <> '{}' OR shared <> '{}' THEN extract(epoch FROM unblocked_at - lined_up) END,
            extract(epoch FROM started_at - unblocked_at)
        INTO task_id, task_attempt, task_message, task_foreign, lock_wait, queue_wait;
        IF FOUND THEN
            RETURN NEXT;
            RETURN;
        END IF;
        CONTINUE WHEN m.message IS NULL;
        INSERT INTO task (id, actor, queue, message, state, worker_id, attempt, unblocked_at, started_at)
        VALUES (
            m.message_id, coalesce(m.message ->> 'actor_name', '?'), p_queue, m.message::text, 'running', p_worker, 1,
            clock_timestamp(), clock_timestamp())
        ON CONFLICT (id) DO NOTHING
        RETURNING id, attempt, message, true INTO task_id, task_attempt, task_message, task_foreign;
        IF FOUND THEN
            RETURN NEXT;
            RETURN;
        END IF;
        -- A message of a task that has ended or runs already: it was stale, and is gone.
    END LOOP;
END $$;

-- How workers of the first release claim, which may run on this schema until they are replaced.
CREATE OR REPLACE FUNCTION task_claim(p_queue text, p_worker uuid)
RETURNS TABLE (task_id uuid, task_attempt integer, task_message text, task_foreign boolean) LANGUAGE sql AS $$
    SELECT task_id, task_attempt, task_message, task_foreign FROM task_take(p_queue, p_worker)
$$;

-- Lock the resources of a task that is about to give its tickets back. Where an exclusive ticket waits behind a shared
-- one, granting it needs the exclusive mode; whoever finds that out too late starts over in strict mode.
CREATE OR REPLACE FUNCTION task_lock_for_release(p_exclusive text[], p_shared text[], p_strict boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whole boolean := p_strict;
BEGIN
    IF p_shared <> '{}' AND NOT whole THEN
        whole := EXISTS (SELECT FROM task_ticket WHERE resource = ANY (p_shared) AND NOT granted AND NOT shared);
    END IF;
    PERFORM task_lock(p_exclusive, p_shared, whole);
    IF p_shared <> '{}' AND NOT whole
        AND EXISTS (SELECT FROM task_ticket WHERE resource = ANY (p_shared) AND NOT granted AND NOT shared)
    THEN
        RAISE EXCEPTION 'an exclusive ticket waits: start over in strict mode' USING ERRCODE = 'PA001';
    END IF;
END $$;

-- End a running task, if it is still this worker's attempt; its locks go to the next in line. False: the caller has lost
-- its lease, and nothing was written.
CREATE OR REPLACE FUNCTION task_finish(
    p_task uuid, p_worker uuid, p_attempt integer, p_state text, p_error jsonb, p_result jsonb, p_strict boolean)
RETURNS boolean LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    t record;
BEGIN
    SELECT exclusive, shared INTO t FROM task WHERE id = p_task;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF t.exclusive <> '{}' OR t.shared <> '{}' THEN
        PERFORM task_lock_for_release(t.exclusive, t.shared, p_strict);
    END IF;
    UPDATE task SET
        state = p_state, error = p_error, result = p_result, finished_at = clock_timestamp(),
        pulp_last_updated = clock_timestamp()
    WHERE id = p_task AND worker_id = p_worker AND attempt = p_attempt AND state IN ('running', 'canceling');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF t.exclusive <> '{}' OR t.shared <> '{}' THEN
        PERFORM task_release_tickets(p_task, t.exclusive, t.shared);
    END IF;
    RETURN true;
END $$;

-- End a running task and claim the next message of a queue for the same worker: one commit for both. Locks are taken in
-- the usual order: the claim skips messages that others hold, and nobody holds a task's row while waiting for an advisory
-- lock. No claimed message: the columns after the first are null; a worker whose lease is held may then ask with task_take.
CREATE OR REPLACE FUNCTION task_finish_and_take(
    p_task uuid, p_worker uuid, p_attempt integer, p_state text, p_error jsonb, p_result jsonb, p_strict boolean,
    p_queue text)
RETURNS TABLE (
    done boolean, task_id uuid, task_attempt integer, task_message text, task_foreign boolean, lock_wait float,
    queue_wait float)
LANGUAGE plpgsql AS $$
BEGIN
    done := task_finish(p_task, p_worker, p_attempt, p_state, p_error, p_result, p_strict);
    -- Whoever was killed while this statement was under way must have its end written, and must not get another task, which
    -- would be lost with it: it is gone, or nobody holds its lease.
    IF NOT pg_try_advisory_xact_lock_shared(hashtextextended(p_worker::text, 11))
        AND EXISTS (SELECT FROM worker WHERE id = p_worker AND gone_at IS NULL)
    THEN
        SELECT * INTO task_id, task_attempt, task_message, task_foreign, lock_wait, queue_wait
        FROM task_take(p_queue, p_worker);
    END IF;
    RETURN NEXT;
END $$;

-- End a task that was to be sent back to wait, if it was cancelled meanwhile. False: the lease was lost.
CREATE OR REPLACE FUNCTION task_end_canceling(p_task uuid, p_worker uuid, p_attempt integer)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE task SET state = 'canceled', finished_at = clock_timestamp(), pulp_last_updated = clock_timestamp()
    WHERE id = p_task AND worker_id = p_worker AND attempt = p_attempt AND state = 'canceling';
    RETURN FOUND;
END $$;

-- Send a running task back to wait: it gives its locks back and joins the end of the line, now or after a delay.
-- `p_count` says whether this counts as a retry (an error) or not (it was handed back unharmed).
CREATE OR REPLACE FUNCTION task_return(
    p_task uuid, p_worker uuid, p_attempt integer, p_delay double precision, p_message text, p_error jsonb,
    p_count boolean, p_strict boolean)
RETURNS boolean LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    t record;
BEGIN
    SELECT exclusive, shared INTO t FROM task WHERE id = p_task;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM task_lock_for_release(t.exclusive, t.shared, p_strict OR (p_delay IS NULL AND t.shared <> '{}'));
    UPDATE task SET
        state = 'waiting', worker_id = NULL, error = p_error, message = coalesce(p_message, message),
        retries = retries + p_count::integer, started_at = NULL,
        eta = clock_timestamp() + p_delay * interval '1 second',
        unblocked_at = NULL, pulp_last_updated = clock_timestamp()
    WHERE id = p_task AND worker_id = p_worker AND attempt = p_attempt AND state = 'running';
    IF NOT FOUND THEN
        IF NOT task_end_canceling(p_task, p_worker, p_attempt) THEN
            RETURN false;
        END IF;
        PERFORM task_release_tickets(p_task, t.exclusive, t.shared);
        RETURN true;
    END IF;
    PERFORM task_release_tickets(p_task, t.exclusive, t.shared);
    IF p_delay IS NOT NULL THEN
        PERFORM pg_notify('pulp_task_delayed', '');
        RETURN true;
    END IF;
    PERFORM task_start_waiting(p_task, t.exclusive, t.shared);
    RETURN true;
END $$;

-- Make a task with locks of a foreign message that has just been claimed: it joins the end of their lines.
CREATE OR REPLACE FUNCTION task_adopt(
    p_task uuid, p_worker uuid, p_attempt integer, p_exclusive text[], p_shared text[], p_message text,
    p_priority integer, p_fair_key text, p_retry_on_loss boolean)
RETURNS boolean LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    PERFORM task_lock(p_exclusive, p_shared);
    UPDATE task SET
        state = 'waiting', worker_id = NULL, started_at = NULL, unblocked_at = NULL, exclusive = p_exclusive,
        shared = p_shared, message = p_message, priority = p_priority, fair_key = p_fair_key,
        retry_on_loss = p_retry_on_loss, pulp_last_updated = clock_timestamp()
    WHERE id = p_task AND worker_id = p_worker AND attempt = p_attempt AND state = 'running';
    IF NOT FOUND THEN
        RETURN task_end_canceling(p_task, p_worker, p_attempt);
    END IF;
    PERFORM task_start_waiting(p_task, p_exclusive, p_shared);
    RETURN true;
END $$;

-- Put a waiting task without tickets in line. The caller holds the advisory locks.
CREATE OR REPLACE FUNCTION task_start_waiting(p_task uuid, p_exclusive text[], p_shared text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    blockers_now integer := task_take_tickets(p_task, p_exclusive, p_shared);
    t record;
BEGIN
    UPDATE task SET
        blockers = blockers_now, unblocked_at = CASE WHEN blockers_now = 0 THEN clock_timestamp() END
    WHERE id = p_task
    RETURNING queue, priority, fair_key INTO t;
    IF blockers_now = 0 THEN
        PERFORM task_enqueue(p_task, t.queue, t.priority, t.fair_key);
    END IF;
END $$;

-- Put a delayed task that is due in line. False: somebody else has, or it was cancelled.
CREATE OR REPLACE FUNCTION task_start_due(p_task uuid) RETURNS boolean LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    t record;
BEGIN
    SELECT exclusive, shared INTO t FROM task WHERE id = p_task;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM task_lock(t.exclusive, t.shared);
    UPDATE task SET eta = NULL, pulp_last_updated = clock_timestamp()
    WHERE id = p_task AND state || '' = 'waiting' AND eta IS NOT NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM task_start_waiting(p_task, t.exclusive, t.shared);
    RETURN true;
END $$;

-- Cancel a task: a waiting one at once, a running one by asking its worker. Returns the state it is in then, or null when
-- there is no such task.
CREATE OR REPLACE FUNCTION task_cancel(p_task uuid, p_strict boolean) RETURNS text LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    t record;
    answer text;
BEGIN
    SELECT exclusive, shared INTO t FROM task WHERE id = p_task;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM task_lock_for_release(t.exclusive, t.shared, p_strict);
    DELETE FROM dramatiq.queue WHERE message_id = p_task AND state::text = 'queued';
    UPDATE task SET
        state = 'canceled', eta = NULL, blockers = 0, finished_at = clock_timestamp(),
        pulp_last_updated = clock_timestamp()
    WHERE id = p_task AND state || '' = 'waiting';
    IF FOUND THEN
        PERFORM task_release_tickets(p_task, t.exclusive, t.shared);
        RETURN 'canceled';
    END IF;
    UPDATE task SET state = 'canceling', pulp_last_updated = clock_timestamp() WHERE id = p_task AND state || '' = 'running';
    IF FOUND THEN
        PERFORM pg_notify('pulp_task_cancel', '');
    END IF;
    SELECT state INTO answer FROM task WHERE id = p_task;
    RETURN answer;
END $$;

-- Heal what should never happen: messages of ready tasks that were deleted from outside, and messages that a stock
-- dramatiq-pg producer delayed and that are due. Returns how many were put into their queues.
CREATE OR REPLACE FUNCTION task_heal() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    t record;
    healed integer := 0;
    q text;
BEGIN
    FOR t IN
        SELECT id, queue, priority, fair_key FROM task
        WHERE state = 'waiting' AND blockers = 0 AND eta IS NULL
            AND NOT EXISTS (SELECT FROM dramatiq.queue AS m WHERE m.message_id = task.id AND m.state::text = 'queued')
        ORDER BY seq LIMIT 1000
        FOR UPDATE SKIP LOCKED
    LOOP
        healed := healed + 1;
        PERFORM task_enqueue(t.id, t.queue, t.priority, t.fair_key);
    END LOOP;
    FOR q IN
        WITH due AS (
            UPDATE dramatiq.queue SET
                queue_name = left(queue_name, -3),
                message = (message #- '{options,eta}') || jsonb_build_object('queue_name', left(queue_name, -3))
            WHERE right(queue_name, 3) = '.DQ' AND state = 'queued'
                AND (message #>> '{options,eta}')::bigint <= extract(epoch FROM clock_timestamp()) * 1000
            RETURNING queue_name
        )
        SELECT queue_name FROM due
    LOOP
        healed := healed + 1;
        PERFORM pg_notify('dramatiq.' || q || '.enqueue', '');
    END LOOP;
    RETURN healed;
END $$;

-- Add to a counter, if it stays within bounds; an expired one counts as 0. Returns whether it was done. `p_keys` are
-- counters whose sum may not pass the maximum either.
CREATE OR REPLACE FUNCTION rate_limit_add(
    p_key text, p_amount bigint, p_minimum bigint, p_maximum bigint, p_ttl interval, p_keys text[])
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF p_keys IS NOT NULL THEN
        -- Sums are taken one at a time: two additions could each fit, and not both.
        PERFORM pg_advisory_xact_lock(hashtextextended('rate_limit sums', 11));
        IF p_amount + coalesce((
            SELECT sum(value) FROM rate_limit WHERE key = ANY (p_keys) AND expires > clock_timestamp()), 0) > p_maximum
        THEN
            RETURN false;
        END IF;
    END IF;
    INSERT INTO rate_limit (key, value, expires) VALUES (p_key, 0, clock_timestamp() + p_ttl) ON CONFLICT DO NOTHING;
    UPDATE rate_limit SET
        value = CASE WHEN expires > clock_timestamp() THEN value ELSE 0 END + p_amount,
        expires = clock_timestamp() + p_ttl
    WHERE key = p_key
        AND CASE WHEN expires > clock_timestamp() THEN value ELSE 0 END + p_amount BETWEEN p_minimum AND p_maximum;
    RETURN FOUND;
END $$;
