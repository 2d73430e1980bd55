-- The files that a domain has in its store: those of its artifacts, and the chunks of its uploads.

-- name: count_files
SELECT (SELECT count(*) FROM artifact WHERE domain_id = %(domain)s::uuid)
     + (SELECT count(*) FROM upload_chunk JOIN upload ON upload.id = upload_chunk.upload_id
        WHERE upload.domain_id = %(domain)s::uuid)

-- name: next_files
-- Some files after one, in order of the key by bytes: (key, SHA-256, size).
SELECT * FROM (
    (SELECT file COLLATE "C" AS file, sha256, size FROM artifact
     WHERE domain_id = %(domain)s::uuid AND file COLLATE "C" > %(after)s ORDER BY file COLLATE "C" LIMIT %(limit)s)
    UNION ALL
    (SELECT upload_chunk.file COLLATE "C", NULL, upload_chunk.size
     FROM upload_chunk JOIN upload ON upload.id = upload_chunk.upload_id
     WHERE upload.domain_id = %(domain)s::uuid AND upload_chunk.file COLLATE "C" > %(after)s
     ORDER BY upload_chunk.file COLLATE "C" LIMIT %(limit)s)
) AS found ORDER BY file LIMIT %(limit)s
