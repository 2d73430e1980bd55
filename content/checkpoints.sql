-- Checkpoints: publications of a repository that stay reachable under the time at which they were made.

-- name: find_checkpoint
-- The last checkpoint that was made at a time or before it.
SELECT publication.id::text, publication.pass_through, version.repository_id::text, version.number,
       date_trunc('second', publication.pulp_created)
FROM repository_version AS version JOIN publication ON publication.repository_version_id = version.id
WHERE version.repository_id = %(repository_id)s::uuid AND publication.complete AND publication.checkpoint
  AND date_trunc('second', publication.pulp_created) <= %(moment)s
ORDER BY publication.pulp_created DESC
LIMIT 1

-- name: list_checkpoints
SELECT DISTINCT date_trunc('second', publication.pulp_created) AS moment
FROM repository_version AS version JOIN publication ON publication.repository_version_id = version.id
WHERE version.repository_id = %(repository_id)s::uuid AND publication.complete AND publication.checkpoint
  AND (%(after)s::timestamptz IS NULL OR date_trunc('second', publication.pulp_created) > %(after)s)
ORDER BY moment
LIMIT %(limit)s
