-- Orphan cleanup. Content is an orphan when no repository version holds it, no task is gathering it for one, and it is not
-- a file of a publication; an artifact, when no content has it.

-- name: lock_cleanup
-- Keeps out those who rely on content and artifacts that no version holds yet (they take it shared, see the sync's store).
SELECT pg_advisory_lock(%s)

-- name: unlock_cleanup
SELECT pg_advisory_unlock(%s)

-- name: delete_content
-- Delete some orphans, in order of the key from `after` on; their keys. Keys are null for all content. Deleted by their keys and
-- not by a join, for which a database without statistics would read all content.
WITH orphan AS MATERIALIZED (
    SELECT content.id FROM content
    WHERE content.timestamp_of_interest <= %(before)s AND content.domain_id = %(domain)s::uuid AND content.id > %(after)s::uuid
      AND (%(keys)s::uuid[] IS NULL OR content.id = ANY (%(keys)s::uuid[]))
      AND NOT EXISTS (SELECT FROM repository_content WHERE repository_content.content_id = content.id)
      AND NOT EXISTS (SELECT FROM version_change WHERE version_change.content_id = content.id)
      AND NOT EXISTS (SELECT FROM published_metadata WHERE published_metadata.content_id = content.id)
      AND NOT EXISTS (
        SELECT FROM content_artifact JOIN published_artifact ON published_artifact.content_artifact_id = content_artifact.id
        WHERE content_artifact.content_id = content.id)
    ORDER BY content.id
    LIMIT %(limit)s
)
DELETE FROM content WHERE id = ANY (ARRAY(SELECT id FROM orphan)) RETURNING id::text

-- name: find_artifacts
-- Some artifacts without content, in order of the key from `after` on.
SELECT artifact.id FROM artifact
WHERE artifact.timestamp_of_interest <= %(before)s AND artifact.domain_id = %(domain)s::uuid AND artifact.id > %(after)s
  AND NOT EXISTS (SELECT FROM content_artifact WHERE content_artifact.artifact_id = artifact.id)
  AND NOT EXISTS (SELECT FROM profile_artifact WHERE profile_artifact.artifact_id = artifact.id)
ORDER BY artifact.id LIMIT %(limit)s

-- name: forget_changes
-- What killed tasks gathered for repositories that are gone. An import gathers for repositories that it makes at its very end.
DELETE FROM version_change
WHERE NOT EXISTS (SELECT FROM repository WHERE repository.id = version_change.repository_id)
  AND NOT EXISTS (
    SELECT FROM task WHERE task.state IN ('running', 'canceling') AND task.actor = 'pulpcore.app.tasks.importer.pulp_import')
