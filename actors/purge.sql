-- Deleting the records of finished tasks.

-- name: count_tasks
-- How many there are.
SELECT count(*) FROM task WHERE domain_id = %s AND finished_at < %s AND state = ANY (%s)

-- name: delete_tasks
-- Delete a batch of them, beginning behind a key; their keys.
WITH batch AS (
    SELECT id FROM task
    WHERE domain_id = %s AND finished_at < %s AND state = ANY (%s) AND id > %s
    ORDER BY id LIMIT %s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM task WHERE id IN (SELECT id FROM batch) RETURNING id

-- name: delete_groups
-- Delete groups that are over and have no tasks left.
DELETE FROM task_group AS g
WHERE g.domain_id = %s AND g.pulp_last_updated < %s AND g.all_tasks_dispatched
    AND NOT EXISTS (SELECT FROM task AS t WHERE t.group_id = g.id)
