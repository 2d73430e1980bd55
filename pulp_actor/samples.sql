-- Samples of queue and store.

-- name: is_due
-- Whether it is time, and this transaction's turn, to take a sample. A tenth of the interval is forgiven to clocks.
SELECT pg_try_advisory_xact_lock(hashtextextended('sample', 0)) AND NOT EXISTS (
    SELECT FROM sample WHERE taken_at > clock_timestamp() - make_interval(secs => %s * 0.9))

-- name: take
-- How many tasks have ended follows from how many there were, came and are left: nobody has to look at those that ended.
-- One snapshot serves all three. A task whose commit overtakes a sample is missed once, so that nothing is below 0.
WITH before AS (
    SELECT taken_at, ready + blocked + delayed + running AS unfinished FROM sample ORDER BY taken_at DESC LIMIT 1
), now AS (
    SELECT
        count(*) FILTER (WHERE state = 'waiting' AND blockers = 0 AND eta IS NULL) AS ready,
        count(*) FILTER (WHERE state = 'waiting' AND blockers > 0) AS blocked,
        count(*) FILTER (WHERE state = 'waiting' AND blockers = 0 AND eta IS NOT NULL) AS delayed,
        count(*) FILTER (WHERE state <> 'waiting') AS running
    FROM (
        SELECT state, blockers, eta FROM task WHERE state = 'waiting'
        UNION ALL
        SELECT state, blockers, eta FROM task WHERE state IN ('running', 'canceling')
    ) AS unfinished
), happened AS (
    SELECT
        (SELECT count(*) FROM task WHERE pulp_created > before.taken_at) AS dispatched,
        (SELECT count(*) FROM task WHERE state = 'failed' AND finished_at > before.taken_at) AS failed
    FROM before
)
INSERT INTO sample (
    taken_at, ready, blocked, delayed, running, workers, dispatched, ended, failed, storage_total, storage_used)
SELECT clock_timestamp(), now.ready, now.blocked, now.delayed, now.running,
    (SELECT count(*) FROM worker WHERE kind = 'worker' AND gone_at IS NULL),
    happened.dispatched,
    CASE WHEN before.unfinished IS NOT NULL THEN
        greatest(0, before.unfinished + happened.dispatched - now.ready - now.blocked - now.delayed - now.running) END,
    happened.failed, %(total)s, %(used)s
FROM now LEFT JOIN before ON true LEFT JOIN happened ON true

-- name: drop_old
DELETE FROM sample WHERE taken_at < clock_timestamp() - %s::interval

-- name: series
-- The samples of the last while, those of each span of time together.
SELECT date_bin(%(width)s::interval, taken_at, 'epoch') AS at, round(avg(ready), 1)::float, round(avg(blocked), 1)::float,
    round(avg(delayed), 1)::float, round(avg(running), 1)::float, round(avg(workers), 1)::float, sum(dispatched),
    sum(ended), sum(failed), max(storage_total), max(storage_used)
FROM sample WHERE taken_at > clock_timestamp() - %(span)s::interval
GROUP BY 1 ORDER BY 1
