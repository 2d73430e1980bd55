-- Where files that have not been saved come from, and what becomes of them.

-- name: remote_artifacts
-- Where a file that has not been saved can be fetched from; those that failed lately come last and are marked.
SELECT remote_artifact.id, remote_artifact.remote_id, remote_artifact.url, remote_artifact.size, remote_artifact.md5,
       remote_artifact.sha1, remote_artifact.sha224, remote_artifact.sha256, remote_artifact.sha384, remote_artifact.sha512,
       coalesce(remote_artifact.failed_at > now() - make_interval(secs => %(cooldown)s), false) AS cooling
FROM remote_artifact
WHERE remote_artifact.content_artifact_id = %(content_artifact_id)s::uuid
ORDER BY cooling, remote_artifact.failed_at NULLS FIRST, remote_artifact.id

-- name: mark_failed
UPDATE remote_artifact SET failed_at = now() WHERE id = %(id)s::uuid

-- name: save_artifact
-- The bytes of a content artifact have been saved.
UPDATE content_artifact SET artifact_id = %(artifact_id)s::uuid WHERE id = %(id)s::uuid AND artifact_id IS NULL

-- name: find_pulled
-- The file at a path that was fetched from a URL of a remote, the newest if there are several.
SELECT content_artifact.id::text, artifact.file, artifact.size, artifact.sha256, artifact.pulp_created
FROM content_artifact
JOIN remote_artifact ON remote_artifact.content_artifact_id = content_artifact.id
LEFT JOIN artifact ON artifact.id = content_artifact.artifact_id
WHERE content_artifact.relative_path = %(path)s
  AND remote_artifact.remote_id = %(remote_id)s::uuid AND remote_artifact.url = %(url)s
ORDER BY content_artifact.id DESC
LIMIT 1
