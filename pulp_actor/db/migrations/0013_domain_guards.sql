-- What a new distribution of the domain is guarded by where its maker does not say.
ALTER TABLE domain ADD COLUMN default_content_guard_id uuid REFERENCES content_guard ON DELETE SET NULL;

-- The content server remembers, too, in which store a file is.
CREATE TRIGGER content_changed AFTER UPDATE ON domain
    FOR EACH STATEMENT EXECUTE FUNCTION notify_content_changed();
