-- What there is, as quotas count it: (units, bytes).

-- name: wait_for_writers
LOCK TABLE artifact, content IN SHARE ROW EXCLUSIVE MODE

-- name: wait_for_repository
SELECT FROM repository WHERE id = %s FOR NO KEY UPDATE

-- name: count_domain
SELECT (SELECT count(*) FROM content WHERE domain_id = %(domain)s),
       (SELECT coalesce(sum(size), 0)::bigint FROM artifact WHERE domain_id = %(domain)s)

-- name: count_repository
-- A file whose bytes are not in the store counts with the size that a remote says it has.
SELECT count(DISTINCT stay.content_id), coalesce(sum(coalesce(artifact.size, promised.size)), 0)::bigint
FROM repository_content AS stay
LEFT JOIN content_artifact AS entry ON entry.content_id = stay.content_id
LEFT JOIN artifact ON artifact.id = entry.artifact_id
LEFT JOIN LATERAL (
    SELECT max(remote_artifact.size) AS size FROM remote_artifact
    WHERE entry.artifact_id IS NULL AND remote_artifact.content_artifact_id = entry.id
) AS promised ON true
WHERE stay.repository_id = %(repository)s AND stay.version_removed IS NULL
