-- What a task has gathered so far for a new repository version: units to be present in it, or not. It becomes a version in
-- one transaction at the end of the task; until then nobody reads it but that task, and orphan cleanup, which spares these
-- units. Not logged, because a crash of the server ends the task anyway. No foreign keys, because they would cost as much
-- as the rows themselves; what a killed task leaves is dropped by the repository's next task.
CREATE UNLOGGED TABLE version_change (
    repository_id uuid NOT NULL,
    content_id uuid NOT NULL,
    present boolean NOT NULL,
    PRIMARY KEY (repository_id, content_id)
);

-- A version is inserted complete, so the content server must hear of insertions too.
DROP TRIGGER content_changed ON repository_version;
CREATE TRIGGER content_changed AFTER INSERT OR UPDATE OR DELETE ON repository_version
    FOR EACH STATEMENT EXECUTE FUNCTION notify_content_changed();
DROP TRIGGER content_changed ON publication;
CREATE TRIGGER content_changed AFTER INSERT OR UPDATE OR DELETE ON publication
    FOR EACH STATEMENT EXECUTE FUNCTION notify_content_changed();
