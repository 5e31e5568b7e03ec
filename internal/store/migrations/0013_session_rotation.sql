-- Which refresh token of a session counts, for clients that rotate them: the
-- one of number "rotation", and the one before it for a while after
-- "rotated_at".
alter table user_sessions add column rotation bigint not null default 0;
alter table user_sessions add column rotated_at bigint not null default 0;
