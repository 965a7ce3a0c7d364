-- The folder of the graph that belongs to these very rows. A file cannot tell by itself: after the
-- catalog was restored or made again, the same row ids stand for other rows.
ALTER TABLE collection ADD COLUMN snapshot TEXT;
