-- Storing what an archive holds. Units and their artifacts go in with the sync's own statements (pulp_actor/sync/store.sql); what
-- an archive asks beyond that stands here.

-- name: make_imported
-- What the archive has brought so far: artifacts, each of which comes once; and which unit here each unit there has become.
CREATE TEMPORARY TABLE imported_artifact (sha256 text PRIMARY KEY);
CREATE TEMPORARY TABLE imported_unit (source uuid PRIMARY KEY, content_id uuid NOT NULL)

-- name: drop_imported
DROP TABLE IF EXISTS imported_artifact, imported_unit

-- name: note_artifacts
INSERT INTO imported_artifact SELECT unnest(%(sha256)s::text[]) ON CONFLICT DO NOTHING

-- name: note_units
INSERT INTO imported_unit SELECT * FROM unnest(%(source)s::uuid[], %(content)s::uuid[]) ON CONFLICT DO NOTHING

-- name: known_units
SELECT source::text, content_id::text FROM imported_unit WHERE source = ANY (%(source)s::uuid[])

-- name: find_units
-- Which of some units of one type are there: (position, key).
SELECT given.ordinality, unit.content_id
FROM json_populate_recordset(NULL::{table}, %(units)s::json) WITH ORDINALITY AS given
CROSS JOIN LATERAL (  -- one probe of an index for each, as in the sync's statement of this name
    SELECT unit.content_id FROM {table} AS unit WHERE unit.domain_id = %(domain)s::uuid AND {same_key} OFFSET 0
) AS unit

-- name: label_units
-- Give new units their labels, and the key that they have where they come from.
UPDATE content SET pulp_labels = given.labels, upstream_id = given.source
FROM unnest(%(content)s::uuid[], %(source)s::uuid[], %(labels)s::jsonb[]) AS given (content_id, source, labels)
WHERE content.id = given.content_id

-- name: fill_entries
-- Give units that were here without their bytes what the archive brought, in order of the key.
UPDATE content_artifact SET artifact_id = found.artifact_id
FROM (
    SELECT entry.id, given.artifact_id
    FROM unnest(%(content)s::uuid[], %(path)s::text[], %(artifact)s::uuid[]) AS given (content_id, relative_path, artifact_id)
    JOIN content_artifact AS entry ON entry.content_id = given.content_id AND entry.relative_path = given.relative_path
    WHERE entry.artifact_id IS NULL ORDER BY entry.id FOR NO KEY UPDATE OF entry
) AS found
WHERE content_artifact.id = found.id

-- name: analyze
ANALYZE version_change
