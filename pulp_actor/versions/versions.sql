-- Making, deleting and counting repository versions. Throughout, a row of repository_content whose version_removed is null
-- is a member of the latest version. {changes} and {wanted} stand for relations that the caller puts in.

-- name: drop_changes
DELETE FROM version_change WHERE repository_id = %(repository)s

-- name: stage_changes
-- Gather changes; the last word on a unit counts.
INSERT INTO version_change (repository_id, content_id, present)
SELECT %(repository)s::uuid, given.content_id, given.present
FROM unnest(%(content)s::uuid[], %(present)s::boolean[]) AS given (content_id, present)
ON CONFLICT (repository_id, content_id) DO UPDATE SET present = excluded.present
    WHERE version_change.present <> excluded.present

-- name: staged_changes
(SELECT content_id, present FROM version_change WHERE repository_id = %(repository)s::uuid)

-- name: given_changes
(SELECT content_id, present FROM unnest(%(content)s::uuid[], %(present)s::boolean[]) AS given (content_id, present))

-- name: lock_repository
SELECT repository.next_version, latest.number, latest.content_summary
FROM repository
CROSS JOIN LATERAL (
    SELECT number, content_summary FROM repository_version
    WHERE repository_id = repository.id AND complete ORDER BY number DESC LIMIT 1
) AS latest
WHERE repository.id = %(repository)s FOR NO KEY UPDATE OF repository

-- name: remove_unwanted
-- Where the latest version is the base: end the stays of those that shall not be present.
UPDATE repository_content AS stay SET version_removed = %(number)s
FROM {changes} AS change
WHERE NOT change.present AND stay.repository_id::text = %(repository)s AND stay.content_id = change.content_id
  AND stay.version_removed IS NULL

-- name: remove_all_but_wanted
-- Where the new version starts from nothing, or from an older one: end the stays of all that are not wanted.
UPDATE repository_content AS stay SET version_removed = %(number)s
WHERE stay.repository_id = %(repository)s AND stay.version_removed IS NULL
  AND NOT EXISTS (SELECT FROM {wanted} AS wanted WHERE wanted.content_id = stay.content_id)

-- name: add_wanted
INSERT INTO repository_content (repository_id, content_id, version_added)
SELECT %(repository)s, wanted.content_id, %(number)s FROM {wanted} AS wanted
ON CONFLICT (repository_id, content_id) WHERE version_removed IS NULL DO NOTHING

-- name: present_changes
(SELECT change.content_id FROM {changes} AS change WHERE change.present)

-- name: base_and_changes
-- All that shall be in a version that starts from an older one. What was added takes the place of what has its key; that is
-- settled by the caller per type of content, into the table `displaced`.
CREATE TEMPORARY TABLE wanted_content ON COMMIT DROP AS
SELECT stay.content_id FROM repository_content AS stay
WHERE stay.repository_id = %(repository)s AND stay.version_added <= %(base)s
  AND (stay.version_removed IS NULL OR stay.version_removed > %(base)s)
  AND NOT EXISTS (SELECT FROM {changes} AS change WHERE change.content_id = stay.content_id)
UNION ALL
SELECT change.content_id FROM {changes} AS change WHERE change.present;
CREATE INDEX ON wanted_content (content_id)

-- name: displaced_in_base
-- Delete from wanted_content the units of one type that were not asked for and share their key with one that was. Step by step,
-- as `displaced`.
WITH rival AS MATERIALIZED (
    SELECT DISTINCT old.*
    FROM {changes} AS change
    CROSS JOIN LATERAL (SELECT unit.* FROM {table} AS unit WHERE unit.content_id = change.content_id OFFSET 0) AS new
    CROSS JOIN LATERAL (
        SELECT old.* FROM {table} AS old WHERE {same_key} AND old.content_id <> new.content_id OFFSET 0
    ) AS old
    WHERE change.present
)
DELETE FROM wanted_content USING rival AS old
WHERE old.content_id = wanted_content.content_id
  AND NOT EXISTS (SELECT FROM {changes} AS asked WHERE asked.content_id = old.content_id)
RETURNING {key}

-- name: displaced
-- End the stays of the units of one type that share their key with one that the new version adds. From each such unit one step
-- after the other (OFFSET 0): as a join, a database without statistics would look at every pair of a member and a new unit.
WITH taken AS MATERIALIZED (
    SELECT old.*, stay.id AS stay_id
    FROM repository_content AS added
    CROSS JOIN LATERAL (SELECT unit.* FROM {table} AS unit WHERE unit.content_id = added.content_id OFFSET 0) AS new
    CROSS JOIN LATERAL (
        SELECT old.* FROM {table} AS old WHERE {same_key} AND old.content_id <> new.content_id OFFSET 0
    ) AS old
    CROSS JOIN LATERAL (
        SELECT stay.id FROM repository_content AS stay
        WHERE stay.repository_id::text = %(repository)s AND stay.content_id = old.content_id
          AND stay.version_removed IS NULL AND stay.version_added < %(number)s OFFSET 0
    ) AS stay
    WHERE added.repository_id = %(repository)s AND added.version_added = %(number)s
), ended AS (
    UPDATE repository_content SET version_removed = %(number)s WHERE id = ANY (ARRAY(SELECT stay_id FROM taken))
)
SELECT {key} FROM taken AS old

-- name: rivals
-- Keys that two of the units that the new version adds claim.
SELECT {key} FROM repository_content AS added
CROSS JOIN LATERAL (SELECT * FROM {table} AS unit WHERE unit.content_id = added.content_id OFFSET 0) AS old
WHERE added.repository_id = %(repository)s AND added.version_added = %(number)s AND added.version_removed IS NULL
GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 3

-- name: count_added
SELECT (SELECT content.type FROM content WHERE content.id = stay.content_id) AS type, count(*)
FROM repository_content AS stay
WHERE stay.repository_id = %(repository)s AND stay.version_added = %(number)s GROUP BY 1

-- name: count_removed
SELECT (SELECT content.type FROM content WHERE content.id = stay.content_id) AS type, count(*)
FROM repository_content AS stay
WHERE stay.repository_id = %(repository)s AND stay.version_removed = %(number)s GROUP BY 1

-- name: next_number
UPDATE repository SET next_version = %(number)s + 1, pulp_last_updated = now() WHERE id = %(repository)s

-- name: neighbours
-- The complete versions just before and just after a number.
SELECT max(number) FILTER (WHERE number < %(number)s), min(number) FILTER (WHERE number > %(number)s)
FROM repository_version WHERE repository_id = %(repository)s AND complete

-- name: rejoin
-- What was removed in the version and came back in the next: one stay instead of two.
WITH again AS (
    DELETE FROM repository_content AS later USING repository_content AS earlier
    WHERE earlier.repository_id = %(repository)s AND earlier.version_removed = %(number)s
      AND later.repository_id = %(repository)s AND later.content_id = earlier.content_id
      AND later.version_added = %(next)s
    RETURNING earlier.id, later.version_removed
)
UPDATE repository_content AS earlier SET version_removed = again.version_removed FROM again WHERE earlier.id = again.id

-- name: drop_brief
-- What was only ever in the version.
DELETE FROM repository_content
WHERE repository_id = %(repository)s AND version_added = %(number)s AND version_removed = %(next)s

-- name: add_later
UPDATE repository_content SET version_added = %(next)s
WHERE repository_id = %(repository)s AND version_added = %(number)s

-- name: remove_later
UPDATE repository_content SET version_removed = %(next)s
WHERE repository_id = %(repository)s AND version_removed = %(number)s

-- name: drop_added
DELETE FROM repository_content WHERE repository_id = %(repository)s AND version_added = %(number)s

-- name: undo_removed
UPDATE repository_content SET version_removed = NULL
WHERE repository_id = %(repository)s AND version_removed = %(number)s

-- name: superfluous
-- Versions beyond the newest `keep`, without those that a distribution serves or that are checkpoints.
SELECT version.number FROM repository_version AS version
WHERE version.repository_id = %(repository)s AND version.complete
  AND version.number < (
    SELECT min(kept.number) FROM (
        SELECT number FROM repository_version WHERE repository_id = %(repository)s AND complete
        ORDER BY number DESC LIMIT %(keep)s
    ) AS kept)
  AND NOT EXISTS (SELECT FROM distribution WHERE distribution.repository_version_id = version.id)
  AND NOT EXISTS (
    SELECT FROM publication JOIN distribution ON distribution.publication_id = publication.id
    WHERE publication.repository_version_id = version.id)
  AND NOT EXISTS (SELECT FROM publication WHERE publication.repository_version_id = version.id AND publication.checkpoint)
ORDER BY version.number
