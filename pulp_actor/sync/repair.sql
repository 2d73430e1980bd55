-- name: open_artifacts
-- The artifacts of a version, once each; the cursor outlives the transaction, because checking them takes long.
DECLARE artifacts_to_check NO SCROLL CURSOR WITH HOLD FOR
SELECT found.*, count(*) OVER () FROM (
    SELECT DISTINCT artifact.id, artifact.domain_id, artifact.file, artifact.size, artifact.sha256
    FROM repository_content AS stay
    JOIN content_artifact AS entry ON entry.content_id = stay.content_id
    JOIN artifact ON artifact.id = entry.artifact_id
    WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(number)s
      AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
) AS found

-- name: open_all_artifacts
DECLARE artifacts_to_check NO SCROLL CURSOR WITH HOLD FOR
SELECT id, domain_id, file, size, sha256, count(*) OVER () FROM artifact WHERE domain_id = %(domain)s

-- name: fetch_artifacts
FETCH %s FROM artifacts_to_check

-- name: close_artifacts
CLOSE artifacts_to_check

-- name: sources
-- Where the bytes of an artifact can be had again.
SELECT DISTINCT known.remote_id, known.url
FROM content_artifact AS entry JOIN remote_artifact AS known ON known.content_artifact_id = entry.id
WHERE entry.artifact_id = %s
ORDER BY known.remote_id, known.url
