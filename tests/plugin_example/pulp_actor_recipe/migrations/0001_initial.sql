CREATE TABLE recipe_content (
    content_id uuid PRIMARY KEY REFERENCES content ON DELETE CASCADE,
    domain_id uuid NOT NULL,
    relative_path text NOT NULL,
    servings integer NOT NULL CHECK (servings > 0),
    digest text NOT NULL,
    UNIQUE (domain_id, relative_path, servings, digest)
);
