-- Characters of menus and hidden parts of web pages; NULL for what came in before they were counted.
ALTER TABLE quality ADD COLUMN left_out bigint;
