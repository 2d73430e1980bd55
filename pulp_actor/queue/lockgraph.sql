-- The picture of who holds what and who waits for it. It only reads.

-- name: graph
-- Of the resources most waited for, the first few holders and the first few in line: one row per ticket, with its task. With
-- a domain, only what its tasks wait for and hold.
WITH waited AS (
    SELECT resource, count(*) AS waiting FROM task_ticket AS k
    WHERE NOT granted AND (%(domain)s::uuid IS NULL OR EXISTS (
        SELECT FROM task AS t WHERE t.id = k.task_id AND t.domain_id = %(domain)s::uuid))
    GROUP BY resource
), busy AS (
    SELECT resource, waiting FROM waited ORDER BY waiting DESC, resource LIMIT %(resources)s
)
SELECT busy.resource, held.holders, busy.waiting, k.shared, k.granted, k.place,
    t.id, t.state, t.actor, t.queue, coalesce(w.name, t.worker_id::text), t.blockers, t.pulp_created, t.unblocked_at,
    t.started_at, t.finished_at, t.eta, (SELECT count(*) FROM waited)
FROM busy
CROSS JOIN LATERAL (
    SELECT count(*) AS holders FROM task_ticket AS h WHERE h.resource = busy.resource AND h.granted
) AS held
CROSS JOIN LATERAL (
    (SELECT task_id, shared, granted, row_number() OVER (ORDER BY seq) AS place
     FROM task_ticket WHERE resource = busy.resource AND granted ORDER BY seq LIMIT %(holders)s)
    UNION ALL
    (SELECT task_id, shared, granted, row_number() OVER (ORDER BY seq) AS place
     FROM task_ticket WHERE resource = busy.resource AND NOT granted ORDER BY seq LIMIT %(waiting)s)
) AS k
JOIN task AS t ON t.id = k.task_id
LEFT JOIN worker AS w ON w.id = t.worker_id
WHERE %(domain)s::uuid IS NULL OR t.domain_id = %(domain)s::uuid
ORDER BY busy.waiting DESC, busy.resource, k.granted DESC, k.place
