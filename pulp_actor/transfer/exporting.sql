-- Reading repository versions for an archive. {table} is put in from the model of a type of content. What belongs to a batch is
-- looked up one by one (LATERAL … OFFSET 0): as a join, a database without statistics would read whole tables for each batch.

-- name: open_members
-- The units of a version, by type in an order in which none comes before what it refers to. Held beyond its transaction: an
-- export may take hours, and must not keep the server from cleaning up behind everybody else for so long.
DECLARE export_member NO SCROLL CURSOR WITH HOLD FOR
SELECT content.type, stay.content_id
FROM repository_content AS stay JOIN content ON content.id = stay.content_id
WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(number)s
  AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
ORDER BY array_position(%(types)s::text[], content.type), stay.content_id

-- name: fetch_members
FETCH %s FROM export_member

-- name: close_members
CLOSE export_member

-- name: lines
-- Some units of one type, each as a line of JSON.
SELECT json_build_object(
    'id', content.id, 'type', content.type, 'fields', to_jsonb(unit) - 'content_id' - 'domain_id',
    'labels', content.pulp_labels,
    'artifacts', coalesce((
        SELECT jsonb_agg(
            jsonb_build_object('path', entry.relative_path, 'sha256', artifact.sha256) ORDER BY entry.relative_path)
        FROM content_artifact AS entry
        CROSS JOIN LATERAL (SELECT sha256 FROM artifact WHERE artifact.id = entry.artifact_id OFFSET 0) AS artifact
        WHERE entry.content_id = content.id), '[]')
)::text
FROM {table} AS unit
CROSS JOIN LATERAL (SELECT id, type, pulp_labels FROM content WHERE content.id = unit.content_id OFFSET 0) AS content
WHERE unit.content_id = ANY (%(content)s::uuid[]) ORDER BY unit.content_id

-- name: make_exported
-- The artifacts that are in the archive already, or that whoever imports it has: a table, so that memory stays flat.
CREATE TEMPORARY TABLE exported_artifact (id uuid PRIMARY KEY)

-- name: drop_exported
DROP TABLE IF EXISTS exported_artifact

-- name: skip_version
-- Leave out the artifacts of a version.
INSERT INTO exported_artifact (id)
SELECT DISTINCT entry.artifact_id
FROM repository_content AS stay JOIN content_artifact AS entry ON entry.content_id = stay.content_id
WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(number)s
  AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s) AND entry.artifact_id IS NOT NULL
ON CONFLICT DO NOTHING

-- name: new_artifacts
-- The artifacts of some units that are not in the archive yet, which they are from here on: (digest, size, file).
WITH new AS (
    INSERT INTO exported_artifact (id)
    SELECT DISTINCT artifact_id FROM content_artifact
    WHERE content_id = ANY (%(content)s::uuid[]) AND artifact_id IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING id
)
SELECT artifact.sha256, artifact.size, artifact.file
FROM new CROSS JOIN LATERAL (SELECT sha256, size, file FROM artifact WHERE artifact.id = new.id OFFSET 0) AS artifact
ORDER BY artifact.sha256

-- name: without_bytes
-- How many files of a version have never been downloaded, and the path of one.
SELECT count(*), min(entry.relative_path)
FROM repository_content AS stay JOIN content_artifact AS entry ON entry.content_id = stay.content_id
WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(number)s
  AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s) AND entry.artifact_id IS NULL

-- name: size
-- Artifacts and bytes that a version holds beyond those of another one (null: all of them).
SELECT count(*), coalesce(sum(artifact.size), 0)::bigint
FROM (
    SELECT DISTINCT entry.artifact_id
    FROM repository_content AS stay JOIN content_artifact AS entry ON entry.content_id = stay.content_id
    WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(number)s
      AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
    EXCEPT
    SELECT entry.artifact_id
    FROM repository_content AS stay JOIN content_artifact AS entry ON entry.content_id = stay.content_id
    WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(start)s
      AND (stay.version_removed IS NULL OR stay.version_removed > %(start)s)
) AS wanted JOIN artifact ON artifact.id = wanted.artifact_id
