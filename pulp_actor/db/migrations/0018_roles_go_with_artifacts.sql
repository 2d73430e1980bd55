-- Whoever uploads an artifact owns it, and can make content of it. See forget_roles() in 0007.
CREATE TRIGGER roles_gone AFTER DELETE ON artifact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION forget_roles();
