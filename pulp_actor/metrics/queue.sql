-- What the database knows of the queue, as metrics. Asked at every scrape: everything goes by a partial index.

-- name: waiting
-- Per queue: how many tasks could run now, how many wait for locks, how many for their time, and the age in seconds of the
-- oldest that is not delayed.
SELECT queue,
    count(*) FILTER (WHERE blockers = 0 AND eta IS NULL),
    count(*) FILTER (WHERE blockers > 0 AND eta IS NULL),
    count(*) FILTER (WHERE eta IS NOT NULL),
    coalesce(extract(epoch FROM clock_timestamp() - min(pulp_created) FILTER (WHERE eta IS NULL)), 0)::float
FROM task WHERE state = 'waiting' GROUP BY queue

-- name: running
-- Per queue: how many tasks run, those that are being cancelled included.
SELECT queue, count(*) FROM task WHERE state IN ('running', 'canceling') GROUP BY queue

-- name: online
-- Per kind of process: how many are there.
SELECT kind, count(*) FROM worker WHERE gone_at IS NULL GROUP BY kind
