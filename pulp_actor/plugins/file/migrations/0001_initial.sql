-- Files: a path and the SHA-256 of what stands there. The key is the unit's; the domain repeats the unit's.
CREATE TABLE file_content (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    domain_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001',
    digest text NOT NULL,
    relative_path text NOT NULL,
    UNIQUE (domain_id, digest, relative_path)
);
CREATE INDEX file_content_relative_path ON file_content (relative_path);
