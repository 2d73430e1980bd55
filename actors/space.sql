-- Reclaiming and pruning.

-- name: open_reclaimable
-- Artifacts of some repositories all of whose places are in these repositories, in none of the versions to keep, and known to
-- a remote. A place outside any repository (an orphan, a file of a publication) keeps its bytes, too.
DECLARE reclaimable NO SCROLL CURSOR WITH HOLD FOR
WITH kept AS (
    SELECT DISTINCT stay.content_id
    FROM repository_content AS stay
    WHERE stay.repository_id <> ALL (%(repositories)s::uuid[])
    UNION
    SELECT stay.content_id
    FROM repository_version AS version
    JOIN repository_content AS stay ON stay.repository_id = version.repository_id AND stay.version_added <= version.number
        AND (stay.version_removed IS NULL OR stay.version_removed > version.number)
    WHERE version.id = ANY (%(keep)s::uuid[])
)
SELECT entry.artifact_id
FROM content_artifact AS entry
WHERE entry.artifact_id IN (
    SELECT inner_entry.artifact_id FROM repository_content AS stay
    JOIN content_artifact AS inner_entry ON inner_entry.content_id = stay.content_id
    WHERE stay.repository_id = ANY (%(repositories)s::uuid[]))
GROUP BY entry.artifact_id
HAVING bool_and(
    EXISTS (SELECT FROM remote_artifact WHERE remote_artifact.content_artifact_id = entry.id)
    AND EXISTS (SELECT FROM repository_content WHERE repository_content.content_id = entry.content_id)
    AND NOT EXISTS (SELECT FROM kept WHERE kept.content_id = entry.content_id))

-- name: fetch_reclaimable
FETCH %s FROM reclaimable

-- name: close_reclaimable
CLOSE reclaimable

-- name: forget_bytes
-- Make units on demand again, where a remote knows them.
WITH found AS MATERIALIZED (
    SELECT entry.id FROM content_artifact AS entry
    WHERE entry.artifact_id = ANY (%s::uuid[])
      AND EXISTS (SELECT FROM remote_artifact WHERE remote_artifact.content_artifact_id = entry.id OFFSET 0)
    ORDER BY entry.id FOR NO KEY UPDATE
)
UPDATE content_artifact SET artifact_id = NULL WHERE id = ANY (ARRAY(SELECT id FROM found))

-- name: old_units
-- Members of the latest version that came before a time, or that came before another one and were not asked for since.
SELECT stay.content_id
FROM repository_content AS stay
JOIN LATERAL (
    -- The version that brought it, or the next that answers for it since that one was deleted.
    SELECT min(version.pulp_created) AS came FROM repository_version AS version
    WHERE version.repository_id = stay.repository_id AND version.number = stay.version_added
) AS arrival ON true
LEFT JOIN content_request AS request ON request.content_id = stay.content_id
WHERE stay.repository_id = %(repository)s AND stay.version_removed IS NULL
  AND (arrival.came < %(before)s::timestamptz
       OR (arrival.came < %(unrequested)s::timestamptz
           AND (request.requested_at IS NULL OR request.requested_at < %(unrequested)s::timestamptz)))

-- name: count_units
-- What each version's summary says, and what it should say.
WITH change AS (
    SELECT moved.number, content.type, sum(moved.added)::bigint AS added, sum(moved.removed)::bigint AS removed
    FROM (
        SELECT content_id, version_added AS number, 1 AS added, 0 AS removed
        FROM repository_content WHERE repository_id = %(repository)s
        UNION ALL
        SELECT content_id, version_removed, 0, 1
        FROM repository_content WHERE repository_id = %(repository)s AND version_removed IS NOT NULL
    ) AS moved
    JOIN content ON content.id = moved.content_id
    GROUP BY moved.number, content.type
), total AS (
    SELECT version.id, version.number, change.type, sum(change.added - change.removed)::bigint AS present
    FROM repository_version AS version JOIN change ON change.number <= version.number
    WHERE version.repository_id = %(repository)s
    GROUP BY version.id, version.number, change.type
)
SELECT version.id, version.content_summary, jsonb_build_object(
    'present', coalesce((
        SELECT jsonb_object_agg(total.type, total.present) FROM total WHERE total.id = version.id AND total.present > 0), '{}'),
    'added', coalesce((
        SELECT jsonb_object_agg(change.type, change.added) FROM change
        WHERE change.number = version.number AND change.added > 0), '{}'),
    'removed', coalesce((
        SELECT jsonb_object_agg(change.type, change.removed) FROM change
        WHERE change.number = version.number AND change.removed > 0), '{}'))
FROM repository_version AS version
WHERE version.repository_id = %(repository)s AND version.complete
