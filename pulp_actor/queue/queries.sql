-- The short statements of the task engine; the critical sections are functions, in functions.sql.

-- name: prepare
-- What every task needs, parsed and planned once on each connection of the engine's own, which does not let plans follow
-- statistics either (functions.sql says why).
--
-- Three are plain statements beside functions, for the usual case: they spare what a function prepares anew in each
-- transaction. task_add_ready and task_enqueue are task_dispatch for one new task that waits for nothing but a worker.
-- task_take_ready is task_take for a message of ours whose task is ready; it returns no row when it found no message, and a
-- row of nulls when there is one that task_take must see to: of a stock producer, stale, or not for a worker that was
-- declared gone.
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
PREPARE task_dispatch (jsonb) AS SELECT task_dispatch($1);
PREPARE task_add_ready (
    uuid, text, text, text, integer, text, boolean, boolean, uuid, integer, text, uuid, uuid, text[]) AS
    INSERT INTO task (
        id, actor, queue, message, priority, fair_key, retry_on_loss, immediate, domain_id, created_by, logging_cid,
        parent_id, group_id, diagnostics, unblocked_at)
    VALUES (
        $1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, '00000000-0000-7000-8000-000000000001'), $10, $11, $12, $13, $14,
        clock_timestamp());
PREPARE task_enqueue (uuid, text, integer, text) AS
    INSERT INTO dramatiq.queue (message_id, queue_name, state, fair_key, tag, rank)
    SELECT $1, $2, 'queued', $3 || ' ' || $4, turn, turn + $3 * task_priority_step()
    FROM (
        SELECT greatest(
            (SELECT tag + task_turn() FROM dramatiq.queue
             WHERE fair_key = $3 || ' ' || $4 AND state = 'queued' ORDER BY fair_key DESC, tag DESC LIMIT 1),
            (SELECT last_value FROM dramatiq.clock)
        ) AS turn OFFSET 0
    ) AS next
    ON CONFLICT (message_id) DO UPDATE SET
        state = 'queued', queue_name = excluded.queue_name, message = NULL,
        fair_key = excluded.fair_key, tag = excluded.tag, rank = excluded.rank, seq = excluded.seq
    RETURNING pg_notify('dramatiq.' || $2 || '.enqueue', '');
PREPARE task_take_ready (text, uuid) AS
    WITH message AS (
        SELECT message_id, tag FROM dramatiq.queue
        WHERE queue_name = $1 AND state = 'queued'
        ORDER BY rank, seq LIMIT 1
        FOR UPDATE SKIP LOCKED
    ), started AS (
        UPDATE task SET
            state = 'running', worker_id = $2, attempt = attempt + 1, started_at = clock_timestamp(),
            pulp_last_updated = clock_timestamp()
        WHERE id = (SELECT message_id FROM message) AND state || '' = 'waiting' AND blockers = 0
            AND EXISTS (SELECT FROM worker WHERE id = $2 AND gone_at IS NULL)
        RETURNING
            id, attempt, message,
            CASE WHEN exclusive <> '{}' OR shared <> '{}' THEN (
                SELECT extract(epoch FROM task.unblocked_at - before.pulp_last_updated)::float
                FROM task AS before WHERE before.id = task.id) END AS lock_wait,
            extract(epoch FROM started_at - unblocked_at)::float AS queue_wait
    ), gone AS (
        DELETE FROM dramatiq.queue WHERE message_id = (SELECT id FROM started)
    )
    SELECT
        started.id, attempt, started.message, false, lock_wait, queue_wait,
        CASE WHEN started.id IS NOT NULL AND tag > nextval('dramatiq.clock') THEN setval('dramatiq.clock', tag) END
    FROM message LEFT JOIN started ON true;
PREPARE task_take (text, uuid) AS SELECT * FROM task_take($1, $2);
PREPARE task_finish (uuid, uuid, integer, text, jsonb, jsonb, boolean) AS SELECT task_finish($1, $2, $3, $4, $5, $6, $7);
PREPARE task_finish_and_take (uuid, uuid, integer, text, jsonb, jsonb, boolean, text) AS
    SELECT * FROM task_finish_and_take($1, $2, $3, $4, $5, $6, $7, $8)

-- name: dispatch
-- Dispatch tasks, in the order of the JSON array.
EXECUTE task_dispatch (%s)

-- name: dispatch_ready
-- Dispatch one task that has no locks and no delay. Together, the statements are one transaction. A unique violation: its
-- message was sent before.
EXECUTE task_add_ready (
    %(id)s, %(actor)s, %(queue)s, %(message)s, %(priority)s, %(fair_key)s, %(retry_on_loss)s, %(immediate)s, %(domain_id)s,
    %(created_by)s, %(logging_cid)s, %(parent_id)s, %(group_id)s, %(diagnostics)s);
EXECUTE task_enqueue (%(id)s, %(queue)s, %(priority)s, %(fair_key)s)

-- name: dispatch_elsewhere
-- As dispatch, on somebody else's connection.
SELECT task_dispatch(%s)

-- name: try_locks
-- Whether a task with these resources could start at once; holds everyone else off until the transaction ends.
SELECT task_try(%s, %s)

-- name: record_immediate
-- The record of a task that ran inside its caller's transaction.
INSERT INTO task (
    id, actor, queue, message, exclusive, shared, immediate, created_by, logging_cid, parent_id, group_id, domain_id,
    attempt, state, error, result, unblocked_at, started_at, finished_at)
VALUES (%s, %s, %s, %s, %s, %s, true, %s, %s, %s, %s, coalesce(%s, '00000000-0000-7000-8000-000000000001'::uuid),
    1, %s, %s, %s, %s, %s, clock_timestamp())

-- name: claim
-- The next message of a queue, now running under this worker's lease, if it is one of the usual ones.
EXECUTE task_take_ready (%s, %s)

-- name: take
-- The next message of a queue, whatever it is, now running under this worker's lease.
EXECUTE task_take (%s, %s)

-- name: finish
-- End a running task; false when the lease was lost.
EXECUTE task_finish (%s, %s, %s, %s, %s, %s, %s)

-- name: finish_and_claim
-- End a running task, and claim the next message of a queue under the same lease.
EXECUTE task_finish_and_take (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: lock_with_task
-- Lock some resources together with those of a task.
SELECT task_lock(%s || exclusive, %s || shared, true) FROM task WHERE id = %s

-- name: give_back
-- Send a running task back to wait; false when the lease was lost.
SELECT task_return(%s, %s, %s, %s, %s, %s, %s, %s)

-- name: cancel
-- Cancel a task; the state it is in then.
SELECT task_cancel(%s, %s)

-- name: running_of
-- What runs under some workers' leases.
SELECT id, worker_id, attempt, state, retry_on_loss FROM task
WHERE worker_id = ANY (%s::uuid[]) AND state IN ('running', 'canceling')

-- name: canceling_of
-- Which tasks under some workers' leases are to be interrupted.
SELECT id, worker_id, attempt FROM task WHERE worker_id = ANY (%s::uuid[]) AND state = 'canceling'

-- name: waiting_in
-- The waiting tasks of a queue, newest first.
SELECT id FROM task WHERE queue = %s AND state = 'waiting' ORDER BY seq DESC

-- name: adopt
-- Make a task with locks of a foreign message that has just been claimed; false when the lease was lost.
SELECT task_adopt(%s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: report_progress
-- Write a progress report, or what has changed in it.
INSERT INTO progress_report (task_id, code, message, state, total, done, suffix)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (task_id, code) DO UPDATE SET
    message = excluded.message, state = excluded.state, total = excluded.total, done = excluded.done,
    suffix = excluded.suffix

-- name: add_created_resource
-- Note what a task made.
INSERT INTO created_resource (task_id, href, prn) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING

-- name: register
-- A process reports for work, or comes back after its connection was lost. No row: it was declared gone meanwhile.
INSERT INTO worker (id, kind, name, host, pid, versions, lease_pid)
VALUES (%s, %s, %s, %s, %s, %s, pg_backend_pid())
ON CONFLICT (id) DO UPDATE SET
    lease_pid = excluded.lease_pid, beat = worker.beat + 1, last_heartbeat = clock_timestamp()
WHERE worker.gone_at IS NULL
RETURNING id

-- name: hold_lease
-- The session lock that says: this process is alive. It goes with the connection.
SELECT pg_advisory_lock(hashtextextended(%s::uuid::text, 11))

-- name: drop_lease
-- Give the session lock back.
SELECT pg_advisory_unlock(hashtextextended(%s::uuid::text, 11))

-- name: evict_lease
-- Close the connection under which a process held its lease before, if the server has not noticed yet that it is dead.
SELECT pg_terminate_backend(lease_pid) FROM worker WHERE id = %s AND lease_pid <> pg_backend_pid()

-- name: beat
-- A sign of life of some processes; returns those that have not been declared gone.
UPDATE worker SET beat = beat + 1, last_heartbeat = clock_timestamp(), pulp_last_updated = clock_timestamp()
WHERE id = ANY (%s::uuid[]) AND gone_at IS NULL
RETURNING id

-- name: leave
-- A process has ended, or is declared lost.
UPDATE worker SET gone_at = clock_timestamp(), pulp_last_updated = clock_timestamp()
WHERE id = %s AND gone_at IS NULL

-- name: present
-- Every process that has reported and not left; whether nobody holds its lease; and its beat.
SELECT id, kind, name, beat, pg_try_advisory_xact_lock_shared(hashtextextended(id::text, 11)) FROM worker
WHERE gone_at IS NULL

-- name: orphaned
-- What runs under a lease that has ended, in order of dispatch, so that what is to run again rejoins its lines in it.
SELECT t.id, t.worker_id, t.attempt, t.state, t.retry_on_loss, coalesce(w.name, t.worker_id::text), t.retries
FROM task AS t LEFT JOIN worker AS w ON w.id = t.worker_id
WHERE t.state IN ('running', 'canceling') AND (w.id IS NULL OR w.gone_at IS NOT NULL)
ORDER BY t.seq

-- name: elect
-- One process at a time keeps house.
SELECT pg_try_advisory_lock(hashtextextended('pulp-actor housekeeper', 11))

-- name: office_holder
-- The server process of who was elected, and when it last did something; while it is at it, that is always now.
SELECT a.pid, a.backend_start, CASE WHEN a.state = 'idle' THEN a.state_change ELSE clock_timestamp() END FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended('pulp-actor housekeeper', 11)

-- name: due
-- Delayed tasks whose time has come, soonest first.
SELECT id FROM task WHERE state = 'waiting' AND eta <= clock_timestamp() ORDER BY eta LIMIT 1000

-- name: start_due
-- Put one of them in line.
SELECT task_start_due(%s)

-- name: next_due
-- Seconds until the next delayed task is due; null when there is none.
SELECT extract(epoch FROM min(eta) - clock_timestamp())::float FROM task WHERE state = 'waiting' AND eta IS NOT NULL

-- name: clock
-- The server's clock, in seconds.
SELECT extract(epoch FROM clock_timestamp())::float

-- name: shift_due
-- Bring the delayed tasks that were dispatched before the clock was set back forward by as many seconds.
UPDATE task SET eta = eta - %s * interval '1 second'
WHERE state = 'waiting' AND eta IS NOT NULL AND pulp_last_updated > clock_timestamp()

-- name: heal
-- Put back what was lost; how many messages that were.
SELECT task_heal()

-- name: due_schedules
-- Schedules whose time has come, each taken by one process only.
SELECT id, name, actor, kwargs, exclusive, shared, interval_seconds, cron, next_dispatch FROM task_schedule
WHERE next_dispatch <= clock_timestamp() ORDER BY next_dispatch LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: reschedule
-- When a schedule fires next, and what it dispatched last.
UPDATE task_schedule SET next_dispatch = %s, last_task_id = %s, pulp_last_updated = clock_timestamp() WHERE id = %s

-- name: next_schedule
-- Seconds until the next schedule is due; null when there is none.
SELECT extract(epoch FROM min(next_dispatch) - clock_timestamp())::float FROM task_schedule
WHERE next_dispatch IS NOT NULL

-- name: clean_messages
-- Drop results and rejected messages whose time is over.
DELETE FROM dramatiq.queue
WHERE state IN ('done', 'rejected') AND mtime < clock_timestamp() - interval '7 days'
    AND coalesce(result_ttl, '-infinity') < clock_timestamp()

-- name: clean_workers
-- Forget processes that have been gone for a day.
DELETE FROM worker WHERE gone_at < clock_timestamp() - interval '1 day'

-- name: clean_tasks
-- Drop finished tasks older than the protection time, in minutes.
DELETE FROM task WHERE id IN (
    SELECT id FROM task WHERE finished_at < clock_timestamp() - %s * interval '1 minute'
        AND state IN ('completed', 'failed', 'canceled', 'skipped')
    LIMIT 1000)

-- name: get_result
-- The stored result of a message.
SELECT result FROM dramatiq.queue WHERE message_id = %s AND result IS NOT NULL

-- name: store_result
-- Store the result of a message, and wake those who wait for it; small ones get it along, as dramatiq-pg's readers want.
WITH stored AS (
    INSERT INTO dramatiq.queue (queue_name, message_id, state, result, result_ttl, mtime)
    VALUES ('__RQ__', %s, 'done', %s, clock_timestamp() + %s * interval '1 millisecond', clock_timestamp())
    ON CONFLICT (message_id) DO UPDATE SET
        mtime = excluded.mtime, result = excluded.result, result_ttl = excluded.result_ttl
    RETURNING message_id, result
)
SELECT pg_notify(
    'dramatiq.' || message_id || '.results',
    CASE WHEN octet_length(result::text) < 8000 THEN result::text ELSE '' END)
FROM stored

-- name: rate_limit_new
-- Make a counter, unless there is one that has not expired.
INSERT INTO rate_limit (key, value, expires) VALUES (%s, %s, clock_timestamp() + %s * interval '1 millisecond')
ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires
WHERE rate_limit.expires <= clock_timestamp()
RETURNING key

-- name: rate_limit_add
-- Add to a counter within bounds; whether it was done.
SELECT rate_limit_add(%s, %s, %s, %s, %s * interval '1 millisecond', %s)

-- name: rate_limit_has
-- Whether a counter exists and has not expired.
SELECT FROM rate_limit WHERE key = %s AND expires > clock_timestamp()

-- name: rate_limit_tell
-- Note an event for those who come to wait for it later, and wake those who wait.
INSERT INTO rate_limit (key, value, expires) VALUES (%s, 1, clock_timestamp() + %s * interval '1 millisecond')
ON CONFLICT (key) DO UPDATE SET expires = excluded.expires
RETURNING pg_notify('dramatiq.rate_limit', md5(key))

-- name: clean_rate_limits
-- Drop expired counters.
DELETE FROM rate_limit WHERE expires < clock_timestamp()
