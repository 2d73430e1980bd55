-- Artifacts and their bytes come and go together.

-- name: lock_stores
-- Held by whoever stores bytes, until the rows are committed. In shared mode: stores do not wait for each other.
SELECT pg_advisory_xact_lock_shared(%s)

-- name: lock_removal
-- Held by whoever deletes files, so that no store puts a file back in the moment between "no row" and the deletion.
SELECT pg_advisory_xact_lock(%s)

-- name: insert_artifacts
-- Insert artifacts, or touch those that are there and fill in digests that they lack; one row back for each. In order of
-- the digest, so that two batches cannot lock each other out.
INSERT INTO artifact AS known (id, domain_id, file, size, md5, sha1, sha224, sha256, sha384, sha512)
SELECT given.id, given.domain_id, given.file, given.size, given.md5, given.sha1, given.sha224, given.sha256,
       given.sha384, given.sha512
FROM unnest(%(id)s::uuid[], %(domain_id)s::uuid[], %(file)s::text[], %(size)s::bigint[], %(md5)s::text[], %(sha1)s::text[],
            %(sha224)s::text[], %(sha256)s::text[], %(sha384)s::text[], %(sha512)s::text[])
     AS given (id, domain_id, file, size, md5, sha1, sha224, sha256, sha384, sha512)
ORDER BY given.domain_id, given.sha256
ON CONFLICT (domain_id, sha256) DO UPDATE SET
    timestamp_of_interest = now(),
    md5 = coalesce(known.md5, excluded.md5),
    sha1 = coalesce(known.sha1, excluded.sha1),
    sha224 = coalesce(known.sha224, excluded.sha224),
    sha384 = coalesce(known.sha384, excluded.sha384),
    sha512 = coalesce(known.sha512, excluded.sha512)
RETURNING id, domain_id, file, size, md5, sha1, sha224, sha256, sha384, sha512,
          pulp_created, pulp_last_updated, timestamp_of_interest

-- name: delete_artifacts
-- Locked in the order in which those who store and those who rely on them lock them, too.
WITH doomed AS MATERIALIZED (
    SELECT id FROM artifact WHERE id = ANY (%s::uuid[]) ORDER BY domain_id, sha256 FOR UPDATE
)
DELETE FROM artifact WHERE id = ANY (ARRAY(SELECT id FROM doomed)) RETURNING domain_id, file, size

-- name: files_without_row
-- Those of some files that no artifact of the domain names.
SELECT given.file FROM unnest(%(files)s::text[]) AS given (file)
WHERE NOT EXISTS (
    SELECT FROM artifact WHERE domain_id = %(domain_id)s::uuid AND artifact.file = given.file
      AND artifact.sha256 = replace(substr(given.file, 10), '/', '')
    OFFSET 0  -- one probe of an index for each, whatever statistics say
)
