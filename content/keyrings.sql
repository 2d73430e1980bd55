-- name: certificates
-- The files of a keyring's certificates that have bytes, in order of their fingerprints.
SELECT artifact.file
FROM repository_content AS stay
JOIN openpgp_public_key AS certificate ON certificate.content_id = stay.content_id
JOIN content_artifact AS entry ON entry.content_id = stay.content_id
JOIN artifact ON artifact.id = entry.artifact_id
WHERE %(pass_through)s AND stay.repository_id = %(repository_id)s::uuid AND stay.version_added <= %(number)s
  AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
ORDER BY certificate.fingerprint
