-- What lies in a directory, a page at a time. A directory is "" or ends in a slash; [first, beyond) is the range of the paths
-- on this page and after; `skip` is the position of the first character after the directory's own path.

-- name: published_artifacts
-- One path of each entry. A skip scan: one look into the index for each entry, however many files lie below it. The smallest
-- string after a path is the path and U+0001; the smallest after all of "dir/" is "dir0".
WITH RECURSIVE entry (path) AS (
    (SELECT relative_path FROM published_artifact
     WHERE publication_id = %(publication_id)s::uuid AND relative_path >= %(first)s AND relative_path < %(beyond)s
     ORDER BY relative_path LIMIT 1)
    UNION ALL
    SELECT next.relative_path
    FROM entry CROSS JOIN LATERAL (
        SELECT relative_path FROM published_artifact
        WHERE publication_id = %(publication_id)s::uuid AND relative_path < %(beyond)s
          AND relative_path >= CASE position('/' IN substr(entry.path, %(skip)s))
              WHEN 0 THEN entry.path || E'\x01'
              ELSE left(entry.path, %(skip)s - 2 + position('/' IN substr(entry.path, %(skip)s))) || '0' END
        ORDER BY relative_path LIMIT 1
    ) AS next
)
SELECT path FROM entry LIMIT %(limit)s

-- name: published_metadata
-- The same of what publishing wrote, which is little.
SELECT min(relative_path)
FROM published_metadata
WHERE publication_id = %(publication_id)s::uuid AND relative_path >= %(first)s AND relative_path < %(beyond)s
GROUP BY split_part(substr(relative_path, %(skip)s), '/', 1), position('/' IN substr(relative_path, %(skip)s)) > 0
ORDER BY min(relative_path)
LIMIT %(limit)s

-- name: version_content
-- The same of a version's content. Its paths have no index of their own, so all of them are looked at.
SELECT min(entry.relative_path)
FROM repository_content AS stay JOIN content_artifact AS entry ON entry.content_id = stay.content_id
WHERE %(pass_through)s AND stay.repository_id = %(repository_id)s::uuid
  AND stay.version_added <= %(number)s AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
  AND entry.relative_path >= %(first)s AND entry.relative_path < %(beyond)s
GROUP BY split_part(substr(entry.relative_path, %(skip)s), '/', 1), position('/' IN substr(entry.relative_path, %(skip)s)) > 0
ORDER BY min(entry.relative_path)
LIMIT %(limit)s

-- name: details
-- Size and date of the files on a page; found as `find_file` of lookup.sql finds one, and each of them once (OFFSET 0).
SELECT given.path, coalesce(artifact.size, (
           SELECT max(remote_artifact.size) FROM remote_artifact
           WHERE remote_artifact.content_artifact_id = content_artifact.id
       )), content.pulp_created
FROM unnest(%(paths)s::text[]) AS given (path) CROSS JOIN LATERAL (
    SELECT coalesce(
        (SELECT published_artifact.content_artifact_id
         FROM published_artifact
         WHERE published_artifact.publication_id = %(publication_id)s::uuid
           AND published_artifact.relative_path = given.path),
        (SELECT entry.id
         FROM published_metadata JOIN content_artifact AS entry ON entry.content_id = published_metadata.content_id
         WHERE published_metadata.publication_id = %(publication_id)s::uuid
           AND published_metadata.relative_path = given.path
         LIMIT 1),
        (SELECT entry.id
         FROM (
             SELECT id, content_id FROM content_artifact WHERE %(pass_through)s AND relative_path = given.path OFFSET 0
         ) AS entry CROSS JOIN LATERAL (
             SELECT stay.version_added FROM repository_content AS stay
             WHERE stay.content_id = entry.content_id AND stay.repository_id::text = %(repository_id)s
               AND stay.version_added <= %(number)s
               AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
             LIMIT 1
         ) AS stay
         ORDER BY stay.version_added DESC LIMIT 1)) AS id
    OFFSET 0
) AS found
JOIN content_artifact ON content_artifact.id = found.id
JOIN content ON content.id = content_artifact.content_id
LEFT JOIN artifact ON artifact.id = content_artifact.artifact_id

-- name: distributions
-- The base paths that everybody may know of.
SELECT domain.name, distribution.base_path, distribution.pulp_last_updated
FROM distribution JOIN domain ON domain.id = distribution.domain_id
WHERE NOT distribution.hidden
  AND (distribution.content_guard_id IS NULL OR NOT domain.hide_guarded_distributions)
  AND (%(domain)s::text IS NULL OR domain.name = %(domain)s)
  AND (domain.name, distribution.base_path) > (%(after_domain)s, %(after)s)
ORDER BY domain.name, distribution.base_path
LIMIT %(limit)s
