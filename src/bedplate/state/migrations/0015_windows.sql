-- The ordinals of the first and last chunk that are shown in a chunk's place; NULL where it is shown itself.
ALTER TABLE chunk ADD COLUMN window_first INTEGER;
ALTER TABLE chunk ADD COLUMN window_last INTEGER;
