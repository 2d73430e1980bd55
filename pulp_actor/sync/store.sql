-- A batch of units against the database. Whatever is locked is locked in a fixed order (artifacts by digest, units by natural
-- key, then what hangs on them), so that syncs that share content cannot lock each other out. {table}, {key} and {columns}
-- are put in from the model of a type of content.

-- name: plan
-- A batch is a few hundred look-ups in indexes of tables that may be of any size, or so new that nothing is known of them.
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off; SET LOCAL jit = off

-- name: lock_content
-- Held by whoever relies on content or artifacts that no version holds yet; see lock_cleanup. Does not wait for its like.
SELECT pg_advisory_xact_lock_shared(%s)

-- name: find_units
-- Which of some units are there, and whether the repository's latest version has them: (position, key, member). One probe of
-- an index for each unit, and one for each that is there: taken as joins, a domain that was nearly empty at the last ANALYZE,
-- or all members of the repository, would be read with every batch.
SELECT given.ordinality, unit.content_id, stay.content_id IS NOT NULL
FROM json_populate_recordset(NULL::{table}, %(units)s::json) WITH ORDINALITY AS given
CROSS JOIN LATERAL (
    SELECT unit.content_id FROM {table} AS unit WHERE unit.domain_id = %(domain)s::uuid AND {same_key} OFFSET 0
) AS unit
LEFT JOIN LATERAL (
    SELECT stay.content_id FROM repository_content AS stay
    WHERE stay.repository_id = %(repository)s AND stay.content_id = unit.content_id AND stay.version_removed IS NULL OFFSET 0
) AS stay ON true

-- name: find_gaps
-- Of artifacts of units that are there, those with something to do: their URL is not known to be at this remote, or their
-- bytes are wanted and not there. (position, key, artifact, whether the URL is known) What is dressed up as an expression
-- must not be looked up in an index: right after a first sync the planner knows nothing of the tables, and would take the
-- index that finds everything of the remote.
SELECT given.position, entry.id, entry.artifact_id, coalesce(known.url = given.url, false)
FROM unnest(%(position)s::integer[], %(content)s::uuid[], %(path)s::text[], %(url)s::text[])
     AS given (position, content_id, relative_path, url)
JOIN content_artifact AS entry ON entry.content_id = given.content_id AND entry.relative_path || '' = given.relative_path
LEFT JOIN remote_artifact AS known ON known.content_artifact_id = entry.id AND known.remote_id::text = %(remote)s
WHERE known.url IS DISTINCT FROM given.url OR (%(wanted)s AND entry.artifact_id IS NULL)

-- name: find_artifacts
-- The artifacts with some digests, kept from orphan cleanup for a while: (digest, key).
UPDATE artifact SET timestamp_of_interest = now()
FROM (
    SELECT id FROM artifact WHERE domain_id = %(domain)s::uuid AND {digest} = ANY (%(values)s)
    ORDER BY sha256 FOR NO KEY UPDATE
) AS found
WHERE artifact.id = found.id
RETURNING artifact.{digest}, artifact.id

-- name: lock_quotas
-- Whoever inserts or deletes artifacts takes this lock before theirs (see the quotas' migration); so does who holds them.
SELECT FROM quota WHERE repository_id IS NULL ORDER BY id FOR NO KEY UPDATE

-- name: hold_artifacts
-- Those of some artifacts that are still there, and stay until this transaction ends.
SELECT id FROM artifact WHERE id = ANY (%s::uuid[]) ORDER BY sha256 FOR KEY SHARE

-- name: insert_units
-- Insert units of one type unless somebody else has done so meanwhile; the keys of those that went in. The unit's row comes
-- after the type's, because that one knows the natural key; foreign keys are checked at the end of the statement.
WITH detail AS (
    INSERT INTO {table} ({columns})
    SELECT {columns} FROM json_populate_recordset(NULL::{table}, %(units)s::json) AS old
    ORDER BY {key}
    ON CONFLICT DO NOTHING
    RETURNING content_id
)
INSERT INTO content (id, domain_id, type)
SELECT detail.content_id, %(domain)s::uuid, %(type)s FROM detail
RETURNING id

-- name: label_units
UPDATE content SET pulp_labels = given.labels::jsonb
FROM unnest(%(content)s::uuid[], %(labels)s::text[]) AS given (content_id, labels)
WHERE content.id = given.content_id

-- name: insert_content_artifacts
INSERT INTO content_artifact (id, content_id, artifact_id, relative_path)
SELECT * FROM unnest(%(id)s::uuid[], %(content)s::uuid[], %(artifact)s::uuid[], %(path)s::text[])

-- name: fill_content_artifacts
-- Tie artifacts to content that had none, in order of the key.
UPDATE content_artifact SET artifact_id = given.artifact_id
FROM (
    SELECT entry.id, new.artifact_id
    FROM unnest(%(id)s::uuid[], %(artifact)s::uuid[]) AS new (id, artifact_id)
    JOIN content_artifact AS entry ON entry.id = new.id
    WHERE entry.artifact_id IS NULL ORDER BY entry.id FOR NO KEY UPDATE OF entry
) AS given
WHERE content_artifact.id = given.id

-- name: insert_remote_artifacts
-- Note where artifacts can be fetched from; what an upstream says of them now takes the place of what it said before.
INSERT INTO remote_artifact (id, content_artifact_id, remote_id, url, size, md5, sha1, sha224, sha256, sha384, sha512)
SELECT given.id, given.entry, %(remote)s::uuid, given.url, given.size, given.md5, given.sha1, given.sha224, given.sha256,
       given.sha384, given.sha512
FROM unnest(%(id)s::uuid[], %(entry)s::uuid[], %(url)s::text[], %(size)s::bigint[], %(md5)s::text[], %(sha1)s::text[],
            %(sha224)s::text[], %(sha256)s::text[], %(sha384)s::text[], %(sha512)s::text[])
     AS given (id, entry, url, size, md5, sha1, sha224, sha256, sha384, sha512)
ORDER BY given.entry
ON CONFLICT (content_artifact_id, remote_id) DO UPDATE SET
    url = excluded.url, size = excluded.size, md5 = excluded.md5, sha1 = excluded.sha1, sha224 = excluded.sha224,
    sha256 = excluded.sha256, sha384 = excluded.sha384, sha512 = excluded.sha512, failed_at = NULL
