-- name: open_files
-- Every file of a version (`units`) or a publication as (path, key in the store), what clients read first at the end: so that
-- metadata never promises a file that is not there yet. Without the files that the version `start` has (null: all).
DECLARE export_file NO SCROLL CURSOR WITH HOLD FOR
SELECT path, file FROM (
    SELECT 0 AS rank, entry.relative_path AS path, artifact.file
    FROM repository_content AS stay
    JOIN content_artifact AS entry ON entry.content_id = stay.content_id
    JOIN artifact ON artifact.id = entry.artifact_id
    WHERE %(units)s AND stay.repository_id = %(repository)s AND stay.version_added <= %(number)s
      AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
      AND (%(start)s::integer IS NULL OR NOT EXISTS (
        SELECT FROM repository_content AS before
        WHERE before.repository_id = %(repository)s AND before.content_id = stay.content_id
          AND before.version_added <= %(start)s AND (before.version_removed IS NULL OR before.version_removed > %(start)s)))
    UNION ALL
    SELECT 1, published.relative_path, artifact.file
    FROM published_artifact AS published
    JOIN content_artifact AS entry ON entry.id = published.content_artifact_id
    JOIN artifact ON artifact.id = entry.artifact_id
    WHERE published.publication_id = %(publication)s
      AND (%(start)s::integer IS NULL OR NOT EXISTS (
        SELECT FROM repository_content AS before
        WHERE before.repository_id = %(repository)s AND before.content_id = entry.content_id
          AND before.version_added <= %(start)s AND (before.version_removed IS NULL OR before.version_removed > %(start)s)))
    UNION ALL
    SELECT 2, metadata.relative_path, artifact.file
    FROM published_metadata AS metadata
    JOIN content_artifact AS entry ON entry.content_id = metadata.content_id
    JOIN artifact ON artifact.id = entry.artifact_id
    WHERE metadata.publication_id = %(publication)s
) AS every ORDER BY rank, path

-- name: fetch_files
FETCH %s FROM export_file

-- name: close_files
CLOSE export_file
