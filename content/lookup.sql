-- What a path means. A path is looked up in two steps, because the first one's answer serves every path below a base path.

-- name: find_view
-- The distribution with the longest of some base paths, its guard, and what it serves. THE RULE: its publication; else of its
-- version, else of its repository, the latest publication (by version, then by time); else the content of the version itself.
SELECT distribution.id::text, distribution.type, distribution.base_path, distribution.checkpoint, distribution.remote_id::text,
       distribution.repository_id::text AS into_repository_id, distribution.domain_id::text, domain.name AS domain,
       content_guard.id::text AS guard_id, content_guard.type AS guard_type, content_guard.details AS guard_details,
       served.rule, served.publication_id::text, served.pass_through, served.repository_id::text, served.number
FROM domain
JOIN distribution ON distribution.domain_id = domain.id
LEFT JOIN content_guard ON content_guard.id = distribution.content_guard_id
LEFT JOIN LATERAL (
    (SELECT 1 AS rank, 'publication' AS rule, publication.id AS publication_id, publication.pass_through,
            version.repository_id, version.number
     FROM publication JOIN repository_version AS version ON version.id = publication.repository_version_id
     WHERE publication.id = distribution.publication_id AND publication.complete)
    UNION ALL
    (SELECT 2, 'publication of the version', publication.id, publication.pass_through, version.repository_id, version.number
     FROM publication JOIN repository_version AS version ON version.id = publication.repository_version_id
     WHERE version.id = distribution.repository_version_id AND publication.complete
     ORDER BY publication.pulp_created DESC LIMIT 1)
    UNION ALL
    (SELECT 3, 'version', NULL, true, version.repository_id, version.number
     FROM repository_version AS version
     WHERE version.id = distribution.repository_version_id AND version.complete)
    UNION ALL
    (SELECT 4, 'latest publication', publication.id, publication.pass_through, version.repository_id, version.number
     FROM repository_version AS version JOIN publication ON publication.repository_version_id = version.id
     WHERE version.repository_id = distribution.repository_id AND version.complete AND publication.complete
       AND NOT publication.checkpoint
     ORDER BY version.number DESC, publication.pulp_created DESC LIMIT 1)
    UNION ALL
    (SELECT 5, 'latest version', NULL, true, version.repository_id, version.number
     FROM repository_version AS version
     WHERE version.repository_id = distribution.repository_id AND version.complete
     ORDER BY version.number DESC LIMIT 1)
    ORDER BY rank LIMIT 1
) AS served ON NOT distribution.checkpoint
WHERE domain.name = %(domain)s AND distribution.base_path = ANY (%(base_paths)s)
ORDER BY length(distribution.base_path) DESC
LIMIT 1

-- name: superseded
-- The publications that a distribution served until lately: those it named before, and (if it follows a repository) those
-- that a newer one of the repository replaced.
SELECT publication.id::text, publication.pass_through, version.repository_id::text, version.number,
       max(replaced.superseded_at) AS superseded_at
FROM (
    SELECT publication_id, superseded_at FROM superseded_publication WHERE distribution_id = %(distribution_id)s::uuid
    UNION ALL
    SELECT publication.id, lead(publication.pulp_created) OVER (ORDER BY version.number, publication.pulp_created)
    FROM publication JOIN repository_version AS version ON version.id = publication.repository_version_id
    WHERE version.repository_id = %(repository_id)s::uuid AND publication.complete AND NOT publication.checkpoint
) AS replaced
JOIN publication ON publication.id = replaced.publication_id
JOIN repository_version AS version ON version.id = publication.repository_version_id
WHERE replaced.superseded_at > now() - make_interval(secs => %(retention)s)
  AND publication.id <> %(publication_id)s::uuid
GROUP BY publication.id, version.id
ORDER BY superseded_at DESC
LIMIT 10

-- name: find_file
-- The file of a publication (a published artifact, else metadata, else passed through) or of a version's content: what comes
-- later is looked up only if there is nothing before. Of a version, the path is looked up first and then whether the unit is
-- in it; the form of the query leaves the planner no other way, by which it would read whole tables for one path while it has
-- no statistics yet: OFFSET 0 and LIMIT 1 have both parts planned for themselves, the cast hides the index that begins with
-- the repository (ADR 6).
SELECT content_artifact.id::text, artifact.file, artifact.size, artifact.sha256, artifact.pulp_created
FROM content_artifact LEFT JOIN artifact ON artifact.id = content_artifact.artifact_id
WHERE content_artifact.id = coalesce(
    (SELECT published_artifact.content_artifact_id
     FROM published_artifact
     WHERE published_artifact.publication_id = %(publication_id)s::uuid AND published_artifact.relative_path = %(path)s),
    (SELECT entry.id
     FROM published_metadata JOIN content_artifact AS entry ON entry.content_id = published_metadata.content_id
     WHERE published_metadata.publication_id = %(publication_id)s::uuid AND published_metadata.relative_path = %(path)s
     LIMIT 1),
    (SELECT entry.id
     FROM (
         SELECT id, content_id FROM content_artifact WHERE %(pass_through)s AND relative_path = %(path)s OFFSET 0
     ) AS entry CROSS JOIN LATERAL (
         SELECT stay.version_added FROM repository_content AS stay
         WHERE stay.content_id = entry.content_id AND stay.repository_id::text = %(repository_id)s
           AND stay.version_added <= %(number)s AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
         LIMIT 1
     ) AS stay
     ORDER BY stay.version_added DESC LIMIT 1))

-- name: is_directory
-- Whether anything lies below a path that ends in a slash; the range is [first, beyond).
SELECT EXISTS (
    SELECT FROM published_artifact
    WHERE publication_id = %(publication_id)s::uuid AND relative_path >= %(first)s AND relative_path < %(beyond)s
) OR EXISTS (
    SELECT FROM published_metadata
    WHERE publication_id = %(publication_id)s::uuid AND relative_path >= %(first)s AND relative_path < %(beyond)s
) OR (%(pass_through)s AND EXISTS (
    SELECT FROM (
        SELECT content_id FROM content_artifact WHERE relative_path >= %(first)s AND relative_path < %(beyond)s OFFSET 0
    ) AS entry CROSS JOIN LATERAL (
        SELECT FROM repository_content AS stay
        WHERE stay.content_id = entry.content_id AND stay.repository_id::text = %(repository_id)s
          AND stay.version_added <= %(number)s AND (stay.version_removed IS NULL OR stay.version_removed > %(number)s)
        LIMIT 1
    ) AS stay
))
