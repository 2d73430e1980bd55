-- What a person wants to see of the queue. Everything here only reads.

-- name: index_plans
-- For this transaction: go by indexes whatever the statistics say. They are minutes old when a queue fills up, and a plan
-- made for 10 tickets reads all 20,000 anew at each step of a recursion.
SELECT set_config(name, 'off', true) FROM unnest(
    ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'jit']) AS name

-- name: why
-- Whatever must end before a task can start, with its tickets: one row per task and ticket, the task itself included.
--
-- The recursion goes from a waiting ticket to those just before it in line only: the last exclusive one ahead and the
-- shared ones behind that, or, at the head of the line, the holders. Everyone further ahead is reached through them, so
-- 20,000 tasks on one resource are 20,000 index lookups and not 200,000,000.
WITH RECURSIVE line (task_id) AS (
    SELECT %(task)s::uuid
    UNION
    SELECT ahead.task_id
    FROM line
    JOIN task_ticket AS mine ON mine.task_id = line.task_id AND NOT mine.granted
    CROSS JOIN LATERAL (
        SELECT max(seq) AS seq FROM task_ticket
        WHERE resource = mine.resource AND NOT granted AND NOT shared AND seq < mine.seq
    ) AS previous_exclusive
    CROSS JOIN LATERAL (
        SELECT task_id FROM task_ticket
        WHERE resource = mine.resource AND NOT granted AND NOT shared AND seq = previous_exclusive.seq
        UNION ALL
        SELECT task_id FROM task_ticket
        WHERE NOT mine.shared AND resource = mine.resource AND NOT granted AND shared
            AND seq < mine.seq AND seq > coalesce(previous_exclusive.seq, 0)
        UNION ALL
        SELECT task_id FROM task_ticket
        WHERE previous_exclusive.seq IS NULL AND resource = mine.resource AND granted AND NOT (shared AND mine.shared)
    ) AS ahead
)
SELECT t.id, t.state, t.actor, coalesce(w.name, t.worker_id::text), t.blockers, t.eta, t.pulp_created, t.unblocked_at,
    t.started_at, t.finished_at, t.queue, clock_timestamp(), k.resource, k.shared, k.granted, k.seq
FROM line
JOIN task AS t ON t.id = line.task_id
LEFT JOIN worker AS w ON w.id = t.worker_id
LEFT JOIN task_ticket AS k ON k.task_id = t.id
ORDER BY k.seq

-- name: queue_position
-- How many messages go before a task's message, if it has one.
SELECT (
    SELECT count(*) FROM dramatiq.queue AS o
    WHERE o.queue_name = m.queue_name AND o.state = 'queued' AND (o.rank, o.seq) < (m.rank, m.seq))
FROM dramatiq.queue AS m WHERE m.message_id = %s AND m.state = 'queued'

-- name: staff
-- How many workers are online, and how many of them have something to do.
SELECT count(*), count(*) FILTER (WHERE EXISTS (
    SELECT FROM task AS t WHERE t.worker_id = w.id AND t.state IN ('running', 'canceling')))
FROM worker AS w WHERE w.kind = 'worker' AND w.gone_at IS NULL

-- name: tickets_of
-- The locks of a task, and how many wait before it for each.
SELECT k.resource, k.shared, k.granted, (
    SELECT count(*) FROM task_ticket AS o
    WHERE o.resource = k.resource AND NOT o.granted AND o.seq < k.seq AND NOT k.granted)
FROM task_ticket AS k WHERE k.task_id = %s ORDER BY k.resource

-- name: counts
-- How many tasks are ready, blocked, delayed, running and being cancelled; since when the oldest waits; the time now.
SELECT
    count(*) FILTER (WHERE state = 'waiting' AND blockers = 0 AND eta IS NULL),
    count(*) FILTER (WHERE state = 'waiting' AND blockers > 0),
    count(*) FILTER (WHERE state = 'waiting' AND eta IS NOT NULL),
    count(*) FILTER (WHERE state = 'running'),
    count(*) FILTER (WHERE state = 'canceling'),
    min(pulp_created) FILTER (WHERE state = 'waiting' AND eta IS NULL),
    min(unblocked_at) FILTER (WHERE state = 'waiting' AND blockers = 0 AND eta IS NULL),
    clock_timestamp()
FROM (
    SELECT state, blockers, eta, pulp_created, unblocked_at FROM task WHERE state = 'waiting'
    UNION ALL
    SELECT state, blockers, eta, pulp_created, unblocked_at FROM task WHERE state IN ('running', 'canceling')
) AS unfinished

-- name: queues
-- How many messages are ready in each queue.
SELECT queue_name, count(*) FROM dramatiq.queue WHERE state = 'queued' GROUP BY queue_name ORDER BY 2 DESC, 1

-- name: workers
-- Every process that is online: whether its lease is free (it is dead, and will soon be declared so), its heartbeat,
-- and the task it has.
SELECT w.id, w.name, w.host, w.kind, pg_try_advisory_xact_lock_shared(hashtextextended(w.id::text, 11)),
    w.pulp_created, w.last_heartbeat, t.id, t.actor, t.state, t.started_at
FROM worker AS w LEFT JOIN task AS t ON t.worker_id = w.id AND t.state IN ('running', 'canceling')
WHERE w.gone_at IS NULL ORDER BY w.kind DESC, w.name, t.started_at

-- name: hottest
-- The resources that most tasks wait for, and one of the tasks that hold each.
SELECT busy.resource, busy.waiting, busy.since, coalesce(held.holders, 0), held.task_id
FROM (
    SELECT k.resource, count(*) AS waiting, min(t.pulp_created) AS since
    FROM task_ticket AS k JOIN task AS t ON t.id = k.task_id
    WHERE NOT k.granted GROUP BY k.resource ORDER BY 2 DESC, 1 LIMIT %s
) AS busy
LEFT JOIN LATERAL (
    SELECT count(*) AS holders, (array_agg(h.task_id ORDER BY h.seq))[1] AS task_id
    FROM task_ticket AS h WHERE h.resource = busy.resource AND h.granted
) AS held ON true
ORDER BY busy.waiting DESC, busy.resource

-- name: profile_artifacts
-- What a task recorded about itself: name and key of the artifact.
SELECT name, artifact_id FROM profile_artifact WHERE task_id = %s ORDER BY name
