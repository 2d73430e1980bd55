-- Task groups, and tasks to be cancelled together.

-- name: new_group
INSERT INTO task_group (id, description, domain_id)
VALUES (%s, %s, %s)

-- name: finish_group
-- Nothing more will be dispatched into a group.
UPDATE task_group SET all_tasks_dispatched = true, pulp_last_updated = clock_timestamp() WHERE id = %s

-- name: group_exists
SELECT id FROM task_group WHERE id = %s

-- name: waiting_newest_first
SELECT id FROM task WHERE state = 'waiting' ORDER BY seq DESC

-- name: unfinished_of_group
-- The waiting ones first, and of these the newest: so none of them is started by what is cancelled before it.
SELECT id FROM task WHERE group_id = %s AND state IN ('waiting', 'running', 'canceling')
ORDER BY state <> 'waiting', seq DESC

-- name: lock_all
-- Take the advisory locks of some tasks' resources in one go, as whoever is about to release several must.
SELECT task_lock(
    ARRAY(SELECT DISTINCT r FROM task, unnest(exclusive) AS r WHERE id = ANY (%(tasks)s::uuid[])),
    ARRAY(SELECT DISTINCT r FROM task, unnest(shared) AS r WHERE id = ANY (%(tasks)s::uuid[])), true)

-- name: cancel_all
-- Cancel them, in the order given; the state that each is in then.
SELECT id, task_cancel(id, true) FROM unnest(%(tasks)s::uuid[]) WITH ORDINALITY AS given (id, place) ORDER BY place
