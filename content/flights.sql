-- Which process fetches a file. The lock belongs to the session, so that a process that dies holds up nobody.

-- name: claim
SELECT pg_try_advisory_lock(%(key)s)

-- name: release
-- Who follows is told to look: there are bytes now, or somebody else must fetch them.
SELECT pg_advisory_unlock(%(key)s), pg_notify('pulp_file_fetched', %(name)s)
