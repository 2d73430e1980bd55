-- What alternate content sources have.

-- name: forget_files
DELETE FROM alternate_content_file WHERE source_id = %(source)s AND path = %(path)s

-- name: insert_files
-- A file that a path lists twice counts once: by its digest it is the same.
INSERT INTO alternate_content_file (digest, source_id, path, url, size)
SELECT given.digest, %(source)s::uuid, %(path)s, given.url, given.size
FROM unnest(%(digest)s::text[], %(url)s::text[], %(size)s::bigint[]) AS given (digest, url, size)
ON CONFLICT DO NOTHING

-- name: note_refresh
UPDATE alternate_content_source SET last_refreshed = now() WHERE id = %(source)s

-- name: find_files
SELECT file.digest, file.source_id, file.path, source.remote_id, file.url, file.size,
       coalesce(file.failed_at > now() - make_interval(secs => %(cooldown)s), false) AS cooling
FROM alternate_content_file AS file
JOIN alternate_content_source AS source ON source.id = file.source_id AND source.domain_id = %(domain)s::uuid
WHERE file.digest = ANY (%(digests)s)
ORDER BY cooling, source.name, file.path

-- name: note_failure
UPDATE alternate_content_file SET failed_at = now()
WHERE digest = %(digest)s AND source_id = %(source)s AND path = %(path)s
