-- name: open_manifest_entries
-- Path, digest and size of every file of a version, in order of the path. The size of one whose bytes have not been saved is
-- what a remote says of it.
DECLARE manifest_entries NO SCROLL CURSOR FOR
SELECT unit.relative_path, unit.digest, coalesce(artifact.size, known.size)
FROM repository_content AS stay
JOIN file_content AS unit ON unit.content_id = stay.content_id
JOIN content_artifact AS entry ON entry.content_id = stay.content_id
LEFT JOIN artifact ON artifact.id = entry.artifact_id
LEFT JOIN LATERAL (
    SELECT size FROM remote_artifact
    WHERE artifact.id IS NULL AND remote_artifact.content_artifact_id = entry.id AND remote_artifact.size IS NOT NULL
    LIMIT 1
) AS known ON true
WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(number)s
  AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
ORDER BY unit.relative_path COLLATE "C"

-- name: fetch_manifest_entries
FETCH %s FROM manifest_entries

-- name: close_manifest_entries
CLOSE manifest_entries

-- name: find_unit
SELECT content_id FROM file_content
WHERE domain_id = %(domain)s AND digest = %(digest)s AND relative_path = %(relative_path)s

-- name: insert_unit
WITH detail AS (
    INSERT INTO file_content (content_id, domain_id, digest, relative_path)
    VALUES (%(id)s, %(domain)s, %(digest)s, %(relative_path)s)
    ON CONFLICT DO NOTHING RETURNING content_id
), unit AS (
    INSERT INTO content (id, domain_id, type, pulp_labels)
    SELECT content_id, %(domain)s, 'file.file', %(labels)s FROM detail RETURNING id
)
INSERT INTO content_artifact (id, content_id, artifact_id, relative_path)
SELECT %(entry)s, unit.id, %(artifact)s, %(relative_path)s FROM unit RETURNING content_id

-- name: reuse_unit
-- A unit that is uploaded again is wanted again, and has its bytes now if it had none.
WITH entry AS (
    UPDATE content_artifact SET artifact_id = %(artifact)s WHERE content_id = %(id)s AND artifact_id IS NULL
)
UPDATE content SET timestamp_of_interest = now() WHERE id = %(id)s
