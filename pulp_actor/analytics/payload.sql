-- name: system
-- The installation's own random key.
SELECT id FROM installation

-- name: online
-- Per kind: how many processes are online, on how many hosts.
SELECT kind, count(*), count(DISTINCT host) FROM worker WHERE gone_at IS NULL AND kind IN ('content', 'worker') GROUP BY kind
