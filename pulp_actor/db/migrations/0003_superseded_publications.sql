-- Which publications a distribution served before, so that a client in the middle of an installation still finds the files
-- that the metadata it has read promises.
CREATE TABLE superseded_publication (
    distribution_id uuid NOT NULL REFERENCES distribution ON DELETE CASCADE,
    publication_id uuid NOT NULL REFERENCES publication ON DELETE CASCADE,
    superseded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (distribution_id, publication_id)
);
CREATE INDEX superseded_publication_publication ON superseded_publication (publication_id);

CREATE FUNCTION note_superseded_publication() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM superseded_publication
    WHERE distribution_id = OLD.id AND superseded_at < now() - interval '90 days';
    -- From the table, because the publication may have been deleted: then there is nothing left to serve.
    INSERT INTO superseded_publication (distribution_id, publication_id)
    SELECT OLD.id, publication.id FROM publication WHERE publication.id = OLD.publication_id
    ON CONFLICT (distribution_id, publication_id) DO UPDATE SET superseded_at = now();
    RETURN NULL;
END $$;
CREATE TRIGGER publication_superseded AFTER UPDATE OF publication_id ON distribution
    FOR EACH ROW WHEN (OLD.publication_id IS NOT NULL AND OLD.publication_id IS DISTINCT FROM NEW.publication_id)
    EXECUTE FUNCTION note_superseded_publication();
